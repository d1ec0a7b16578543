"""Stands for Bazel in a test's repository: the same labels, and the programs that they stand for.

`targets.json` beside it says which labels there are and what each runs. As Bazel does, it starts a program in its
runfiles, names the user's directory to it, takes only what follows `--` for the program's, and refuses other labels.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(verb: str, *words: str) -> int:
    """Runs `bazel VERB LABEL… [-- ARGUMENTS]`."""
    ours, program = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, ())
    labels = [word for word in ours if not word.startswith("-")]
    options = set(ours) - set(labels)
    root = next(above for above in (Path.cwd(), *Path.cwd().parents) if (above / "MODULE.bazel").is_file())
    targets = json.loads((HERE / "targets.json").read_text())
    if verb == "query":
        return query(words[0], list(targets))
    known = all(option.startswith("--output_groups=") for option in options)
    if not known or (verb == "run" and (options or len(labels) != 1)):
        return refuse(f"{verb} takes no {options}, and run takes one label: flags of a program stand behind --")
    for label in labels:
        here = "//" + str(Path.cwd().relative_to(root)).strip(".")
        whole = f"{here}{label}" if label.startswith(":") else label
        found = targets.get(whole) or (targets.get(f"{verb} {whole}"))
        if found is None or found["verb"] != verb:
            return refuse(f"no such target to {verb}: '{whole}'")
        if (ended := start(found, program, root)) != 0:
            return ended
    return 0


def query(expression: str, known: "list[str]") -> int:
    """Answers what the programs ask of a workspace: what is there, and what the rule behind `.ops` was given."""
    named = re.findall(r"//[\w/.:-]*", expression)
    there = [label for label in named if label.endswith("...") or label in known]
    if expression.startswith("kind("):
        for config in map(json.loads, map(Path.read_text, (HERE / "runfiles/_main/svc").glob("*.ops.json"))):
            given = {"image_label": config["image"], **config}
            rule = {"attribute": [{"name": key, "stringValue": given[key]} for key in given], "name": config["target"]}
            print(json.dumps({"type": "RULE", "rule": rule}) if there else "")
    elif there:
        print("//svc:msp_deploy")
    return 0 if there else refuse(f"no such target '{' '.join(named)}'")


def start(found: "dict[str, str]", arguments: "tuple[str, ...]", root: Path) -> int:
    """Runs a target's program as `bazel run` does."""
    runfiles = HERE / "runfiles"
    environment = {**os.environ, "BUILD_WORKING_DIRECTORY": str(Path.cwd()), "BUILD_WORKSPACE_DIRECTORY": str(root)}
    environment |= {"RUNFILES_DIR": str(runfiles), "PYTHONPATH": found["python_path"], "PYTHONUTF8": "1"}
    if found["config"]:
        environment["MSP_CONFIG"] = found["config"]
    if found["config"]:
        build(root, runfiles / "_main/svc/spec.spec.json", environment)
    command = [sys.executable, "-m", f"msp.cli.{found['program']}", *found["arguments"], *arguments]
    if found["verb"] == "run":
        os.chdir(runfiles / "_main")
        os.execve(sys.executable, command, environment)  # noqa: S606 - as Bazel does
    return subprocess.run(command, env=environment, check=False).returncode


def build(root: Path, spec: Path, environment: "dict[str, str]") -> None:
    """Makes the specification anew, if it has changed."""
    source = root / "svc/service.yaml"
    if source.stat().st_mtime_ns > spec.stat().st_mtime_ns:
        validate = [sys.executable, "-m", "msp.cli.validate", f"--canonical={spec}", str(source)]
        subprocess.run(validate, env=environment, check=True)


def refuse(why: str) -> int:
    """Ends as Bazel does where a command can't be carried out."""
    print(f"ERROR: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
