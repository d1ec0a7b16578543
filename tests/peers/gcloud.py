"""The real gcloud, told to talk to the local cloud."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from msp.localcloud.pytest_plugin import CloudThread

PROJECT, REGION = "msp-example-prod-0000", "us-central1"


class Gcloud:
    """gcloud, told to talk to a local server with no account."""

    def __init__(self, cloud: CloudThread, home: Path) -> None:
        self.cloud = cloud
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"{cloud.http_url}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{cloud.http_url}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_DEPLOY_REGION": REGION,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["gcloud", "deploy", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.cloud.settle()
        return done

    def __call__(self, *arguments: str) -> Any:
        """Runs a command that must succeed; returns its JSON output."""
        done = self.run(*arguments, "--format=json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr
