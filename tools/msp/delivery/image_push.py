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
from msp.image.layout import Layout
from msp.image.progress import Progress
from msp.image.push import push
from msp.names.references import Repository


class ImagePush(Protocol):
    """Brings an image to the plan's repository and tag."""

    digest: str
    """The image's; empty where only the registry will tell."""

    def run(self, plan: ReleasePlan, clients: Clients, *, gate: Callable[[], None], stop: threading.Event) -> str:
        """Pushes.

        Args:
            plan: Where to.
            clients: How.
            gate: Returns when manifests may be written; raises where they may not.
            stop: Set to have it end soon.

        Returns:
            The digest that the tag stands for now.
        """


class LayoutPush:
    """Pushes an OCI layout.

    Args:
        path: The layout's directory.
        progress: Whom to tell.

    Raises:
        LayoutError: There is no whole image.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self._layout = Layout(path)
        self._progress = progress
        self.digest = self._layout.digest

    def run(self, plan: ReleasePlan, clients: Clients, *, gate: Callable[[], None], stop: threading.Event) -> str:
        """As `ImagePush.run`; blobs go before the gate has opened. Raises as `msp.image.push.push` does."""
        pushed = push(
            self._layout,
            Repository.parse(plan.image),
            plan.tag,
            clients.registry,
            self._progress,
            gate=gate,
            stop=stop,
        )
        return pushed.digest


class ProgramPush:
    """Has a program push, such as an `oci_push`: called with `--tag` and `--repository`.

    Args:
        program: Its path.
        environment: What it is started with.
    """

    digest = ""

    def __init__(self, program: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._program = program
        self._environment = environment

    def run(self, plan: ReleasePlan, clients: Clients, *, gate: Callable[[], None], stop: threading.Event) -> str:  # noqa: ARG002
        """As `ImagePush.run`; the program is started when the gate has opened.

        Raises:
            MspError: It can't be run, fails, or leaves no such tag.
        """
        gate()
        place = Repository.parse(plan.image)
        # A local cloud holds all registries, so the real one's name is part of the repository's there.
        url = clients.endpoints.registry_url(place.host, place.name)
        repository = url.partition("://")[2].replace("/v2/", "/", 1) if clients.endpoints.is_local else plan.image
        command = [str(self._program), "--tag", plan.tag, "--repository", repository]
        sys.stderr.flush()
        try:
            # What it prints is for people, and stdout is for our own.
            done = subprocess.run(command, env=dict(self._environment), stdout=sys.stderr, check=False)
        except OSError as error:
            raise MspError(f"{self._program} can't be run: {error.strerror}", hint="check `push`") from error
        if done.returncode != 0:
            raise MspError(
                f"{self._program.name} could not push {plan.image}:{plan.tag}: it ended with {done.returncode}",
                hint="it says why above; nothing was released",
            )
        remote = clients.registry.repository(place)
        digest = clients.retry.run(lambda: remote.manifest_digest(plan.tag))
        if digest is None:
            raise MspError(
                f"{self._program.name} ended well, and {plan.image}:{plan.tag} is not there",
                hint="`push` must take --tag and --repository, as oci_push does",
            )
        return digest
