"""What automations do, done as the service account that they name, and logged as that one's doing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from msp.localcloud.caller import Caller, service_agent
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Audit
from msp.localcloud.methods import AnyMessage

M = TypeVar("M", bound=Message)

_SERVICE = "google.cloud.deploy.v1.CloudDeploy"


@dataclass
class Automatic:
    """Does what automation runs do.

    Attributes:
        audit: Where it is logged.
    """

    audit: Audit

    def do(self, run: "pb.AutomationRun", method: str, request: AnyMessage, act: Callable[[], M]) -> M:
        """Does what a run asks for.

        Args:
            run: The run. Cloud Deploy's own service account acts as the one that its automation names.
            method: What it would have called, `CreateRollout`.
            request: What it would have asked for.
            act: Does it.
        """
        agent = service_agent(run.name.split("/")[1])
        account = run.service_account
        caller = Caller(principal=account or agent, delegates=(agent,) if account else (), ip="private")
        if method == "CreateRollout":
            resource = f"{request.parent}/rollouts/{request.rollout_id}"
        else:
            resource = request.rollout if method == "RetryJob" else request.name
        return self.audit.automated(caller, f"{_SERVICE}/{method}", resource, request, act)
