"""Who may call which method of the registry: the column `access` of its table."""

from collections.abc import Sequence
from dataclasses import dataclass

from msp.localcloud.registry.auth import Access, Authenticator
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.names import check_name


@dataclass(frozen=True)
class AccessRules:
    """Each method refuses a call, with a `RegistryError`, whose client may not do what it is named after."""

    authenticator: Authenticator

    def enter(self, call: Call) -> None:
        """Log in, no more."""
        self._check(call, ())

    def list_all(self, call: Call) -> None:
        """See the names of all repositories."""
        self._check(call, (Access("registry", "catalog", ("*",)),))

    def pull(self, call: Call) -> None:
        """Pull from the repository."""
        self._check(call, (_of(call, "pull"),))

    def push(self, call: Call) -> None:
        """Push to the repository; pull from the one that a blob is to be mounted from."""
        source = call.query.get("from")
        mounted = (Access("repository", check_name(source), ("pull",)),) if source else ()
        self._check(call, (_of(call, "pull", "push"), *mounted))

    def delete(self, call: Call) -> None:
        """Delete from the repository."""
        self._check(call, (_of(call, "delete"),))

    def _check(self, call: Call, needed: Sequence[Access]) -> None:
        self.authenticator.check(call.request.headers.get("authorization"), call.origin, needed)


def _of(call: Call, *actions: str) -> Access:
    return Access("repository", call.repository, actions)
