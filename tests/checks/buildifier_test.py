"""How the check of BUILD files gets buildifier."""

import os
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_installing_runs_no_script_of_a_package(tmp_path: Path) -> None:
    checks, programs = tmp_path / "tools/checks", tmp_path / "bin"
    checks.mkdir(parents=True)
    programs.mkdir()
    shutil.copy(CHECKOUT / "tools/checks/buildifier.sh", checks)
    scripts = {
        "git": "printf 'BUILD.bazel\\0'",
        "npm": 'echo "npm $*"; mkdir -p "$4/node_modules/.bin"; cp "$0" "$4/node_modules/.bin/buildifier"',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    for name in ("bash", "cp", "dirname", "mkdir", "xargs"):
        (programs / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        ["bash", checks / "buildifier.sh"], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[0] == f"npm ci --ignore-scripts --prefix {checks} --no-audit --no-fund --silent"
    assert "-mode=check -lint=warn BUILD.bazel" in done.stdout, done.stderr
    assert os.access(checks / "node_modules/.bin/buildifier", os.X_OK)
