"""What holds for every specification: a valid one loads as it is, a broken one is refused in its place."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msp.spec import Spec, SpecError, parse
from msp.spec.clock import DAYS
from msp.spec.syntax import LINE_BREAK

settings.register_profile(
    "spec",
    deadline=None,
    max_examples=40,
    derandomize=True,  # the fuzzer is what looks for something new
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("spec")

IDS = st.from_regex(r"[a-z][a-z0-9]{0,2}(-[a-z0-9]{1,3})?", fullmatch=True)
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
FILLED = PRINTABLE.filter(lambda text: any(not character.isspace() for character in text) and text.strip() != "TODO")
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
OTHERS = st.recursive(
    st.none() | st.booleans() | NUMBERS | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=6,
)
"""What other tools may have in a specification: anything."""

DEPLOYS = st.one_of(
    st.just({"type": "manual"}),
    st.builds(lambda tag: {"type": "manual", "manual": {"tag": tag}}, TAGS),
    st.builds(lambda tag: {"type": "subscription", "subscription": {"tag": tag}}, TAGS),
)
STRATEGIES = st.one_of(
    st.just({"type": "manual"}),
    st.builds(
        lambda seconds: {"type": "automatic", "automatic": {"delaySeconds": seconds}}, st.integers(0, 14 * 24 * 3600)
    ),
)

APPROVALS = st.sampled_from([{"required": False}, {"required": True}, {"required": True, "notAuthor": True}])

TIMES = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
WINDOWS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=7)}),
    st.tuples(TIMES, TIMES | st.just("24:00"))
    .filter(lambda times: times[0] != times[1])
    .map(lambda times: {"from": times[0], "until": times[1]}),
)


@st.composite
def freezes(draw: st.DrawFn, stages: list[str], *, external: bool) -> list[dict[str, Any]]:
    """Freezes of a specification with these stages."""
    found = []
    for name in draw(st.lists(IDS, max_size=3, unique=True)):
        freeze: dict[str, Any] = {"name": name, "reason": draw(FILLED)}
        if draw(st.booleans()):
            start = draw(st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2090-01-01")))
            freeze["from"] = draw(st.sampled_from([f"{start:%Y-%m-%d}", f"{start:%Y-%m-%dT%H:%M}"]))
            freeze["until"] = f"{start + timedelta(days=draw(st.integers(1, 99))):%Y-%m-%d}"
        else:
            freeze["weekly"] = draw(st.lists(WINDOWS, min_size=1, max_size=3))
        if not external or draw(st.booleans()):
            freeze["environments"] = draw(st.lists(st.sampled_from(stages), min_size=1, unique=True))
        if draw(st.booleans()):
            freeze |= {
                "timeZone": draw(st.sampled_from(["Europe/Berlin", "Etc/GMT+5"])),
                "suspended": draw(st.booleans()),
            }
        found.append(freeze)
    return found


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """A valid specification, as the data that its YAML holds."""
    service, name = draw(IDS), draw(st.none() | st.text("abc XYZ", min_size=1, max_size=15).filter(str.strip))
    names = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    categories = {environment: draw(st.sampled_from(["test", "internal", "external"])) for environment in names}
    delivered = draw(st.lists(st.sampled_from(names), unique=True, max_size=5))
    delivered.sort(key=lambda environment: categories[environment] == "external")
    spec: dict[str, Any] = {
        "service": {
            "id": service,
            "owners": draw(st.lists(FILLED, min_size=1, max_size=3)),
            "description": draw(FILLED),
        },
        "build": {"image": "us.gcr.io/a/b", "source": {"repo": draw(FILLED), "dir": draw(FILLED)}},
        "environments": [
            {
                "id": environment,
                "projectID": f"{service}-{environment}-0000",
                "category": categories[environment],
                "deploy": {"type": "rollout"} if environment in delivered else draw(DEPLOYS),
                "env": draw(OTHERS),
            }
            for environment in names
        ],
        "monitoring": draw(OTHERS),
    }
    if name:
        spec["service"]["name"] = name
    if delivered:
        stages: list[dict[str, Any]] = [{"environment": environment} for environment in delivered]
        for stage in stages[:-1]:
            if strategy := draw(st.none() | STRATEGIES):
                stage["promotionStrategy"] = strategy
        for stage in stages:
            if approval := draw(st.none() | APPROVALS):
                stage["approval"] = approval
        spec["rollout"] = {"stages": stages, "suspended": draw(st.booleans()), "initialImageTag": draw(TAGS)}
        external = any(categories[environment] == "external" for environment in delivered)
        if frozen := draw(freezes(delivered, external=external)):
            spec["rollout"]["freezes"] = frozen
    return spec


@given(specs(), st.booleans())
def test_a_valid_spec_loads_as_it_is(data: dict[str, Any], flow: bool) -> None:
    # PyYAML writes some line breaks (U+0085) such that they are lost when it may write them as they are.
    dumped = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=False, sort_keys=False)
    spec = parse(dumped.encode(), "service.yaml")
    assert [stage.environment for stage, _ in spec.stages] == [
        stage["environment"] for stage in data.get("rollout", {}).get("stages", [])
    ]
    written = data.get("rollout", {}).get("freezes", [])
    assert spec.rollout is None or [freeze.name for freeze in spec.rollout.freezes or ()] == [
        freeze["name"] for freeze in written
    ]
    assert (spec.model_extra or {})["monitoring"] == data["monitoring"]
    for environment, written in zip(spec.environments, data["environments"], strict=True):
        assert (environment.model_extra or {})["env"] == written["env"]


@given(specs())
def test_a_valid_spec_survives_being_dumped(data: dict[str, Any]) -> None:
    spec = parse(yaml.safe_dump(data).encode(), "service.yaml")
    canonical = spec.canonical_json()
    assert parse(canonical.encode(), "canonical.json") == spec
    assert Spec.model_validate_json(canonical) == spec
    assert parse(yaml.safe_dump(json.loads(canonical)).encode(), "again.yaml").canonical_json() == canonical


@given(specs(), st.data())
def test_one_mutation_never_crashes_and_points_into_the_file(data: dict[str, Any], chance: st.DataObject) -> None:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode()
    begin = chance.draw(st.integers(0, len(text)))
    end = chance.draw(st.integers(begin, min(begin + 8, len(text))))
    mutated = text[:begin] + chance.draw(st.binary(max_size=4)) + text[end:]
    assert_read_or_refused(mutated)


@given(specs(), OTHERS, st.data())
def test_one_wrong_value_never_crashes_and_points_into_the_file(
    data: dict[str, Any], wrong: object, chance: st.DataObject
) -> None:
    part: Any = data
    while True:
        key = chance.draw(st.sampled_from(list(part) if isinstance(part, dict) else list(range(len(part)))))
        if isinstance(part[key], dict | list) and part[key] and chance.draw(st.booleans()):
            part = part[key]
            continue
        break
    part[key] = wrong
    assert_read_or_refused(yaml.safe_dump(data, sort_keys=False).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert_read_or_refused(data)


def assert_read_or_refused(data: bytes) -> None:
    try:
        parse(data, "service.yaml")
    except SpecError as error:
        lines = LINE_BREAK.split(data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape"))
        for problem in error.problems:
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def test_a_mutation_is_found() -> None:
    """The properties above would hold for a reader that refuses nothing."""
    with pytest.raises(SpecError):
        parse(b"service: {}", "service.yaml")
