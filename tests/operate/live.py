"""A service with a pipeline in a local cloud, and commands run on it as a person would."""

import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3

from msp import names
from msp.gcp.endpoints import Endpoints
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy
from msp.localcloud.faults import Fault
from msp.localcloud.thread import CloudThread
from msp.operate.command import Command, Settings, Verb
from msp.operate.host import Cloud, Host
from msp.operate.service import Service
from msp.pipeline.archive import source_archive
from msp.rollouts.facts import RolloutKey
from msp.show.output import Format, Output

REGION = "us-central1"
STAGES = ("staging", "prod")
CATEGORIES = {"staging": "test", "prod": "external"}

_SERVICES = itertools.count(1)


class Keyboard(io.StringIO):
    """A person at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


@dataclass
class Live:
    """A service in a cloud that other tests' services are in too."""

    cloud: CloudThread
    folder: Path
    stages: Sequence[str] = STAGES
    id: str = field(default_factory=lambda: f"ops{next(_SERVICES)}")
    http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    builds: int = 0

    @property
    def service(self) -> Service:
        return Service(
            f"{self.id}-prod-0000", REGION, self.id, command="bazel run //svc:msp_deploy.ops --", by_target=True
        )

    def target(self, stage: str) -> str:
        return names.target_id(stage, REGION)

    def call(self, verb: str, path: str, body: object = None, **query: str) -> Any:
        url = f"{self.cloud.http_url}{path}?" + "&".join(f"{key}={value}" for key, value in query.items())
        content = None if body is None else json.dumps(body)
        response = self.http.request(verb, url, body=content, headers={"Content-Type": "application/json"})
        assert response.status < 300, response.data
        self.cloud.settle()
        return json.loads(response.data or b"{}")

    def make_pipeline(self, targets: Mapping[str, Mapping[str, object]] | None = None, **fields: object) -> None:
        """All that `apply` would make.

        Args:
            targets: More fields of a stage's target, by stage: `{"prod": {"requireApproval": True}}`.
            **fields: More fields of the pipeline.
        """
        location = self.service.location
        bucket = names.source_bucket(self.service.project)
        self.call("POST", "/storage/v1/b", {"name": bucket}, project=self.service.project)
        url = f"{self.cloud.http_url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={names.SOURCE_OBJECT}"
        assert self.http.request("POST", url, body=source_archive()).status == 200
        actions = {"renderAction": names.RENDER_ACTION, "deployAction": names.DEPLOY_ACTION}
        kind = names.CUSTOM_TARGET_TYPE
        self.call("POST", f"/v1/{location}/customTargetTypes", {"customActions": actions}, customTargetTypeId=kind)
        for stage in self.stages:
            body = {
                "labels": {names.CATEGORY_LABEL: CATEGORIES.get(stage, "internal"), names.SERVICE_LABEL: self.id},
                "customTarget": {"customTargetType": f"{location}/customTargetTypes/{kind}"},
                "deployParameters": {names.SERVICE_PARAMETER: self.id, names.IMAGE_PARAMETER: "us.gcr.io/p/app"},
                **(targets or {}).get(stage, {}),
            }
            self.call("POST", f"/v1/{location}/targets", body, targetId=self.target(stage))
        body = {
            "serialPipeline": {"stages": [{"targetId": self.target(stage)} for stage in self.stages]},
            "labels": {names.OWNER_LABEL: "true", names.SERVICE_LABEL: self.id},
            **fields,
        }
        self.call("POST", f"/v1/{location}/deliveryPipelines", body, deliveryPipelineId=self.service.pipeline_id)

    def automate(self, stage: str, **fields: object) -> str:
        """An automation that promotes from a stage to the next."""
        automation = names.automation_id(stage, REGION)
        body = {
            "serviceAccount": names.releaser_account(self.service.project),
            "selector": {"targets": [{"id": self.target(stage)}]},
            "rules": [{"promoteReleaseRule": {"id": "promote", "wait": "0s"}}],
            **fields,
        }
        self.call("POST", f"/v1/{self.service.pipeline}/automations", body, automationId=automation)
        return automation

    def freeze(self, policy: str, actions: Sequence[str]) -> None:
        """A deploy policy that forbids some actions for a hundred years."""
        day = {"year": 2026, "month": 1, "day": 1}
        window = {"startDate": day, "startTime": {}, "endDate": {**day, "year": 2126}, "endTime": {}}
        windows = {"timeZone": "Etc/UTC", "oneTimeWindows": [window]}
        rule = {"rolloutRestriction": {"id": "no", "actions": actions, "timeWindows": windows}}
        body = {"selectors": [{"deliveryPipeline": {"id": self.service.pipeline_id}}], "rules": [rule]}
        self.call("POST", f"/v1/{self.service.location}/deployPolicies", body, deployPolicyId=policy)

    def release(self, number: int = 0, *, digest: str = "", author: str = "Ada Lovelace", commit: str = "") -> str:
        """The next build's release, as a delivery makes it."""
        self.builds = number or self.builds + 1
        commit = commit or f"{self.builds:02x}" * 20
        digest = digest or f"sha256:{self.builds:064x}"
        tag = names.image_tag(commit, str(self.builds))
        body = {
            "skaffoldConfigUri": names.source_uri(self.service.project),
            "skaffoldConfigPath": "skaffold.yaml",
            "deployParameters": {names.TAG_PARAMETER: tag, names.DIGEST_PARAMETER: digest},
            "annotations": {
                "commit": commit,
                "author": author,
                "build_url": f"https://ci/builds/{self.builds}",
                "digest": digest,
            },
        }
        release = names.release_id(commit, str(self.builds))
        self.call("POST", f"/v1/{self.service.pipeline}/releases", body, releaseId=release)
        return release

    def roll_out(self, release: str, stage: str, *, fails: bool = False, number: int = 1) -> RolloutKey:
        """A rollout as somebody else would ask for it."""
        target = self.target(stage)
        if fails:
            self.cloud.faults.add(
                Fault(method=f"execution/deploy/{target}", code="INTERNAL", message="out of cheese", times=1)
            )
        rollout = names.rollout_id(release, target, number)
        path = f"/v1/{self.service.release_name(release)}/rollouts"
        self.call("POST", path, {"targetId": target}, rolloutId=rollout)
        return RolloutKey(release, rollout)

    def deliver(self, *stages: str, **build: Any) -> str:
        """A new release, rolled out to stages one after another."""
        release = self.release(**build)
        for stage in stages:
            self.roll_out(release, stage)
        return release

    def rollouts(self, stage: str = "") -> list[dict[str, Any]]:
        """The rollouts, the newest first; to one stage or to all."""
        found = self.call("GET", f"/v1/{self.service.pipeline}/releases/-/rollouts").get("rollouts", [])
        found = [each for each in found if not stage or each["targetId"] == self.target(stage)]
        return sorted(found, key=lambda each: str(each["createTime"]), reverse=True)

    def host(self, typed: str | None = None) -> Host:
        """A process; with a person at the keyboard where something is typed."""
        answers = io.StringIO() if typed is None else Keyboard(typed)
        self.err = io.StringIO() if typed is None else Keyboard()
        where = {"BUILD_WORKSPACE_DIRECTORY": str(self.folder), "PATH": "/nonexistent"}
        return Host(where, self.out, self.err, answers, lambda: datetime.now(UTC))

    def run(
        self, verb: Verb, settings: Settings | None = None, *, typed: str | None = None, form: Format = Format.TABLE
    ) -> int:
        """Runs a verb; what it says is in `out`."""
        self.out = io.StringIO()
        output = Output(self.out, form)
        settings = settings or Settings(timeout=20, by="Grace Hopper")
        retry = RetryPolicy(attempts=4, sleep=lambda _: None)
        cloud = Cloud.connect(
            Endpoints.local(self.cloud.http_url), retry=retry, polling=Polling(initial=0.005, maximum=0.02)
        )
        try:
            return Command(verb, self.service, self.host(typed), cloud, output, settings).run()
        finally:
            output.end()

    @property
    def said(self) -> str:
        """What the last command has said."""
        return self.out.getvalue()
