"""Every command of the pages and examples is run, in the repository that its reader stands in, or is accounted for."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tests.commands.collector import Printed
from tests.commands.conftest import Paste
from tests.commands.monorepo import Monorepo
from tests.commands.pages import shown

ROOT = Path(__file__).parents[2]

# What names a command in a sentence, with no target to run it on: `bazel run`.
NAMES = re.compile(
    r"(?:\./bazelw|bazel) (?:run|test)|crane push|gcloud storage"
    r"|gcloud deploy (?:--source|releases create|apply(?: --file)?)|gcloud run deploy"
)
# Run, parsed or looked at elsewhere.
ELSEWHERE = {
    "docs/local-cloud-registry.md": "tests/peers/registry_docs_test.py",
    "docs/operating.md": "tests/operate/transcript_test.py, tests/commands/verbs_commands_test.py",
    "examples/buildkite/pipeline.yml": "tests/examples/ci_test.py",
    "examples/ci/deliverables.sh": "tests/examples/ci_test.py",
}
ELSEWHERE_COMMANDS = {
    "bazel run //svc:msp_deploy.ops -- rollback --stage=prod": "tests/operate/transcript_test.py",
    "deliverables=$(examples/ci/deliverables.sh --json)": "tests/examples/ci_test.py",
    'echo "deliverables=$deliverables" >> "$GITHUB_OUTPUT"': "tests/examples/ci_test.py",
    "buildkite-agent pipeline upload --no-interpolation": "tests/examples/ci_test.py",
    "gcloud auth application-default login": "tests/commands/login_commands_test.py",
    "gcloud run deploy {service} --project --image --region": "tests/pipeline/archive_test.py",
}
LOCAL_CLOUD = ("export ", "printf ", "gcloud deploy apply", "gcloud run services", "gcloud logging read")
SESSION = [
    "bazel run //svc:pipeline.apply > /dev/null",
    "bazel run //svc:pipeline.diff",
    "sed -i 's/delaySeconds: 1 /delaySeconds: 300 /' service.yaml",
    "bazel run //svc:pipeline.diff",
    "bazel run //svc:pipeline.apply",
    "bazel run //svc:pipeline.apply",
]

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")
needs_crane = pytest.mark.skipif(shutil.which("crane") is None, reason="crane is not on PATH")


def is_service(found: Printed) -> bool:
    """A command for `//svc`, or for one of the tools."""
    return bool(re.match(r"bazel (?:run|test|build|query) ", found.command)) and "//tools/docs" not in found.command


def is_own(found: Printed) -> bool:
    """A command for whoever works on this repository."""
    return found.command.startswith(("./bazelw", ".ci/", ".venv/", "tools/", "python3", "UPDATE_DOCS=1", "pip")) or (
        found.command.startswith(("pre-commit", "bazel run //tools/docs", "cd "))
    )


# Each kind of command, and the test that runs it.
KINDS: dict[str, Callable[[Printed], bool]] = {
    "named only": lambda found: bool(NAMES.fullmatch(found.command)),
    "elsewhere": lambda found: found.where in ELSEWHERE or found.command in ELSEWHERE_COMMANDS,
    "test_the_session_of_the_pipelines_page": lambda found: (
        found.where == "docs/pipeline.md" and found.command in SESSION
    ),
    "test_commands_of_a_service": is_service,
    "test_commands_of_this_repository": is_own,
    "test_meta_data": lambda found: found.command.startswith("buildkite-agent meta-data"),
    "test_gcloud_in_the_local_cloud": lambda found: (
        found.where == "docs/local-cloud.md" and found.command.startswith(LOCAL_CLOUD)
    ),
    "test_gcloud_takes_the_made_file": lambda found: found.command == "gcloud deploy apply --file=clouddeploy.yaml",
    "test_crane_in_the_local_cloud": lambda found: found.command.startswith("crane "),
    "test_faults_are_asked_for": lambda found: found.command.startswith("curl "),
    "test_the_digest_is_looked_up": lambda found: found.command.startswith("docker buildx imagetools inspect "),
}


def kind(found: Printed) -> str:
    return next((name for name, is_one in KINDS.items() if is_one(found)), "")


def of_kind(name: str) -> list[Printed]:
    return [found for found in shown(ROOT) if kind(found) == name]


def test_every_shown_command_is_run() -> None:
    found = list(shown(ROOT))
    assert len(found) > 90
    assert [each for each in found if not kind(each)] == []
    assert {name for name in KINDS if name.startswith("test_")} <= globals().keys()
    counts = {name: sum(kind(each) == name for each in found) for name in KINDS}
    assert min(counts.values()) > 0
    run = sum(count for name, count in counts.items() if name.startswith("test_"))
    print(f"{len(found)} of {len(found)} shown commands are accounted for: {run} run here, {counts}")


def once(found: Iterable[Printed]) -> list[str]:
    """Each command once, what makes the pipeline first."""
    commands = {each.command for each in found}
    return sorted(commands, key=lambda command: (".apply" not in command, "pipeline.diff" in command, command))


def test_commands_of_a_service(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    cloud = {"MSP_LOCAL_CLOUD": monorepo.address, "TARGET": "//svc:msp_deploy"}
    done: dict[str, str] = {}
    for command in once(of_kind("test_commands_of_a_service")):
        words = command.replace("path/to/", "").replace("DIR", "made").replace("{location.host}", monorepo.address)
        if "local_cloud -- " in words:
            continue  # help_commands_test
        more = " -- --spec=service.yaml" if words.endswith("tools:diff") else ""
        ran = paste.shell(f"set -- //svc:msp_deploy; {words}{more}", monorepo, folder="svc", **cloud)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        done[command] = ran.stdout
    assert any("runs deploy-" in each for each in done.values())
    assert (monorepo.root / "svc/made/clouddeploy.yaml").is_file()


def test_the_session_of_the_pipelines_page(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    specification = monorepo.root / "svc/service.yaml"
    specification.write_text(specification.read_text().replace("delaySeconds: 3600", "delaySeconds: 1 "))
    (block,) = re.findall(
        r"^```console\n(.*?)^```", (ROOT / "docs/pipeline.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    assert [step.partition("\n")[0] for step in steps] == SESSION
    for step in steps:
        command, _, printed = step.partition("\n")
        done = paste.shell(command, monorepo, folder="svc", MSP_LOCAL_CLOUD=monorepo.address)
        assert done.stdout == printed, command
        assert done.returncode == int(printed.startswith("~") and command.endswith("diff"))


@pytest.mark.skipif(not (ROOT / "bazelw").is_file(), reason="this is no checkout")
def test_commands_of_this_repository() -> None:
    for found in of_kind("test_commands_of_this_repository"):
        for package, target in re.findall(r"//([\w/]+):([\w.]+)", found.command):
            if "examples" not in package:  # macros make these; tests/docs has Bazel say that they exist
                assert f'name = "{target}"' in (ROOT / package / "BUILD.bazel").read_text("utf-8"), found
        for test_filter in re.findall(r"--test_filter=(\w+)", found.command):
            assert f"def test_{test_filter}" in (ROOT / "tests/offline/bazelw_test.py").read_text("utf-8"), found
        for script in re.findall(r"^(?:tools/\S+\.sh|\.ci/run|\./bazelw)", found.command):
            assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0, found
        for tests in re.findall(r"bin/pytest (.*)", found.command):
            collect = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--no-header", *tests.split()]
            done = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout
        for requirements in re.findall(r"-r (\S+)|^cd (\S+)", found.command):
            assert (ROOT / "".join(requirements)).exists(), found


def test_meta_data(monorepo: Monorepo, paste: Paste) -> None:
    """An agent that keeps what it is told in files."""
    kept = monorepo.programs / "kept"
    kept.mkdir()
    script = f'cd {kept}; name=$(echo "$3" | tr / _); case "$1 $2" in'
    monorepo.program(
        "buildkite-agent", f'{script} "meta-data set") cat > "$name";; "meta-data get") cat "$name";; *) cat >&2;; esac'
    )
    build = {"BUILDKITE": "true", "BUILDKITE_COMMIT": "1" * 40, "BUILDKITE_BUILD_NUMBER": "7"}
    delivery = paste.shell("bazel run //svc:msp_deploy", monorepo, MSP_LOCAL_CLOUD=monorepo.address, **build)
    assert delivery.returncode == 0, delivery.stdout
    (found,) = of_kind("test_meta_data")
    done = paste.shell(found.command.replace("msp-example", monorepo.world.service), monorepo)
    assert done.stdout == "deploy-111111111111-7"


def made_pipeline(monorepo: Monorepo, paste: Paste) -> Path:
    done = paste.shell("bazel build //svc:pipeline", monorepo)
    assert done.returncode == 0, done.stderr
    return monorepo.root / "bazel-bin/clouddeploy.yaml"


@needs_gcloud
def test_gcloud_in_the_local_cloud(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    shutil.copy(made_pipeline(monorepo, paste), monorepo.root / "pipeline.yaml")
    commands = sorted((each.command for each in of_kind("test_gcloud_in_the_local_cloud")), key=lambda c: c[0] == "g")
    # What the file is for is in the file.
    block = (
        "\n".join(commands).replace("127.0.0.1:8080", monorepo.address).replace("my-project", monorepo.world.project)
    )
    done = paste.shell(block, monorepo)
    assert done.returncode == 0, done.stderr
    assert "Created Cloud Deploy resource" in done.stderr


@needs_gcloud
def test_gcloud_takes_the_made_file(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    made = made_pipeline(monorepo, paste)
    for found in of_kind("test_gcloud_takes_the_made_file"):
        done = paste.shell(
            f"{found.command} --region=us-central1 --project={monorepo.world.project}",
            monorepo,
            folder=str(made.parent.relative_to(monorepo.root)),
            CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY=f"http://{monorepo.address}/",
            CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true",
        )
        assert done.returncode == 0, done.stderr


@needs_crane
def test_crane_in_the_local_cloud(monorepo: Monorepo, paste: Paste) -> None:
    action = "gcr.io/google.com/cloudsdktool/google-cloud-cli:528.0.0-slim"
    image = "tar cf layer.tar pipeline.yaml && crane append -f layer.tar -t us.gcr.io/project/app:v1 -o image.tar"
    setup = f"{image} && crane push image.tar {monorepo.address}/{action}"
    assert paste.shell(setup, monorepo).returncode == 0
    for found in of_kind("test_crane_in_the_local_cloud"):
        # The local cloud stands for the registry, too.
        command = found.command.replace("127.0.0.1:8080", monorepo.address)
        command = command.replace(f"digest {action}", f"digest {monorepo.address}/{action}")
        done = paste.shell(command, monorepo)
        assert done.returncode == 0, done.stderr
        assert re.search(r"sha256:[0-9a-f]{64}$", done.stdout.strip())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_faults_are_asked_for(monorepo: Monorepo, paste: Paste) -> None:
    for found in of_kind("test_faults_are_asked_for"):
        done = paste.shell(f"{found.command.replace('127.0.0.1:8080', monorepo.address)} --fail --silent", monorepo)
        assert done.returncode == 0, done.stdout
    (fault,) = json.loads(paste.shell(f"curl -s {monorepo.address}/_localcloud/faults", monorepo).stdout)["faults"]
    assert (fault["method"], fault["http_status"]) == ("registry/PutManifest", 429)


def test_the_digest_is_looked_up() -> None:
    """Not run: Docker's plugin is not on every machine, and asks a registry that is not here."""
    (inspect,) = of_kind("test_the_digest_is_looked_up")
    (digest,) = (each for each in of_kind("test_crane_in_the_local_cloud") if each.where == inspect.where)
    assert inspect.command.split()[-1] == digest.command.split()[-1]
