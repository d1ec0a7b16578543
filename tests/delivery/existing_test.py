"""A release of the plan's id that is there already: taken up, refused, or followed by another one."""

import dataclasses
from typing import Any

import pytest
from google.cloud.deploy_v1 import Release
from tests.delivery.example import DIGEST, made

from msp import names
from msp.delivery.existing import release_digest, render_failure, renders_no_more, unfit

OTHER = "sha256:" + "b" * 64
PLAN = made()
FAILED = Release.RenderState.FAILED


def there(digest: str = DIGEST, tag: str = PLAN.tag, **fields: Any) -> Release:
    pairs = {names.DIGEST_PARAMETER: digest, names.TAG_PARAMETER: tag}
    return Release(deploy_parameters={key: value for key, value in pairs.items() if value}, **fields)


def test_the_digest_is_what_is_deployed_or_else_what_was_noted() -> None:
    assert release_digest(there(annotations={"digest": OTHER})) == DIGEST
    assert release_digest(there(digest="", annotations={"digest": OTHER})) == OTHER
    assert release_digest(there(digest="")) == ""


@pytest.mark.parametrize("digest", [DIGEST, ""], ids=["by digest", "by the tag alone"])
def test_the_same_image_is_taken_up(digest: str) -> None:
    assert unfit(PLAN, there(digest)) is None
    assert unfit(dataclasses.replace(PLAN, digest=""), there()) is None


def test_by_digest_the_tag_is_of_no_account() -> None:
    assert unfit(PLAN, there(tag="another")) is None


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (there(OTHER), f"exists with digest {OTHER}; this image has digest {DIGEST}"),
        (there("", "another"), f"exists with tag 'another'; this image has tag {PLAN.tag!r}"),
        (there("", "0"), "exists with tag '0'; this image has tag"),
        (there(abandoned=True), "was abandoned"),
        (there(render_state=FAILED), "could not be rendered: no reason was given"),
    ],
    ids=["digest", "tag", "an older tag", "abandoned", "rendered"],
)
def test_another_image_or_a_dead_release_is_refused(release: Release, message: str) -> None:
    problem = unfit(PLAN, release)
    assert problem is not None
    assert message in problem.message


def test_a_release_of_another_digest_is_given_way_to_by_a_command_that_names_both() -> None:
    problem = unfit(PLAN, there(OTHER))
    assert problem is not None
    assert PLAN.rerun_beside in problem.hint
    unknown = unfit(dataclasses.replace(PLAN, digest=""), there("", "another"))
    assert unknown is not None
    assert f"{PLAN.rerun} --release=ID" in unknown.hint


@pytest.mark.parametrize(
    ("release", "another"),
    [
        (there(render_state=FAILED), True),
        (there("", render_state=FAILED), True),
        (there(OTHER, render_state=FAILED), False),
        (there("", "another", render_state=FAILED), False),
        (there(render_state=FAILED, abandoned=True), False),
        (there(), False),
    ],
    ids=["rendered", "by tag", "another digest", "another tag", "abandoned", "fine"],
)
def test_a_failed_render_of_the_same_image_asks_for_another_release(release: Release, *, another: bool) -> None:
    assert renders_no_more(PLAN, release) is another


def test_a_render_says_why_it_failed_in_words_or_by_its_cause() -> None:
    cause = Release.TargetRender.FailureCause.EXECUTION_FAILED
    release = Release(
        target_renders={
            "silent": Release.TargetRender(),
            "cause": Release.TargetRender(failure_cause=cause),
            "words": Release.TargetRender(failure_cause=cause, failure_message="out of \x1bcheese"),
        }
    )
    assert render_failure(release, "silent") == "no reason was given"
    assert render_failure(release, "cause") == "EXECUTION_FAILED"
    assert render_failure(release, "words") == "out of \ufffdcheese"
    assert render_failure(release, "unknown") in {"EXECUTION_FAILED", "out of \ufffdcheese"}
