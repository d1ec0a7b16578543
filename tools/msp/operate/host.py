"""Where a command runs, and what it speaks with."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from msp.changes.between import Checkout
from msp.ci.bazel import bazel_in
from msp.ci.git import Git, git_in
from msp.gcp.calls import Later
from msp.gcp.clients import cloud_deploy_client, default_adapter
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.endpoints import Endpoints
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy


@dataclass(frozen=True)
class Host:
    """The process that a command runs in.

    Attributes:
        environment: The process's variables: `os.environ`.
        out: What people and programs read: stdout.
        err: What people alone read: stderr.
        answers: Where a person answers: stdin.
        now: Tells the time, in UTC.
    """

    environment: Mapping[str, str]
    out: TextIO
    err: TextIO
    answers: TextIO
    now: Callable[[], datetime]

    @property
    def workspace(self) -> Path:
        """The root of the Bazel workspace, or where the person stands."""
        named = self.environment.get("BUILD_WORKSPACE_DIRECTORY") or self.environment.get("BUILD_WORKING_DIRECTORY")
        return Path(named) if named else Path.cwd()

    @property
    def asks(self) -> bool:
        """Whether there is a person to ask."""
        return self.answers.isatty() and self.err.isatty()

    def checkout(self, *, seconds: float = 300.0) -> Checkout:
        """The checkout that the person stands in.

        Args:
            seconds: How long an answer of Bazel may take.
        """
        return Checkout(self.git(), bazel_in(self.workspace, self.environment, seconds=seconds), self._exists)

    def git(self) -> Git:
        """Git, in that checkout."""
        return git_in(self.workspace, self.environment)

    def _exists(self, path: str) -> bool:
        return os.path.lexists(self.workspace / path)


@dataclass(frozen=True)
class Cloud:
    """Google's services, or what stands for them.

    Attributes:
        deploy: Cloud Deploy.
        retry: When to ask again.
        polling: How often to look at what takes time.
        endpoints: Where they are.
    """

    deploy: CloudDeploy
    retry: RetryPolicy
    polling: Polling
    endpoints: Endpoints

    @classmethod
    def connect(
        cls, endpoints: Endpoints, *, retry: RetryPolicy | None = None, polling: Polling | None = None
    ) -> "Cloud":
        """Clients that ask nothing yet; Google's library is imported in a thread, beside whatever is done meanwhile."""
        retry, polling = retry or RetryPolicy(), polling or Polling()
        adapter = Later(lambda: default_adapter(endpoints))
        deploy = CloudDeploy(lambda: cloud_deploy_client(endpoints, adapter.get()), retry, polling)
        return cls(deploy, retry, polling, endpoints)
