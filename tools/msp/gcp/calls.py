"""How Google's clients are called: repeated where that is safe, in bounded time, over bounded pages."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar

from msp.gcp.deadline import Deadline
from msp.gcp.errors import OddAnswerError, UnreachableError
from msp.gcp.retry import RetryPolicy
from msp.text import harmless

T = TypeVar("T")
C = TypeVar("C")

# Seconds for all attempts of one call together, and for one of them.
CALL_SECONDS = 120.0
ATTEMPT_SECONDS = 60.0

MAX_PAGE_SIZE = 1000  # what the APIs give at most (ListReleasesRequest.page_size)
_MAX_PAGES = 1000

REASON_HEADER = "x-goog-request-reason"
_MAX_REASON = 500


class Later(Generic[T]):
    """What a thread makes meanwhile: importing Google's clients takes as long as much of a delivery."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self._failure: BaseException | None = None
        # A daemon: an interrupted program ends without waiting for an import.
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self._thread.start()

    def get(self) -> T:
        """What was made; raises what making it has raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        assert self._made is not None  # noqa: S101 - the thread has ended
        return self._made

    def _run(self) -> None:
        try:
            self._made = self._make()
        except BaseException as error:
            self._failure = error


class Calls(Generic[C]):
    """One of Google's clients, and how to call it.

        calls = Calls(make_client, RetryPolicy())
        release = calls.read(calls.client.get_release, name="projects/…")
        for rollout in calls.pages(calls.client.list_rollouts, parent="projects/…", filter='targetId="prod"'):
            …

    Fields are those of the method's request. Every call raises `ApiError` (of the class that belongs to its code),
    `UnreachableError`, `OddAnswerError` and `CredentialsError`.

    Args:
        make: Makes the client; called in a thread, at once.
        retry: When to ask again.
    """

    def __init__(self, make: Callable[[], C], retry: RetryPolicy | None = None) -> None:
        self._client = Later(make)
        self._retry = retry or RetryPolicy()
        self._deadline: Deadline | None = None

    @property
    def client(self) -> C:
        """Google's own."""
        return self._client.get()

    def within(self, deadline: Deadline) -> Self:
        """The same client, whose calls end by then, whatever they are at."""
        other = copy.copy(self)
        other._deadline = deadline
        return other

    def read(self, method: Callable[..., T], **fields: Any) -> T:  # noqa: ANN401 - the request's
        """Asks for something, again where that fails on the way."""
        answer: T = self._repeated(method, fields, "")
        return answer

    def pages(self, method: Callable[..., Any], *, most: int | None = None, **fields: Any) -> Iterator[Any]:  # noqa: ANN401
        """Everything that a listing method gives, page after page, each asked for when it is needed.

        Args:
            method: `client.list_releases`.
            most: How many at most; all where None.
            **fields: `parent`, `filter` (https://google.aip.dev/160), `order_by`.

        Raises:
            UnreachableError: A part of what was asked for could not be looked at, or it took too long.
            OddAnswerError: The pages don't end.
        """
        deadline = self._end()
        seen: set[str] = set()
        token, left = "", most
        for _ in range(_MAX_PAGES):
            size = MAX_PAGE_SIZE if left is None else min(left, MAX_PAGE_SIZE)
            page = self._repeated(method, {**fields, "page_size": size, "page_token": token}, "", deadline, _first_page)
            items = list(_items(page))[: size if left is not None else None]
            yield from items
            if left is not None:
                left -= len(items)
            token = page.next_page_token
            if not token or left == 0:
                return
            if token in seen:
                break
            seen.add(token)
        raise OddAnswerError("the service's list does not end: its pages repeat, or are too many")

    def change(self, method: Callable[..., T], *, reason: str = "", **fields: Any) -> T:  # noqa: ANN401
        """Changes something: again where that fails on the way and the request carries a `request_id`, else once.

        Args:
            method: `client.approve_rollout`.
            reason: Why, for the audit log (`X-Goog-Request-Reason`): "INC-123: the new version loses orders".
            **fields: The request's; a `request_id` is a UUID under which the service does it once, for an hour.
        """
        repeatable = bool(fields.get("request_id"))
        answer: T = (
            self._repeated(method, fields, reason) if repeatable else self._attempt(method, fields, reason, self._end())
        )
        return answer

    def _repeated(
        self,
        method: Callable[..., Any],
        fields: dict[str, Any],
        reason: str,
        deadline: Deadline | None = None,
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:  # noqa: ANN401
        end = deadline or self._end()
        return self._retry.run(lambda: self._attempt(method, fields, reason, end, read), deadline=end)

    def _attempt(
        self,
        method: Callable[..., Any],
        fields: dict[str, Any],
        reason: str,
        deadline: Deadline,
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:  # noqa: ANN401
        seconds = min(ATTEMPT_SECONDS, deadline.left)
        if not seconds:
            raise UnreachableError("no answer within the time limit", hint="is there a network?")
        metadata = ((REASON_HEADER, _header(reason)),) if reason else ()
        with understood():
            return read(method(request=fields, retry=None, timeout=seconds, metadata=metadata))

    def _end(self) -> Deadline:
        return self._deadline.no_later_than(CALL_SECONDS) if self._deadline else Deadline.after(CALL_SECONDS)


@contextmanager
def understood() -> Iterator[None]:
    """Says so where an answer can't be read: Google's clients raise whatever their parsers happen to.

    Raises:
        OddAnswerError: It can't.
    """
    from google.protobuf.json_format import ParseError

    try:
        yield
    except (ParseError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise OddAnswerError(
            "the service answered something that its interface doesn't know",
            hint="is something in between, such as a proxy's page? If not, a newer version of these tools may help",
        ) from error


def _first_page(pager: Any) -> Any:  # noqa: ANN401 - each method has a pager of its own
    return next(iter(pager.pages))


def _items(page: Any) -> Iterator[Any]:  # noqa: ANN401
    """A page's resources: its only field of messages."""
    if unreachable := list(getattr(page, "unreachable", ())):
        raise UnreachableError(f"the service could not look everywhere: not at {harmless(', '.join(unreachable))}")
    fields = type(page).pb(page).DESCRIPTOR.fields
    yield from getattr(page, next(field.name for field in fields if field.message_type))


def _header(reason: str) -> str:
    # A header is bytes that http.client takes for Latin-1.
    return harmless(reason, limit=_MAX_REASON).encode().decode("latin-1")
