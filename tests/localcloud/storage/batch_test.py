"""Batches, and what is answered about access control lists and notifications."""

import pytest
from tests.localcloud.storage.client import Storage, reason

PART = "--b\r\nContent-Type: application/http\r\nContent-ID: <{}>\r\n\r\n{}\r\n"


def batch(*calls: str) -> bytes:
    return ("".join(PART.format(f"call+{number}", call) for number, call in enumerate(calls)) + "--b--\r\n").encode()


def send(storage: Storage, body: bytes, content_type: str = "multipart/mixed; boundary=b") -> list[str]:
    answer = storage.call("POST", "/batch/storage/v1", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    return answer.text.split(f"--{boundary}")[1:-1]


def test_each_call_is_answered_for_itself(storage: Storage) -> None:
    storage.upload("a", b"content")
    head = "PATCH /storage/v1/b/bucket-a/o/a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
    first, second, third = send(
        storage,
        batch(
            head + '{"metadata": {"k": "v"}}',
            "DELETE /storage/v1/b/bucket-a/o/absent HTTP/1.1\r\n\r\n",
            "GET /storage/v1/b/bucket-a/o/a?fields=metadata HTTP/1.1\r\n\r\n",
        ),
    )
    assert "HTTP/1.1 200 OK" in first
    assert "Content-ID: <response-call+0>" in first
    assert "HTTP/1.1 404 Not Found" in second
    assert '"k":"v"' in third.replace(" ", "")
    assert storage.object("GET", "a").json()["metadata"] == {"k": "v"}


@pytest.mark.parametrize("target", ["/v2/", "/storage/v1/b/bucket-a/o/a?alt=media", "/batch/storage/v1"])
def test_what_does_not_belong_into_a_batch(storage: Storage, target: str) -> None:
    storage.upload("a", b"content")
    (only,) = send(storage, batch(f"GET {target} HTTP/1.1\r\n\r\n"))
    assert "HTTP/1.1 400 " in only


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/mixed; boundary=b"),
        (b"{}", "application/json"),
        (batch("nonsense"), "multipart/mixed; boundary=b"),
        (batch(*["GET /storage/v1/b/bucket-a HTTP/1.1\r\n\r\n"] * 101), "multipart/mixed; boundary=b"),
        (b"\xff" * 100, "multipart/mixed"),
    ],
    ids=["empty", "json", "nonsense", "too many", "bytes"],
)
def test_what_is_no_batch(storage: Storage, body: bytes, content_type: str) -> None:
    answer = storage.call("POST", "/batch/storage/v1", data=body, headers={"Content-Type": content_type})
    assert reason(answer) == (400, "invalid")


@pytest.mark.parametrize("path", ["acl", "acl/allUsers", "defaultObjectAcl", "o/a/acl", "o/a/acl/allUsers"])
def test_access_is_uniform(storage: Storage, path: str) -> None:
    storage.upload("a", b"content")
    answer = storage.call("GET", f"/storage/v1/b/bucket-a/{path}")
    assert reason(answer) == (400, "invalid")
    assert "uniform bucket-level access" in answer.text
    assert storage.call("GET", f"/storage/v1/b/absent/{path}").status_code == 404
    bucket = storage.call("GET", "/storage/v1/b/bucket-a").json()
    assert bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]


def test_notifications_are_kept(storage: Storage) -> None:
    path = "/storage/v1/b/bucket-a/notificationConfigs"
    assert storage.call("GET", path).json() == {"kind": "storage#notifications"}
    assert reason(storage.call("POST", path, json={"topic": "t"})) == (400, "required")
    wanted = {"topic": "//pubsub.googleapis.com/projects/p/topics/t", "payload_format": "JSON_API_V1"}
    made = storage.call("POST", path, json=wanted).json()
    assert {**made, **wanted} == made
    assert storage.call("GET", f"{path}/{made['id']}").json() == made
    assert storage.call("GET", path).json()["items"] == [made]
    assert storage.call("DELETE", f"{path}/{made['id']}").status_code == 204
    assert storage.call("GET", f"{path}/{made['id']}").status_code == 404
