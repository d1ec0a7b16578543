"""A full disk: an answer in each API's form, nothing acknowledged is lost, and all goes on when there is room."""

import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.localcloud.content.process import serving
from tests.localcloud.registry.client import Registry, digest
from tests.localcloud.storage.client import Storage

pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes a process's limits")

TARGETS = "/v1/projects/p/locations/us-central1/targets"
TARGET = {"run": {"location": "projects/p/locations/us-central1"}}
BLOB = os.urandom(400_000)
ROOM = 300_000


def limit(process: subprocess.Popen[str], most: int) -> None:
    """No file may grow past `most` bytes: to a program as good as a full disk, with no file system of our own."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def fill(url: str) -> list[str]:
    """Makes targets until there is no room for another; returns those that were acknowledged."""
    made: list[str] = []
    while True:
        answer = requests.post(f"{url}{TARGETS}?targetId=t{len(made)}", json=TARGET, timeout=10)
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
            return made
        made.append(f"t{len(made)}")


def targets(url: str) -> set[str]:
    found: list[dict[str, Any]] = requests.get(url + TARGETS, params={"pageSize": 1000}, timeout=10).json()["targets"]
    return {target["targetId"] for target in found}


def test_a_full_disk_is_answered_and_gone_on_after(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process), Storage(url) as storage, Registry(url) as registry:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        location = registry.begin()
        limit(process, ROOM)

        refused = registry.call("PUT", location, params={"digest": digest(BLOB)}, data=BLOB)
        assert (refused.status_code, "disk" in refused.json()["errors"][0]["message"]) == (507, True)
        refused = storage.upload("o", BLOB)
        assert (refused.status_code, "disk" in refused.json()["error"]["message"]) == (507, True)
        made = fill(url)
        # An upload's beginning is less to write than a target and its entry in the log: some still fit.
        begun = [registry.call("POST", "blobs/uploads/").status_code for _ in range(50)]
        assert set(begun) <= {202, 507}
        assert begun[-1] == 507
        assert storage.upload("o", b"small").status_code == 507
        assert targets(url) == set(made)

        limit(process, resource.RLIM_INFINITY)
        assert registry.push_blob(BLOB) == digest(BLOB)
        assert storage.upload("o", BLOB).status_code == 200
        assert requests.post(f"{url}{TARGETS}?targetId=last", json=TARGET, timeout=10).ok
        assert targets(url) == {*made, "last"}


def test_a_state_that_was_cut_by_a_full_disk_opens_again(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process), Registry(url) as registry:
        held = registry.push_blob(b"held")
        limit(process, ROOM)
        made = fill(url)
        registry.call("POST", "blobs/uploads/", params={"digest": digest(BLOB)}, data=BLOB)
        process.kill()
    with serving(tmp_path) as (url, _), Registry(url) as registry:
        assert targets(url) == set(made)
        assert registry.call("GET", f"blobs/{held}").content == b"held"
        assert registry.push_blob(BLOB) == digest(BLOB)
