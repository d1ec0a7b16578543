"""Which revisions get which share of a service's requests."""

from collections.abc import Callable, Iterator, Sequence

from msp.localcloud.methods import AnyMessage
from msp.localcloud.run import messages as pb
from msp.localcloud.status import invalid

LATEST = 1
"""`TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST`"""
REVISION = 2
"""`TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION`"""


def statuses(
    targets: Sequence[AnyMessage], latest: str, uri: str, known: Callable[[str], bool]
) -> Iterator[AnyMessage]:
    """What `TrafficTarget`s come to, with the revision that each one leads to.

    Args:
        targets: As the service has them.
        latest: The id of the latest revision that is ready.
        uri: The service's address; a tag stands before its first name.
        known: Whether there is a revision of an id.

    Raises:
        ApiError: `INVALID_ARGUMENT`: shares that are not 100 together, a revision that is not there, a tag twice.
    """
    if sum(target.percent for target in targets) != 100:
        raise invalid("service.traffic", "the percents of all targets must add up to 100")
    tags = [target.tag for target in targets if target.tag]
    if len(set(tags)) < len(tags):
        raise invalid("service.traffic", "a tag stands for one target only")
    for target in targets:
        to_latest = target.type_ == LATEST or (not target.type_ and not target.revision)
        if not to_latest and not known(target.revision):
            raise invalid("service.traffic", f"Revision '{target.revision}' is not found")
        status = pb.TrafficTargetStatus(
            type_=LATEST if to_latest else REVISION,
            revision=latest if to_latest else target.revision,
            percent=target.percent,
            tag=target.tag,
        )
        if target.tag:
            status.uri = uri.replace("https://", f"https://{target.tag}---", 1)
        yield status
