"""How to log in: each hint in the situation that prints it, up to where Google or a registry would have to be asked."""

import json
import shutil
from pathlib import Path

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import Monorepo

from msp.cli.entry import describe
from msp.gcp.errors import CredentialsError, api_error
from msp.image.credential_helper import ask_helper
from msp.image.keychain import Keychain
from msp.image.token_authentication import login_hint

LOGIN = "gcloud auth application-default login"
DOCKER = "docker login {}"
HELPER = "echo {} | {} get"
HOST = "registry.example.com"

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


def log_in(paste: Paste, text: str) -> None:
    """gcloud sends its user to Google, and asks for the code that is shown there."""
    done = paste.shell(paste.printed(LOGIN, text), None)
    assert "https://accounts.google.com/o/oauth2/auth?" in done.stderr + done.stdout
    assert "unrecognized arguments" not in done.stderr


@needs_gcloud
def test_whoever_has_no_credentials_logs_in(monorepo: Monorepo, paste: Paste) -> None:
    done = paste.shell("bazel run //svc:msp_deploy -- --commit=" + "1" * 40, monorepo)
    assert done.returncode == 1
    log_in(paste, done.stderr)


@needs_gcloud
def test_whoever_is_not_known_logs_in(paste: Paste) -> None:
    log_in(paste, describe(api_error("who are you?", http_status=401)))


@needs_gcloud
def test_whoever_may_not_push_to_google_logs_in(paste: Paste) -> None:
    log_in(paste, login_hint("us.gcr.io"))


def docker_login(paste: Paste, text: str) -> None:
    """Docker asks for a terminal, on which it would ask for a password."""
    command = paste.printed(DOCKER, text)
    if shutil.which("docker") is None:
        assert command == f"docker login {HOST}"
        return
    done = paste.shell(command, None)
    assert "non TTY device" in done.stderr


def test_whoever_may_not_push_logs_in(paste: Paste) -> None:
    docker_login(paste, login_hint(HOST))


def keychain(home: Path, config: object, **environment: str) -> Keychain:
    (home / "config.json").write_text(json.dumps(config))
    return Keychain(None, {"DOCKER_CONFIG": str(home), **environment})


def refused(chain: Keychain) -> str:
    with pytest.raises(CredentialsError) as caught:
        chain.login(HOST)
    return describe(caught.value)


def test_an_odd_login_is_made_anew(paste: Paste, tmp_path: Path) -> None:
    docker_login(paste, refused(keychain(tmp_path, {"auths": {HOST: {"auth": "no base64"}}})))


@pytest.mark.parametrize("answer", ["exit 3", 'echo "no JSON"'])
def test_a_failing_helper_is_asked_by_hand(monorepo: Monorepo, paste: Paste, answer: str) -> None:
    monorepo.program("docker-credential-odd", f'read key; echo "asked for $key" >&2; {answer}')
    environment = paste.environment(monorepo)
    with pytest.raises(CredentialsError) as caught:
        ask_helper("docker-credential-odd", HOST, environment, where="the helper", seconds=30)
    done = paste.shell(paste.printed(HELPER, describe(caught.value)), monorepo)
    assert done.stderr == f"asked for {HOST}\n"


def test_an_odd_helper_is_asked_by_hand(monorepo: Monorepo, paste: Paste) -> None:
    monorepo.program("docker-credential-odd", r"""printf %s '{"Username": "u", "Secret": "two\nlines"}'""")
    environment = paste.environment(monorepo)
    chain = keychain(paste.home, {"credHelpers": {HOST: "odd"}}, PATH=environment["PATH"])
    assert json.loads(paste(HELPER, monorepo, refused(chain)).stdout)["Username"] == "u"
