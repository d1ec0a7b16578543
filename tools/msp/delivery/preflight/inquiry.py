"""Questions that are asked at once, and what stands in the way by their answers, in the same order every time."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from msp.delivery.preflight.findings import Problem
from msp.errors import MspError
from msp.image.parallel import run_all


class Inquiry:
    """Asks, and keeps what it is told, from any thread.

    Args:
        explain: What an error means that a question ends by: `Problem("project 'x' does not exist, …", "is …?")`.
    """

    def __init__(self, explain: Callable[[MspError], Problem]) -> None:
        self._explain = explain
        self._lock = threading.Lock()
        # Each with the place of its question among all: the second that the first has led to is at (0, 1).
        self._problems: list[tuple[tuple[int, ...], Problem]] = []
        self._asking = threading.local()
        self.warnings: list[str] = []

    def ask(self, *questions: Callable[[], None], first: int = 0) -> None:
        """Asks at once, and waits for the end of all. A question may ask further ones.

        Args:
            *questions: What calls `problem` and `warn`, or raises an `MspError`.
            first: The first one's place among all.
        """
        above = getattr(self._asking, "place", ())
        at_once([partial(self._ask, each, (*above, place)) for place, each in enumerate(questions, first)])

    def problem(self, message: str, hint: str = "") -> None:
        """Keeps something that stands in the way, and what to do about it."""
        self._keep(Problem(message, hint))

    def warn(self, text: str) -> None:
        """Keeps a sentence on something that is odd, and doesn't stand in the way."""
        with self._lock:
            self.warnings.append(text)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that stands in the way, each once, in the order of the questions."""
        return tuple(dict.fromkeys(problem for _, problem in sorted(self._problems, key=lambda each: each[0])))

    def _keep(self, problem: Problem) -> None:
        with self._lock:
            self._problems.append((self._asking.place, problem))

    def _ask(self, question: Callable[[], None], place: tuple[int, ...]) -> None:
        self._asking.place = place
        try:
            question()
        except MspError as error:
            self._keep(self._explain(error))


def at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Does all of it, each task in a thread of its own."""
    run_all(tasks, workers=len(tasks), stop=threading.Event())
