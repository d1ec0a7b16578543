"""How people type what this project makes: targets that Bazel runs, and the verbs of a service."""

import shlex


def bazel_run(label: str) -> str:
    """What a person types before a verb: `bazel run //svc:msp_deploy.ops --`."""
    return f"bazel run {label} --"


def verb_command(program: str, verb: str, *words: str, local_cloud: str = "") -> str:
    """The command for a verb, for the shell: `bazel run //svc:msp_deploy.ops -- rollback --stage=prod`.

    Args:
        program: What stands before the verb: `bazel run //svc:msp_deploy.ops --`.
        verb: `rollback`.
        words: What follows it, unquoted: `--stage=prod`.
        local_cloud: `127.0.0.1:8080`, where that stands for Google; empty otherwise.
    """
    cloud = [f"--local_cloud={local_cloud}"] if local_cloud else []
    return f"{program} {shlex.join([verb, *words, *cloud])}"
