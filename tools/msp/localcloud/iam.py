"""IAM of resources: policies are kept; everybody may do everything."""

import hashlib
from collections.abc import Callable

from google.iam.v1 import iam_policy_pb2, policy_pb2

from msp.localcloud.status import ApiError, Code
from msp.localcloud.store import Store

_KIND = "iam-policy"


class Iam:
    """The policies of a service's resources.

    Args:
        store: Where they are kept.
        check_exists: Takes a resource's name and raises an `ApiError` when there is none of that name.
    """

    def __init__(self, store: Store, check_exists: Callable[[str], object]) -> None:
        self._store = store
        self._check_exists = check_exists

    def get(self, request: iam_policy_pb2.GetIamPolicyRequest) -> policy_pb2.Policy:
        """`GetIamPolicy`: an empty policy, until one is set."""
        self._check_exists(request.resource)
        payload = self._store.get(_KIND, request.resource)
        return policy_pb2.Policy(etag=b"ACAB") if payload is None else policy_pb2.Policy.FromString(payload)

    def set(self, request: iam_policy_pb2.SetIamPolicyRequest) -> policy_pb2.Policy:
        """`SetIamPolicy`; with the etag of another policy than the present one: `ABORTED`."""
        current = self.get(iam_policy_pb2.GetIamPolicyRequest(resource=request.resource))
        if request.policy.etag and request.policy.etag != current.etag:
            raise ApiError(Code.ABORTED, "There were concurrent policy changes; read the policy and try again")
        policy = policy_pb2.Policy()
        policy.CopyFrom(request.policy)
        policy.etag = b""
        policy.etag = hashlib.sha256(policy.SerializeToString(deterministic=True)).digest()[:8]
        self._store.put(_KIND, request.resource, policy.SerializeToString())
        return policy

    def test(self, request: iam_policy_pb2.TestIamPermissionsRequest) -> iam_policy_pb2.TestIamPermissionsResponse:
        """`TestIamPermissions`: all that were asked for."""
        self._check_exists(request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)


def forget(store: Store, name: str) -> None:
    """Has a resource that is deleted leave no policy to the next of its name."""
    store.delete(_KIND, name)
