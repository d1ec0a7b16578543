"""An OCI registry (distribution specification 1.1) whose repositories are named as in the real world.

`us.gcr.io/project/app` stands at `127.0.0.1:PORT/us.gcr.io/project/app`.
"""

from msp.localcloud.registry.auth import DEFAULT_ACCOUNTS, Account, Authenticator, AuthMode
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.policy import Choices, OpenPolicy, RepositoryPolicy
from msp.localcloud.registry.routes import routes
from msp.localcloud.registry.state import RegistryState

__all__ = [
    "DEFAULT_ACCOUNTS",
    "Account",
    "AuthMode",
    "Authenticator",
    "Choices",
    "OpenPolicy",
    "RegistryError",
    "RegistryState",
    "RepositoryPolicy",
    "routes",
]
