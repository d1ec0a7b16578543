"""Whether what a BUILD file says of a service is what the service's specification says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msp.errors import UsageError

_CATEGORIES = ("test", "internal", "external")


@dataclass(frozen=True)
class Disagreement:
    """An attribute of `msp_delivery` that says something else than the specification.

    Attributes:
        attribute: Name of the attribute, such as `gcp_project`.
        written: Its value in the BUILD file.
        specified: The specification's value.
        field: Where the specification says so, such as `environments[prod].projectID`.
        other_way: What else may be wrong, and how to mend it, where following the specification may be a mistake.
    """

    attribute: str
    written: str
    specified: str
    field: str
    other_way: str = ""

    def __str__(self) -> str:
        return f'{self.attribute} is "{self.written}", but {self.field} is "{self.specified}"'

    @property
    def mend(self) -> str:
        """What to do about it."""
        if self.other_way:
            return self.other_way
        return f'write {self.attribute} = "{self.specified}", or change the specification'


def check(config: dict[str, Any], spec: dict[str, Any], source: str) -> None:
    """Checks a delivery's configuration against its specification.

    Args:
        config: The configuration as the rule writes it: `{"gcp_project": "msp-example-prod-0000", …}`.
        spec: The resolved specification as `msp_spec` writes it.
        source: The specification's file as people know it, for errors: `svc/service.yaml`.

    Raises:
        UsageError: The specification has no rollout, or contradicts attributes; each is named, with what to do.
    """
    if not spec.get("rollout"):
        raise UsageError(
            f"{config['target']}: {source} has no rollout, so there is no stage to release to",
            hint="add a rollout with its stages to the specification",
        )
    if found := list(disagreements(config, spec)):
        raise UsageError(
            f"{config['target']} and {source} disagree:\n" + "\n".join(f"  {each}" for each in found),
            hint="\n".join(each.mend for each in found),
        )


def disagreements(config: dict[str, Any], spec: dict[str, Any]) -> Iterator[Disagreement]:
    """Compares a delivery's configuration with its specification.

    Args:
        config: The configuration as the rule writes it: `{"gcp_project": "msp-example-prod-0000", …}`.
        spec: The resolved specification as `msp_spec` writes it: valid, and with a rollout.

    Yields:
        Each attribute whose value the specification contradicts. The project is the last stage's: pipeline, targets
        and releases live there.
    """
    last = spec["rollout"]["stages"][-1]["environment"]
    project = next(environment["projectID"] for environment in spec["environments"] if environment["id"] == last)
    specified = {
        "gcp_project": (project, f"environments[{last}].projectID"),
        "msp_service_id": (spec["service"]["id"], "service.id"),
        "repository": (spec["build"]["image"], "build.image"),
    }
    for attribute, (value, field) in specified.items():
        if config[attribute] != value:
            other_way = _stages_may_be_swapped(config[attribute], spec) if attribute == "gcp_project" else ""
            yield Disagreement(attribute, config[attribute], value, field, other_way)


def _stages_may_be_swapped(project: str, spec: dict[str, Any]) -> str:
    """What to do where a BUILD file has another stage's project, and that stage may well be meant to be the last.

    It may not only where it is for fewer people than the last one: then the BUILD file is what is wrong.
    """
    environments = {environment["id"]: environment for environment in spec["environments"]}
    stages = [environments[stage["environment"]] for stage in spec["rollout"]["stages"]]
    *earlier, last = stages
    for stage in earlier:
        if stage["projectID"] == project and _reach(stage) >= _reach(last):
            return (
                f"releases would reach {stage['id']} before {last['id']}: if {stage['id']} is meant to be the last "
                f"stage, move it to the end of rollout.stages; only if {last['id']} is, write "
                f'gcp_project = "{last["projectID"]}"'
            )
    return ""


def _reach(environment: dict[str, Any]) -> int:
    """How far what runs in an environment reaches."""
    return _CATEGORIES.index(environment["category"])
