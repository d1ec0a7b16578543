"""A row of a table is all that a method spoken over HTTP needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope
from tests.localcloud.asgi import Answer, ask

from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.http_methods import HttpApi, HttpError, HttpMethod
from msp.localcloud.intake import Intake
from msp.localcloud.quotas import Quota


class NotesError(HttpError):
    def __init__(self, status: int, message: str) -> None:
        self.status, self.headers, self.message = status, {}, message

    def to_json(self) -> dict[str, Any]:
        return {"note": self.message}


class Notes(HttpApi[Mapping[str, str]]):
    service = "notes"
    headers = {"X-Notes": "1"}  # noqa: RUF012

    def path(self, scope: Scope) -> str:
        return str(scope["path"])

    def fields(self, found: Mapping[str, str]) -> Mapping[str, str]:
        return found

    def call(self, request: Request, fields: Mapping[str, str]) -> Mapping[str, str]:
        return {**fields, **request.query_params}

    def project(self, told: Mapping[str, str]) -> str:
        return told.get("project", "")

    def refusal(self, status: int, message: str) -> NotesError:
        return NotesError(status, message)

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> NotesError:
        return NotesError(405 if allowed else 404, f"{verb} {path}: {','.join(allowed)}")


async def show(call: Mapping[str, str]) -> Response:
    return PlainTextResponse(str(sorted(call.items())))


def members_only(call: Mapping[str, str]) -> None:
    if "member" not in call:
        raise NotesError(403, "members only")


def called(target: str, *methods: HttpMethod[Mapping[str, str]], verb: str = "GET") -> Answer:
    return ask(Notes(methods, Intake()), verb, target)


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("/notes[/]", "/notes", {}),
        ("/notes[/]", "/notes/", {}),
        ("/notes/{id}", "/notes/a", {"id": "a"}),
        ("/notes/{id}", "/notes/a/b", None),
        ("/notes/{id}", "/notes/", None),
        ("/{book=**}/page/{number}", "/a/b/page/7", {"book": "a/b", "number": "7"}),
        ("/a.b/{id}", "/aXb/1", None),
    ],
)
def test_templates(template: str, path: str, fields: dict[str, str] | None) -> None:
    assert HttpMethod("GET", template, "Show", show).match(path, {}) == fields


def test_what_the_query_must_hold() -> None:
    method = HttpMethod("GET", "/notes?alt=media&id", "Show", show)
    assert method.match("/notes", {"alt": "media", "id": "7"}) == {}
    assert method.match("/notes", {"alt": "json", "id": "7"}) is None
    assert method.match("/notes", {"alt": "media"}) is None


def test_the_first_row_that_fits_is_called() -> None:
    async def other(_: Mapping[str, str]) -> Response:
        return PlainTextResponse("other")

    table = HttpMethod("GET", "/notes?all", "All", other), HttpMethod("GET", "/notes", "Show", show)
    assert called("/notes?all=1", *table).content == b"other"
    answer = called("/notes", *table)
    assert (answer.content, answer.headers["x-notes"]) == (b"[]", "1")


def test_other_verbs_and_other_paths_are_told_apart() -> None:
    table = HttpMethod("GET", "/notes", "Show", show), HttpMethod("PUT", "/notes", "Keep", show)
    refused = called("/notes", *table, verb="DELETE")
    assert (refused.status, refused.json()) == (405, {"note": "DELETE /notes: GET,PUT"})
    assert called("/nothing", *table).status == 404


def test_access_is_asked_before_the_handler() -> None:
    method = HttpMethod("GET", "/notes", "Show", show, members_only)
    assert called("/notes?member=1", method).status == 200
    refused = called("/notes", method)
    assert (refused.status, refused.json()) == (403, {"note": "members only"})


def test_faults_know_a_row_by_its_name() -> None:
    intake = Intake()
    intake.faults.add(Fault(method="notes/Show", times=1, http_status=429, message="slow down"))
    notes = Notes([HttpMethod("GET", "/notes", "Show", show)], intake)
    refused = ask(notes, "GET", "/notes")
    assert (refused.status, refused.json()) == (429, {"note": "slow down"})
    assert ask(notes, "GET", "/notes").status == 200


def test_a_quota_refuses_in_the_apis_own_form() -> None:
    intake = Intake(clock=ManualClock())
    intake.quotas.add(Quota(method="notes/*", requests_per_minute=1, service="notes.googleapis.com"))
    notes = Notes([HttpMethod("GET", "/notes", "Show", show)], intake)
    assert ask(notes, "GET", "/notes").status == 200
    refused = ask(notes, "GET", "/notes")
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert refused.json()["note"].startswith("Quota exceeded for quota metric 'API requests'")
    assert (intake.traffic.count("notes/Show"), intake.traffic.refused("notes/Show")) == (2, 1)
