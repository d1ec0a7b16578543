"""What `apply` and the pipeline's page print is run as printed."""

import shutil
from collections.abc import Callable

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import Monorepo

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

# A laptop's, which are the longest.
RELEASES = ("deploy-0123456789ab-20261122213005-dirty", "deploy-ba9876543210-20261122223005-dirty")


def test_less_guarded_is_allowed(make_monorepo: Callable[..., Monorepo], paste: Paste, tools: str) -> None:
    monorepo = make_monorepo(tools)
    world = monorepo.world
    ways = {
        "//svc:msp_deploy.pipeline.apply": ".",
        f"{tools}:apply -- --spec=service.yaml": "svc",
    }
    for number, (apply, folder) in enumerate(ways.items()):
        flags = f"{'' if ' -- ' in apply else '-- '}--local_cloud={monorepo.address}"
        made = paste.shell(
            f"bazel run {apply} {flags} {'--allow_less_guarded' if number else ''}", monorepo, folder=folder
        )
        assert made.returncode == 0, made.stderr
        # Somebody has a policy for external targets hold this one, too.
        labels = {"msp": "true", "msp-service": world.service, "msp-category": "external"}
        path = f"/v1/{world.location}/targets/staging-us-central1"
        world.call("PATCH", path, {"labels": labels}, updateMask="labels")
        refused = paste.shell(f"bazel run {apply} {flags}", monorepo, folder=folder)
        assert refused.returncode == 1, refused.stdout
        paste("bazel run {} -- {} --allow_less_guarded", monorepo, refused.stderr, folder=folder)


@needs_gcloud
def test_a_policy_in_a_freezes_place_is_deleted(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    world = monorepo.world
    specification = monorepo.root / "svc/service.yaml"
    freeze = "  freezes:\n  - {name: nights, reason: Nobody is awake., weekly: [{from: '20:00', until: '06:00'}]}\n"
    specification.write_text(specification.read_text().replace("rollout:\n", f"rollout:\n{freeze}"))
    selectors = [{"target": {"id": "*"}}]
    windows = {"timeZone": "Etc/UTC", "weeklyWindows": [{"startTime": {}, "endTime": {"hours": 1}}]}
    body = {"selectors": selectors, "rules": [{"rolloutRestriction": {"id": "no", "timeWindows": windows}}]}
    policy = f"freeze-{world.service}-nights"
    world.call("POST", f"/v1/{world.location}/deployPolicies", body, deployPolicyId=policy)
    apply = f"bazel run @rules_msp//tools:apply -- --spec=svc/service.yaml --local_cloud={monorepo.address}"
    refused = paste.shell(apply, monorepo)
    assert refused.returncode == 1, refused.stdout
    variables = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"http://{monorepo.address}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    paste("gcloud deploy deploy-policies delete {} {}", monorepo, refused.stderr, variables=variables)
    made = paste.shell(apply, monorepo)
    assert made.returncode == 0, made.stderr


@needs_gcloud
def test_the_page(make_monorepo: Callable[..., Monorepo], paste: Paste) -> None:
    monorepo = make_monorepo()
    world = monorepo.world
    specification = monorepo.root / "svc/service.yaml"
    text = specification.read_text().replace(
        "  - environment: prod\n", "  - environment: prod\n    approval: {required: true}\n"
    )
    specification.write_text(text)
    cloud = {"MSP_LOCAL_CLOUD": monorepo.address}
    for command in (
        "bazel run @rules_msp//tools:apply -- --spec=svc/service.yaml",
        "bazel build //svc:pipeline",
        f"bazel run //svc:msp_deploy -- --commit={'1' * 40} --build_number=1",
    ):
        done = paste.shell(command, monorepo, **cloud)
        assert done.returncode == 0, done.stderr
    page = (monorepo.root / "bazel-bin/pipeline.md").read_text()
    run = paste.printed("bazel run", page).partition("`")[0]
    assert paste.shell(f"{run} //svc:msp_deploy -- --dry_run", monorepo).returncode == 0
    variables = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"http://{monorepo.address}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    for release in RELEASES:
        commit, number = release.split("-", 2)[1:]
        flags = f"--commit={commit}{'0' * 28} --build_number={number} --local_cloud={monorepo.address} --force"
        assert paste.shell(f"bazel run //svc:msp_deploy -- {flags}", monorepo).returncode == 0
        given = {"RELEASE": release}
        promote = "gcloud deploy releases promote --release=RELEASE --to-target={} --rollout-id={} {}"
        paste(promote, monorepo, page, given=given, variables=variables)
        world.cloud.settle()
        waiting = "gcloud deploy rollouts list --release=RELEASE --filter=approvalState=NEEDS_APPROVAL {}"
        listed = paste(waiting, monorepo, page, given=given, variables=variables).stdout
        assert f"{release}-to-prod-1" in listed
        approve = "gcloud deploy rollouts approve ROLLOUT --release=RELEASE {}"
        paste(approve, monorepo, page, given={"ROLLOUT": f"{release}-to-prod-1", **given}, variables=variables)
        world.cloud.settle()
    listed = paste("gcloud deploy releases list {}", monorepo, page, variables=variables).stdout
    assert all(release in listed for release in RELEASES)
    back = "gcloud deploy targets rollback {} --release=RELEASE --rollout-id={} {}"
    paste(back, monorepo, page, given={"RELEASE": RELEASES[0]}, variables=variables)
    assert any(f"{RELEASES[0]}-back-to-" in each["name"] for each in world.rollouts())
