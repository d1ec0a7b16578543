"""Actions, carried out: each safe to repeat, with the reason where it is kept.

What the API does once under a request id, or under an id of ours, is simply asked again where an answer is lost. For
the rest Cloud Deploy has no such thing; there a look tells whether it has happened before it is asked again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.creation import Creation, create
from msp.gcp.errors import AlreadyExistsError, RemoteError
from msp.gcp.messages import enum_name
from msp.gcp.retry import RetryPolicy
from msp.operate.actions import (
    Action,
    Approve,
    Cancel,
    Freeze,
    Hold,
    Note,
    Resume,
    Retry,
    RollBack,
    RollOut,
    Unfreeze,
)
from msp.operate.freezing import PolicySender
from msp.operate.service import Service
from msp.rollouts import annotations
from msp.rollouts.facts import RolloutKey

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

    def send(self, action: Action) -> bool:
        """Does it.

        Args:
            action: What.

        Returns:
            Whether this call has done it; False where somebody else had, in the very same way.

        Raises:
            ApiError: Cloud Deploy refuses.
            UnreachableError: It can't be reached; running the command again finds out what has happened.
        """
        match action:
            case RollOut() | RollBack():
                return self._roll_out(action) if isinstance(action, RollOut) else self._roll_back(action)
            case Approve():
                return self._approve(action)
            case Hold() | Resume():
                return self._suspend(action)
            case Retry():
                return self._retry_job(action)
            case Cancel():
                return self._cancel(action)
            case Freeze() | Unfreeze():
                return self._freezing.send(action)

    def validate(self, action: Action) -> None:
        """Asks Cloud Deploy whether it would do it, of those actions of which it can be asked.

        Raises:
            ApiError: It would not.
        """
        deploy = self.deploy
        match action:
            case RollOut():
                deploy.read(deploy.client.create_rollout, **self._rollout_fields(action), validate_only=True)
            case RollBack():
                deploy.read(deploy.client.rollback_target, **self._rollback_fields(action), validate_only=True)
            case Freeze() | Unfreeze():
                self._freezing.validate(action)
            case _:
                return

    @property
    def _freezing(self) -> PolicySender:
        return PolicySender(self.service, self.deploy, self.retry, self.note)

    def _roll_out(self, action: RollOut) -> bool:
        from google.cloud.deploy_v1 import Rollout

        deploy, fields = self.deploy, self._rollout_fields(action)

        def start(request_id: str) -> Any:  # noqa: ANN401 - google.api_core.operation.Operation, untyped
            return deploy.change(deploy.client.create_rollout, reason=self.note.reason, request_id=request_id, **fields)

        def find() -> Rollout:
            found: Rollout = self._read(RolloutKey(action.release, action.rollout))
            return found

        _, made = create(Creation(Rollout, start, find), deploy, self.retry)
        return made

    def _rollout_fields(self, action: RollOut) -> dict[str, Any]:
        return {
            "parent": self.service.release_name(action.release),
            "rollout_id": action.rollout,
            "rollout": {"target_id": action.target, **self._noted()},
            "override_deploy_policy": self._policies(action.overrides),
        }

    def _roll_back(self, action: RollBack) -> bool:
        deploy, fields = self.deploy, self._rollback_fields(action)
        key = RolloutKey(action.to, action.rollout)
        try:
            self._once(
                lambda: deploy.change(deploy.client.rollback_target, reason=self.note.reason, **fields),
                lambda: bool(self._found(key)),
            )
        except AlreadyExistsError:
            return False
        return True

    def _rollback_fields(self, action: RollBack) -> dict[str, Any]:
        return {
            "name": self.service.pipeline,
            "target_id": action.target,
            "rollout_id": action.rollout,
            "release_id": action.to,
            "rollout_to_roll_back": self.service.rollout_name(*action.off),
            "rollback_config": {"rollout": self._noted()},
            "override_deploy_policy": self._policies(action.overrides),
        }

    def _approve(self, action: Approve) -> bool:
        deploy = self.deploy
        wanted = "APPROVED" if action.approved else "REJECTED"
        self._once(
            lambda: deploy.change(
                deploy.client.approve_rollout,
                reason=self.note.reason,
                name=self.service.rollout_name(*action.rollout),
                approved=action.approved,
                override_deploy_policy=self._policies(action.overrides),
            ),
            lambda: enum_name(self._read(action.rollout), "approval_state") == wanted,
        )
        return True

    def _retry_job(self, action: Retry) -> bool:
        deploy = self.deploy
        self._once(
            lambda: deploy.change(
                deploy.client.retry_job,
                reason=self.note.reason,
                rollout=self.service.rollout_name(*action.rollout),
                phase_id=action.phase,
                job_id=action.job,
                override_deploy_policy=self._policies(action.overrides),
            ),
            lambda: enum_name(self._read(action.rollout), "state") != "FAILED",
        )
        return True

    def _cancel(self, action: Cancel) -> bool:
        deploy = self.deploy
        self._once(
            lambda: deploy.change(
                deploy.client.cancel_rollout,
                reason=self.note.reason,
                name=self.service.rollout_name(*action.rollout),
                override_deploy_policy=self._policies(action.overrides),
            ),
            lambda: enum_name(self._read(action.rollout), "state") in {"CANCELLING", "CANCELLED"},
        )
        return True

    def _suspend(self, action: Hold | Resume) -> bool:
        """Suspends an automation or lets it go on, whatever else somebody has changed of it meanwhile."""
        deploy, suspended = self.deploy, isinstance(action, Hold)
        name = f"{self.service.pipeline}/automations/{action.automation}"
        found = deploy.read(deploy.client.get_automation, name=name)
        if found.suspended == suspended:
            return False
        said = self._said() if suspended else {}
        keys = (annotations.REASON, annotations.BY, annotations.SINCE)
        kept = {key: text for key, text in found.annotations.items() if key not in keys}
        started = deploy.change(
            deploy.client.update_automation,
            reason=self.note.reason,
            automation={"name": name, "etag": found.etag, "suspended": suspended, "annotations": kept | said},
            update_mask={"paths": ["suspended", "annotations"]},
            request_id=str(uuid4()),
        )
        deploy.wait(started)
        return True

    def _once(self, change: Callable[[], object], has_happened: Callable[[], bool]) -> None:
        """Changes something, and looks whether it has happened before it is tried again."""
        failures = 0
        while True:
            try:
                change()
            except RemoteError as error:
                if failures and not isinstance(error, AlreadyExistsError) and has_happened():
                    return
                failures += 1
                if not error.transient or failures >= self.retry.attempts:
                    raise
                if has_happened():
                    return
                seconds = self.retry.delay(failures, error.retry_after)
                self.retry.notify(error, seconds)
                self.retry.sleep(seconds)
            else:
                return

    def _read(self, key: RolloutKey) -> Any:  # noqa: ANN401 - google.cloud.deploy_v1.Rollout, imported late
        return self.deploy.read(self.deploy.client.get_rollout, name=self.service.rollout_name(*key))

    def _found(self, key: RolloutKey) -> bool:
        from msp.gcp.errors import NotFoundError

        try:
            self._read(key)
        except NotFoundError:
            return False
        return True

    def _policies(self, policies: tuple[str, ...]) -> list[str]:
        return [f"{self.service.location}/deployPolicies/{policy}" for policy in policies]

    def _noted(self) -> dict[str, Any]:
        """What a rollout keeps of why, who and when; its description is what Cloud Deploy's own pages show."""
        return {"description": self.note.reason[:_MAX_DESCRIPTION], "annotations": self._said()}

    def _said(self) -> dict[str, str]:
        said = {
            annotations.REASON: self.note.reason,
            annotations.BY: self.note.by,
            annotations.SINCE: f"{self.note.at:%Y-%m-%dT%H:%M:%SZ}",
        }
        return {key: text for key, text in said.items() if text}
