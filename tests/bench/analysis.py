"""What a thousand services cost Bazel before anything is built: `analysis.py [--services=1000] [--runs=3]`.

Two generated workspaces have the same services: in one each uses `msp_delivery`, in the other the macro over
`sh_binary` that it replaces. For each, `bazel build --nobuild //...` is timed on a server that has nothing in memory:
by the clock, and by the processor time that the server took, which a busy machine changes less. The server's heap is
read after a collection. Prints medians and ratios; the runs alternate, so that noise meets both.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

MODULE = """module(name = "services")
bazel_dep(name = "rules_shell", version = "0.8.0")
bazel_dep(name = "rules_msp", version = "0.1.0")
local_path_override(module_name = "rules_msp", path = "{checkout}")
"""

SEED_MACRO = """load("@rules_shell//shell:sh_binary.bzl", "sh_binary")

def msp_delivery(name, gcp_project, msp_service_id, repository, gcp_region = "us-central1"):
    sh_binary(
        name = name,
        srcs = ["//rule:deliver.sh"],
        args = [
            "$(location :candidate_push)",
            gcp_project,
            msp_service_id,
            repository,
            gcp_region,
        ],
        data = [":candidate_push"],
        tags = ["msp-deliverable"],
    )
"""

# In both workspaces a service has an image and what pushes it, of the same two rules.
IMAGE_RULES = """def _image_impl(ctx):
    directory = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(outputs = [directory], command = "exit 1")
    return [DefaultInfo(files = depset([directory]))]

image = rule(implementation = _image_impl)

def _push_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, "#!/bin/sh", is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(ctx.files.image))]

push = rule(implementation = _push_impl, attrs = {"image": attr.label()}, executable = True)
"""

SERVICE = """load("{macro}", "msp_delivery")
load("//rule:image.bzl", "image", "push")

image(name = "image")

push(
    name = "candidate_push",
    image = ":image",
)

msp_delivery(
    name = "msp_deploy",
    gcp_project = "svc-{number}-prod-0000",
    msp_service_id = "svc-{number}",
    repository = "us.gcr.io/example/svc-{number}",
)
"""


@dataclass(frozen=True)
class Workspace:
    """A generated workspace; `bazel` is the command that runs in it."""

    path: Path
    bazel: str

    def run(self, *arguments: str) -> str:
        """Runs Bazel and returns what it prints."""
        command = [self.bazel, *arguments]
        done = subprocess.run(command, cwd=self.path, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} in {self.path}:\n{done.stderr}")
        return done.stdout

    def analyse(self) -> tuple[float, float, float]:
        """Loads and analyses everything on a server just started.

        Returns:
            Seconds by the clock, seconds of the server's processor time, and its heap afterwards in MiB.
        """
        self.run("shutdown")
        server = int(self.run("info", "server_pid"))
        started, worked = time.perf_counter(), processor_seconds(server)
        self.run("build", "--nobuild", "//...")
        seconds, work = time.perf_counter() - started, processor_seconds(server) - worked
        return seconds, work, float(self.run("info", "used-heap-size-after-gc").removesuffix("MB\n"))


def processor_seconds(process: int) -> float:
    """Processor time that a process has taken, in seconds (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def generate(path: Path, macro: str, services: int, bazel: str) -> Workspace:
    """Writes a workspace with so many services that use the macro."""
    (path / "rule").mkdir(parents=True)
    (path / "MODULE.bazel").write_text(MODULE.format(checkout=CHECKOUT))
    (path / "rule/BUILD.bazel").write_text('exports_files(["deliver.sh"])\n')
    (path / "rule/deliver.sh").write_text("#!/bin/sh\n")
    (path / "rule/defs.bzl").write_text(SEED_MACRO)
    (path / "rule/image.bzl").write_text(IMAGE_RULES)
    for number in range(services):
        (path / f"svc{number}").mkdir()
        (path / f"svc{number}/BUILD.bazel").write_text(SERVICE.format(macro=macro, number=number))
    return Workspace(path, bazel)


def main() -> None:
    """Generates, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bazel", default=str(CHECKOUT / "bazelw"), help="the Bazel to run (default: ./bazelw)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analysis-") as directory:
        workspaces = {
            "sh_binary": generate(Path(directory) / "seed", "//rule:defs.bzl", flags.services, flags.bazel),
            "msp_delivery": generate(
                Path(directory) / "msp", "@rules_msp//rules_msp:defs.bzl", flags.services, flags.bazel
            ),
        }
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in workspaces}
        for workspace in workspaces.values():
            workspace.analyse()  # fetches what is external, which is not measured
        for _ in range(flags.runs):
            for name, workspace in workspaces.items():
                measured[name].append(workspace.analyse())
        for workspace in workspaces.values():
            workspace.run("clean", "--expunge")
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in measured.items()
    }
    print(f"{'':<14} {'clock':>8} {'processor':>10} {'heap':>9}")
    for name, (seconds, work, heap) in medians.items():
        print(f"{name:<14} {seconds:6.2f} s {work:8.2f} s {heap:5.0f} MiB")
    old, new = medians["sh_binary"], medians["msp_delivery"]
    clock, work, heap = (after / before for before, after in zip(old, new, strict=True))
    print(f"{'ratio':<14} {clock:6.2f}   {work:8.2f}   {heap:5.2f}")


if __name__ == "__main__":
    main()
