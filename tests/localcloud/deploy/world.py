"""Cloud Deploy's state machines without transports, on a clock that tests move."""

import io
import tarfile
import weakref
from datetime import timedelta
from random import Random
from typing import Any

from google.longrunning import operations_pb2

from msp.localcloud.clock import ManualClock
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import table
from msp.localcloud.deploy.execution import join_image
from msp.localcloud.deploy.ports import Image, Pace
from msp.localcloud.deploy.service import Deploy
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Faults
from msp.localcloud.listed import Listed
from msp.localcloud.operations import Operations
from msp.localcloud.store import Store

LOCATION = "projects/demo/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/app"
IMAGE = "us.gcr.io/demo/app"
DIGEST = "sha256:" + "1" * 64

SKAFFOLD = """\
apiVersion: skaffold/v4beta7
kind: Config
metadata: {name: app}
customActions:
  - {name: render-it, containers: [{name: render, image: render}]}
  - {name: deploy-it, containers: [{name: deploy, image: deploy}]}
  - {name: migrate, containers: [{name: migrate, image: migrate}]}
verify:
  - {name: check, container: {name: check, image: check}}
profiles:
  - {name: fast}
"""


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Images(dict[str, str]):
    """Digests by `repository:tag` and `repository@digest`."""

    def find(self, repository: str, reference: str) -> Image | None:
        digest = self.get(join_image(repository, reference))
        return None if digest is None else Image(repository, digest)


class Buckets(dict[str, bytes]):
    """Contents by `bucket/object`."""

    def read(self, bucket: str, object_name: str) -> bytes | None:
        return self.get(f"{bucket}/{object_name}")


class World:
    """A Cloud Deploy of its own, with a pipeline `app` of the targets `staging` and `prod`."""

    def __init__(self, pace: Pace = Pace(), stages: list[Any] | None = None) -> None:  # noqa: B008
        self.store = Store(None)
        weakref.finalize(self, self.store.close)
        self.clock = ManualClock()
        self.engine = Engine(self.store, self.clock)
        self.faults = Faults()
        self.images = Images({f"{IMAGE}:v1": DIGEST, f"{IMAGE}@{DIGEST}": DIGEST})
        self.buckets = Buckets({"source/source.tar.gz": archive({"skaffold.yaml": SKAFFOLD})})
        random = Random(1)
        operations = Operations(
            store=self.store,
            engine=self.engine,
            clock=self.clock,
            random=random,
            faults=self.faults,
            delay=pace.operation,
        )
        self.deploy = Deploy(
            store=self.store,
            engine=self.engine,
            clock=self.clock,
            random=random,
            faults=self.faults,
            operations=operations,
            images=self.images,
            buckets=self.buckets,
            pace=pace,
        )
        self.methods = {method.name: method for method in [*table.methods(self.deploy), *operations.methods()]}
        if stages is None:
            stages = [pb.Stage(target_id="staging"), pb.Stage(target_id="prod")]
        self.custom_type()
        self.target("staging")
        self.target("prod", require_approval=True)
        pipeline = pb.DeliveryPipeline()
        pipeline.serial_pipeline.stages.extend(stages)
        self.call("CreateDeliveryPipeline", parent=LOCATION, delivery_pipeline_id="app", delivery_pipeline=pipeline)

    def call(self, method_name: str, /, **fields: Any) -> Any:
        """Calls a method; of an operation, returns its response (or the operation, when that isn't done)."""
        method = self.methods[method_name]
        assert method.handler is not None
        answer = method.handler(method.request_type(**fields))
        if isinstance(answer, operations_pb2.Operation) and answer.done and answer.HasField("response"):
            kind = answer.response.TypeName().rpartition(".")[2]
            if kind == "Empty":
                return None
            response = getattr(pb, kind)()
            answer.response.Unpack(response)
            return response
        return answer.message() if isinstance(answer, Listed) else answer

    def settle(self) -> None:
        self.engine.run_due()

    def advance(self, **by: float) -> None:
        self.engine.advance(timedelta(**by))

    def custom_type(self) -> None:
        kind = pb.CustomTargetType()
        kind.custom_actions.render_action = "render-it"
        kind.custom_actions.deploy_action = "deploy-it"
        self.call(
            "CreateCustomTargetType", parent=LOCATION, custom_target_type_id="run-service", custom_target_type=kind
        )

    def target(self, target_id: str, **fields: Any) -> None:
        target = pb.Target(**fields)
        if target.WhichOneof("deployment_target") is None:
            target.custom_target.custom_target_type = f"{LOCATION}/customTargetTypes/run-service"
            target.deploy_parameters["customTarget/image"] = IMAGE
        self.call("CreateTarget", parent=LOCATION, target_id=target_id, target=target)

    def release(self, release_id: str, **fields: Any) -> str:
        """Creates a release and renders it; returns its name."""
        release = pb.Release(**{"skaffold_config_uri": "gs://source/source.tar.gz", **fields})
        if "deploy_parameters" not in fields:
            release.deploy_parameters["customTarget/tag"] = "v1"
        created = self.call("CreateRelease", parent=PIPELINE, release_id=release_id, release=release)
        self.settle()
        return str(created.name)

    def rollout(self, release: str, target_id: str, rollout_id: str = "", **fields: Any) -> str:
        """Creates a rollout and lets happen what happens at once; returns its name."""
        rollout_id = rollout_id or f"{release.rpartition('/')[2]}-to-{target_id}"
        created = self.call(
            "CreateRollout", parent=release, rollout_id=rollout_id, rollout=pb.Rollout(target_id=target_id), **fields
        )
        self.settle()
        return str(created.name)

    def state(self, rollout: str) -> str:
        return str(pb.Rollout.State.Name(self.call("GetRollout", name=rollout).state))

    def automation(self, automation_id: str, rule: Any, target_id: str = "*", **fields: Any) -> None:
        automation = pb.Automation(service_account="robot@demo.iam.gserviceaccount.com", rules=[rule], **fields)
        automation.selector.targets.add(id=target_id)
        self.call("CreateAutomation", parent=PIPELINE, automation_id=automation_id, automation=automation)

    def runs(self) -> list[Any]:
        """Automation runs, oldest first."""
        return list(reversed(self.call("ListAutomationRuns", parent=PIPELINE).automation_runs))
