"""The names that rules_msp/private/names.bzl refuses are those that the tools refuse; Starlark runs as Python here."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from msp.errors import UsageError
from msp.names import deploy
from msp.names.references import Repository
from msp.names.regions import REGIONS, check_region
from msp.spec.patterns import PROJECT_ID

STARLARK: dict[str, Any] = {}
exec((Path(__file__).parents[3] / "rules_msp/private/names.bzl").read_text(), STARLARK)  # noqa: S102 - our own file


def accepts(check: Callable[[], object]) -> bool:
    try:
        check()
    except UsageError:
        return False
    return True


def accepts_project(project: str) -> bool:
    return not PROJECT_ID.complaint(project) and accepts(lambda: deploy.source_bucket(project))


# Texts near the border between right and wrong.
PART = st.text("ab0._-", max_size=4)
HOST = st.one_of(
    st.sampled_from(
        ["us.gcr.io", "localhost", "127.0.0.1:5000", "[::1]:80", "[::1]", "gcr", "-.io", "a.b:", "[", "[]x"]
    ),
    st.builds(".".join, st.lists(st.text("aB0-[]:", max_size=3), max_size=3)),
)
SUFFIX = st.sampled_from(["", "", ":v1", ":", "@", "@sha256:" + "0" * 64, "/", "\n", "é"])
REPOSITORY = st.builds(
    lambda host, parts, suffix: f"{host}/{'/'.join(parts)}{suffix}", HOST, st.lists(PART, max_size=4), SUFFIX
)
DASHED = st.text("az09-", max_size=70) | st.text(max_size=8)


@given(REPOSITORY | st.text(max_size=20))
@example("us.gcr.io/sourcegraph-dev/msp-example")
@example("https://us.gcr.io/sourcegraph-dev/msp-example")
@example("us.gcr.io/" + "a" * 245)
@example("us.gcr.io/" + "a" * 246)
@example("a.io/a__b---c.d_e")
@example("a.io/a___b")
def test_repositories(text: str) -> None:
    assert (STARLARK["repository_problem"](text) is None) == accepts(lambda: Repository.parse(text))


@given(DASHED, st.sampled_from(sorted(REGIONS)))
def test_service_ids(text: str, region: str) -> None:
    assert (STARLARK["service_id_problem"](text, region) is None) == accepts(lambda: deploy.pipeline_id(text, region))


@given(st.text("az09-", max_size=32) | st.text(max_size=8))
@example("a" * 5)
@example("a" * 6)
@example("a" * 30)
@example("a" * 31)
def test_projects(text: str) -> None:
    assert (STARLARK["project_problem"](text) is None) == accepts_project(text)


@given(st.sampled_from(sorted(REGIONS)) | st.text("us-centralw1", max_size=14))
def test_regions(text: str) -> None:
    assert (STARLARK["region_problem"](text) is None) == accepts(lambda: check_region(text))


def test_every_region_is_known() -> None:
    assert set(STARLARK["_REGIONS"]) == REGIONS


@pytest.mark.parametrize(
    ("region", "guess"),
    [("us-cental1", "us-central1"), ("US-EAST4", "us-east4"), ("europe-west-1", "europe-west1"), ("moon", "")],
)
def test_the_nearest_region_is_named(region: str, guess: str) -> None:
    said = STARLARK["region_problem"](region)
    assert said == (
        f'is not a Google Cloud region: did you mean "{guess}"?'
        if guess
        else 'is not a Google Cloud region: write one such as "us-central1"'
    )


def test_the_file_keeps_to_what_both_languages_have() -> None:
    text = (Path(__file__).parents[3] / "rules_msp/private/names.bzl").read_text()
    assert not re.search(r"^\s*(import|while|try|load|class)\b", text, re.MULTILINE)
