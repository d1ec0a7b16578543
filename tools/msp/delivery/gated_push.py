"""The image's push beside preflight: blobs go up meanwhile, and no tag before all is found well."""

import threading
from collections.abc import Callable
from typing import Self

from msp.delivery.clients import Clients
from msp.delivery.image_push import ImagePush
from msp.delivery.planning.plan import ReleasePlan
from msp.errors import MspError
from msp.gcp.deadline import Deadline
from msp.image.upload import StoppedError

# What a push that is told to stop may take until it does.
_STOP_SECONDS = 2.0


class GatedPush:
    """The push, in a thread of its own; it writes no manifest before it is told to finish.

        with GatedPush(image, plan, clients, deadline) as push:
            look_around()
            digest = push.finish()

    It is stopped where that is left before. The thread is a daemon: an interrupted program ends without waiting for the
    network.

    Args:
        image: Brings the image to its repository.
        plan: Has the repository and the tag.
        clients: The registry's among them.
        deadline: When it has to be there.

    Attributes:
        error: What the push ended by, where that was an error for the user.
        wrote: Whether a manifest may have been written, whatever became of the answer.
    """

    def __init__(self, image: ImagePush, plan: ReleasePlan, clients: Clients, deadline: Deadline) -> None:
        self.error: MspError | None = None
        self.wrote = False
        self._gate_lock = threading.Lock()
        self._image = image
        self._failure: BaseException | None = None
        self._digest = ""
        self._told = threading.Event()
        self._stop = threading.Event()

        def push() -> str:
            return image.run(plan, clients, gate=self._gate, stop=self._stop, deadline=deadline)

        self._thread = threading.Thread(target=self._run, args=(push,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def finish(self) -> str:
        """Lets manifests through and waits for the end. Returns the digest, `sha256:…`; raises what the push raised."""
        self._told.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._digest

    def stop(self) -> None:
        """Has it end soon, where it hasn't yet."""
        with self._gate_lock:
            self._stop.set()
        self._told.set()
        self._thread.join(_STOP_SECONDS)
        self._image.close()

    def _gate(self) -> None:
        self._told.wait()
        with self._gate_lock:
            if self._stop.is_set():
                raise StoppedError("the push was stopped")
            self.wrote = True

    def _run(self, push: Callable[[], str]) -> None:
        try:
            self._digest = push()
        except MspError as error:
            self.error = self._failure = error
        except BaseException as error:  # It is raised again in the caller's thread.
            self._failure = error
