"""How much is asked, of what, and over how many connections at once: what a crowd of clients is judged by."""

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from msp.localcloud.request_context import RequestContext

_MOST_PAIRS = 10_000
"""Methods times projects that are told apart. Clients may ask for any project; what comes after counts for none."""


@dataclass(slots=True)
class Connections:
    """The connections of one transport: how many there are, and how many there were at the most."""

    open: int = 0
    peak: int = 0

    def opened(self) -> None:
        """Counts one more."""
        self.open += 1
        self.peak = max(self.peak, self.open)

    def closed(self) -> None:
        """Counts one less."""
        self.open -= 1

    def reset(self) -> None:
        """Forgets how many there were."""
        self.peak = self.open

    def to_json(self) -> dict[str, int]:
        """Both figures, by their names."""
        return {"open": self.open, "peak": self.peak}


class Traffic:
    """The requests since the start, or since the last `reset`.

    Attributes:
        http: Connections to the HTTP port.
        grpc: Those of gRPC clients that have a call under way.
    """

    def __init__(self) -> None:
        self.http = Connections()
        self.grpc = Connections()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()

    def count(self, method: str = "*", project: str = "*") -> int:
        """How many requests there were, those that were answered with an error among them.

        Args:
            method: Glob of method names, `google.cloud.deploy.v1.CloudDeploy/List*`.
            project: Glob of project ids.
        """
        return _sum(self._requests, method, project)

    def refused(self, method: str = "*", project: str = "*") -> int:
        """How many of them a quota refused; the arguments are those of `count`."""
        return _sum(self._refused, method, project)

    def reset(self) -> None:
        """Counts from nothing again; the highest number of connections is that of now."""
        self._requests, self._refused = Counter(), Counter()
        self.http.reset()
        self.grpc.reset()

    def add(self, context: RequestContext) -> None:
        """Counts a request."""
        self._requests[self._pair(context)] += 1

    def add_refused(self, context: RequestContext) -> None:
        """Counts a request, counted before, as refused."""
        self._refused[self._pair(context)] += 1

    def call_began(self, peer: str) -> None:
        """Counts a gRPC client's connection, if it had no call under way.

        Args:
            peer: The client's address, `ipv4:127.0.0.1:40000`.
        """
        if not self._calls[peer]:
            self.grpc.opened()
        self._calls[peer] += 1

    def call_ended(self, peer: str) -> None:
        """Likewise, the other way."""
        self._calls[peer] -= 1
        if not self._calls[peer]:
            del self._calls[peer]
            self.grpc.closed()

    def to_json(self) -> dict[str, Any]:
        """All figures as the control endpoint shows them; the most frequent first."""
        refused = dict(self._refused)
        requests = sorted(dict(self._requests).items(), key=lambda item: (-item[1], item[0]))
        return {
            "requests": [
                {"method": method, "project": project, "count": count, "refused": refused.get((method, project), 0)}
                for (method, project), count in requests
            ],
            "connections": {"http": self.http.to_json(), "grpc": self.grpc.to_json()},
        }

    def _pair(self, context: RequestContext) -> tuple[str, str]:
        pair = context.method, context.project
        return pair if pair in self._requests or len(self._requests) < _MOST_PAIRS else (context.method, "")


def _sum(counts: Counter[tuple[str, str]], method: str, project: str) -> int:
    return sum(
        count
        for (name, owner), count in dict(counts).items()
        if fnmatchcase(name, method) and fnmatchcase(owner, project)
    )
