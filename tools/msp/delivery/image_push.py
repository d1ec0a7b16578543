"""The image's way to its repository: our own push of a layout, or a program's that is told to push."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from msp.delivery.clients import Clients
from msp.delivery.planning.plan import ReleasePlan
from msp.errors import MspError
from msp.gcp.deadline import NO_DEADLINE, Deadline, DeadlineError
from msp.image.layout import Layout
from msp.image.progress import Progress
from msp.image.push import push
from msp.names.references import Repository


class ImagePush(Protocol):
    """Brings an image to the plan's repository and tag."""

    digest: str
    """The image's; empty where only the registry will tell."""

    def run(
        self,
        plan: ReleasePlan,
        clients: Clients,
        *,
        gate: Callable[[], None],
        stop: threading.Event,
        deadline: Deadline = NO_DEADLINE,
    ) -> str:
        """Pushes.

        Args:
            plan: Has the repository and the tag.
            clients: The registry's among them.
            gate: Returns when manifests may be written; raises where they may not.
            stop: Set to have it end soon.
            deadline: When it has to be done.

        Returns:
            The digest that the tag stands for now: `sha256:` and 64 hexadecimal digits.
        """

    def close(self) -> None:
        """Takes away what it shows, though it may still run: somebody has something else to say."""


class LayoutPush:
    """Pushes an OCI layout.

    Args:
        path: The layout's directory.
        progress: Told of all that happens.

    Raises:
        LayoutError: There is no whole image.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self._layout = Layout(path)
        self._progress = progress
        self.digest = self._layout.digest

    def run(
        self,
        plan: ReleasePlan,
        clients: Clients,
        *,
        gate: Callable[[], None],
        stop: threading.Event,
        deadline: Deadline = NO_DEADLINE,
    ) -> str:
        """As `ImagePush.run`; blobs go before the gate has opened. Raises as `msp.image.push.push` does."""
        pushed = push(
            self._layout,
            Repository.parse(plan.image),
            plan.tag,
            clients.registry,
            self._progress,
            gate=gate,
            stop=stop,
            deadline=deadline,
        )
        return pushed.digest

    def close(self) -> None:
        """As `ImagePush.close`: no bar, and the cursor is back."""
        self._progress.close()


class ProgramPush:
    """Has a program push, such as an `oci_push`: called with `--tag` and `--repository`.

    Args:
        program: The program's path: `Path("bazel-bin/svc/push.sh")`.
        environment: The variables that it is started with: `os.environ`.
    """

    digest = ""

    def __init__(self, program: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._program = program
        self._environment = environment

    def run(
        self,
        plan: ReleasePlan,
        clients: Clients,
        *,
        gate: Callable[[], None],
        stop: threading.Event,  # noqa: ARG002 - what it has begun, the program ends itself
        deadline: Deadline = NO_DEADLINE,
    ) -> str:
        """As `ImagePush.run`; the program is started when the gate has opened.

        Raises:
            MspError: It can't be run, fails, or leaves no such tag, or the registry says of the tag what isn't so.
        """
        gate()
        place = Repository.parse(plan.image)
        # A local cloud holds all registries, so the real one's name is part of the repository's there.
        url = clients.endpoints.registry_url(place.host, place.name)
        repository = url.partition("://")[2].replace("/v2/", "/", 1) if clients.endpoints.is_local else plan.image
        self._start([str(self._program), "--tag", plan.tag, "--repository", repository], plan, deadline)
        remote = clients.registry.repository(place, deadline=deadline)
        # Nothing else knows which image it pushed, so what the registry says is checked against the manifest.
        digest = clients.retry.run(lambda: remote.read_digest(plan.tag))
        if digest is None:
            raise MspError(
                f"{self._program.name} ended well, and {plan.image}:{plan.tag} is not there",
                hint="`push` must take --tag and --repository, as oci_push does",
            )
        return digest

    def close(self) -> None:
        """As `ImagePush.close`; what the program shows is its own."""

    def _start(self, command: list[str], plan: ReleasePlan, deadline: Deadline) -> None:
        sys.stderr.flush()
        try:
            # What it prints is for people, and stdout is for our own.
            done = subprocess.run(
                command, env=dict(self._environment), stdout=sys.stderr, check=False, timeout=deadline.patience
            )
        except OSError as error:
            raise MspError(f"{self._program} can't be run: {error.strerror}", hint="check `push`") from error
        except subprocess.TimeoutExpired:
            raise DeadlineError(
                f"{self._program.name} did not push within {deadline.seconds:g} s",
                hint="give it longer, and run it again",
            ) from None
        if done.returncode != 0:
            raise MspError(
                f"{self._program.name} could not push {plan.image}:{plan.tag}: it ended with {done.returncode}",
                hint="it says why above; nothing was released",
            )
