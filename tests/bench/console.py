"""What the local cloud's console costs with a large fleet: `console.py [--services=1000] [--releases=20]`.

Each service has three stages, and each of its releases was rolled out to all of them. Prints how long the fleet's
page takes and how large its answer is: read for the first time, once more, searched, and after one change.
"""

import argparse
import json
import time
from random import Random
from typing import Any

import requests

from msp.localcloud import LocalCloud
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.resources import PIPELINE, RELEASE, ROLLOUT, TARGET, Resources, slot_of
from msp.localcloud.pytest_plugin import CloudThread

LOCATION = "projects/demo/locations/us-central1"
STAGES = [f"{stage}-us-central1" for stage in ("test", "staging", "prod")]


def fill(resources: Resources, services: int, releases: int) -> None:
    with resources.store.transaction():
        for stage in STAGES:
            resources.create(TARGET, pb.Target(name=f"{LOCATION}/targets/{stage}", target_id=stage))
        for number in range(services):
            pipeline = pb.DeliveryPipeline(
                name=f"{LOCATION}/deliveryPipelines/service-{number:04d}-us-central1-rollout",
                description=f"Service {number}",
                serial_pipeline=pb.SerialPipeline(stages=[pb.Stage(target_id=stage) for stage in STAGES]),
            )
            resources.create(PIPELINE, pipeline)
            for build in range(releases):
                roll_out(resources, pipeline, f"{number:06x}{build:06x}", build)


def roll_out(resources: Resources, pipeline: Any, commit: str, build: int) -> None:
    release = pb.Release(
        name=f"{pipeline.name}/releases/deploy-{commit}-{build}",
        render_state=pb.Release.RenderState.SUCCEEDED,
        annotations={"author": "Ada Lovelace", "commit": commit, "commit_message_base64": "U3ViamVjdA=="},
        delivery_pipeline_snapshot=pipeline,
    )
    resources.create(RELEASE, release)
    for stage in STAGES:
        rollout = pb.Rollout(
            name=f"{release.name}/rollouts/to-{stage}", target_id=stage, state=pb.Rollout.State.SUCCEEDED
        )
        rollout.deploy_end_time.FromDatetime(resources.clock.now())
        resources.create(ROLLOUT, rollout)
        running = {"release": release.name.rpartition("/")[2], "rollout": rollout.name, "images": []}
        resources.store.put("running", slot_of(pipeline.name, stage), json.dumps(running).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--releases", type=int, default=20)
    asked = parser.parse_args()
    cloud = LocalCloud(seed=1)
    with CloudThread(cloud) as thread, requests.Session() as session:
        resources = cloud.deploy.resources

        async def prepare() -> None:
            fill(Resources(cloud.store, cloud.clock, Random(1)), asked.services, asked.releases)

        async def change() -> None:
            name = f"{LOCATION}/deliveryPipelines/service-0000-us-central1-rollout"
            resources.save(PIPELINE, resources.get(PIPELINE, name))

        def look(what: str, **parameters: str) -> None:
            begun = time.perf_counter()
            answer = session.get(f"{thread.http_url}/_localcloud/overview", params=parameters, timeout=120)
            took = time.perf_counter() - begun
            print(f"{what:24} {1000 * took:8.1f} ms {len(answer.content):8} bytes {answer.json()['matching']:6} found")

        thread.run(prepare(), 900)
        look("read for the first time")
        look("once more")
        look("an author", q="ada lovelace")
        look("one commit", q=f"{asked.services - 1:06x}{asked.releases - 1:06x}")
        look("what needs a person", show="person")
        thread.run(change())
        look("after one change")


if __name__ == "__main__":
    main()
