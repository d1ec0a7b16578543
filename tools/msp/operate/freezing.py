"""Freezes by hand, made and removed: deploy policies that `msp.operate.freeze` has decided on."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from msp import names
from msp.deploy_policies.conversion import to_policy
from msp.deploy_policies.freeze import between
from msp.deploy_policies.policy import Policy
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.creation import Creation, create
from msp.gcp.errors import AlreadyExistsError, NotFoundError
from msp.gcp.retry import RetryPolicy
from msp.operate.actions import Freeze, Note, Unfreeze
from msp.operate.service import Service

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import DeployPolicy

# A freeze is to hold from now on by Google's clock too, which this machine's may be ahead of.
_SKEW = timedelta(minutes=10)
_CHANGED = ("description", "annotations", "labels", "suspended", "selectors", "rules")


@dataclass(frozen=True)
class PolicySender:
    """Makes and removes freezes. Attributes as of `msp.operate.sending.Sender`."""

    service: Service
    deploy: CloudDeploy
    retry: RetryPolicy
    note: Note

    def send(self, action: Freeze | Unfreeze) -> bool:
        """Makes the policy, changes the one that was seen, or removes it.

        Returns:
            Whether this call has done it; False where somebody else has, in the very same way.

        Raises:
            AlreadyExistsError: Somebody else has made one meanwhile, with another end.
            ApiError: Cloud Deploy refuses: `ABORTED` where it was changed since it was seen.
        """
        if isinstance(action, Unfreeze):
            return self._remove(action)
        return self._change(action) if action.replaces else self._create(action)

    def validate(self, action: Freeze | Unfreeze) -> None:
        """Asks whether it would be allowed; raises as `send`."""
        read, client = self.deploy.read, self.deploy.client
        if isinstance(action, Unfreeze):
            read(client.delete_deploy_policy, **self._deletion(action), validate_only=True)
        elif action.replaces:
            read(client.update_deploy_policy, **self._update(action), validate_only=True)
        else:
            read(client.create_deploy_policy, **self._creation(action), validate_only=True)

    def _remove(self, action: Unfreeze) -> bool:
        deploy, fields = self.deploy, self._deletion(action)
        with suppress(NotFoundError):
            deploy.wait(
                deploy.change(
                    deploy.client.delete_deploy_policy, reason=self.note.reason, request_id=str(uuid4()), **fields
                )
            )
            return True
        return False

    def _change(self, action: Freeze) -> bool:
        deploy, fields = self.deploy, self._update(action)
        deploy.wait(
            deploy.change(
                deploy.client.update_deploy_policy, reason=self.note.reason, request_id=str(uuid4()), **fields
            )
        )
        return True

    def _create(self, action: Freeze) -> bool:
        from google.cloud.deploy_v1 import DeployPolicy

        deploy, fields = self.deploy, self._creation(action)

        def start(request_id: str) -> Any:  # noqa: ANN401 - google.api_core.operation.Operation, untyped
            return deploy.change(
                deploy.client.create_deploy_policy, reason=self.note.reason, request_id=request_id, **fields
            )

        def find() -> DeployPolicy:
            return deploy.read(deploy.client.get_deploy_policy, name=self._name(action.policy))

        found, made = create(Creation(DeployPolicy, start, find), deploy, self.retry)
        if not made and to_policy(found).selectors != (action.selector,):
            raise AlreadyExistsError(f"policy {action.policy} was made meanwhile, and freezes something else")
        if not made and _end(to_policy(found)) != _end(self._policy(action)):
            raise AlreadyExistsError(f"policy {action.policy} was made meanwhile, with another end")
        return made

    def _creation(self, action: Freeze) -> dict[str, Any]:
        return {
            "parent": self.service.location,
            "deploy_policy_id": action.policy,
            "deploy_policy": self._message(action),
        }

    def _update(self, action: Freeze) -> dict[str, Any]:
        message = self._message(action)
        message.etag = action.replaces
        return {"deploy_policy": message, "update_mask": {"paths": list(_CHANGED)}}

    def _deletion(self, action: Unfreeze) -> dict[str, Any]:
        return {"name": self._name(action.policy), "etag": action.etag}

    def _message(self, action: Freeze) -> "DeployPolicy":
        from msp.deploy_policies.message import to_message

        labels = {names.FREEZE_LABEL: names.FREEZE_BY_HAND, action.label[0]: action.label[1]}
        return to_message(self._policy(action), project=self.service.project, region=self.service.region, labels=labels)

    def _policy(self, action: Freeze) -> Policy:
        return Policy(
            action.policy,
            selectors=(action.selector,),
            restrictions=(between(self.note.at - _SKEW, action.until),),
            description=self.note.reason,
            reason=self.note.reason,
            by=self.note.by,
            since=self.note.at,
        )

    def _name(self, policy: str) -> str:
        return names.deploy_policy_name(self.service.project, self.service.region, policy)


def _end(policy: Policy) -> object:
    """When it ends, as it is written; two policies of the same kind end at the same time where this is the same."""
    return [(rule.zone, window.end) for rule in policy.restrictions for window in rule.once]
