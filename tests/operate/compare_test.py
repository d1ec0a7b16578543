import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.operate.live import Live

from msp.errors import UsageError
from msp.gcp.endpoints import Endpoints
from msp.operate.compare import Comparison, compare
from msp.operate.facts import read_facts
from msp.operate.host import Cloud, Host
from msp.show.terminal import Terminal


@pytest.fixture
def commits(tmp_path: Path) -> list[str]:
    """Three commits of a repository; the last takes back the second."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    made = []
    for subject in ("Begin", "Count faster"):
        (tmp_path / "main.py").write_text(subject)
        git("add", ".")
        git("commit", "-qm", subject)
        made.append(git("rev-parse", "HEAD"))
    git("revert", "--no-edit", "HEAD")
    return [*made, git("rev-parse", "HEAD")]


def shown(live: Live, asked: Comparison) -> tuple[str, dict[str, Any]]:
    cloud = Cloud.connect(Endpoints.local(live.cloud.http_url))
    host = live.host()
    host = Host({**host.environment, "PATH": "/usr/bin:/bin"}, host.out, host.err, host.answers, host.now)
    document = compare(asked, read_facts(live.service, host, cloud), live.service, host)
    return "\n".join([document.title, *Terminal(80).lines(document.blocks)]), document.data


def test_lists_what_a_stage_would_get_reverts_first(live: Live, commits: list[str]) -> None:
    live.deliver("staging", "prod", commit=commits[0])
    live.deliver("staging", commit=commits[2])
    said, data = shown(live, Comparison())
    assert f"↩ takes back {commits[1][:12]}" in said
    assert [each["commit"] for each in data["come"]] == [commits[2], commits[1]]
    assert [each["author"] for each in data["come"]] == ["Ada Lovelace"] * 2
    assert data["leave"] == []


def test_between_any_two_also_backwards(live: Live, commits: list[str]) -> None:
    first = live.deliver("staging", "prod", commit=commits[0])
    live.deliver("staging", commit=commits[1])
    _, data = shown(live, Comparison(since="staging", until=first))
    assert [each["commit"] for each in data["leave"]] == [commits[1]]


def test_a_commit_that_the_clone_lacks_is_told(live: Live, commits: list[str]) -> None:
    live.deliver("staging", "prod", commit=commits[0])
    live.deliver("staging", commit="ab" * 20)
    said, data = shown(live, Comparison())
    assert data["known"] is False
    assert "git fetch origin" in said


def test_where_nothing_runs_all_is_new(live: Live, commits: list[str]) -> None:
    live.deliver("staging", commit=commits[0])
    said, _ = shown(live, Comparison("prod"))
    assert "nothing runs there yet" in said


def test_what_does_not_exist_is_told(live: Live, commits: list[str]) -> None:
    with pytest.raises(UsageError, match="has nothing to compare with yet"):
        shown(live, Comparison())
    live.deliver("staging", commit=commits[0])
    with pytest.raises(UsageError, match="nonsense is neither a stage nor a release"):
        shown(live, Comparison(until="nonsense"))
