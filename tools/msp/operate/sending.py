"""Actions, carried out: each call of Cloud Deploy's once, safe to repeat, with the reason where it is kept."""

from dataclasses import dataclass
from typing import Any

from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.creation import Creation, create
from msp.gcp.retry import RetryPolicy
from msp.operate.actions import Action, Note, RollOut
from msp.operate.service import Service
from msp.rollouts import annotations

# Of a rollout's description (google/cloud/deploy/v1/cloud_deploy.proto).
_MAX_DESCRIPTION = 255


@dataclass(frozen=True)
class Sender:
    """Carries out actions.

    Attributes:
        service: Whose pipeline it is.
        deploy: Cloud Deploy.
        retry: How often to try what is safe to repeat.
        note: Why, and by whom.
    """

    service: Service
    deploy: CloudDeploy
    retry: RetryPolicy
    note: Note

    def send(self, action: Action, *, validate_only: bool = False) -> bool:
        """Does it, or asks whether it could be done.

        Args:
            action: What.
            validate_only: Whether to ask only, where Cloud Deploy has a way to.

        Returns:
            Whether this call has done it; False where somebody else had, in the very same way.

        Raises:
            ApiError: Cloud Deploy refuses.
            UnreachableError: It can't be reached; running the command again finds out what has happened.
        """
        match action:
            case RollOut():
                return self._roll_out(action, validate_only)
            case _:
                raise NotImplementedError(action)

    def _roll_out(self, action: RollOut, validate_only: bool) -> bool:
        from google.cloud.deploy_v1 import Rollout

        deploy = self.deploy
        parent = self.service.release_name(action.release)

        def start(request_id: str) -> Any:  # noqa: ANN401 - google.api_core.operation.Operation, untyped
            return deploy.change(
                deploy.client.create_rollout,
                reason=self.note.reason,
                parent=parent,
                rollout_id=action.rollout,
                rollout=Rollout(target_id=action.target, description=self.description, annotations=self.annotations),
                request_id=request_id,
                validate_only=validate_only,
                override_deploy_policy=[f"{self.service.location}/deployPolicies/{each}" for each in action.overrides],
            )

        if validate_only:
            start("")
            return True
        name = self.service.rollout_name(action.release, action.rollout)
        find = lambda: deploy.read(deploy.client.get_rollout, name=name)  # noqa: E731
        _, made = create(Creation(Rollout, start, find), deploy, self.retry)
        return made

    @property
    def description(self) -> str:
        """The reason, as Cloud Deploy's own pages show it."""
        return self.note.reason[:_MAX_DESCRIPTION]

    @property
    def annotations(self) -> dict[str, str]:
        """Why, who and when, as resources keep it."""
        said = {
            annotations.REASON: self.note.reason,
            annotations.BY: self.note.by,
            annotations.SINCE: f"{self.note.at:%Y-%m-%dT%H:%M:%SZ}",
        }
        return {key: text for key, text in said.items() if text}
