"""What the verbs print to type next is typed: of a service's `.ops`, and of the program for any service."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import CONSUMERS, OURS, Monorepo
from tests.delivery.conftest import World
from tests.delivery.example import CLOUD_DEPLOY
from tests.operate.live import Live

from msp.cli.verb import COMMANDS
from msp.localcloud.clock import ManualClock
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.thread import CloudThread

REASON = "--reason='INC-7: it fails'"
needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal, who types verbs about one service.

    Attributes:
        paste: Their shell.
        monorepo: Where they stand.
        live: What is in the cloud.
        label: What they run.
    """

    paste: Paste
    monorepo: Monorepo
    live: Live
    label: str

    def __call__(self, verb: str, *flags: str, code: int = 0) -> str:
        """Types a verb; returns all that is printed."""
        service = () if self.label.endswith(".ops") else (self.live.id, f"--project={self.live.service.project}")
        words = (verb, *service, *flags, f"--local_cloud={self.monorepo.address}")
        done = self.paste.shell(f"bazel run {self.label} -- {' '.join(words)}", self.monorepo)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def then(self, verb: str, printed: str, *, code: int = 0, flag: str = "", **given: str) -> str:
        """Types what was printed of a verb; returns what that prints."""
        lines = [line for line in printed.splitlines() if flag in line]
        command = f"{{bazel_run}} {verb}"
        done = self.paste(command, self.monorepo, "\n".join(lines), code=code, given={"…": "INC-8", **given})
        return done.stdout + done.stderr

    def runs(self, stage: str) -> str:
        """The release that a stage runs."""
        good = [each for each in self.live.rollouts(stage) if each["state"] == "SUCCEEDED"]
        return str(max(good, key=lambda each: each["deployEndTime"])["name"]).split("/")[-3]


OPS = "//svc:msp_deploy.ops"
DOORS = {"ops": (OURS, OPS), "msp": (CONSUMERS, f"{CONSUMERS}:msp")}
MORE = {"a consumer's ops": (CONSUMERS, OPS), "our msp": (OURS, f"{OURS}:msp")}


def at(monorepo: Monorepo, label: str, paste: Paste) -> Operator:
    live = Live(monorepo.world.cloud, monorepo.root, id=monorepo.world.service)
    live.make_pipeline()
    return Operator(paste, monorepo, live, label)


@pytest.fixture(params=DOORS)
def operator(request: pytest.FixtureRequest, make_monorepo: Callable[..., Monorepo], paste: Paste) -> Operator:
    """Whose service has its pipeline: staging, then prod."""
    tools, label = (DOORS | MORE)[request.param]
    return at(make_monorepo(tools), label, paste)


@pytest.fixture(params=DOORS)
def slow_operator(request: pytest.FixtureRequest, tmp_path: Path, paste: Paste) -> Iterator[Operator]:
    """In whose cloud each job takes a minute, and time stands still."""
    tools, label = DOORS[request.param]
    clock = ManualClock(datetime.now(UTC))
    with CloudThread(LocalCloud(seed=1, clock=clock, pace=Pace(job=timedelta(minutes=1)))) as cloud:
        yield at(Monorepo(World(cloud, "slow", tmp_path), tools).make(), label, paste)


def asks_for_approval(live: Live, *, required: bool = True) -> None:
    path = f"/v1/{live.service.location}/targets/{live.target('prod')}"
    live.call("PATCH", path, {"requireApproval": required}, updateMask="requireApproval")


def test_status_says_what_to_type(operator: Operator) -> None:
    live = operator.live
    first = live.release()
    live.roll_out(first, "staging", fails=True)
    operator.then("retry", operator("status"))
    operator.then("promote", operator("status"))
    assert operator.runs("prod") == first
    second = live.deliver("staging")
    live.roll_out(second, "prod", fails=True)
    operator.then("rollback", operator("status"))
    asks_for_approval(live)
    third, fourth = (live.deliver("staging", "prod") for _ in range(2))
    operator.then("approve", operator("status"), flag=fourth)
    assert operator.runs("prod") == fourth
    operator.then("reject", operator("status"), flag=third)
    assert "waits for an approval" not in operator("status")
    live.automate("staging", suspended=True)
    operator.then("resume", operator("status"))
    assert "is held" not in operator("status")


def test_promote_says_what_to_type(operator: Operator) -> None:
    live = operator.live
    old = live.deliver("staging")
    live.deliver("staging", "prod")
    operator.then("status", operator("promote", "--release=another", code=2))
    refused = operator("promote", "--stage=prod", f"--release={old}", code=1)
    operator.then("promote", refused)
    assert operator.runs("prod") == old
    live.freeze("holidays", ["CREATE"])
    live.release()
    blocked = operator("promote", "--stage=staging", code=4)
    operator.then("promote", blocked)
    skipping = operator(
        "promote", "--stage=prod", f"--release={live.release()}", "--override_freeze=holidays", REASON, code=1
    )
    operator.then("promote", skipping)


def test_approve_says_what_to_type(operator: Operator) -> None:
    live = operator.live
    asks_for_approval(live)
    for typed in ("approve", "reject"):
        older, newer = (live.deliver("staging", "prod") for _ in range(2))
        operator("approve", f"--release={newer}")
        refused = operator("approve", f"--release={older}", code=1)
        operator.then(typed, refused)
        assert operator.runs("prod") == (older if typed == "approve" else newer)


def test_rollback_says_what_to_type(operator: Operator) -> None:
    live = operator.live
    first, second, _ = (live.deliver("staging", "prod") for _ in range(3))
    operator.then("status", operator("rollback", "--stage=prod", "--to=another", code=2))
    operator("rollback", "--stage=prod", REASON)
    assert operator.runs("prod") == second
    operator.then("rollback", operator("rollback", "--stage=prod"), RELEASE=first)
    assert operator.runs("prod") == first
    live.deliver("staging", "prod")
    live.freeze("everything", ["ROLLBACK"])
    operator.then("rollback", operator("rollback", "--stage=prod", code=4))


def test_a_rollback_of_what_is_under_way_says_what_to_type(slow_operator: Operator) -> None:
    operator, live = slow_operator, slow_operator.live
    for _ in range(2):
        live.deliver("prod")
        live.cloud.advance(timedelta(minutes=5))
    live.deliver("prod")
    operator.then("cancel", operator("rollback", "--stage=prod", "--dry_run"))
    live.cloud.advance(timedelta(minutes=5))
    assert live.rollouts("prod")[0]["state"] == "CANCELLED"


def test_hold_says_what_to_type(operator: Operator) -> None:
    automation = operator.live.automate("staging")
    operator.then("resume", operator("hold", "--stage=prod", REASON))
    found = operator.live.call("GET", f"/v1/{operator.live.service.pipeline}/automations/{automation}")
    assert not found.get("suspended")


def test_where_nothing_promotes_a_freeze_stops_people(operator: Operator) -> None:
    refused = operator("hold", "--stage=prod", REASON, code=1)
    operator.then("freeze", refused, TIME="8h")
    operator.live.deliver("staging")
    operator("promote", code=4)


def test_freezes_say_what_to_type(operator: Operator) -> None:
    live = operator.live
    asks_for_approval(live)
    for _ in range(2):
        release = live.deliver("staging", "prod")
        operator("approve", f"--release={release}")
    operator("freeze", "--stage=prod", "--until=8h", REASON)
    operator.then("freeze", operator("freeze", "--stage=prod", "--until=7h", REASON, code=1))
    operator.then("approve", operator("rollback", "--stage=prod", REASON, code=4))
    assert operator.runs("prod") == "deploy-010101010101-1"
    operator.then("unfreeze", operator("status"))
    assert "frozen" not in operator("status")
    category = ("--until=8h", "--category=external", f"--project={live.service.project}", REASON)
    flags = " ".join((*category, f"--local_cloud={operator.monorepo.address}"))
    made = operator.paste.shell(f"bazel run {CONSUMERS}:msp -- freeze {flags}", operator.monorepo)
    assert made.returncode == 0, made.stderr
    operator.then("unfreeze", operator("unfreeze", "--stage=prod", REASON, code=1))
    assert "frozen" not in operator("status")


@needs_gcloud
def test_somebody_elses_freeze_is_looked_at(operator: Operator) -> None:
    operator.live.freeze("no-changes", ["CREATE"])
    refused = operator("unfreeze", "--stage=prod", REASON, code=1)
    variables = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"http://{operator.monorepo.address}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    command = "gcloud deploy deploy-policies describe {}"
    assert "no-changes" in operator.paste(command, operator.monorepo, refused, variables=variables).stdout


def test_a_category_is_not_one_services(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    operator = at(make_monorepo(tools), OPS, paste)
    operator("freeze", "--category=external", "--until=8h", REASON, code=2)
    refused = operator("unfreeze", "--category=external", REASON, code=2)
    given = {"PROJECT": f"{operator.live.service.project} {REASON}"}
    variables = {"MSP_LOCAL_CLOUD": operator.monorepo.address}
    command = "{bazel_run} {} --category={} --project=PROJECT"
    operator.paste(command, operator.monorepo, refused, given=given, variables=variables)


def test_repairs_say_what_to_type(operator: Operator) -> None:
    live = operator.live
    live.roll_out(live.deliver("staging"), "prod", fails=True)
    live.freeze("no-repairs", ["RETRY_JOB", "CANCEL"])
    operator.then("retry", operator("retry", code=4))
    asks_for_approval(live)
    live.deliver("staging", "prod")
    operator.then("cancel", operator("cancel", code=4))


def test_whoever_is_overtaken_or_waits_in_vain_looks_at_the_status(slow_operator: Operator) -> None:
    operator, live = slow_operator, slow_operator.live
    live.deliver("staging")
    live.cloud.advance(timedelta(minutes=5))
    operator.monorepo.world.fault(f"{CLOUD_DEPLOY}/CreateRollout", code="FAILED_PRECONDITION", message="gone", times=1)
    overtaken = operator("promote", code=1)
    assert "gone" in overtaken
    operator.then("status", overtaken)
    assert "prod: " in operator.then("status", operator("promote", "--timeout=0.1", code=1))


def test_what_can_not_be_compared_is_looked_up(operator: Operator) -> None:
    operator.live.deliver("staging", "prod")
    operator.then("status", operator("changes", "--since=another", code=2))


def test_services_of_a_workspace(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    live = Live(monorepo.world.cloud, monorepo.root, id=monorepo.world.service)
    live.make_pipeline()
    release = live.deliver("staging")
    printed = {}
    for pattern in ("//...", "//svc:msp_deploy", "//nope:x"):
        done = paste.shell(f"bazel run {tools}:msp -- status {pattern} --local_cloud={monorepo.address}", monorepo)
        printed[pattern] = done.stdout + done.stderr
    paste("bazel query '{}'", monorepo, printed["//nope:x"], code=1)
    assert live.id in printed["//..."]
    start = paste.printed("bazel run {} --", printed["//svc:msp_deploy"])
    assert start.startswith("bazel run //svc:msp_deploy.ops -- promote ")
    assert paste.shell(start, monorepo).returncode == 0
    assert live.rollouts("prod")[0]["name"].split("/")[-3] == release


def test_a_target_is_about_its_own_service(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    live = Live(monorepo.world.cloud, monorepo.root, id=monorepo.world.service)
    live.make_pipeline()
    refused = paste.shell("bazel run //svc:msp_deploy.ops -- status another", monorepo)
    assert refused.returncode == 2
    given = {"SERVICE": live.id, "PROJECT": live.service.project}
    variables = {"MSP_LOCAL_CLOUD": monorepo.address}
    paste("{bazel_run} {} SERVICE --project=PROJECT", monorepo, refused.stderr, given=given, variables=variables)


@pytest.mark.parametrize("operator", [*DOORS, *MORE], indirect=True)
def test_help_and_its_examples(operator: Operator) -> None:
    live, paste = operator.live, operator.paste
    start = f"bazel run {operator.label} --"
    said = paste.shell(f"{start} --help", operator.monorepo).stdout
    of_one = "bazel run //svc:msp_deploy.ops -- VERB [FLAGS]                        one service, as its BUILD file says"
    of_any = "bazel run @rules_msp//tools:msp -- VERB SERVICE --project=… [FLAGS]   any service, with no BUILD file"
    variables = {"MSP_LOCAL_CLOUD": operator.monorepo.address}
    for synopsis, service in ((of_one, ""), (of_any, live.id)):
        typed = re.sub(r"\[FLAGS\].*", "", paste.printed(synopsis, said)).replace("VERB", "status")
        typed = typed.replace("SERVICE", service).replace("…", live.service.project)
        assert paste.shell(typed, operator.monorepo, **variables).returncode == 0
    live.automate("staging")
    live.deliver("staging")
    for command in COMMANDS:
        wrong = paste.shell(f"{start} {command.name} --no_such_flag", operator.monorepo)
        assert wrong.returncode == 2
        helped = paste("{prog} --help", operator.monorepo, wrong.stderr).stdout
        example = helped.partition("example:\n")[2].strip()
        example = example.replace("SERVICE", live.id).replace("PROJECT", live.service.project)
        done = paste.shell(example, operator.monorepo, **variables)
        assert done.returncode in {0, 1}, done.stderr
        assert done.returncode == 0 or command.name == "rollback", done.stderr
