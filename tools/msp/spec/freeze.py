"""The part of a specification that says when nothing is to be released: `rollout.freezes`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from msp.spec import patterns
from msp.spec.clock import Moment, Time, Zone
from msp.spec.parts import MAX_ITEMS, Owned, Switch, Text

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WeeklyWindow(Owned):
    """A time of every week."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"from": ["until"], "until": ["from"]}})

    days: tuple[Day, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=7,
        strict=False,
        description="Days on which it begins, `monday` to `sunday`; every day when absent.",
        examples=[["saturday", "sunday"]],
    )
    start: Time | None = Field(
        default=None,
        alias="from",
        description="When it begins, `00:00` to `23:59`; the whole day when absent, and so `until`.",
        examples=["16:00"],
    )
    end: Time | None = Field(
        default=None,
        alias="until",
        description="When it ends, at most `24:00`; the next day where that is not later than `from`.",
        examples=["24:00"],
    )


class Freeze(Owned):
    """A time in which nothing is released: once, or every week."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["from", "until"], "properties": {"weekly": False}},
                {"required": ["weekly"], "properties": {"from": False, "until": False}},
            ]
        }
    )

    name: Annotated[Text, patterns.FREEZE_NAME] = Field(
        description="What it is called, unique in the file: lower-case letters, digits and hyphens, at most 30. The "
        "deploy policy is `freeze-{service.id}-{name}`.",
        examples=["holidays"],
    )
    reason: Annotated[Text, patterns.REASON] = Field(
        description="Why; told to everybody whom it stops, at most 200 characters.",
        examples=["Nobody is there to mend what a release breaks."],
    )
    time_zone: Zone = Field(
        default="Etc/UTC",
        description="Whose clocks its times are of, by its IANA name.",
        examples=["Europe/Berlin"],
    )
    start: Moment | None = Field(
        default=None,
        alias="from",
        description="When it begins: a date (its midnight), or a date and time. With `until`, and without `weekly`.",
        examples=["2026-12-20"],
    )
    end: Moment | None = Field(
        default=None,
        alias="until",
        description="When releases may go on: a date (its midnight), or a date and time.",
        examples=["2027-01-04T09:00"],
    )
    weekly: tuple[WeeklyWindow, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_ITEMS,
        strict=False,
        description="Times of every week instead of `from` and `until`.",
        examples=[[{"days": ["friday"], "from": "16:00", "until": "24:00"}]],
    )
    environments: tuple[Annotated[Text, patterns.FILLED], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_ITEMS,
        strict=False,
        description="Ids of the environments that it is about, each of them a stage's; all of category `external` when "
        "absent.",
        examples=[["prod"]],
    )
    suspended: Switch = Field(
        default=False,
        description="True lets releases pass all the same, for as long as it stands here.",
        examples=[True],
    )
