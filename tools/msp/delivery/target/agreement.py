"""Whether what a BUILD file says of a service is what the service's specification says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Disagreement:
    """An attribute of `msp_delivery` that says something else than the specification.

    Attributes:
        attribute: Name of the attribute, such as `gcp_project`.
        written: Its value in the BUILD file.
        specified: The specification's value.
        field: Where the specification says so, such as `environments[prod].projectID`.
    """

    attribute: str
    written: str
    specified: str
    field: str

    def __str__(self) -> str:
        return f'{self.attribute} is "{self.written}", but {self.field} is "{self.specified}"'


def disagreements(config: dict[str, Any], spec: dict[str, Any]) -> Iterator[Disagreement]:
    """Compares a delivery's configuration with its specification.

    Args:
        config: The configuration as the rule writes it (`gcp_project`, `msp_service_id`, `repository`, …).
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
            yield Disagreement(attribute, config[attribute], value, field)
