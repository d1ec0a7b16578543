"""Commands of gcloud for people to paste, which also work where a local cloud stands for Google's."""

import shlex

# Which of gcloud's addresses a local cloud takes over, by the command's first word.
_ADDRESSES = {"artifacts": "ARTIFACTREGISTRY={}/", "deploy": "CLOUDDEPLOY={}/", "storage": "STORAGE={}/storage/v1/"}


def gcloud_command(local_cloud: str, *arguments: str) -> str:
    """A command for the shell.

    Args:
        local_cloud: The local cloud that is used: `http://127.0.0.1:8080`; empty for Google's.
        arguments: What follows `gcloud`: `deploy`, `releases`, `list`, `--region=us-central1`.
    """
    command = shlex.join(["gcloud", *arguments])
    if not local_cloud:
        return command
    address = shlex.quote(_ADDRESSES[arguments[0]].format(local_cloud))
    return f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{address} CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true {command}"
