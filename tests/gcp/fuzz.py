"""Feeds mutated answers and key files to all that reads them here, and looks for crashes, slowness and secrets.

    PYTHONPATH=tools:. python tests/gcp/fuzz.py --inputs=1000000 --seed=1 [--only=token]

Every input, at most 64 KiB, is an answer of one of Google's APIs, of a token service, or a key file, with bytes, words
or subtrees changed; half of the answers of APIs arrive packed. It must be read, or refused with an error of ours that
shows no secret and nothing that a terminal would act on, within 250 ms of processor time. An input that does worse is
written to a file, and the run ends with exit code 1. The same seed gives the same inputs. A short run leaves the time
out (`--no-limit`).
"""

import gzip
import io
import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from google.cloud import deploy_v1
from tests.fuzzing.campaign import Campaign, Reader, options
from tests.fuzzing.mutations import Vocabulary, cut, flip_bytes

from msp.errors import MspError
from msp.gcp.calls import Calls
from msp.gcp.clients import artifact_registry_client, cloud_deploy_client
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.messages import enum_name, last_part, nanoseconds, unpacked
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy, parse_retry_after
from msp.gcp.session import Adapter, error_message

MAX_SECONDS = 0.25
MAX_INPUT_BYTES = 64 << 10
SECRET = "S3CR3T"
RELEASE = "projects/p/locations/us-central1/deliveryPipelines/d/releases/r"

WORDS = r"""
null true false 0 -1 1.5 1e400 -0 NaN Infinity 99999999999999999999999999 "" "x" "\u0000" "\ud800" [] {} [[]] {"":{}}
[null] { } [ ] , : " \ "@type" "type.googleapis.com/google.cloud.deploy.v1.Release" "type.googleapis.com/x" "name"
"state" "SUCCEEDED" 2026-11-22T21:30:05Z 0000-00-00T99:99:99Z 3600s -1s "error" "code" "message" "status" "details"
"done" "BwX=" "access_token" "expires_in" "type" "private_key" "service_account" "nextPageToken" Mon, 01 Jan 2026 GMT
""".split()  # noqa: SIM905 - a word a line would be a page
WORDS += ["\r", "\n", "\x1b]0;", "\x9b", "\u202e", "\u2028", "\0", "é", "\U0001f600", "9" * 5000]
PIECES = [
    "[",
    '{"a":',
    "[[],",
    '"',
    "\\",
    "0",
    " ",
    '{"@type":"type.googleapis.com/google.protobuf.Value","value":',
    "é",
]
ODD_VALUES: list[Any] = [
    None,
    True,
    7,
    -1,
    1.5,
    1e300,
    10**30,
    "",
    "x",
    "9" * 400,
    "\ud800",
    "\x1b\r",
    [],
    {},
    [[]],
    [None],
    {"": {}},
]


VOCABULARY = Vocabulary(WORDS, PIECES, [3, 50, 990, 1100, 70_000], ODD_VALUES)
MUTATIONS = [flip_bytes, cut, VOCABULARY.insert_words, VOCABULARY.repeat, *[VOCABULARY.change_json] * 3]


class CannedPool:
    """Answers every request with the same bytes."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {}

    def request(self, *_arguments: object, **_options: object) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(io.BytesIO(self.body), self.headers, self.status, preload_content=False)


class Parsers:
    """All that reads what comes from outside, each by its name: a corpus, and what is done with an input."""

    def __init__(self, folder: Path) -> None:
        self._pool = CannedPool()
        self._key = folder / "key.json"
        pool: Any = self._pool
        adapter = Adapter(pool, AnonymousCredentials())
        google = Endpoints.google()
        once = RetryPolicy(attempts=1)
        self._deploy = CloudDeploy(lambda: cloud_deploy_client(google, adapter), once, Polling(sleep=lambda _: None))
        self._artifacts = Calls(lambda: artifact_registry_client(google, adapter), once)
        self._key.write_text(json.dumps(USER))
        self._environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(self._key)}
        self._credentials = ApplicationDefaultCredentials(pool, self._environment)
        self.all: dict[str, tuple[list[bytes], Callable[[bytes], object]]] = {
            "token": ([_json(each) for each in TOKENS], self._token),
            "key": ([_json(each) for each in (USER, SERVICE, EXTERNAL, IMPERSONATED)], self._key_file),
            "error": ([_json(each) for each in ERRORS], error_message),
            "refusal": ([_json(each) for each in ERRORS], self._refusal),
            "retry_after": ([b"7", b"Mon, 23 Nov 2026 10:00:00 GMT", b"-1"], self._retry_after),
            "release": ([_json(RELEASE_JSON)], self._release),
            "releases": ([_json({"releases": [RELEASE_JSON], "unreachable": [], "nextPageToken": ""})], self._releases),
            "rollout": ([_json(ROLLOUT_JSON)], self._rollout),
            "operation": ([_json(each) for each in OPERATIONS], self._operation),
            "policy": ([_json(POLICY)], self._policy),
            "repository": ([_json(REPOSITORY)], self._repository),
        }

    def _token(self, data: bytes) -> None:
        self._answer(data)
        self._credentials.renew()
        self._credentials.headers()

    def _key_file(self, data: bytes) -> None:
        self._key.write_bytes(data)
        self._answer(b"{}", 400)
        pool: Any = self._pool
        ApplicationDefaultCredentials(pool, self._environment).headers()

    def _refusal(self, data: bytes) -> None:
        self._answer(data, 403)
        self._deploy.read(self._deploy.client.get_release, name=RELEASE)

    def _retry_after(self, data: bytes) -> None:
        parse_retry_after(data.decode("latin-1"))

    def _release(self, data: bytes) -> None:
        self._answer(data)
        release = self._deploy.read(self._deploy.client.get_release, name=RELEASE)
        enum_name(release, "render_state")
        nanoseconds(release, "create_time")
        for render in release.target_renders.values():
            enum_name(render, "failure_cause")

    def _releases(self, data: bytes) -> None:
        self._answer(data)
        list(self._deploy.pages(self._deploy.client.list_releases, most=10, parent=RELEASE.partition("/releases")[0]))

    def _rollout(self, data: bytes) -> None:
        self._answer(data)
        rollout = self._deploy.read(self._deploy.client.get_rollout, name=f"{RELEASE}/rollouts/o")
        enum_name(rollout, "state")
        last_part(rollout.name)

    def _operation(self, data: bytes) -> None:
        self._answer(data)
        started = self._deploy.change(self._deploy.client.create_release, parent="projects/p/locations/l/x/d")
        unpacked(self._deploy.wait(started, timeout=0).response, deploy_v1.Release)

    def _policy(self, data: bytes) -> None:
        self._answer(data)
        self._deploy.read(self._deploy.client.get_iam_policy, resource=RELEASE.partition("/releases")[0])

    def _repository(self, data: bytes) -> None:
        self._answer(data)
        name = "projects/p/locations/us/repositories/r"
        repository = self._artifacts.read(self._artifacts.client.get_repository, name=name)
        enum_name(repository, "format_")
        _ = repository.docker_config.immutable_tags

    def _answer(self, data: bytes, status: int = 200) -> None:
        packed = len(data) % 2 == 0
        self._pool.status = status
        self._pool.body = gzip.compress(data, 1) if packed else data
        self._pool.headers = {"Content-Encoding": "gzip"} if packed else {}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


TOKENS: list[object] = [
    {"access_token": f"{SECRET}-1", "expires_in": 3599, "token_type": "Bearer", "scope": "s", "id_token": SECRET},
    {"error": "invalid_grant", "error_description": f"{SECRET} is no more", "error_subtype": "invalid_rapt"},
]
USER = {
    "type": "authorized_user",
    "client_id": "c",
    "client_secret": SECRET,
    "refresh_token": SECRET,
    "quota_project_id": "q",
    "token_uri": "https://oauth2.googleapis.com/token",
}
SERVICE = {
    "type": "service_account",
    "project_id": "p",
    "private_key_id": "1",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "client_email": "ci@p.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
# Its source can't be one that the library would go and read: a file of any name, a program.
EXTERNAL = {
    "type": "external_account",
    "audience": f"//iam.googleapis.com/{SECRET}",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"url": "https://example.com/token", "format": {"type": "json"}},
}
IMPERSONATED = {
    "type": "impersonated_service_account",
    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/x:generateAccessToken",
    "source_credentials": USER,
    "delegates": [],
}
ERRORS: list[object] = [
    {"error": {"code": 404, "message": "no \x1b[31msuch", "status": "NOT_FOUND", "details": [{"@type": "x", "a": 1}]}},
    {"error": {"code": 409, "message": "busy\r::error::", "status": "ABORTED"}},
]
RELEASE_JSON = {
    "name": RELEASE,
    "uid": "u",
    "labels": {"commit": "c"},
    "annotations": {"author": "A"},
    "abandoned": True,
    "createTime": "2026-11-22T21:30:05.123456789Z",
    "skaffoldConfigUri": "gs://b/o",
    "targetSnapshots": [
        {"name": "t", "customTarget": {"customTargetType": "c"}, "executionConfigs": [{"usages": [1]}]}
    ],
    "renderState": 2,
    "targetRenders": {"t": {"renderingState": "FAILED", "failureCause": 2, "failureMessage": "m"}},
    "deployParameters": {"customTarget/tag": "t"},
}
ROLLOUT_JSON = {
    "name": f"{RELEASE}/rollouts/o",
    "targetId": "t",
    "state": "SUCCEEDED",
    "deployFailureCause": 3,
    "failureReason": "r",
    "createTime": "2026-11-22T21:30:05Z",
    "phases": [{"id": "stable", "state": 3, "deploymentJobs": {"deployJob": {"id": "deploy", "state": "SUCCEEDED"}}}],
    "metadata": {"custom": {"values": {"a": "b"}}},
}
OPERATIONS: list[object] = [
    {
        "name": "projects/p/locations/l/operations/o",
        "metadata": {"@type": "type.googleapis.com/google.cloud.deploy.v1.OperationMetadata", "target": "t"},
        "done": True,
        "response": {"@type": "type.googleapis.com/google.cloud.deploy.v1.Release", **RELEASE_JSON},
    },
    {"name": "o", "done": True, "error": {"code": 9, "message": "m", "details": []}},
    {"name": "o"},
]
POLICY = {
    "version": 3,
    "bindings": [{"role": "roles/r", "members": ["user:a"], "condition": {"expression": "true", "title": "t"}}],
    "etag": "BwXQ",
}
REPOSITORY = {
    "name": "projects/p/locations/us/repositories/r",
    "format": "DOCKER",
    "mode": "STANDARD_REPOSITORY",
    "dockerConfig": {"immutableTags": True},
    "createTime": "2026-11-22T21:30:05Z",
    "cleanupPolicies": {"c": {"id": "c", "condition": {"olderThan": "3600s"}}},
}


def complaint(read: Callable[[bytes], object], data: bytes) -> str:
    """What went wrong with an input; empty when it was read, or refused well."""
    try:
        read(data)
    except MspError as error:
        chain: list[BaseException] = [error]
        while (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(before)
        said = f"{error.message}{error.hint}"
        if SECRET in said or any(SECRET in f"{each!r}{vars(each)}" for each in chain):
            return f"an error shows a secret: {said!r}"
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in said if character != "\n"):
            return f"an error holds a control character: {said!r}"
    return ""


def main() -> int:
    asked = options(__doc__, inputs=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        # The library reads these itself.
        os.environ.update(GOOGLE_APPLICATION_CREDENTIALS=f"{folder}/key.json", GOOGLE_CLOUD_PROJECT="p")
        readers = [
            Reader(name, corpus, partial(complaint, read)) for name, (corpus, read) in Parsers(Path(folder)).all.items()
        ]
        return Campaign(MUTATIONS, MAX_INPUT_BYTES, MAX_SECONDS).run(readers, asked)


if __name__ == "__main__":
    sys.exit(main())
