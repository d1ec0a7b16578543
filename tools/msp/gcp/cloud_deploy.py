"""Cloud Deploy: Google's own client, called as `Calls` does, and its operations waited for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msp.gcp.calls import Calls
from msp.gcp.deadline import Deadline
from msp.gcp.errors import CODE_BY_NUMBER, api_error
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy

if TYPE_CHECKING:
    from google.api_core.operation import Operation as StartedOperation
    from google.cloud.deploy_v1 import CloudDeployClient
    from google.longrunning.operations_pb2 import Operation

# Seconds that an operation of Cloud Deploy may take; it takes a few.
OPERATION_SECONDS = 120.0


class CloudDeploy(Calls["CloudDeployClient"]):
    """Cloud Deploy.

        made = deploy.change(deploy.client.create_release, parent=…, release_id=…, release=…, request_id=…)
        deploy.wait(made)

    Args:
        make: Makes Google's client; called in a thread, at once.
        retry: When to ask again.
        polling: How often to look at an operation.
    """

    def __init__(
        self, make: "Callable[[], CloudDeployClient]", retry: RetryPolicy | None = None, polling: Polling | None = None
    ) -> None:
        super().__init__(make, retry)
        self._polling = polling or Polling()

    def wait(self, started: "StartedOperation", *, timeout: float = OPERATION_SECONDS) -> "Operation":
        """Waits until an operation is done.

        Args:
            started: As `change` answered.
            timeout: Seconds to wait at most.

        Raises:
            ApiError: The operation ended with an error, of the class that belongs to its code.
            PollTimeoutError: It did not end in time.
        """
        operation: Operation = started.operation
        if not operation.done:
            calls = self.within(Deadline.after(timeout, self._polling.monotonic))
            name = operation.name
            operation = self._polling.until(
                lambda seen: seen.done,
                lambda: calls.read(self.client.get_operation, name=name),
                timeout=timeout,
                what=f"operation {name}",
            )
        if operation.error.code:
            code = CODE_BY_NUMBER.get(operation.error.code, "UNKNOWN")
            raise api_error(operation.error.message or f"the operation ended with {code}", code=code)
        return operation
