"""REST's translation: paths, query parameters, bodies, errors; and nonsense of all kinds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.cloud.artifactregistry_v1 import types as artifacts
from google.cloud.deploy_v1 import types
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from tests.localcloud.deploy.world import LOCATION, World

from msp.localcloud import LocalCloud, rest_answers
from msp.localcloud.json_enums import with_known_enums
from msp.localcloud.methods import Binding, Router
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.rest import to_message
from msp.localcloud.status import ApiError, Code

RUN = json.dumps({"run": {"location": LOCATION}})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        requests.post(
            f"{cloud.http_url}/v1/{LOCATION}/targets?targetId=prod", json={"run": {"location": LOCATION}}, timeout=10
        ).raise_for_status()
        yield f"{cloud.http_url}/v1/{LOCATION}"


def error(answer: requests.Response) -> tuple[int, str, str]:
    body = answer.json()["error"]
    assert body["code"] == answer.status_code
    return answer.status_code, body["status"], body["message"]


def test_enums_are_names_or_numbers(url: str) -> None:
    config = {"executionConfigs": [{"usages": ["RENDER", "DEPLOY"]}], "run": {"location": LOCATION}}
    made = requests.post(f"{url}/targets?targetId=usages&$alt=json;enum-encoding=int", json=config, timeout=10).json()
    assert made["response"]["executionConfigs"][0]["usages"] == [1, 2]
    assert requests.get(f"{url}/targets/usages", timeout=10).json()["executionConfigs"][0]["usages"] == [
        "RENDER",
        "DEPLOY",
    ]


def test_enums_are_read_in_any_case(url: str) -> None:
    for spelled, status in ((["Render", "deploy"], 200), (["Renders"], 400), ([{}], 400)):
        body = {"executionConfigs": [{"usages": spelled}], "run": {"location": LOCATION}}
        assert requests.post(f"{url}/targets?targetId=any-case", json=body, timeout=10).status_code == status
    rule = {"deployPolicies": {"a": "b"}, "selectors": [{"target": {"labels": {"A": "b"}}}]}
    assert with_known_enums(rule, types.DeployPolicy.pb().DESCRIPTOR) == rule
    policies = {"cleanupPolicies": {"Keep": {"action": "keep", "condition": {"tagState": "Any"}}}}
    read = with_known_enums(policies, artifacts.Repository.pb().DESCRIPTOR)
    assert read == {"cleanupPolicies": {"Keep": {"action": "KEEP", "condition": {"tagState": "ANY"}}}}


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "problem"),
    [
        ("POST", "targets?targetId=a", '{"run": {}, "nope": 1}', 400, "Unknown name \"nope\" at 'target'"),
        ("POST", "targets?targetId=a", '{"run": {"nope": 1}}', 400, "Unknown name \"nope\" at 'target.run'"),
        ("POST", "targets?targetId=a", '{"requireApproval": "maybe"}', 400, "Invalid JSON payload"),
        ("POST", "targets?targetId=a", "{", 400, "Invalid JSON payload"),
        ("POST", "targets?targetId=a", "[]", 400, "Root element must be a message"),
        ("POST", "targets?targetId=a&nope=1", RUN, 400, 'Unknown name "nope"'),
        ("POST", "targets?targetId=a&target=1", RUN, 400, "Unknown name"),
        ("POST", "targets?targetId=a&validateOnly=perhaps", RUN, 400, "not a boolean"),
        ("GET", "targets?pageSize=many", "", 400, "page"),
        ("GET", "targets/none", "", 404, "targets/none' was not found"),
        ("DELETE", "targets/prod", '{"a": 1}', 400, "takes no request body"),
        ("POST", "targets/prod:explode", "{}", 404, "Method not found"),
        ("GET", "nothing", "", 404, "Method not found"),
        ("PUT", "targets/prod", "{}", 404, "Method not found"),
        ("GET", "targets/prod:testIamPermissions", "", 404, "not found"),
    ],
)
def test_what_is_refused(  # noqa: PLR0917
    url: str, verb: str, path: str, body: str, status: int, problem: str
) -> None:
    answer = requests.request(verb, f"{url}/{path}", data=body, timeout=10)
    found = error(answer)
    assert (found[0], problem in found[2]) == (status, True), found


def test_too_large_a_body_is_refused(url: str) -> None:
    answer = requests.post(f"{url}/targets?targetId=a", data=b" " * (10 * 1024 * 1024 + 1), timeout=30)
    assert error(answer)[0] == 400


def test_details_name_the_field(url: str) -> None:
    answer = requests.post(f"{url}/targets?targetId=A", json={"run": {"location": LOCATION}}, timeout=10).json()[
        "error"
    ]
    assert answer["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "target_id", "description": answer["message"].partition(": ")[2]}],
        }
    ]


def test_python_spelling_and_star_masks_as_gcloud_sends_them(url: str) -> None:
    path = f"{url}/targets/made?allowMissing=True&updateMask=*%2Clabels&alt=json"
    assert requests.patch(path, json={"run": {"location": LOCATION}, "labels": {"a": "b"}}, timeout=10).json()["done"]
    path = f"{url}/targets/made?updateMask=requireApproval"
    updated = requests.patch(path, json={"requireApproval": True}, timeout=10).json()["response"]
    assert (updated["requireApproval"], updated["labels"]) == (True, {"a": "b"})


BINDING = Binding("POST", "/v1/{parent=projects/*/locations/*}/targets", "target")


def message(query: list[tuple[str, str]], body: bytes) -> Any:
    return to_message(types.CreateTargetRequest.pb(), BINDING, {"parent": LOCATION}, query, body)


def test_a_parameter_that_is_repeated_adds_to_the_list() -> None:
    binding = Binding("POST", "/v1/{parent=projects/*}/rollouts", "rollout")
    query = [("overrideDeployPolicy", "one"), ("rolloutId", "r"), ("overrideDeployPolicy", "two")]
    made = to_message(types.CreateRolloutRequest.pb(), binding, {"parent": "projects/p"}, query, b"{}")
    assert list(made.override_deploy_policy) == ["one", "two"]  # type: ignore[attr-defined]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "labels", "run", "location", "gke", "executionConfigs", "usages", "createTime", "x"]
            )
            | st.text(max_size=4),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_QUERY = st.lists(
    st.tuples(
        st.sampled_from(
            ["targetId", "target_id", "validateOnly", "requestId", "target.name", "target.labels", "parent.x"]
        )
        | st.text(max_size=6),
        st.text(max_size=6),
    ),
    max_size=3,
)


@given(_QUERY, _JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20))
@settings(deadline=None)
def test_any_body_and_query_is_a_message_or_an_invalid_argument(query: list[tuple[str, str]], body: bytes) -> None:
    code = None
    try:
        message(query, body)
    except ApiError as refused:
        code = refused.code
        json.dumps(refused.to_json())
    assert code in {None, Code.INVALID_ARGUMENT}


ROUTER = Router(list(World().methods.values()))


@given(st.text(max_size=60))
def test_any_path_finds_one_method_or_none(path: str) -> None:
    ROUTER.find("GET", f"/v1/{path}".encode("utf-8", "surrogatepass").decode("latin-1"))


def test_a_slash_in_a_segment_stays_encoded() -> None:
    binding = Binding("GET", "/v1/{name=projects/*/packages/*}")
    assert binding.match("/v1/projects/p/packages/a%2Fb%20c") == {"name": "projects/p/packages/a%2Fb c"}
    assert binding.match("/v1/projects/p/packages/a/b") is None


@pytest.mark.parametrize(
    ("accepted", "gzip"),
    [
        ("gzip", True),
        ("GZIP, deflate", True),
        ("deflate, gzip;q=0.5", True),
        ("br;q=1.0, gzip; q=1", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip;q=0.00", False),
        ("identity", False),
        ("*", False),
        ("", False),
    ],
)
def test_answers_are_compressed_when_that_is_liked(url: str, accepted: str, gzip: bool) -> None:
    labels = {f"key-{number}": "x" * 60 for number in range(60)}
    body = {"run": {"location": LOCATION}, "labels": labels}
    requests.post(f"{url}/targets?targetId=large", json=body, timeout=10)
    answer = requests.get(f"{url}/targets/large", headers={"Accept-Encoding": accepted}, timeout=10)
    assert answer.json()["labels"] == labels
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding"), int(answer.headers["Content-Length"]) < 2000) == (
        ("gzip", True) if gzip else (None, False)
    )


@pytest.mark.parametrize(("size", "gzip"), [(1023, False), (1024, True), (512 * 1024 - 1, True), (512 * 1024, False)])
def test_what_is_worth_compressing(size: int, gzip: bool) -> None:
    request = Request({"type": "http", "headers": [(b"accept-encoding", b"gzip")]})
    assert ("content-encoding" in rest_answers.compressed(b" " * size, request).headers) is gzip
