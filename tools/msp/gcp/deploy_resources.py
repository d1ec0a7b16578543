"""Cloud Deploy's resources, as far as a deployment looks at them, read from and written to the API's JSON.

Google's own types (`google.cloud.deploy_v1.types`) say the same and take most of a second to import; the tests compare
these with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


class RenderState(StrEnum):
    """How far the rendering of a release, or of one of its targets, has come."""

    UNSPECIFIED = "UNSPECIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @classmethod
    def _missing_(cls, _value: object) -> "RenderState":
        return cls.UNSPECIFIED  # A state that is younger than this code is no reason to fail.

    @property
    def ended(self) -> bool:
        """Whether it stays as it is."""
        return self in {RenderState.SUCCEEDED, RenderState.FAILED}


class RolloutState(StrEnum):
    """Where a rollout stands."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING_RELEASE = "PENDING_RELEASE"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    APPROVAL_REJECTED = "APPROVAL_REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    HALTED = "HALTED"

    @classmethod
    def _missing_(cls, _value: object) -> "RolloutState":
        return cls.UNSPECIFIED

    @property
    def ended(self) -> bool:
        """Whether it stays as it is unless a person does something about it."""
        return self in _ENDED_ROLLOUTS


_ENDED_ROLLOUTS = frozenset(
    {
        RolloutState.SUCCEEDED,
        RolloutState.FAILED,
        RolloutState.APPROVAL_REJECTED,
        RolloutState.CANCELLED,
        RolloutState.HALTED,
    }
)


@dataclass(frozen=True)
class DeliveryPipeline:
    """A delivery pipeline; `stages` are the ids of its targets, in order."""

    name: str
    uid: str
    suspended: bool
    stages: tuple[str, ...]
    annotations: Mapping[str, str]

    @classmethod
    def from_json(cls, json: Json) -> "DeliveryPipeline":
        """Reads the API's `DeliveryPipeline`."""
        stages = json.get("serialPipeline", {}).get("stages", ())
        return cls(
            name=json.get("name", ""),
            uid=json.get("uid", ""),
            suspended=json.get("suspended", False),
            stages=tuple(stage.get("targetId", "") for stage in stages),
            annotations=json.get("annotations", {}),
        )


@dataclass(frozen=True)
class Target:
    """A target; `custom_target_type` is the type's full name, empty for a target of another kind."""

    name: str
    uid: str
    require_approval: bool
    custom_target_type: str
    deploy_parameters: Mapping[str, str]

    @classmethod
    def from_json(cls, json: Json) -> "Target":
        """Reads the API's `Target`."""
        return cls(
            name=json.get("name", ""),
            uid=json.get("uid", ""),
            require_approval=json.get("requireApproval", False),
            custom_target_type=json.get("customTarget", {}).get("customTargetType", ""),
            deploy_parameters=json.get("deployParameters", {}),
        )


@dataclass(frozen=True)
class CustomTargetType:
    """A custom target type and the names of its custom actions."""

    name: str
    uid: str
    render_action: str
    deploy_action: str

    @classmethod
    def from_json(cls, json: Json) -> "CustomTargetType":
        """Reads the API's `CustomTargetType`."""
        actions = json.get("customActions", {})
        return cls(
            name=json.get("name", ""),
            uid=json.get("uid", ""),
            render_action=actions.get("renderAction", ""),
            deploy_action=actions.get("deployAction", ""),
        )


@dataclass(frozen=True)
class TargetRender:
    """How rendering a release for one target went."""

    state: RenderState
    failure_cause: str = ""
    failure_message: str = ""

    @classmethod
    def from_json(cls, json: Json) -> "TargetRender":
        """Reads the API's `Release.TargetRender`."""
        return cls(
            state=RenderState(json.get("renderingState", "")),
            failure_cause=json.get("failureCause", ""),
            failure_message=json.get("failureMessage", ""),
        )


@dataclass(frozen=True)
class Release:
    """A release: what is to be delivered, and, as far as the service has filled it in, what became of it.

    `name` is the full one, `create_time` is None, and what is rendered is unknown, until the service has answered.
    `target_renders` is by target id.
    """

    skaffold_config_uri: str = ""
    skaffold_config_path: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    deploy_parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    uid: str = ""
    abandoned: bool = False
    create_time: datetime | None = None
    render_state: RenderState = RenderState.UNSPECIFIED
    target_renders: Mapping[str, TargetRender] = field(default_factory=dict)

    @property
    def release_id(self) -> str:
        """The last part of `name`."""
        return self.name.rpartition("/")[2]

    @classmethod
    def from_json(cls, json: Json) -> "Release":
        """Reads the API's `Release`."""
        return cls(
            skaffold_config_uri=json.get("skaffoldConfigUri", ""),
            skaffold_config_path=json.get("skaffoldConfigPath", ""),
            description=json.get("description", ""),
            labels=json.get("labels", {}),
            annotations=json.get("annotations", {}),
            deploy_parameters=json.get("deployParameters", {}),
            name=json.get("name", ""),
            uid=json.get("uid", ""),
            abandoned=json.get("abandoned", False),
            create_time=_time(json.get("createTime")),
            render_state=RenderState(json.get("renderState", "")),
            target_renders={
                target: TargetRender.from_json(render) for target, render in json.get("targetRenders", {}).items()
            },
        )

    def to_json(self) -> dict[str, Any]:
        """What a client may set when it creates a release."""
        return _without_empty(
            {
                "skaffoldConfigUri": self.skaffold_config_uri,
                "skaffoldConfigPath": self.skaffold_config_path,
                "description": self.description,
                "labels": dict(self.labels),
                "annotations": dict(self.annotations),
                "deployParameters": dict(self.deploy_parameters),
            }
        )


@dataclass(frozen=True)
class Rollout:
    """A rollout of a release to a target; fields that the service fills in are empty before it has answered."""

    target_id: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    uid: str = ""
    state: RolloutState = RolloutState.UNSPECIFIED
    failure_cause: str = ""
    failure_reason: str = ""
    create_time: datetime | None = None
    deploy_end_time: datetime | None = None

    @property
    def rollout_id(self) -> str:
        """The last part of `name`."""
        return self.name.rpartition("/")[2]

    @property
    def release_id(self) -> str:
        """The release that is rolled out: the part of `name` after `releases`."""
        return self.name.partition("/releases/")[2].partition("/")[0]

    @classmethod
    def from_json(cls, json: Json) -> "Rollout":
        """Reads the API's `Rollout`."""
        return cls(
            target_id=json.get("targetId", ""),
            description=json.get("description", ""),
            labels=json.get("labels", {}),
            annotations=json.get("annotations", {}),
            name=json.get("name", ""),
            uid=json.get("uid", ""),
            state=RolloutState(json.get("state", "")),
            failure_cause=json.get("deployFailureCause", ""),
            failure_reason=json.get("failureReason", ""),
            create_time=_time(json.get("createTime")),
            deploy_end_time=_time(json.get("deployEndTime")),
        )

    def to_json(self) -> dict[str, Any]:
        """What a client may set when it creates a rollout."""
        return _without_empty(
            {
                "targetId": self.target_id,
                "description": self.description,
                "labels": dict(self.labels),
                "annotations": dict(self.annotations),
            }
        )


@dataclass(frozen=True)
class Operation:
    """A long-running operation (https://google.aip.dev/151); `response` is the resource once it is done."""

    name: str
    done: bool
    response: Mapping[str, Any] = field(default_factory=dict)
    error_code: int = 0
    error_message: str = ""

    @classmethod
    def from_json(cls, json: Json) -> "Operation":
        """Reads a `google.longrunning.Operation`."""
        error = json.get("error", {})
        return cls(
            name=json.get("name", ""),
            done=json.get("done", False),
            response=json.get("response", {}),
            error_code=error.get("code", 0),
            error_message=error.get("message", ""),
        )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _without_empty(json: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in json.items() if value}
