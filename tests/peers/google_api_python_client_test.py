"""Google's client that knows no API: it makes its methods from the discovery document."""

import contextlib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import pytest

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.pytest_plugin import CloudThread

pytestmark = pytest.mark.skipif(find_spec("googleapiclient") is None, reason="google-api-python-client is not here")

Client: TypeAlias = Any
"""What the library makes has no types."""

LOCATION = "projects/demo/locations/us-central1"


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        yield cloud


@contextlib.contextmanager
def client(cloud: CloudThread, api: str, where: str) -> Iterator[Client]:
    discovery, httplib2 = import_module("googleapiclient.discovery"), import_module("httplib2")
    with discovery.build(
        api,
        "v1",
        http=httplib2.Http(timeout=10),
        discoveryServiceUrl=cloud.http_url + where,
        static_discovery=False,
        cache_discovery=False,
    ) as client:
        yield client


@pytest.mark.parametrize(
    "where", ["/$discovery/rest?version={apiVersion}", "/discovery/v1/apis/{api}/{apiVersion}/rest"]
)
def test_a_pipeline_and_its_release(cloud: CloudThread, where: str) -> None:
    with client(cloud, "clouddeploy", where) as deploy:
        locations = deploy.projects().locations()
        run = {"run": {"location": LOCATION}, "labels": {"a": "b"}}
        made = locations.targets().create(parent=LOCATION, targetId="prod", body=run, validateOnly=False).execute()
        assert made["response"]["labels"] == {"a": "b"}
        assert locations.operations().get(name=made["name"]).execute()["done"] is True
        pipelines = locations.deliveryPipelines()
        stages = {"serialPipeline": {"stages": [{"targetId": "prod"}]}}
        pipelines.create(parent=LOCATION, deliveryPipelineId="app", body=stages).execute()
        name = f"{LOCATION}/deliveryPipelines/app"
        pipelines.patch(name=name, updateMask="description", body={"description": "an app"}).execute()
        assert pipelines.get(name=name, fields="description,name").execute() == {"description": "an app", "name": name}
        request = locations.targets().list(parent=LOCATION, pageSize=1, filter="labels.a=b")
        assert [target["targetId"] for target in request.execute()["targets"]] == ["prod"]
        assert locations.targets().list_next(request, {"nextPageToken": "x"}) is not None
        policy = pipelines.getIamPolicy(resource=name, options_requestedPolicyVersion=3).execute()
        assert pipelines.setIamPolicy(resource=name, body={"policy": policy}).execute()["etag"]
        with pytest.raises(import_module("googleapiclient.errors").HttpError) as refused:
            pipelines.releases().create(parent=name, releaseId="Bad", body={}).execute()
        assert refused.value.status_code == 400
        with pytest.raises(TypeError, match="nonsense"):
            pipelines.get(name=name, nonsense=1)


def test_artifact_registry(cloud: CloudThread) -> None:
    with client(cloud, "artifactregistry", "/$discovery/rest?version={apiVersion}&api={api}") as registry:
        repositories = registry.projects().locations().repositories()
        repositories.create(parent="projects/p/locations/us", repositoryId="r", body={"format": "DOCKER"}).execute()
        assert repositories.get(name="projects/p/locations/us/repositories/r").execute()["format"] == "DOCKER"
