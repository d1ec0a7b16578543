"""The policies of Cloud Deploy's resources: who has which role."""

from typing import TYPE_CHECKING, Any

from msp import names
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.errors import AbortedError, AlreadyExistsError, about
from msp.pipeline.iam import Binding

if TYPE_CHECKING:
    from google.iam.v1.policy_pb2 import Policy

_POLICY_VERSION = 3  # as it was read, so that other bindings keep their conditions (google.iam.v1.Policy.version)
_POLICY_ATTEMPTS = 5


class Policies:
    """Reads policies, and adds to them.

    Args:
        deploy: The client of Cloud Deploy whose resources' policies these are.
    """

    def __init__(self, deploy: CloudDeploy) -> None:
        self._deploy = deploy

    def members(self, resource: str) -> frozenset[tuple[str, str]]:
        """The unconditional (role, member) pairs of a resource's policy, by its full name.

        Raises:
            RemoteError: It could not be read.
        """
        with about(f"policy of {names.short_name(resource)}"):
            return _members(self._read(resource))

    def grant(self, resource: str, bindings: tuple[Binding, ...]) -> None:
        """Adds bindings to a resource's policy, and leaves all others as they are.

        Raises:
            RemoteError: It was refused, or others kept changing the policy.
        """
        with about(f"policy of {names.short_name(resource)}"):
            for attempt in range(1, _POLICY_ATTEMPTS + 1):
                policy = self._read(resource)
                missing = [row for row in bindings if (row.role, row.member) not in _members(policy)]
                if not missing:
                    return
                for row in missing:
                    _binding(policy, row.role).members.append(row.member)
                try:
                    self._set(resource, policy)
                except (AbortedError, AlreadyExistsError):
                    # Its etag is old: someone else set it between our two calls, or our own call was repeated.
                    if attempt == _POLICY_ATTEMPTS:
                        raise
                else:
                    return

    def _read(self, resource: str) -> "Policy":
        method = self._deploy.client.get_iam_policy
        return self._deploy.read(method, resource=resource, options={"requested_policy_version": _POLICY_VERSION})

    def _set(self, resource: str, policy: "Policy") -> None:
        # The policy's etag makes this safe to repeat, as a request id does elsewhere.
        self._deploy.read(self._deploy.client.set_iam_policy, resource=resource, policy=policy)


def _members(policy: "Policy") -> frozenset[tuple[str, str]]:
    return frozenset(
        (binding.role, member)
        for binding in policy.bindings
        if not binding.HasField("condition")
        for member in binding.members
    )


def _binding(policy: "Policy", role: str) -> Any:  # noqa: ANN401 - google.iam.v1.policy_pb2.Binding, untyped
    """The policy's unconditional binding of a role, added where there is none."""
    for binding in policy.bindings:
        if binding.role == role and not binding.HasField("condition"):
            return binding
    return policy.bindings.add(role=role)
