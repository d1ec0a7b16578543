"""A Storage client in a few lines, for tests that must see each request."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

import google_crc32c
import requests


class Storage:
    """Storage, and in it the bucket `bucket-a`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def call(self, verb: str, path: str, **kwargs: Any) -> requests.Response:
        """A request to a path, or to a whole address."""
        url = path if path.startswith("http") else self.url + path
        return self.session.request(verb, url, timeout=30, **kwargs)

    def upload(self, name: str, content: Any, **query: Any) -> requests.Response:
        return self.call("POST", "/upload/storage/v1/b/bucket-a/o", params={"name": name, **query}, data=content)

    def begin(self, name: str, **kwargs: Any) -> str:
        """Begins a resumable upload; returns its address."""
        params = {"uploadType": "resumable", "name": name, **kwargs.pop("params", {})}
        answer = self.call("POST", "/upload/storage/v1/b/bucket-a/o", params=params, **kwargs)
        assert answer.status_code == 200, answer.text
        return answer.headers["Location"]

    def chunk(self, upload: str, content: Any, content_range: str) -> requests.Response:
        return self.call("PUT", upload, data=content, headers={"Content-Range": content_range})

    def object(self, verb: str, name: str, **kwargs: Any) -> requests.Response:
        return self.call(verb, f"/storage/v1/b/bucket-a/o/{quote(name, safe='')}", **kwargs)

    def read(self, name: str) -> bytes:
        answer = self.object("GET", name, params={"alt": "media"})
        assert answer.status_code == 200, answer.text
        return answer.content

    def names(self, **query: Any) -> list[str]:
        page = self.call("GET", "/storage/v1/b/bucket-a/o", params=query).json()
        return [item["name"] for item in page.get("items", [])]


def reason(answer: requests.Response) -> tuple[int, str]:
    """An error's status and reason."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert error["errors"][0]["message"] == error["message"]
    return answer.status_code, error["errors"][0]["reason"]


def hashes(content: bytes) -> tuple[str, str]:
    """MD5 and CRC32C as Storage writes them."""
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    crc32c = google_crc32c.value(content).to_bytes(4)
    return base64.b64encode(md5).decode(), base64.b64encode(crc32c).decode()
