"""What `rollout.freezes` becomes: deploy policies, their YAML and Terraform, and words for the handbook."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from msp import names
from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.conversion import to_policy
from msp.pipeline.files import generate
from msp.pipeline.freezes import when
from msp.pipeline.resources import resources
from msp.pipeline.window_text import readable
from msp.spec import Spec

MakeSpec = Callable[..., Spec]
PROVIDER = json.loads((Path(__file__).parent / "google_provider.json").read_text(encoding="utf-8"))
HOLIDAYS = {"name": "holidays", "reason": "${Rest} | _all_.", "from": "2026-12-20", "until": "2027-01-04T09:30"}
NIGHTS = {
    "name": "nights",
    "reason": "Sleep.",
    "timeZone": "Europe/Berlin",
    "weekly": [{"days": ["sunday", "friday"], "from": "22:00", "until": "06:00"}, {"days": ["saturday"]}],
    "environments": ["prod", "staging"],
    "suspended": True,
}


@pytest.fixture
def spec(make_spec: MakeSpec) -> Spec:
    return make_spec({"staging": 60, "canary": None, "prod": None}, rollout__freezes=[HOLIDAYS, NIGHTS])


def test_a_policy_freezes_this_pipelines_external_stages_or_those_that_are_named(spec: Spec) -> None:
    holidays, nights = map(to_policy, resources(spec, "us-central1").deploy_policies)
    assert (holidays.id, nights.id) == ("freeze-msp-example-holidays", "freeze-msp-example-nights")
    selected = [
        [
            (selector.pipeline.id, selector.target.id)
            for selector in policy.selectors
            if selector.pipeline and selector.target
        ]
        for policy in (holidays, nights)
    ]
    pipeline = "msp-example-us-central1-rollout"
    assert selected == [
        [(pipeline, "prod-us-central1")],
        [(pipeline, "staging-us-central1"), (pipeline, "prod-us-central1")],
    ]
    assert (holidays.suspended, nights.suspended) == (False, True)
    assert holidays.reason == "${Rest} | _all_."


def test_whose_it_is_stands_in_its_labels(spec: Spec) -> None:
    for policy in resources(spec, "us-central1").deploy_policies:
        assert policy.labels == {"msp": "true", "msp-service": "msp-example", "msp-freeze": "standing"}


def test_it_forbids_to_go_forward_to_everybody_and_nothing_else(spec: Spec) -> None:
    forward = {Action.CREATE, Action.APPROVE, Action.ADVANCE}
    for policy in map(to_policy, resources(spec, "us-central1").deploy_policies):
        (rule,) = policy.restrictions
        assert rule.actions == forward
        assert rule.invokers == {Invoker.USER, Invoker.DEPLOY_AUTOMATION}


def test_its_id_fits_for_the_longest_names(make_spec: MakeSpec) -> None:
    service, name = "s" * 20, "f" * 30
    spec = make_spec(
        {"p": None},
        service__id=service,
        service__name="S",
        environments=[
            {"id": "p", "projectID": f"{service}-p-0000", "category": "external", "deploy": {"type": "rollout"}}
        ],
        rollout__freezes=[HOLIDAYS | {"name": name}],
    )
    (policy,) = resources(spec, "us-central1").deploy_policies
    assert policy.name.endswith(f"/deployPolicies/freeze-{service}-{name}")
    with pytest.raises(names.InvalidNameError, match="deploy policy"):
        names.freeze_policy_id(service, "f" * 40)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "from 2026-12-20 00:00 until 2027-01-04 09:30 (Etc/UTC)"),
        (1, "every Friday and Sunday, 22:00 to 06:00 of the next day; every Saturday (Europe/Berlin)"),
    ],
)
def test_its_times_are_told_in_words(spec: Spec, number: int, words: str) -> None:
    assert spec.rollout is not None
    assert spec.rollout.freezes is not None
    assert when(spec.rollout.freezes[number]) == words


def test_the_page_tells_all_of_them(spec: Spec) -> None:
    page = generate(spec, "us-central1", "service.yaml")["pipeline.md"].decode()
    row = "| holidays | from 2026-12-20 00:00 until 2027-01-04 09:30 \\(Etc/UTC\\) | prod |"
    assert f"{row} $\\{{Rest\\}} \\| \\_all\\_. | `freeze-msp-example-holidays` |" in page
    assert "| nights (**suspended:** releases pass) |" in page
    assert "## When nothing is released" in page


def test_a_service_without_freezes_has_none_of_it(make_spec: MakeSpec) -> None:
    for spec in (make_spec(), make_spec(rollout__freezes=[])):
        files = generate(spec, "us-central1", "service.yaml")
        assert b"DeployPolicy" not in files["clouddeploy.yaml"]
        assert b"When nothing is released" not in files["pipeline.md"]
        assert (
            json.loads(files["pipeline.tf.json"])["terraform"]["required_providers"]["google"]["version"] == ">= 5.20"
        )


def documents(spec: Spec) -> list[dict[str, Any]]:
    found = yaml.safe_load_all(generate(spec, "us-central1", "service.yaml")["clouddeploy.yaml"])
    return [each for each in found if each["kind"] == "DeployPolicy"]


def test_windows_are_written_as_gcloud_takes_them_and_as_texts(spec: Spec) -> None:
    windows = [each["rules"][0]["rolloutRestriction"]["timeWindows"] for each in documents(spec)]
    assert windows == [
        {"timeZone": "Etc/UTC", "oneTimeWindows": [{"start": "2026-12-20 00:00", "end": "2027-01-04 09:30"}]},
        {
            "timeZone": "Europe/Berlin",
            "weeklyWindows": [
                {"daysOfWeek": ["FRIDAY", "SUNDAY"], "startTime": "22:00", "endTime": "24:00"},
                {"daysOfWeek": ["MONDAY", "SATURDAY"], "startTime": "00:00", "endTime": "06:00"},
                {"daysOfWeek": ["SATURDAY"], "startTime": "00:00", "endTime": "24:00"},
            ],
        },
    ]


def test_seconds_and_fractions_that_somebody_set_are_told() -> None:
    date = {"year": 2026, "month": 1, "day": 2}
    once = {"startDate": date, "endDate": date, "startTime": {"seconds": 5}, "endTime": {"hours": 1, "nanos": 5}}
    assert readable({"timeZone": "Etc/UTC", "oneTimeWindows": [once]})["oneTimeWindows"] == [
        {"start": "2026-01-02 00:00:05", "end": "2026-01-02 01:00:00.000000005"}
    ]


def module(spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(generate(spec, "us-central1", "service.yaml")["pipeline.tf.json"])
    return found


def test_terraform_makes_the_same_with_what_its_provider_has(spec: Spec) -> None:
    made = module(spec)
    assert made["terraform"]["required_providers"]["google"]["version"] == ">= 6.49"
    policies = made["resource"]["google_clouddeploy_deploy_policy"]
    for body in policies.values():
        assert list(complaints(body, PROVIDER["google_clouddeploy_deploy_policy"], "policy")) == []
    holidays, nights = policies["freeze-msp-example-holidays"], policies["freeze-msp-example-nights"]
    assert holidays["annotations"] == {"reason": "$${Rest} | _all_."}
    assert holidays["selectors"] == [
        {
            "delivery_pipeline": {"id": "${google_clouddeploy_delivery_pipeline.rollout.name}"},
            "target": {"id": "${google_clouddeploy_target.prod-us-central1.name}"},
        }
    ]
    assert holidays["rules"][0]["rollout_restriction"]["time_windows"] == {
        "time_zone": "Etc/UTC",
        "one_time_windows": [
            {
                "start_date": {"year": 2026, "month": 12, "day": 20},
                "start_time": {"hours": 0, "minutes": 0},
                "end_date": {"year": 2027, "month": 1, "day": 4},
                "end_time": {"hours": 9, "minutes": 30},
            }
        ],
    }
    assert (holidays["suspended"], nights["suspended"]) == (False, True)
    weekly = nights["rules"][0]["rollout_restriction"]["time_windows"]["weekly_windows"]
    assert weekly[0] == {
        "days_of_week": ["FRIDAY", "SUNDAY"],
        "start_time": {"hours": 22, "minutes": 0},
        "end_time": {"hours": 24, "minutes": 0},
    }
    assert nights["rules"][0]["rollout_restriction"]["actions"] == ["ADVANCE", "APPROVE", "CREATE"]


def complaints(body: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in body.items():
        if name not in schema:
            yield f"{place}.{name} does not exist"
        elif "block" in schema[name]:
            for entry in value if isinstance(value, list) else [value]:
                yield from complaints(entry, schema[name]["block"], f"{place}.{name}")
    yield from (f"{place}.{name} is required" for name in schema if schema[name]["required"] and name not in body)
