"""What is done with each request before its method sees it: counted, and held to the quotas."""

from msp.localcloud.clock import Clock, SystemClock
from msp.localcloud.faults import Faults
from msp.localcloud.quotas import Quotas
from msp.localcloud.request_context import RequestContext
from msp.localcloud.status import ApiError
from msp.localcloud.traffic import Traffic


class Intake:
    """Asked by the transports at each call, in one place each.

    Args:
        faults: What is to go wrong with the calls that get so far.
        clock: Refills the quotas.

    Attributes:
        faults: As given.
        traffic: The counts.
        quotas: The quotas; none unless one is added.
    """

    def __init__(self, faults: Faults | None = None, clock: Clock | None = None) -> None:
        self.faults = Faults() if faults is None else faults
        self.traffic = Traffic()
        self.quotas = Quotas(clock or SystemClock())

    def admit(self, context: RequestContext) -> None:
        """Counts a request, and charges it to the quotas.

        Raises:
            ApiError: `RESOURCE_EXHAUSTED`: a quota has nothing left.
        """
        self.traffic.add(context)
        try:
            self.quotas.take(context)
        except ApiError:
            self.traffic.add_refused(context)
            raise
