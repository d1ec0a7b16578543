"""What goes wrong on purpose: errors, latency, dropped connections, lost responses, truncated bodies.

A fault names methods by a glob and, if it likes, which of their calls it is for. The transports ask `Faults.take` at
each call, in one place each; nothing else in the local cloud knows of faults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, get_type_hints

from msp.localcloud.status import Code, invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        method: Glob of method names: `google.cloud.deploy.v1.CloudDeploy/CreateRelease`, `registry/PutManifest`,
            `storage/*`.
        nth: Only the n-th matching call from now on (1 is the next) and those after it, as far as `times` goes.
        times: How many calls it is for; `None` for all. With `nth` and no `times`, one.
        code: Answer this canonical code, by name (`UNAVAILABLE`), and change nothing.
        message: What the answer says.
        http_status: Answer this HTTP status, and change nothing (over gRPC: the code nearest to it).
        headers: Headers of that answer, e.g. `{"Retry-After": "1"}`; without a code or status, they replace those of
            the true answer, e.g. `{"Docker-Content-Digest": "sha256:…"}`.
        latency_seconds: Wait so long first (wall time).
        drop_connection: Close the connection without an answer, and change nothing.
        lose_response: Do what was asked, then close the connection without an answer.
        truncate_body: Close the connection after so many bytes of the request's body; if it has none, of the
            response's.
    """

    method: str
    nth: int | None = None
    times: int | None = None
    code: str | None = None
    message: str = "injected fault"
    http_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    latency_seconds: float = 0
    drop_connection: bool = False
    lose_response: bool = False
    truncate_body: int | None = None

    @property
    def fails(self) -> bool:
        """Whether it keeps an answer from coming as it should, rather than only delaying or colouring it."""
        ends = self.drop_connection or self.lose_response or self.truncate_body is not None
        return (
            ends or self.code is not None or self.http_status is not None or not (self.latency_seconds or self.headers)
        )

    def __post_init__(self) -> None:
        """Refuses what can't be meant.

        Raises:
            ApiError: `INVALID_ARGUMENT`, with the field.
        """
        if self.code is not None and self.code not in Code.__members__:
            raise invalid("code", f"{self.code!r} is none of {', '.join(Code.__members__)}")
        if self.http_status is not None and not 400 <= self.http_status <= 599:
            raise invalid("http_status", f"{self.http_status} is not from 400 to 599")
        if self.nth is not None and self.nth < 1:
            raise invalid("nth", "counts from 1")
        if self.times is not None and self.times < 1:
            raise invalid("times", "must be at least 1")
        if self.latency_seconds < 0:
            raise invalid("latency_seconds", "must not be negative")

    @classmethod
    def from_json(cls, value: object) -> "Fault":
        """A fault from the control endpoint's JSON: an object with the attributes' names.

        Raises:
            ApiError: `INVALID_ARGUMENT`: a name or a type is wrong.
        """
        if not isinstance(value, dict) or not isinstance(value.get("method"), str):
            raise invalid("method", "a fault is an object with at least a method")
        types = get_type_hints(cls)
        for name, given in value.items():
            if name not in types:
                raise invalid(name, f"unknown; a fault has {', '.join(types)}")
            if not _fits(types[name], given):
                raise invalid(name, f"{given!r} is not of the right type")
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """The fault as the control endpoint shows it; what is not set is left out."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value or (value == 0 and name == "truncate_body")}


class Faults:
    """The faults that are to come."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, fault: Fault) -> Fault:
        """Has a fault happen from the next matching call on (or from its `nth`)."""
        self._armed = [*self._armed, _Armed(fault)]
        return fault

    def clear(self) -> None:
        """Forgets all faults."""
        self._armed = []

    def list(self) -> list[Fault]:
        """The faults that can still happen, oldest first."""
        return [armed.fault for armed in self._armed]

    def take(self, method: str) -> Fault | None:
        """Counts a call of `method` and returns the fault that happens to it: the first added that matches."""
        return self._take(method, self._armed)

    def take_failure(self, work: str) -> Fault | None:
        """Likewise for work that is not a call: what only delays an answer, or changes its headers, is not for it."""
        return self._take(work, [armed for armed in self._armed if armed.fault.fails])

    def _take(self, method: str, among: "Sequence[_Armed]") -> Fault | None:
        taken = None
        for armed in among:
            if fnmatchcase(method, armed.fault.method) and armed.count(free=taken is None):
                taken = armed.fault
        self._armed = [armed for armed in self._armed if not armed.spent]
        return taken


class _Armed:
    """A fault and how often its method was called since it was added."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.calls = 0
        self.happened = 0
        self.times = 1 if fault.times is None and fault.nth is not None else fault.times

    @property
    def spent(self) -> bool:
        return self.times is not None and self.happened >= self.times

    def count(self, *, free: bool) -> bool:
        self.calls += 1
        happens = free and not self.spent and self.calls >= (self.fault.nth or 1)
        self.happened += happens
        return happens


def _fits(expected: Any, value: object) -> bool:  # noqa: ANN401 (a type form)
    if expected is bool:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if expected is float:
        return isinstance(value, (int, float))
    if expected == Mapping[str, str]:
        return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)
    return isinstance(value, expected)
