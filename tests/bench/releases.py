"""The local cloud under many releases: `releases.py [--releases=10000] [--clients=50]`.

Creates releases in one pipeline, with a rollout each, by `--clients` connections at once, and tells how long a page of
50 takes (every page of the list, both transports) and one of 1000, how long what gcloud asks for takes, and the
server's memory. On a busy machine, look at the server's own processor time per call: it does not count waiting for the
others.
State is kept in a directory, with one transaction per change. Nothing is asserted.
"""

import argparse
import contextlib
import gzip
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import urllib3
from google.cloud import deploy_v1
from google.cloud.deploy_v1.services.cloud_deploy import transports

TOOLS = Path(__file__).parents[2] / "tools"
LOCATION = "projects/demo/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/app"
STAGES = ("test", "staging", "prod")
SKAFFOLD = b"apiVersion: skaffold/v4beta7\nkind: Config\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, local_cloud(Path(folder)) as (url, grpc_address, process):
        pool = urllib3.PoolManager(maxsize=asked.clients, retries=False)
        call = caller(pool, url)
        set_up(call)
        print(f"memory before: {memory(process)}")
        begin = time.perf_counter()
        with ThreadPoolExecutor(asked.clients) as clients:
            outcomes = list(clients.map(lambda number: release(call, number), range(asked.releases)))
        seconds = time.perf_counter() - begin
        settled = settle(call) - begin
        rate = 2 * asked.releases / seconds
        print(
            f"{asked.releases} releases with a rollout each by {asked.clients} clients: {seconds:.1f} s, {rate:.0f}/s"
        )
        print(f"{outcomes.count(False)} refused; all deployed, one after another, after {settled:.1f} s")
        print(f"memory after: {memory(process)}")
        report(process, "REST, every page of 50 releases", pages(call, f"/v1/{PIPELINE}/releases?pageSize=50"))
        for again in ("", ", again"):
            thousands = pages(call, f"/v1/{PIPELINE}/releases?pageSize=1000")
            report(process, f"REST, every page of 1000{again}", thousands)
        report(process, "REST, 50 releases by name", repeat(call, f"/v1/{PIPELINE}/releases?orderBy=name"))
        rollouts = f"/v1/{PIPELINE}/releases/-/rollouts"
        succeeded = "filter=state%3D%22SUCCEEDED%22+AND+targetId%3D%22test%22&orderBy=DeployEndTime+desc&pageSize=10"
        report(process, "REST, 50 rollouts of all releases", repeat(call, rollouts))
        report(process, "REST, 1000 rollouts of all releases", repeat(call, f"{rollouts}?pageSize=1000"))
        report(process, "REST, what gcloud asks about a target", repeat(call, f"{rollouts}?{succeeded}"))
        report(process, "console page's overview", repeat(call, "/_localcloud/overview"))
        report(process, "gRPC, every page of 50 releases", grpc_pages(grpc_address))
        print(f"memory at the end: {memory(process)}")


@contextlib.contextmanager
def local_cloud(state: Path) -> Iterator[tuple[str, str, int]]:
    """The local cloud as a process; its addresses and process id."""
    command = [sys.executable, "-m", "msp.cli.local_cloud", "--port=0", "--grpc_port=0", f"--state_dir={state}"]
    command += ["--render_seconds=0", "--job_seconds=0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            yield words[3], words[5], process.pid
        finally:
            process.terminate()


Call = Callable[..., tuple[int, bytes]]


def caller(pool: urllib3.PoolManager, url: str) -> Call:
    def call(verb: str, path: str, body: Any = None) -> tuple[int, bytes]:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = pool.request(verb, url + path, body=content)
        return answer.status, answer.data

    return call


def set_up(call: Call) -> None:
    for stage in STAGES:
        call("POST", f"/v1/{LOCATION}/targets?targetId={stage}", {"run": {"location": "projects/p/locations/l"}})
    stages = [{"targetId": stage} for stage in STAGES]
    call("POST", f"/v1/{LOCATION}/deliveryPipelines?deliveryPipelineId=app", {"serialPipeline": {"stages": stages}})
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("skaffold.yaml")
        member.size = len(SKAFFOLD)
        tar.addfile(member, io.BytesIO(SKAFFOLD))
    call("POST", "/storage/v1/b?project=demo", {"name": "source"})
    call("POST", "/upload/storage/v1/b/source/o?uploadType=media&name=source.tar.gz", buffer.getvalue())


def release(call: Call, number: int) -> bool:
    """Creates a release and a rollout; whether both were accepted."""
    release_id = f"deploy-0123456789ab-{number}"
    body = {
        "skaffoldConfigUri": "gs://source/source.tar.gz",
        "labels": {"commit": "0123456789abcdef0123456789abcdef01234567"},
        "annotations": {"author": "Jane Doe", "commit_message_base64": "Zml4"},
        "deployParameters": {"customTarget/tag": f"0123456789ab_{number}"},
    }
    status, _ = call("POST", f"/v1/{PIPELINE}/releases?releaseId={release_id}", body)
    path = f"/v1/{PIPELINE}/releases/{release_id}/rollouts?rolloutId={release_id}-to-test-0001"
    return status == 200 and call("POST", path, {"targetId": "test"})[0] == 200


def settle(call: Call) -> float:
    """Waits until every rollout has ended, one after another as they must; when that was."""
    for state in ("PENDING_RELEASE", "PENDING", "IN_PROGRESS"):
        path = f"/v1/{PIPELINE}/releases/-/rollouts?pageSize=1&filter=state%3D{state}"
        while json.loads(call("GET", path)[1]).get("rollouts"):
            time.sleep(0.5)
    return time.perf_counter()


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    value = act()
    return (time.perf_counter() - begin) * 1000, value


def pages(call: Call, path: str) -> Iterator[float]:
    token = ""
    while True:
        milliseconds, (_, content) = timed(lambda: call("GET", f"{path}&pageToken={token}"))  # noqa: B023
        yield milliseconds
        token = json.loads(content).get("nextPageToken", "")
        if not token:
            return


def repeat(call: Call, path: str) -> Iterator[float]:
    for _ in range(20):
        yield timed(lambda: call("GET", path))[0]


def grpc_pages(address: str) -> Iterator[float]:
    transport = transports.CloudDeployGrpcTransport(channel=grpc.insecure_channel(address))
    with deploy_v1.CloudDeployClient(transport=transport) as client:
        following = iter(client.list_releases(request={"parent": PIPELINE, "page_size": 50}).pages)
        for _ in itertools.count():
            milliseconds, found = timed(lambda: next(following, None))
            if found is None:
                return
            yield milliseconds


def report(process: int, name: str, milliseconds: Iterator[float]) -> None:
    begin = processor(process)
    found = sorted(milliseconds)
    own = (processor(process) - begin) / len(found)
    p95 = found[int(len(found) * 0.95)] if len(found) > 1 else found[0]
    print(
        f"{name:38} {len(found):4} calls   median {statistics.median(found):6.1f} ms   p95 {p95:6.1f} ms   "
        f"server's processor {own:5.1f} ms"
    )


def processor(process: int) -> float:
    """The processor time that a process has used, in milliseconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> str:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return f"{int(fields['VmRSS'].split()[0]) / 1024:.0f} MiB, at most {int(fields['VmHWM'].split()[0]) / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
