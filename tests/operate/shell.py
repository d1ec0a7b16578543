"""The program of the verbs, as a shell starts it: by itself, or as an `.ops` target does."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.operate.live import REGION, Live

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tools" / "msp" / "cli" / "verb.py"


@dataclass
class Shell:
    """Where commands are typed.

    Attributes:
        live: The service, and its cloud.
        folder: The workspace; one of its own.
        variables: More of the environment; empty for a variable that is to be absent.
    """

    live: Live
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def as_target(self) -> "Shell":
        """The shell, in which the program runs as the service's `.ops` target."""
        config = {
            "target": "//svc:msp_deploy.ops",
            "gcp_project": self.live.service.project,
            "gcp_region": REGION,
            "image": "//svc:image",
            "msp_service_id": self.live.id,
            "repository": "us.gcr.io/sourcegraph-dev/msp-example",
            "tool": "@rules_msp//tools:verb",
        }
        runfiles = self.folder / "verb.runfiles"
        (runfiles / "_main").mkdir(parents=True, exist_ok=True)
        (runfiles / "_main" / "config.json").write_text(json.dumps(config))
        variables = {"MSP_CONFIG": "_main/config.json", "RUNFILES_DIR": str(runfiles)}
        return Shell(self.live, self.folder, {**self.variables, **variables})

    def start(self, typed: str, **options: object) -> "subprocess.Popen[str]":
        """Begins a command: `status --project=p`."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), *filter(None, sys.path)]),
            "MSP_LOCAL_CLOUD": self.live.cloud.http_url.removeprefix("http://"),
            "BUILD_WORKSPACE_DIRECTORY": str(self.folder),
            "BAZEL": str(self.folder / "bazel"),
            "LANG": "C.UTF-8",
            "USER": "grace",
            **self.variables,
        }
        pipe = subprocess.PIPE
        streams: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **options}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # options of one kind each
            [sys.executable, str(PROGRAM), *shlex.split(typed)],
            env={key: text for key, text in environment.items() if text},
            text=True,
            encoding="utf-8",
            start_new_session=True,
            cwd=self.folder,
            **streams,
        )

    def type(self, typed: str) -> "subprocess.CompletedProcess[str]":
        """A command from its start to its end."""
        with self.start(typed) as process:
            try:
                out, err = process.communicate(timeout=120)
            finally:
                process.kill()
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(typed, process.returncode, out, err)
