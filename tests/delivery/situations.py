"""What a delivery that was killed can be taken up in, and what has to come of it each time."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.delivery.conftest import REGION
from tests.delivery.killed_runs import LOOKING, MOST_SECONDS, STAGING, Built, End, Runs

from msp import names

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


def plain(runs: Runs) -> None:
    """Killed and run again."""
    build = runs.build()
    runs.kill_some(build)
    ended(runs.finish(build), 0, "SUCCEEDED")
    runs.kill_some(build, moments=LOOKING)
    ended(runs.finish(build), 0, "SUCCEEDED")
    delivered(runs, build)


def not_rendered(runs: Runs) -> None:
    """The first release can't be rendered: the rerun makes the build's next one."""
    build = runs.build()
    runs.world.fault("execution/render/*", times=1, code="INTERNAL")
    ends: list[End] = []
    while not ends or ends[-1].exit_code == 3:
        assert len(ends) < 4, ends
        runs.kill_some(build, most=2)
        ends.append(runs.finish(build))
    ended(ends[-1], 0, "SUCCEEDED")
    first, second = releases(runs, build)
    assert (first["renderState"], second["renderState"]) == ("FAILED", "SUCCEEDED")
    assert last(second) == f"{build.release}-r2"
    assert [each["state"] for each in rollouts(runs, last(second))] == ["SUCCEEDED"]
    assert {each["state"] for each in rollouts(runs, last(first))} <= {"FAILED"}


def remade(runs: Runs) -> None:
    """The pipeline is deleted with its releases, and made again, in between."""
    build = runs.build()
    runs.kill_some(build, most=2)
    if runs.chance.random() < 0.3:
        ended(runs.finish(build), 0, "SUCCEEDED")
    world = runs.world
    world.call("DELETE", f"/v1/{world.pipeline}", force="true")
    wait(lambda: names.pipeline_id(world.service, REGION) not in str(world.call("GET", pipelines(runs))))
    stages = [{"targetId": names.target_id(stage, REGION)} for stage in ("staging", "prod")]
    body = {"serialPipeline": {"stages": stages}}
    world.call("POST", pipelines(runs), body, deliveryPipelineId=names.pipeline_id(world.service, REGION))
    wait(lambda: names.pipeline_id(world.service, REGION) in str(world.call("GET", pipelines(runs))))
    since = len(runs.ends)
    runs.kill_some(build)
    ended(runs.finish(build), 0, "SUCCEEDED")
    delivered(runs, build, since)


def rolled_back(runs: Runs) -> None:
    """The image is taken off the stage in between, and stays off, also as the image of another commit."""
    good, bad = runs.build(), runs.build()
    ended(runs.finish(good), 0, "SUCCEEDED")
    runs.kill_some(bad, most=2)
    ended(runs.finish(bad), 0, "SUCCEEDED")
    body = {"targetId": STAGING, "releaseId": good.release, "rolloutId": "back"}
    runs.world.call("POST", f"/v1/{runs.world.pipeline}:rollbackTarget", body)
    wait(lambda: all(each["state"] in ENDED for each in runs.world.rollouts()))
    unchanged = runs.build(bad.image)
    for build in (bad, unchanged):
        runs.kill_some(build, moments=LOOKING)
        ended(runs.finish(build), 4, "HELD")
    assert releases(runs, unchanged) == []
    assert runs.world.tag(unchanged.tag) is None
    assert len(rollouts(runs, good.release)) == 2
    delivered(runs, bad)


def out_of_order(runs: Runs) -> None:
    """A newer build is there before the older one has come to its end."""
    older, newer = runs.build(), runs.build()
    if runs.chance.random() < 0.7:
        runs.kill_some(older, most=2)
    runs.kill_some(newer, most=2)
    ended(runs.finish(newer), 0, "SUCCEEDED")
    runs.kill_some(older, moments=LOOKING)
    ended(runs.finish(older), 4, "SUPERSEDED")
    ended(runs.finish(older, "--if_newer"), 0, "SUPERSEDED")
    delivered(runs, newer)
    assert len(releases(runs, older)) <= 1
    assert len(rollouts(runs, older.release)) <= 1
    wait(lambda: all(each["state"] in ENDED for each in runs.world.rollouts()))
    newest = max(runs.world.rollouts(), key=lambda each: each["createTime"])
    assert f"/releases/{newer.release}/" in newest["name"], newest


SITUATIONS: tuple[Callable[[Runs], None], ...] = (plain, not_rendered, remade, rolled_back, out_of_order)


def sound(runs: Runs) -> None:
    """What is true of a service whatever happened: no tag and no release without its own, whole image."""
    by_tag = {build.tag: build for build in runs.builds}
    by_release = {build.release: build for build in runs.builds}
    registry = f"/v2/{runs.world.repository}"
    there = json.loads(runs.world.http.request("GET", f"{runs.world.cloud.http_url}{registry}/tags/list").data)
    for tag in there.get("tags") or ():
        assert runs.world.tag(tag) == by_tag[tag].digest
        manifest = runs.world.call("GET", f"{registry}/manifests/{tag}")
        for blob in (manifest["config"], *manifest["layers"]):
            head = runs.world.http.request("HEAD", f"{runs.world.cloud.http_url}{registry}/blobs/{blob['digest']}")
            assert head.status == 200, f"tag {tag} lacks {blob['digest']}"
    for release in runs.world.releases():
        build = by_release[last(release).removesuffix("-r2")]
        assert release["deployParameters"]["customTarget/digest"] == release["annotations"]["digest"] == build.digest
        assert release["deployParameters"]["customTarget/tag"] == build.tag
        assert runs.world.tag(build.tag) == build.digest, f"release {last(release)} lacks its image"


def delivered(runs: Runs, build: Built, since: int = 0) -> None:
    """A build has one release, whose one rollout succeeded; one delivery at most says of itself that it made it.

    Args:
        runs: The service's.
        build: The build.
        since: Which end of all was the first after the pipeline was made.
    """
    (release,) = releases(runs, build)
    assert last(release) == build.release
    assert [each["state"] for each in rollouts(runs, build.release)] == ["SUCCEEDED"]
    made = [end for end in runs.ends[since:] if end.result["created"] and end.result["release"] == build.release]
    assert len(made) <= 1, made


def ended(end: End, exit_code: int, state: str) -> None:
    assert (end.exit_code, end.result["exit_code"], end.result["state"]) == (exit_code, exit_code, state), end


def releases(runs: Runs, build: Built) -> list[dict[str, Any]]:
    found = [each for each in runs.world.releases() if last(each).startswith(build.release)]
    return sorted(found, key=lambda each: str(each["createTime"]))


def rollouts(runs: Runs, release: str) -> list[dict[str, Any]]:
    return [each for each in runs.world.rollouts() if f"/releases/{release}/" in each["name"]]


def last(resource: dict[str, Any]) -> str:
    return str(resource["name"]).rpartition("/")[2]


def pipelines(runs: Runs) -> str:
    return f"/v1/{runs.world.location}/deliveryPipelines"


def wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + MOST_SECONDS
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)
