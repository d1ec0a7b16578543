"""IAM of Cloud Deploy's resources: policies are kept; everybody may do everything."""

import hashlib
from collections.abc import Mapping

from google.iam.v1 import iam_policy_pb2, policy_pb2

from msp.localcloud.deploy.resources import CUSTOM_TARGET_TYPE, DEPLOY_POLICY, PIPELINE, TARGET, Kind, Resources
from msp.localcloud.status import ApiError, Code, not_found

_KINDS: Mapping[str, Kind] = {kind.collection: kind for kind in (PIPELINE, TARGET, CUSTOM_TARGET_TYPE, DEPLOY_POLICY)}


class Iam:
    """Keeps the policies of pipelines, targets, custom target types and deploy policies.

    Args:
        resources: Tells whether those exist.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def get(self, request: iam_policy_pb2.GetIamPolicyRequest) -> policy_pb2.Policy:
        """`GetIamPolicy`: an empty policy, until one is set."""
        self._check_exists(request.resource)
        payload = self._resources.store.get("iam-policy", request.resource)
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
        self._resources.store.put("iam-policy", request.resource, policy.SerializeToString())
        return policy

    def test(self, request: iam_policy_pb2.TestIamPermissionsRequest) -> iam_policy_pb2.TestIamPermissionsResponse:
        """`TestIamPermissions`: all that were asked for."""
        self._check_exists(request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)

    def _check_exists(self, name: str) -> None:
        collection = name.split("/")[-2] if name.count("/") == 5 else ""
        if collection not in _KINDS or self._resources.find(_KINDS[collection], name) is None:
            raise not_found(name)
