"""IAM of pipelines, targets, custom target types and deploy policies."""

from collections.abc import Mapping

from msp.localcloud.deploy.resources import CUSTOM_TARGET_TYPE, DEPLOY_POLICY, PIPELINE, TARGET, Kind, Resources
from msp.localcloud.iam import Iam
from msp.localcloud.status import not_found

_KINDS: Mapping[str, Kind] = {kind.collection: kind for kind in (PIPELINE, TARGET, CUSTOM_TARGET_TYPE, DEPLOY_POLICY)}


def iam(resources: Resources) -> Iam:
    """The policies of resources, as far as those exist."""

    def check_exists(name: str) -> None:
        collection = name.split("/")[-2] if name.count("/") == 5 else ""
        if collection not in _KINDS or resources.find(_KINDS[collection], name) is None:
            raise not_found(name)

    return Iam(resources.store, check_exists)
