"""What it costs to check many specifications: `specs.py [--specs=1000] [--runs=1]`.

A generated workspace has so many different specifications, an `msp_spec` each, and `bazel build //...` is timed on two
cores: on a server just started (only what is external was fetched); on a running server with nothing built; and after
every specification was changed. Beside it, in the same run, what checks would cost that start a program for each: so
many times `python -c "import yaml"`, one after the other. Prints seconds, and ratios to that.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CORES = 2

MODULE = """module(name = "services")
bazel_dep(name = "rules_msp", version = "0.1.0")
local_path_override(module_name = "rules_msp", path = "{checkout}")
"""

BUILD = """load("@rules_msp//rules_msp:defs.bzl", "msp_spec")

msp_spec(
    name = "spec",
    src = "service.yaml",
)
"""

SPEC = """service:
  id: svc-{number}
  owners: [team-{team}]
  description: Service number {number} of the benchmark.
build:
  image: us.gcr.io/example/svc-{number}
  source: {{ repo: github.com/example/monorepo, dir: svc{number} }}
rollout:
  stages:
    - environment: staging
      promotionStrategy:
        type: automatic
        automatic: {{ delaySeconds: {number} }}
    - environment: prod
  serviceAccount: ci@ci-project.iam.gserviceaccount.com
environments:
  - id: staging
    projectID: svc-{number}-staging-0000
    category: test
    deploy: {{ type: rollout }}
    env: {{ NUMBER: "{number}" }}
  - id: prod
    projectID: svc-{number}-prod-0000
    category: external
    deploy: {{ type: rollout }}
    instances:
      resources: {{ cpu: 2, memory: 1Gi }}
      scaling: {{ minCount: 1, maxCount: 10 }}
"""

# The default of Bazel 8: files of external repositories stand once in runfiles, not twice.
BAZELRC = "common --nolegacy_external_runfiles\n"

WORKERS = {
    "multiplexed": ("--strategy=MspSpec=worker",),
    "several": ("--strategy=MspSpec=worker", "--noworker_multiplex", f"--worker_max_instances=MspSpec={CORES}"),
    "none": ("--strategy=MspSpec=local",),
}


def generate(path: Path, specs: int) -> None:
    """Writes the workspace."""
    (path / "MODULE.bazel").write_text(MODULE.format(checkout=CHECKOUT))
    (path / ".bazelrc").write_text(BAZELRC)
    for number in range(specs):
        service = path / f"svc{number}"
        service.mkdir()
        (service / "BUILD.bazel").write_text(BUILD)
        (service / "service.yaml").write_text(SPEC.format(number=number, team=number % 20))


def run(command: list[str], cwd: Path) -> float:
    """Runs a command and returns how many seconds it took."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {cwd}:\n{done.stderr}")
    return time.perf_counter() - started


def change(path: Path) -> None:
    """Changes every specification."""
    for spec in path.glob("svc*/service.yaml"):
        spec.write_text(spec.read_text() + "# changed\n")


def main() -> None:
    """Generates, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--bazel", default=str(CHECKOUT / "bazelw"), help="the Bazel to run (default: ./bazelw)")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyYAML (default: this one)")
    parser.add_argument("--workers", choices=WORKERS, default="multiplexed", help="how Bazel runs the checks")
    flags = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    build = [flags.bazel, "build", f"--jobs={CORES}", *WORKERS[flags.workers], "//..."]
    names = ("starts of python", "server just started", "nothing built", "all changed")
    measured: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="specs-") as directory:
        path = Path(directory)
        generate(path, flags.specs)
        run([*build[:-1], "//svc0:spec"], path)  # fetches what is external, and makes bytecode
        for _ in range(flags.runs):
            starts = [run([flags.python, "-c", "import yaml"], path) for _ in range(flags.specs)]
            measured["starts of python"].append(sum(starts))
            run([flags.bazel, "clean"], path)
            run([flags.bazel, "shutdown"], path)
            measured["server just started"].append(run(build, path))
            run([flags.bazel, "clean"], path)
            measured["nothing built"].append(run(build, path))
            change(path)
            measured["all changed"].append(run(build, path))
        run([flags.bazel, "clean", "--expunge"], path)
        run([flags.bazel, "shutdown"], path)
    medians = {name: statistics.median(seconds) for name, seconds in measured.items()}
    print(f"{flags.specs} specifications, {CORES} cores, workers: {flags.workers}")
    for name, seconds in medians.items():
        print(f"{name:<20}{seconds:8.2f} s  ratio {seconds / medians['starts of python']:5.2f}")


if __name__ == "__main__":
    main()
