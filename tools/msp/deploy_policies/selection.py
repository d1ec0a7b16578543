"""Which pipelines and targets policies and automations speak of."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ResourceSelector:
    """What a pipeline or a target has to be to be selected.

    Attributes:
        id: Its id; empty or `*` for any.
        labels: What its labels must hold, all of it.
    """

    id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def takes(self, resource_id: str, labels: Mapping[str, str]) -> bool:
        """Whether it selects the resource of that id and with these labels."""
        if self.id not in {"", "*", resource_id}:
            return False
        return all(labels.get(key) == value for key, value in self.labels.items())
