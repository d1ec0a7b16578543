"""What a delivery prints to do next is done, as printed, in this repository and in a consumer's."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import Monorepo
from tests.delivery.conftest import World
from tests.delivery.example import CLOUD_DEPLOY

from msp import names
from msp.localcloud.clock import ManualClock
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.pytest_plugin import CloudThread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STAGING, PROD = "staging-us-central1", "prod-us-central1"

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


def deliver(
    paste: Paste,
    monorepo: Monorepo,
    *flags: str,
    commit: str = COMMIT,
    code: int = 0,
    build: int = 42,
    address: str = "",
) -> str:
    """Runs the service's target; returns all that it prints."""
    here = f"--local_cloud={address or monorepo.address}"
    command = f"bazel run //svc:msp_deploy -- --commit={commit} --build_number={build} {here} {' '.join(flags)}"
    done = paste.shell(command, monorepo)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_missing_pipeline_is_made(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    printed = deliver(paste, monorepo, code=1)
    paste("{make_pipeline}", monorepo, printed)
    assert paste.printed("bazel run {}.pipeline.apply {}", printed) == paste.printed("{make_pipeline}", printed)
    deliver(paste, monorepo)


def test_a_missing_pipeline_is_made_without_a_spec(
    make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str
) -> None:
    monorepo = make_monorepo(tools, with_spec=False, region="europe-west1")
    printed = deliver(paste, monorepo, code=1)
    paste("bazel run {}:apply -- --spec=service.yaml {}", monorepo, printed, folder="svc")
    deliver(paste, monorepo)


def test_an_interrupted_delivery_goes_on(monorepo: Monorepo, paste: Paste) -> None:
    monorepo.world.fault(
        "google.cloud.deploy.v1.CloudDeploy/CreateRelease", code="FAILED_PRECONDITION", message="gone", times=1
    )
    printed = deliver(paste, monorepo, code=1)
    paste("{rerun}", monorepo, printed)
    assert paste.printed("bazel run {} --", printed) == paste.printed("{rerun}", printed)
    assert len(monorepo.world.releases()) == 1


def test_another_image_is_released_beside(monorepo: Monorepo, paste: Paste) -> None:
    deliver(paste, monorepo)
    monorepo.new_image(b"another")
    printed = deliver(paste, monorepo, code=1)
    paste("{rerun_beside}", monorepo, printed)
    assert paste.printed("{rerun} {}", printed) == paste.printed("{rerun_beside}", printed)
    assert len(monorepo.world.releases()) == 2


PUSH = """
import json, pathlib, sys, urllib.request
tag, repository = (sys.argv[sys.argv.index(flag) + 1] for flag in ("--tag", "--repository"))
address, _, name = repository.partition("/")

def send(method, path, data, kind="application/octet-stream"):
    url = path if path.startswith("http") else f"http://{address}{path}"
    return urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": kind}, method=method))

root = json.loads((image / "index.json").read_text())["manifests"][0]
for blob in (image / "blobs/sha256").iterdir():
    if blob.name not in root["digest"]:
        where = send("POST", f"/v2/{name}/blobs/uploads/", b"").headers["Location"]
        send("PUT", f"{where}{'&' if '?' in where else '?'}digest=sha256:{blob.name}", blob.read_bytes())
content = (image / "blobs/sha256" / root["digest"].partition(":")[2]).read_bytes()
send("PUT", f"/v2/{name}/manifests/{tag}", content, root["mediaType"])
"""


def with_program(monorepo: Monorepo, also: str = "") -> None:
    """Has the image pushed by a program, so that its digest is not known before."""
    push = monorepo.programs / "runfiles/_main/svc/push"
    image = monorepo.world.image(b"layer", b"of a program")
    push.write_text(f"#!{sys.executable}\nimport pathlib\nimage = pathlib.Path({str(image)!r})\n{PUSH}\n{also}\n")
    push.chmod(0o755)
    monorepo.configure(image=None, push="_main/svc/push")


def make_release(world: World, release: str, **parameters: str) -> None:
    """Makes a release as somebody else would, with a tag alone."""
    body = {"skaffoldConfigUri": names.source_uri(world.project), "deployParameters": parameters}
    world.call("POST", f"/v1/{world.pipeline}/releases", body, releaseId=release)
    world.cloud.settle()


def test_another_tag_takes_another_release(monorepo: Monorepo, paste: Paste) -> None:
    with_program(monorepo)
    make_release(monorepo.world, "deploy-0123456789ab-42", **{names.TAG_PARAMETER: "somebody-elses"})
    printed = deliver(paste, monorepo, code=1)
    paste("{rerun} --release=ID", monorepo, printed, given={"ID": "another"})
    assert {each["name"].rpartition("/")[2] for each in monorepo.world.releases()} > {"another"}


def test_after_a_failed_render_the_next_one_is_made(monorepo: Monorepo, paste: Paste) -> None:
    world = monorepo.world
    body = {"skaffoldConfigUri": names.source_uri(world.project)}
    body_of_release = json.dumps({**body, "deployParameters": {names.TAG_PARAMETER: "0123456789ab_42"}})
    path = f"/v1/{world.pipeline}/releases?releaseId=deploy-0123456789ab-42"
    # Another run of the same build is quicker, once.
    other_run = f"send('POST', {path!r}, {body_of_release!r}.encode(), 'application/json'); time.sleep(1)"
    with_program(monorepo, f"import time\ntry: {other_run}\nexcept urllib.request.HTTPError: pass")
    world.fault("execution/render/*", code="INTERNAL", message="out of cheese", times=2)
    printed = deliver(paste, monorepo, code=1)
    paste("{rerun}", monorepo, printed)


def test_whose_release_could_not_be_rendered_is_not_run_again(monorepo: Monorepo, paste: Paste) -> None:
    with_program(monorepo)
    monorepo.world.fault("execution/render/*", code="INTERNAL", message="out of cheese", times=2)
    digest = f"sha256:{'0' * 64}"
    parameters = {names.TAG_PARAMETER: "somebody-elses", names.DIGEST_PARAMETER: digest}
    make_release(monorepo.world, "deploy-0123456789ab-42", **parameters)
    printed = deliver(paste, monorepo, code=1)
    paste("{rerun} --release=ID", monorepo, printed, given={"ID": "another"})


def freeze(world: World) -> None:
    today = datetime.now(UTC)
    first, last = ({"year": day.year, "month": day.month, "day": day.day} for day in (today, today + timedelta(days=2)))
    times = {"startTime": {"hours": 0}, "endTime": {"hours": 1}}
    windows = {"timeZone": "UTC", "oneTimeWindows": [{"startDate": first, "endDate": last, **times}]}
    body = {
        "selectors": [{"target": {"id": STAGING}}],
        "rules": [{"rolloutRestriction": {"id": "all", "timeWindows": windows}}],
    }
    world.call("POST", f"/v1/{world.location}/deployPolicies", body, deployPolicyId="freeze")


def test_after_a_freeze_it_is_run_again(monorepo: Monorepo, paste: Paste) -> None:
    world = monorepo.world
    freeze(world)
    printed = deliver(paste, monorepo, code=4)
    world.call("DELETE", f"/v1/{world.location}/deployPolicies/freeze")
    paste("{rerun}", monorepo, printed)


def test_guards_are_overruled(monorepo: Monorepo, paste: Paste) -> None:
    world = monorepo.world
    deliver(paste, monorepo, build=1)
    monorepo.new_image(b"two")
    deliver(paste, monorepo, build=2)
    body = {"targetId": STAGING, "releaseId": "deploy-0123456789ab-1", "rolloutId": "back"}
    world.call("POST", f"/v1/{world.pipeline}:rollbackTarget", body)
    world.cloud.settle()
    held = deliver(paste, monorepo, build=2, code=4)
    assert "was rolled back" in held
    paste("{rerun} --force", monorepo, held)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def test_the_local_cloud_is_started(
    make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str, free_port: int
) -> None:
    monorepo = make_monorepo(tools)
    printed = deliver(paste, monorepo, "--timeout=20", address=f"127.0.0.1:{free_port}", code=1)
    command = paste.printed("bazel run {}:local_cloud -- --port={} --grpc_port=0", printed)
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=monorepo.root,
        env=paste.environment(monorepo),
        stdout=subprocess.PIPE,
        text=True,
    ) as cloud:
        assert cloud.stdout is not None
        ready = cloud.stdout.readline()
        cloud.send_signal(signal.SIGTERM)
    assert f"ready: http://127.0.0.1:{free_port} " in ready


@pytest.fixture
def usage_server() -> Iterator[tuple[str, list[str]]]:
    """Stands for the Service Usage API, which the local cloud has not: every operation is done at once."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer("POST")

        def do_GET(self) -> None:
            self._answer("GET")

        def _answer(self, verb: str) -> None:
            seen.append(f"{verb} {self.path.partition('?')[0]}")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"name": "operations/one", "done": true, "response": {}}')

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", seen
        server.shutdown()


@needs_gcloud
def test_the_api_is_enabled(monorepo: Monorepo, paste: Paste, usage_server: tuple[str, list[str]]) -> None:
    message = "Cloud Deploy API has not been used in project 1 before or it is disabled."
    monorepo.world.fault(f"{CLOUD_DEPLOY}/*", code="PERMISSION_DENIED", message=message)
    printed = deliver(paste, monorepo, code=1)
    address, seen = usage_server
    paste(
        "gcloud services enable clouddeploy.googleapis.com --project={}",
        monorepo,
        printed,
        variables={
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": address,
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        },
    )
    assert any(f"/projects/{monorepo.world.project}/services" in each for each in seen), seen


@needs_gcloud
def test_the_bucket_tells_whose_it_is(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    world = monorepo.world
    bucket = names.source_bucket(world.project)
    world.call("POST", "/storage/v1/b", {"name": bucket}, project="somebody-elses")
    url = f"{world.cloud.http_url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={names.SOURCE_OBJECT}"
    assert world.http.request("POST", url, body=b"archive").status == 200
    printed = deliver(paste, monorepo, code=1)
    done = paste("gcloud storage buckets describe gs://{} --raw {}", monorepo, printed)
    assert re.fullmatch(r"\d+\n", done.stdout)


@needs_gcloud
def test_the_repository_is_made(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    with CloudThread(LocalCloud(seed=1, strict_repositories=True)) as cloud:
        address = cloud.http_url.removeprefix("http://")
        made = paste.shell(f"bazel run //svc:msp_deploy.pipeline.apply -- --local_cloud={address}", monorepo)
        assert made.returncode == 0, made.stderr
        printed = deliver(paste, monorepo, code=1, address=address)
        paste("gcloud artifacts repositories create {} --repository-format=docker {}", monorepo, printed)
        deliver(paste, monorepo, address=address)


def test_it_is_approved_and_promoted(monorepo: Monorepo, paste: Paste) -> None:
    world = monorepo.world
    target = {"requireApproval": True}
    world.call("PATCH", f"/v1/{world.location}/targets/{STAGING}", target, updateMask="requireApproval")
    paste("{bazel_run} approve", monorepo, deliver(paste, monorepo))
    world.cloud.settle()
    paste("{bazel_run} promote", monorepo, deliver(paste, monorepo))
    assert {each["targetId"] for each in world.rollouts()} == {STAGING, PROD}


def test_a_failed_rollout_is_tried_again(monorepo: Monorepo, paste: Paste) -> None:
    monorepo.world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    paste("{bazel_run} retry", monorepo, deliver(paste, monorepo, code=3))
    monorepo.world.fault("execution/render/*", code="INTERNAL", message="no such action", times=2)
    monorepo.new_image(b"another")
    paste("{rerun}", monorepo, deliver(paste, monorepo, build=43, code=3))


def test_what_nobody_waits_for_is_looked_at(tmp_path: Path, paste: Paste) -> None:
    slow = LocalCloud(seed=1, clock=ManualClock(datetime.now(UTC)), pace=Pace(job=timedelta(minutes=1)))
    with CloudThread(slow) as cloud:
        monorepo = Monorepo(World(cloud, "slow", tmp_path)).make()
        monorepo.world.make_pipeline()
        paste("{bazel_run} status", monorepo, deliver(paste, monorepo, "--nowait"))


def on_the_builds_page(paste: Paste, monorepo: Monorepo, *, code: int) -> str:
    """Delivers in GitHub Actions; returns what stands on the run's page."""
    page = monorepo.root / "summary.md"
    page.unlink(missing_ok=True)
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page), "GITHUB_SHA": COMMIT}
    github |= {"GITHUB_RUN_NUMBER": "42", "GITHUB_RUN_ID": "1", "GITHUB_REPOSITORY": "example/monorepo"}
    done = paste.shell(f"bazel run //svc:msp_deploy -- --local_cloud={monorepo.address}", monorepo, **github)
    assert done.returncode == code, done.stdout + done.stderr
    return page.read_text()


def test_the_builds_page_has_the_same(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    paste("{make_pipeline}", monorepo, on_the_builds_page(paste, monorepo, code=1))
    monorepo.world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    paste("{bazel_run} retry", monorepo, on_the_builds_page(paste, monorepo, code=3))
    paste("{bazel_run} promote", monorepo, on_the_builds_page(paste, monorepo, code=0))
    assert {each["targetId"] for each in monorepo.world.rollouts()} == {STAGING, PROD}


def test_more_labels_are_asked_for_again(monorepo: Monorepo, paste: Paste) -> None:
    monorepo.world.fault(f"{CLOUD_DEPLOY}/CreateRelease", code="FAILED_PRECONDITION", message="gone", times=1)
    asked = "--labels=team=search,tier=gold --annotations=why=faster"
    paste("{rerun}", monorepo, deliver(paste, monorepo, asked, code=1))
    (release,) = monorepo.world.releases()
    assert release["labels"] == {"commit": COMMIT, "team": "search", "tier": "gold"}
    assert release["annotations"]["why"] == "faster"


def test_what_was_played_is_delivered(monorepo: Monorepo, paste: Paste) -> None:
    played = paste.shell("bazel run //svc:msp_deploy.local", monorepo)
    assert played.returncode == 0, played.stderr
    # The local cloud of this test stands for Google's.
    cloud, last = {"MSP_LOCAL_CLOUD": monorepo.address}, played.stdout.partition("against Google's cloud:")[2]
    paste("bazel run {}", monorepo, last, variables=cloud)
    (release,) = monorepo.world.releases()
    status = paste("bazel run {}.ops -- status", monorepo, last, variables=cloud)
    assert release["name"].rpartition("/")[2] in status.stdout


def test_what_failed_is_played_again(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    with_program(monorepo, "sys.exit(9)")
    failed = paste.shell("bazel run //svc:msp_deploy.local", monorepo)
    assert failed.returncode == 1
    with_program(monorepo)
    paste("bazel run {}.local", monorepo, failed.stderr)


def test_the_target_is_run_with_bazel(monorepo: Monorepo, paste: Paste) -> None:
    config = monorepo.programs / "runfiles/_main/svc/msp_deploy.json"
    away = config.rename(config.with_suffix(".away"))
    done = paste.shell("bazel run //svc:msp_deploy", monorepo)
    assert done.returncode == 2
    away.rename(config)
    program = paste.printed("bazel run", done.stderr)
    assert paste.shell(f"{program} //svc:msp_deploy -- --dry_run", monorepo).returncode == 0
