"""A service with a pipeline in a local cloud, images to deliver, and a quick hand to deliver them."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.delivery.example import COMMIT

from msp import names
from msp.ci.build import Build
from msp.delivery.clients import Clients
from msp.delivery.deliver import Delivery
from msp.delivery.image_push import ImagePush, LayoutPush
from msp.delivery.outcome import Outcome
from msp.delivery.planning.overrides import AS_BUILT, Overrides
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.report import events
from msp.delivery.request import Settings
from msp.delivery.target.config import DeliveryConfig
from msp.gcp.endpoints import Endpoints
from msp.gcp.messages import enum_name
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy
from msp.image.progress import Silent
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.pipeline.archive import source_archive

REGION = "us-central1"
NEWER = "89abcdef0123456789abcdef0123456789abcdef"

QUICK = RetryPolicy(attempts=4, sleep=lambda _: None)


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.warnings: tuple[str, ...] = ()
        self.states: list[str] = []

    def report(self, event: events.Event) -> None:
        match event:
            case events.PreflightPassed(warnings):
                self.told.append("preflight passed")
                self.warnings = warnings
            case events.Released(_, created):
                self.told.append("released" if created else "taken up")
            case events.RolloutSeen(rollout):
                self.states.append(enum_name(rollout, "state"))
            case events.Finished(outcome):
                self.told.append(f"finished {outcome.state}")
            case _:
                self.told.append(type(event).__name__.lower())


@dataclass
class World:
    """One service in a cloud that other tests' services are in too."""

    cloud: CloudThread
    service: str
    tmp_path: Path
    http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)
    images: Iterator[int] = field(default_factory=itertools.count)

    @property
    def project(self) -> str:
        return f"{self.service}-prod-0000"

    @property
    def repository(self) -> str:
        return f"us.gcr.io/{self.project}/app"

    @property
    def location(self) -> str:
        return f"projects/{self.project}/locations/{REGION}"

    @property
    def pipeline(self) -> str:
        return f"{self.location}/deliveryPipelines/{names.pipeline_id(self.service, REGION)}"

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints.local(self.cloud.http_url)

    def call(self, verb: str, path: str, body: object = None, **query: str) -> Any:
        response = (
            self.http.request(verb, f"{self.cloud.http_url}{path}", fields=query or None)
            if body is None
            else (
                self.http.request(
                    verb,
                    f"{self.cloud.http_url}{path}?" + "&".join(f"{k}={v}" for k, v in query.items()),
                    body=json.dumps(body),
                    headers={"Content-Type": "application/json"},
                )
            )
        )
        assert response.status < 300, response.data
        return json.loads(response.data or b"{}")

    def make_pipeline(self, stages: Sequence[str] = ("staging", "prod"), **fields: object) -> None:
        """Everything that `apply` would make."""
        self.make_source()
        self.make_type()
        for stage in stages:
            self.make_target(stage)
        ids = [{"targetId": names.target_id(stage, REGION)} for stage in stages]
        body = {"serialPipeline": {"stages": ids}, **fields}
        name = names.pipeline_id(self.service, REGION)
        self.call("POST", f"/v1/{self.location}/deliveryPipelines", body, deliveryPipelineId=name)

    def make_type(self) -> None:
        actions = {"renderAction": names.RENDER_ACTION, "deployAction": names.DEPLOY_ACTION}
        path = f"/v1/{self.location}/customTargetTypes"
        self.call("POST", path, {"customActions": actions}, customTargetTypeId=names.CUSTOM_TARGET_TYPE)

    def make_target(self, stage: str, **fields: object) -> None:
        body = {
            "customTarget": {"customTargetType": f"{self.location}/customTargetTypes/{names.CUSTOM_TARGET_TYPE}"},
            "deployParameters": {names.SERVICE_PARAMETER: self.service, names.IMAGE_PARAMETER: self.repository},
            **fields,
        }
        self.call("POST", f"/v1/{self.location}/targets", body, targetId=names.target_id(stage, REGION))

    def make_source(self) -> None:
        bucket = names.source_bucket(self.project)
        self.call("POST", "/storage/v1/b", {"name": bucket}, project=self.project)
        url = f"{self.cloud.http_url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={names.SOURCE_OBJECT}"
        assert self.http.request("POST", url, body=source_archive()).status == 200

    def image(self, *layers: bytes) -> Path:
        """An OCI layout of these layers, and its config."""
        return write_layout(self.tmp_path / f"image{next(self.images)}", *layers)

    def config(self, **fields: Any) -> DeliveryConfig:
        return DeliveryConfig(
            **{
                "target": "//svc:msp_deploy",
                "gcp_project": self.project,
                "msp_service_id": self.service,
                "repository": self.repository,
                "image": "image",
                **fields,
            }
        )

    def plan(
        self,
        *,
        commit: str = COMMIT,
        build_number: str = "42",
        overrides: Overrides = AS_BUILT,
    ) -> ReleasePlan:
        build = Build(commit, build_number, "Ada Lovelace", "main", "https://ci/42", "Count faster")
        return plan(self.config(), build, overrides=overrides)

    def deliver(
        self,
        image: ImagePush | Path,
        made: ReleasePlan | None = None,
        *,
        report: events.Report = lambda _: None,
        retry: RetryPolicy = QUICK,
        git: Callable[..., str | None] = lambda *_: None,
        endpoints: Endpoints | None = None,
        **settings: Any,
    ) -> Outcome:
        made = made or self.plan()
        polling = Polling(initial=0.005, maximum=0.02)
        clients = Clients.connect(endpoints or self.endpoints, retry=retry, polling=polling)
        push = LayoutPush(image, Silent()) if isinstance(image, Path) else image
        made = replace(made, digest=push.digest)
        settings = {"timeout": 20.0, **settings}
        return Delivery(made, push, clients, report=report, git=git, settings=Settings(**settings)).run()

    def releases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/v1/{self.pipeline}/releases").get("releases", [])
        return found

    def rollouts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/v1/{self.pipeline}/releases/-/rollouts").get("rollouts", [])
        return found

    def tag(self, tag: str) -> str | None:
        """The digest that a tag of the service's repository stands for."""
        return self.cloud.cloud.registry.has_image(self.repository, tag)

    def fault(self, method: str, **how: Any) -> None:
        self.cloud.faults.add(Fault(method=method, **how))


def write_layout(path: Path, *layers: bytes) -> Path:
    (path / "blobs/sha256").mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (path / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    found = [blob(layer, "layer.v1.tar") for layer in layers]
    config = blob(json.dumps({"os": "linux", "rootfs": [each["digest"] for each in found]}).encode(), "config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": found,
    }
    root = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    return path


@pytest.fixture
def make_recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


_SERVICES = itertools.count(1)


@pytest.fixture
def bare_world(shared_cloud: CloudThread, tmp_path: Path) -> Iterator[World]:
    """A service of which nothing is made yet."""
    yield World(shared_cloud, f"svc{next(_SERVICES)}", tmp_path)
    shared_cloud.faults.clear()


@pytest.fixture
def world(bare_world: World) -> World:
    """A service with its pipeline."""
    bare_world.make_pipeline()
    return bare_world
