"""Google's client of Cloud Deploy over REST and over gRPC, side by side: `clients.py [--runs=5] [--reads=2000]`.

Each run is a process of its own that imports the client, connects it to a local cloud and reads: first what a delivery
asks for (eight calls), then `--reads` times a target. "ours" is REST over our adapter, which every command uses; "its
session" is REST as the library comes; "grpc" has a channel and the second port. The kinds alternate, so that a noisy
machine is noisy for all. Prints medians in seconds, their ratio to ours, and peak memory. Nothing is asserted.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).parents[2] / "tools"
LOCATION = "projects/demo/locations/us-central1"
TARGET = f"{LOCATION}/targets/staging"
DELIVERY = 8
KINDS = ("ours", "its session", "grpc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--reads", type=int, default=2000)
    parser.add_argument("--child", nargs=3, metavar=("KIND", "HTTP", "GRPC"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        read(connect(*asked.child), asked.reads)
        return
    with local_cloud() as (http, grpc):
        connect("ours", http, grpc).create_target(
            parent=LOCATION, target_id="staging", target={"run": {"location": LOCATION}}
        ).result(timeout=30)
        for reads, name in ((0, "only the import and the client"), (DELIVERY, "one delivery"), (asked.reads, "reads")):
            report(
                f"{name} ({reads} calls)", [[run(kind, http, grpc, reads) for kind in KINDS] for _ in range(asked.runs)]
            )


def report(case: str, rows: list[list[tuple[float, float]]]) -> None:
    """The medians of a case, and how they compare with ours."""
    print(case)
    ours = statistics.median(row[0][0] for row in rows)
    for place, kind in enumerate(KINDS):
        seconds = statistics.median(row[place][0] for row in rows)
        mebibytes = statistics.median(row[place][1] for row in rows)
        print(f"  {kind:<12} {seconds:7.3f} s   ratio {seconds / ours:5.2f}   {mebibytes:4.0f} MiB")


def run(kind: str, http: str, grpc: str, reads: int) -> tuple[float, float]:
    """Seconds and peak memory of a process that does it."""
    command = [sys.executable, __file__, f"--reads={reads}", "--child", kind, http, grpc]
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment()) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{kind} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def connect(kind: str, http: str, grpc: str) -> Any:
    """A client of one kind."""
    if kind == "ours":
        from msp.gcp.clients import cloud_deploy_client
        from msp.gcp.endpoints import Endpoints

        return cloud_deploy_client(Endpoints.local(http))
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.deploy_v1 import CloudDeployClient
    from google.cloud.deploy_v1.services.cloud_deploy import transports

    if kind == "grpc":
        import grpc as library

        channel = library.insecure_channel(grpc)
        return CloudDeployClient(transport=transports.CloudDeployGrpcTransport(channel=channel))
    rest = transports.CloudDeployRestTransport(host=http, url_scheme="http", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    return CloudDeployClient(transport=rest)


def read(client: Any, times: int) -> None:
    """The same small read, again and again."""
    get: Callable[..., object] = client.get_target
    for _ in range(times):
        get(name=TARGET, timeout=30)


def environment() -> dict[str, str]:
    """The environment of our own programs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])}


@contextlib.contextmanager
def local_cloud() -> Iterator[tuple[str, str]]:
    """Runs a local cloud and yields its HOST:PORT for REST and for gRPC."""
    command = [sys.executable, str(TOOLS / "msp/cli/local_cloud.py"), "--port=0", "--grpc_port=0"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            yield words[3].removeprefix("http://"), words[5]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
