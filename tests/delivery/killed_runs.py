"""Deliveries of one service in processes of their own, that come to their end or are killed on the way."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.delivery.conftest import REGION, World
from tests.delivery.example import CLOUD_DEPLOY

from msp import names
from msp.image.layout import Layout
from msp.localcloud.faults import Fault

Moments = tuple[tuple[str, int], ...]

DEPLOY = Path(__file__).parents[2] / "tools/msp/cli/deploy.py"
STAGING = names.target_id("staging", REGION)

# Any request; what ends in n is also an operation, of which a fault would be that it fails.
ANY = "[rsg]*[!n]"
# Where a delivery is killed: at one of the first so many requests that go by this glob.
ON_THE_WAY = (
    (ANY, 40),
    (ANY, 40),
    ("google.longrunning.Operations/GetOperation", 3),
    (f"{CLOUD_DEPLOY}/CreateRelease", 1),
    (f"{CLOUD_DEPLOY}/CreateRollout", 1),
    (f"{CLOUD_DEPLOY}/GetRollout", 2),
    ("registry/UploadBlob", 4),
    ("registry/PutManifest", 1),
    ("registry/HeadManifest", 3),
)
# Likewise where it only looks, since there is nothing that it may do.
LOOKING = ((ANY, 14),)
# What keeps a request, and all that come after it, from an answer.
FOR_EVER = 3600.0
# A process on a busy machine, its own waiting included.
MOST_SECONDS = 180.0


@dataclass(frozen=True)
class Built:
    """A commit's image, under a number of the CI's."""

    number: int
    commit: str
    image: Path

    @property
    def digest(self) -> str:
        return Layout(self.image).digest

    @property
    def tag(self) -> str:
        return names.image_tag(self.commit, str(self.number))

    @property
    def release(self) -> str:
        return names.release_id(self.commit, str(self.number))


@dataclass(frozen=True)
class End:
    """How a delivery ended that nobody killed."""

    exit_code: int
    result: dict[str, Any]


@dataclass
class Runs:
    """The deliveries of one service.

    Attributes:
        world: The service and its cloud.
        chance: Says when to kill.
        builds: Those that there were.
        ends: Of the deliveries that came to their end.
        killed: How many did not.
    """

    world: World
    chance: random.Random
    builds: list[Built] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    killed: int = 0

    def build(self, image: Path | None = None) -> Built:
        """The next commit's build, of an image of its own or of one that was there."""
        commit = self.chance.randbytes(20).hex()
        layers = [self.chance.randbytes(2000) for _ in range(3)]
        made = Built(len(self.builds) + 1, commit, image or self.world.image(*layers))
        self.builds.append(made)
        return made

    def kill_some(self, build: Built, most: int = 3, moments: Moments = ON_THE_WAY) -> None:
        """Begins to deliver once or a few times, and kills it each time, unless it is quicker."""
        for _ in range(self.chance.randint(1, most)):
            if not self._kill(build, *self.chance.choice(moments)):
                break

    def finish(self, build: Built, *flags: str) -> End:
        """Delivers to the end."""
        with self._started(build, *flags) as process:
            _, errors = process.communicate(timeout=MOST_SECONDS)
        assert "Traceback" not in errors, errors
        result = json.loads(self._result.read_text()) if self._result.exists() else {}
        self.ends.append(End(process.returncode, result))
        return self.ends[-1]

    def _kill(self, build: Built, method: str, most: int) -> bool:
        nth, how = self.chance.randint(1, most), self.chance.choice(["held", "lost", "running"])
        seconds = self.chance.uniform(0, 0.3)
        with self._only_now() as armed:
            match how:
                case "held":  # before anything is done about the request
                    armed(Fault(method=method, nth=nth, times=1, latency_seconds=FOR_EVER))
                case "lost":  # when it is done, and nobody was told
                    armed(Fault(method=method, nth=nth, times=1, lose_response=True))
                    armed(Fault(method=method, nth=nth, times=99, latency_seconds=FOR_EVER))
                case _:  # in the midst of what comes after it
                    armed(Fault(method=method, nth=nth, times=1, latency_seconds=0.001))
            waiting = len(self.world.cloud.faults.list())
            with self._started(build) as process:
                until = time.monotonic() + MOST_SECONDS
                while len(self.world.cloud.faults.list()) == waiting and process.poll() is None:
                    assert time.monotonic() < until, "it neither asks nor ends"
                    time.sleep(0.005)
                if how != "held" and process.poll() is None:
                    time.sleep(seconds)
                process.kill()
                process.communicate()
        killed = process.returncode == -signal.SIGKILL
        self.killed += killed
        return killed

    @contextmanager
    def _only_now(self) -> Iterator[Callable[[Fault], None]]:
        """Arms faults for one run, and leaves those of the situation."""
        faults = self.world.cloud.faults
        mine: list[Fault] = []
        try:
            yield lambda fault: mine.append(faults.add(fault))
        finally:
            left = [each for each in faults.list() if not any(each is one for one in mine)]
            faults.clear()
            for each in left:
                faults.add(each)

    @contextmanager
    def _started(self, build: Built, *flags: str) -> Iterator[subprocess.Popen[str]]:
        config = self.world.tmp_path / "config.json"
        fields = {"target": "//svc:msp_deploy", "gcp_project": self.world.project, "msp_service_id": self.world.service}
        config.write_text(json.dumps({**fields, "repository": self.world.repository, "image": build.image.name}))
        self._result.unlink(missing_ok=True)
        command = [sys.executable, str(DEPLOY), f"--config={config}", f"--json_output={self._result}", *flags]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "BUILDKITE_COMMIT": build.commit,
            "BUILDKITE_BUILD_NUMBER": str(build.number),
            "BUILDKITE_BUILD_AUTHOR": "Ada Lovelace",
            "BUILDKITE_BUILD_URL": f"https://buildkite.com/example/deploy/builds/{build.number}",
            "BUILDKITE_MESSAGE": "Count faster",
        }
        command.append(f"--local_cloud={self.world.cloud.http_url.removeprefix('http://')}")
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def _result(self) -> Path:
        return self.world.tmp_path / "result.json"
