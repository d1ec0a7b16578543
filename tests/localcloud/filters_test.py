"""The filter language, and its parser against nonsense."""

from datetime import UTC, datetime

import pytest
from google.cloud.deploy_v1 import types
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from msp.localcloud.filters import equalities, matches, parse
from msp.localcloud.status import ApiError, Code


def rollout() -> Message:
    return types.Rollout.pb(  # type: ignore[no-any-return]
        types.Rollout(
            name="projects/p/rollouts/r-1",
            target_id="prod",
            state="SUCCEEDED",
            approval_state="APPROVED",
            labels={"commit": "abc", "team": "core"},
            phases=[{"id": "canary-25"}, {"id": "stable", "deployment_jobs": {"deploy_job": {"id": "deploy"}}}],
            create_time=datetime(2026, 1, 5, 9, tzinfo=UTC),
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ('targetId="prod"', True),
        ("target_id=prod", True),
        ("TargetId=prod", True),
        ('targetId="pro"', False),
        ('targetId="pr*"', True),
        ('targetId!="prod"', False),
        (
            '(approvalState!="REJECTED" AND approvalState!="NEEDS_APPROVAL") AND state="SUCCEEDED" AND targetId="prod"',
            True,
        ),
        ('approvalState="NEEDS_APPROVAL" AND state="PENDING_APPROVAL" AND targetId="prod"', False),
        ("state=FAILED OR state=SUCCEEDED", True),
        # OR binds tighter than AND: this is state=FAILED AND (… OR …).
        ("state=FAILED AND targetId=prod OR targetId=staging", False),
        ("NOT state=FAILED", True),
        ("-state=SUCCEEDED", False),
        ("state=SUCCEEDED targetId=prod", True),
        ("labels.commit=abc", True),
        ("labels.commit:*", True),
        ("labels:commit", True),
        ("labels:nothing", False),
        ("labels.nothing=x", False),
        ("labels.nothing!=x", True),
        ('phases.id:"stable"', True),
        ('phases.id:"canary-50"', False),
        # Of a list, != holds when it holds for each element.
        ('phases.id!="stable"', False),
        ('phases.id!="canary-50"', True),
        ("phases.deploymentJobs.deployJob.id=deploy", True),
        ("phases:*", True),
        ('createTime>"2026-01-05T08:00:00Z"', True),
        ("createTime < 2026-01-05T08:00:00Z", False),
        ('createTime>="2026-01-05T10:00:00+01:00"', True),
        ("approveTime:*", False),
        ('approveTime>"2026-01-05T08:00:00Z"', False),
        ("metadata.custom:*", False),
        ("prod", True),
        ("staging", False),
        ("r-1", True),
    ],
)
def test_what_a_filter_lets_through(text: str, expected: bool) -> None:
    assert matches(parse(text), rollout()) is expected


@pytest.mark.parametrize(
    "text",
    [
        *("state=", "=x", "(state=a", "state=a)", "AND", "a=b AND", "NOT", '"open', "a==b", "a,b", "x!y"),
        *("nope=1", "labels=1", "phases.id.x=1", "createTime>soon", "abandoned=1", "(" * 60 + "a", "x" * 5000),
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as error:
        matches(parse(text), types.Release.pb(types.Release(name="x")) if "abandoned" in text else rollout())
    assert error.value.code is Code.INVALID_ARGUMENT


def test_equalities_an_index_can_use() -> None:
    assert equalities(parse('targetId="a" AND state!=b AND x="c*" AND (y=1 OR z=2)')) == {"targetId": "a"}
    assert equalities(parse("targetId=a OR state=b")) == {}
    assert equalities(parse("NOT targetId=a")) == {}


_WORDS = st.sampled_from(
    [
        "targetId",
        "state",
        "labels.commit",
        "phases.id",
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        "=",
        "!=",
        ":",
        '"a b"',
        "*",
        ">",
    ]
)


@given(st.lists(_WORDS | st.text(max_size=4), max_size=12).map(" ".join))
def test_any_text_is_a_filter_or_an_invalid_argument(text: str) -> None:
    code = None
    try:
        matches(parse(text), rollout())
    except ApiError as error:
        code = error.code
    assert code in {None, Code.INVALID_ARGUMENT}
