"""Who may push: Google's application default credentials, or Docker's config file and its helpers."""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msp.gcp.credentials import ApplicationDefaultCredentials
from msp.gcp.errors import CredentialsError

_HELPER_SECONDS = 30.0
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"  # The key that Docker itself uses for it.

# https://cloud.google.com/artifact-registry/docs/docker/authentication#token
_GOOGLE_USER = "oauth2accesstoken"


@dataclass(frozen=True)
class Login:
    """What a registry is told. Never printed.

    Attributes:
        username: For basic authentication.
        password: For basic authentication.
        identity_token: A refresh token that is exchanged for access tokens, in place of the two.
        bearer: A token that the registry itself takes, without an exchange.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header, or nothing."""
        if not self.username and not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any output."""
        return tuple(s for s in (self.password, self.identity_token, self.bearer, self.basic[len("Basic ") :]) if s)


ANONYMOUS = Login()


class Keychain:
    """Finds the login for a registry.

    Args:
        google: Google's credentials, for Google's registries; None where they aren't to be used: a local cloud.
        environment: Where `DOCKER_CONFIG`, `HOME` and the helpers' `PATH` stand.
        run: Runs a helper; replaced in tests.
    """

    def __init__(
        self,
        google: ApplicationDefaultCredentials | None,
        environment: Mapping[str, str] = os.environ,
        run: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run,
    ) -> None:
        self._google = google
        self._environment = environment
        self._run = run
        self._lock = threading.Lock()
        self._logins: dict[str, Login | None] = {}

    def login(self, host: str) -> Login:
        """The login for a registry, `ANONYMOUS` where there is none. Asked for again when it was turned down.

        Raises:
            CredentialsError: What should give it is broken: the config file, a helper; or it is a registry of Google's,
                and neither Google's credentials nor Docker's are there.
            UnreachableError: Google's token service can't be reached.
        """
        if self._google is None or not is_google(host):
            return self._docker(host) or ANONYMOUS
        try:
            token = self._google.token()
        except CredentialsError:
            # `gcloud auth configure-docker` leaves a helper in Docker's config, and no application default credentials.
            if found := self._docker(host):
                return found
            raise
        return Login(username=_GOOGLE_USER, password=token, bearer=token)

    def renew(self, host: str) -> bool:
        """Makes sure that the next `login` is fresh; False where it would be the same again."""
        if self._google is None or not is_google(host):
            return False
        try:
            return self._google.renew()
        except CredentialsError:
            return False

    def _docker(self, host: str) -> Login | None:
        with self._lock:  # Helpers may ask a person, and take their time: each is run once.
            if host not in self._logins:
                self._logins[host] = self._find(host)
            return self._logins[host]

    def _find(self, host: str) -> Login | None:
        config = self._read_config()
        key = _DOCKER_HUB_KEY if host in {"docker.io", "index.docker.io", "registry-1.docker.io"} else host
        helper = _mapping(config, "credHelpers").get(key) or config.get("credsStore")
        if isinstance(helper, str) and helper and (found := self._ask_helper(helper, key)):
            return found
        auths = _mapping(config, "auths")
        for name in (key, f"https://{key}", f"http://{key}", f"https://{key}/v1/", f"https://{key}/v2/"):
            entry = auths.get(name)
            if isinstance(entry, dict) and (found := self._entry(entry, host)):
                return found
        return None

    def _entry(self, entry: dict[str, Any], host: str) -> Login | None:
        def text(key: str) -> str:
            value = entry.get(key)
            return value if isinstance(value, str) else ""

        username, password = text("username"), text("password")
        if encoded := text("auth"):
            try:
                username, _, password = base64.b64decode(encoded, validate=True).decode().rstrip("\0").partition(":")
            except ValueError:
                hint = f"run: docker login {host}"
                raise CredentialsError(f"{self._config_path()}: the auth of {host} is not base64", hint=hint) from None
        login = Login(username, password, text("identitytoken"), text("registrytoken"))
        return login if login != ANONYMOUS else None

    def _ask_helper(self, helper: str, key: str) -> Login | None:
        program = f"docker-credential-{helper}"
        where = f"{program}, which {self._config_path()} names for {key},"
        try:
            done = self._run(
                [program, "get"],
                input=key,
                capture_output=True,
                text=True,
                timeout=_HELPER_SECONDS,
                env=dict(self._environment),
                check=False,
            )
        except FileNotFoundError:
            raise CredentialsError(f"{where} is not on PATH", hint="install it, or take it out of the file") from None
        except subprocess.TimeoutExpired:
            raise CredentialsError(f"{where} did not answer in {_HELPER_SECONDS:g} s") from None
        except (OSError, ValueError) as error:
            raise CredentialsError(f"{where} can't be run: {type(error).__name__}") from None
        if done.returncode != 0:
            # https://github.com/docker/docker-credential-helpers: how a helper says that it has nothing.
            if "credentials not found" in done.stdout:
                return None
            raise CredentialsError(f"{where} failed", hint=f"try: echo {key} | {program} get")
        try:
            answer = json.loads(done.stdout)
            username, secret = str(answer["Username"]), str(answer["Secret"])
        except (ValueError, KeyError, TypeError):
            # Not chained and not quoted: it may hold the secret.
            raise CredentialsError(f"{where} answered something that is no login") from None
        return Login(identity_token=secret) if username == "<token>" else Login(username, secret)

    def _config_path(self) -> Path:
        folder = self._environment.get("DOCKER_CONFIG")
        return (Path(folder) if folder else Path(self._environment.get("HOME", "/")) / ".docker") / "config.json"

    def _read_config(self) -> dict[str, Any]:
        path = self._config_path()
        try:
            config = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise CredentialsError(f"{path}: can't be read: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise CredentialsError(f"{path}: not JSON", hint="mend it, or set DOCKER_CONFIG") from None
        if not isinstance(config, dict):
            raise CredentialsError(f"{path}: not a JSON object", hint="mend it, or set DOCKER_CONFIG")
        return config


def is_google(host: str) -> bool:
    """Whether Google's access tokens are for this registry. By its whole name: a token must not go to a look-alike."""
    return host == "gcr.io" or host.endswith((".gcr.io", "-docker.pkg.dev"))


def _mapping(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}
