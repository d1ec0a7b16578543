"""Who may push: Google's application default credentials, or Docker's config file and its helpers."""

import base64
import os
import re
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msp.gcp.bounds import json_object
from msp.gcp.credentials import ApplicationDefaultCredentials
from msp.gcp.errors import CredentialsError
from msp.image.credential_helper import HELPER_SECONDS, ask_helper
from msp.image.regular_file import read_regular
from msp.image.tokens import is_token

# Docker's own has a few hundred bytes for each registry.
_MAX_CONFIG_BYTES = 1 << 20
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"  # The key that Docker itself uses for it.

# What stands after `docker-credential-` in a program's name.
_HELPER = re.compile(r"[\w.-]{1,100}", re.ASCII)

# https://cloud.google.com/artifact-registry/docs/docker/authentication#token
_GOOGLE_USER = "oauth2accesstoken"


@dataclass(frozen=True)
class Login:
    """What a registry is told. Never printed.

    Attributes:
        username: For basic authentication: `oauth2accesstoken`.
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

    @property
    def is_sendable(self) -> bool:
        """Whether all of it can be sent: HTTP allows no control characters in a login (RFC 7617 section 2)."""
        tokens = [token for token in (self.identity_token, self.bearer) if token]
        named = self.username + self.password
        return all(map(is_token, tokens)) and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in named)


ANONYMOUS = Login()


class Keychain:
    """Finds the login for a registry. Safe to use from many threads.

    Args:
        google: Google's credentials, for Google's registries; None where they aren't to be used: a local cloud.
        environment: Where `DOCKER_CONFIG`, `HOME` and the helpers' `PATH` stand.
        helper_seconds: How long one of Docker's credential helpers may take to answer.
    """

    def __init__(
        self,
        google: ApplicationDefaultCredentials | None,
        environment: Mapping[str, str] = os.environ,
        helper_seconds: float = HELPER_SECONDS,
    ) -> None:
        self._google = google
        self._environment = environment
        self._helper_seconds = helper_seconds
        self._lock = threading.Lock()
        self._found: dict[str, Login | CredentialsError | None] = {}

    def login(self, host: str) -> Login:
        """The login for a registry, `ANONYMOUS` where there is none. Asked for again when it was turned down.

        Args:
            host: The registry, with its port if it has one: `us.gcr.io`.

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
        login = Login(username=_GOOGLE_USER, password=token, bearer=token)
        if not login.is_sendable:
            raise CredentialsError("the access token of Google's credentials is none: it has a line end or the like")
        return login

    def renew(self, host: str) -> bool:
        """Makes sure that the next `login` is fresh; False where it would be the same again."""
        if self._google is None or not is_google(host):
            return False
        try:
            return self._google.renew()
        except CredentialsError:
            return False

    def _docker(self, host: str) -> Login | None:
        with self._lock:  # Helpers may ask a person, and take their time: each is run once, also if it fails.
            if host not in self._found:
                try:
                    self._found[host] = self._find(host)
                except CredentialsError as error:
                    self._found[host] = error
            found = self._found[host]
        if isinstance(found, CredentialsError):
            raise CredentialsError(found.message, hint=found.hint)
        return found

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
        where, hint = f"{self._config_path()}: the login of {host}", f"run: docker login {host}"
        login = parse_auth_entry(entry)
        if login is None:
            raise CredentialsError(f"{where} has an auth that is not base64 of USER:PASSWORD", hint=hint)
        if not login.is_sendable:
            raise CredentialsError(f"{where} has a line end, or another character that no login has", hint=hint)
        return login if login != ANONYMOUS else None

    def _ask_helper(self, helper: str, key: str) -> Login | None:
        if not _HELPER.fullmatch(helper):
            # Not quoted: who knows what was put there by mistake.
            raise CredentialsError(
                f"{self._config_path()}: what it names for {key} is no credential helper", hint=_MEND
            )
        program = f"docker-credential-{helper}"
        where = f"{program}, which {self._config_path()} names for {key},"
        found = ask_helper(program, key, self._environment, where=where, seconds=self._helper_seconds)
        if found is None:
            return None
        login = Login(found.username, found.secret)
        if found.username == "<token>":
            login = Login(identity_token=found.secret)
        if not login.is_sendable:
            raise CredentialsError(
                f"{where} answered a login with a line end, or another character that no login has",
                hint=f"try: echo {key} | {program} get",
            )
        return login

    def _config_path(self) -> Path:
        folder = self._environment.get("DOCKER_CONFIG")
        return (Path(folder) if folder else Path(self._environment.get("HOME", "/")) / ".docker") / "config.json"

    def _read_config(self) -> dict[str, Any]:
        path = self._config_path()
        try:
            content = read_regular(path, _MAX_CONFIG_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise CredentialsError(f"{path}: can't be read: {error.strerror}", hint=_MEND) from None
        config = json_object(content)
        if config is None:
            raise CredentialsError(f"{path}: not a JSON object", hint=_MEND)
        return config


def parse_auth_entry(entry: Mapping[str, Any]) -> Login | None:
    """The login in one entry of a Docker config's `auths`; `ANONYMOUS` where it has none, None where it is broken.

    Args:
        entry: `{"auth": "dXNlcjpwYXNz"}`, or with `username` and `password`, `identitytoken`, `registrytoken`.
    """

    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    username, password = text("username"), text("password")
    if encoded := text("auth"):
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().rstrip("\0").partition(":")
        except ValueError:
            return None
    return Login(username, password, text("identitytoken"), text("registrytoken"))


_MEND = "mend it, or set DOCKER_CONFIG to the directory of another"


def is_google(host: str) -> bool:
    """Whether Google's access tokens are for this registry. By its whole name: a token must not go to a look-alike."""
    return host == "gcr.io" or host.endswith((".gcr.io", "-docker.pkg.dev"))


def _mapping(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}
