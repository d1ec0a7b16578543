"""The examples in each program's help, and in its errors, run as they stand there."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import TOOLS, Monorepo

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


def without_synopsis(example: str) -> str:
    """The command without what may be left out: `[-- FLAGS]`."""
    return re.sub(r" *\[[^]]*\]", "", example)


def test_examples_run(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    cloud = {"MSP_LOCAL_CLOUD": monorepo.address}
    helps = {name: paste.shell(f"bazel run @rules_msp//tools:{name} -- --help", monorepo).stdout for name in TOOLS}
    paste("bazel run //svc:pipeline.apply", monorepo, helps["apply"], variables=cloud)
    paste("bazel run //svc:pipeline.diff", monorepo, helps["diff"], variables=cloud)
    deliver = without_synopsis(paste.printed("bazel run //svc:msp_deploy [-- FLAGS]", helps["deploy"]))
    assert paste.shell(deliver, monorepo, **cloud).returncode == 0
    paste("bazel run //svc:msp_deploy.local", monorepo, helps["deploy_local"])
    generate = "bazel run @rules_msp//tools:generate -- --spec=service.yaml --output_dir=pipeline"
    paste(generate, monorepo, helps["generate"], folder="svc")
    apply = paste.printed("gcloud deploy apply", helps["generate"]).partition(")")[0]
    check_gcloud_takes(paste, monorepo, apply)
    validate = "bazel run @rules_msp//tools:validate -- path/to/service.yaml"
    given = {"path/to": "svc"}
    paste(validate, monorepo, helps["validate"], given=given)
    paste(validate, monorepo, paste.shell("bazel run @rules_msp//tools:validate", monorepo).stderr, given=given)
    check_cloud_starts(paste, monorepo, helps["local_cloud"])


def check_gcloud_takes(paste: Paste, monorepo: Monorepo, apply: str) -> None:
    done = paste.shell(
        f"{apply} --file=svc/pipeline/clouddeploy.yaml --region=us-central1 --project={monorepo.world.project}",
        monorepo,
        CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY=f"http://{monorepo.address}/",
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true",
    )
    assert done.returncode == 0, done.stderr
    assert "Created Cloud Deploy resource" in done.stderr


def check_cloud_starts(paste: Paste, monorepo: Monorepo, text: str) -> None:
    template = "bazel run @rules_msp//tools:local_cloud -- --port=8080 --grpc_port=8081 [--state_dir=DIR]"
    example = paste.printed(template, text)
    # Other ports, which may be taken here; and with what may be left out.
    command = re.sub(r"port=\d+", "port=0", example).translate({ord("["): None, ord("]"): None})
    command = command.replace("DIR", str(Path("state")))
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=monorepo.root,
        env=paste.environment(monorepo),
        stdout=subprocess.PIPE,
        text=True,
    ) as cloud:
        assert cloud.stdout is not None
        assert cloud.stdout.readline().startswith("local cloud ready: http://127.0.0.1:")
        cloud.send_signal(signal.SIGTERM)
    assert (monorepo.root / "state").is_dir()
