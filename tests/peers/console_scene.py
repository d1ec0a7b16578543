"""A small fleet in a local cloud, for the console to show: five stages, a freeze, a hold, failures and approvals."""

import base64
import json
from datetime import timedelta
from typing import Any

import requests
from tests.localcloud.deploy.world import LOCATION, SKAFFOLD, archive
from tests.localcloud.registry.client import Registry

from msp.localcloud.pytest_plugin import CloudThread

STAGES = ("dev", "test", "staging", "canary", "prod")
IMAGE = "us.gcr.io/demo/{}"


def target_id(stage: str) -> str:
    return f"{stage}-us-central1"


class Scene:
    """Makes services and moves releases in a local cloud with a manual clock."""

    def __init__(self, cloud: CloudThread) -> None:
        self.cloud = cloud
        self._session = requests.Session()
        self.send("POST", "storage/v1/b?project=demo", {"name": "demo-source"})
        archived = archive({"skaffold.yaml": SKAFFOLD})
        self._session.post(
            f"{cloud.http_url}/upload/storage/v1/b/demo-source/o?name=source.tar.gz", data=archived, timeout=10
        ).raise_for_status()
        actions = {"renderAction": "render-it", "deployAction": "deploy-it"}
        self.deploy("customTargetTypes?customTargetTypeId=run-service", {"customActions": actions})

    def close(self) -> None:
        self._session.close()

    def send(self, verb: str, path: str, body: Any) -> Any:
        answer = self._session.request(verb, f"{self.cloud.http_url}/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        self.cloud.settle()
        return answer.json()

    def deploy(self, path: str, body: Any, verb: str = "POST") -> Any:
        return self.send(verb, f"v1/{LOCATION}/{path}", body)

    def wait(self, **by: float) -> None:
        self.cloud.advance(timedelta(**by))

    def targets(self, *stages: str) -> None:
        for stage in stages:
            target = {
                "requireApproval": stage == "prod",
                "labels": {"msp-category": "external" if stage == "prod" else "test"},
                "customTarget": {"customTargetType": "run-service"},
            }
            self.deploy(f"targets?targetId={target_id(stage)}", target)

    def service(self, service: str, stages: tuple[str, ...] = STAGES, description: str = "") -> str:
        """Makes a pipeline and its image's repository; returns the pipeline's name."""
        pipeline = f"{service}-us-central1-rollout"
        serial = {
            "stages": [
                {
                    "targetId": target_id(stage),
                    "deployParameters": [{"values": {"customTarget/image": IMAGE.format(service)}}],
                }
                for stage in stages
            ]
        }
        body = {"description": description, "serialPipeline": serial}
        self.deploy(f"deliveryPipelines?deliveryPipelineId={pipeline}", body)
        return f"{LOCATION}/deliveryPipelines/{pipeline}"

    def push(self, service: str, tag: str) -> str:
        """Pushes an image; returns its digest."""
        layers = (b"base" * 5_000, tag.encode() * 700)
        with Registry(self.cloud.http_url, IMAGE.format(service)) as registry:
            return registry.push_image(tag, layers=layers)

    def release(
        self,
        pipeline: str,
        release_id: str,
        *,
        tag: str = "",
        author: str = "Ada Lovelace",
        subject: str = "",
        **notes: str,
    ) -> str:
        """Makes a release; returns its name."""
        service = pipeline.rpartition("/")[2].removesuffix("-us-central1-rollout")
        digest = self.push(service, tag) if tag else ""
        annotations = {
            "commit": (release_id.split("-")[1] * 4)[:40],
            "author": author,
            "released_by": "ci@demo.iam.gserviceaccount.com",
            "commit_message_base64": base64.b64encode(subject.encode()).decode(),
            "branch": "main",
            "build_number": release_id.rpartition("-")[2],
            "build_url": f"https://buildkite.com/demo/builds/{release_id.rpartition('-')[2]}",
            **notes,
        }
        parameters = {"customTarget/tag": tag or "gone"} | ({"customTarget/digest": digest} if digest else {})
        body = {
            "skaffoldConfigUri": "gs://demo-source/source.tar.gz",
            "deployParameters": parameters,
            "annotations": annotations,
        }
        self.send("POST", f"v1/{pipeline}/releases?releaseId={release_id}", body)
        return f"{pipeline}/releases/{release_id}"

    def rollout(self, release: str, *stages: str, approve: bool = True) -> None:
        """Rolls a release out to stages, one after another."""
        for stage in stages:
            rollout = f"{release.rpartition('/')[2]}-to-{stage}"[:63]
            self.send("POST", f"v1/{release}/rollouts?rolloutId={rollout}", {"targetId": target_id(stage)})
            if stage == "prod" and approve:
                self.send("POST", f"v1/{release}/rollouts/{rollout}:approve", {"approved": True})
            self.wait(minutes=7)

    def promotion(self, pipeline: str, stage: str, *, held: dict[str, str] | None = None) -> None:
        """An automation that promotes from a stage, and is held where `held` says why."""
        body = {
            "serviceAccount": "robot@demo.iam.gserviceaccount.com",
            "selector": {"targets": [{"id": target_id(stage)}]},
            "suspended": held is not None,
            "annotations": held or {},
            "rules": [{"promoteReleaseRule": {"id": "promote", "wait": "3600s"}}],
        }
        self.send("POST", f"v1/{pipeline}/automations?automationId=promote-from-{stage}", body)

    def freeze(
        self, policy: str, stage: str, reason: str, actions: tuple[str, ...] = ("CREATE", "APPROVE", "ADVANCE")
    ) -> None:
        """A deploy policy that stops a stage of every service until the tenth of January."""
        window = {
            "startDate": {"year": 2026, "month": 1, "day": 1},
            "endDate": {"year": 2026, "month": 1, "day": 10},
            "endTime": {"hours": 8},
        }
        body = {
            "annotations": {"reason": reason, "by": "Grace Hopper"},
            "selectors": [{"target": {"id": target_id(stage)}}],
            "rules": [
                {
                    "rolloutRestriction": {
                        "id": "closed",
                        "actions": list(actions),
                        "timeWindows": {"timeZone": "UTC", "oneTimeWindows": [window]},
                    }
                }
            ],
        }
        self.deploy(f"deployPolicies?deployPolicyId={policy}", body)

    def fleet(self) -> str:
        """Six services with something to see in each; returns the one with five stages."""
        self.targets(*STAGES, "qa")
        main = self.service("checkout", description="Checkout")
        self.promotion(main, "dev")
        self.promotion(
            main, "canary", held={"reason": "INC-204", "by": "Grace Hopper", "since": "2026-01-05T09:30:00Z"}
        )
        first = self.release(main, "deploy-3f2a9c1b7d4e-101", tag="v101", subject="Charge in the buyer's currency")
        self.rollout(first, *STAGES)
        second = self.release(
            main, "deploy-98c4d10aa37f-102", tag="v102", author="Grace Hopper", subject="Retry payments that time out"
        )
        self.rollout(second, *STAGES)
        third = self.release(main, "deploy-b7720fe19c55-103", tag="v103", subject="Show taxes before the last step")
        self.rollout(third, "dev", "test", "staging", "canary")
        self.rollout(third, "prod", approve=False)
        fourth = self.release(
            main, "deploy-77e0b6a1c2d3-104", author="Katherine Johnson", subject="Round to cents, once"
        )
        self.rollout(fourth, "dev")
        three = ("test", "staging", "prod")
        for service, author in (("accounts", "Ada Lovelace"), ("search", "Alan Turing"), ("mail", "Joan Clarke")):
            pipeline = self.service(service, three, service.title())
            for number in (41, 42):
                release = self.release(pipeline, f"deploy-{service:0<12}-{number}", tag=f"v{number}", author=author)
                self.rollout(release, *three[: 3 if number == 41 else 2])
        self.freeze("year-end", "qa", "Year-end close")
        billing = self.service("billing", ("test", "qa"), "Billing")
        self.release(
            billing, "deploy-5e5e5e5e5e5e-9", tag="v9", author="Grace Hopper", subject="Number invoices by year"
        )
        broken = self.service("reports", ("test", "absent"), "Reports")
        self.send("PATCH", f"v1/{broken}?updateMask=suspended", {"suspended": True})
        self.wait(hours=2)
        return main

    def overview(self, **asked: str) -> Any:
        answer = self._session.get(f"{self.cloud.http_url}/_localcloud/overview", params=asked, timeout=30)
        return json.loads(answer.text)
