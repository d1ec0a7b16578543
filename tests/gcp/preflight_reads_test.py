"""Artifact Registry and Storage against Google's own clients: the same requests, the same reading."""

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from msp.gcp import clients
from msp.gcp.artifact_registry import ArtifactRegistry, Repository
from msp.gcp.credentials import AnonymousCredentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.session import Session
from msp.gcp.storage import Storage
from msp.names.artifact_registry import Package

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


def session() -> Session:
    return Session(connection_pool(), AnonymousCredentials())


@pytest.mark.parametrize(
    ("host", "name", "package"),
    [
        ("us.gcr.io", "p/app", Package("p", "us", "us.gcr.io", "app")),
        ("gcr.io", "p/a/b", Package("p", "us", "gcr.io", "a/b")),
        ("eu.gcr.io", "example.com/p/app", Package("example.com:p", "europe", "eu.gcr.io", "app")),
        ("asia.gcr.io", "p/app", Package("p", "asia", "asia.gcr.io", "app")),
        ("europe-west1-docker.pkg.dev", "p/r/a/b", Package("p", "europe-west1", "r", "a/b")),
        ("us-docker.pkg.dev", "example.com/p/r/a", Package("example.com:p", "us", "r", "a")),
        ("us-docker.pkg.dev", "p/r", None),
        ("us.gcr.io", "p", None),
        ("us.gcr.io", "example.com/p", None),
        ("example.com", "p/r/a", None),
        ("notgcr.io", "p/a", None),
    ],
)
def test_finds_the_place_of_an_image(host: str, name: str, package: Package | None) -> None:
    assert Package.of_image(host, name) == package


def test_reads_a_repository_as_googles_types_write_it(server: "ScriptedServer") -> None:
    from google.cloud import artifactregistry_v1 as genuine

    package = Package("p", "us", "us.gcr.io", "app")
    message = genuine.Repository(
        name=package.repository_name,
        format_=genuine.Repository.Format.DOCKER,
        mode=genuine.Repository.Mode.STANDARD_REPOSITORY,
        docker_config={"immutable_tags": True},
    )
    server.answers((200, json.loads(genuine.Repository.to_json(message, use_integers_for_enums=False))))
    endpoints = Endpoints.local(server.address)
    repository = ArtifactRegistry(session(), endpoints).get_repository(package)
    assert repository == Repository(package.repository_name, "DOCKER", "STANDARD_REPOSITORY", True)
    clients.artifact_registry_client(endpoints).get_repository(name=package.repository_name)
    mine, theirs = server.requests
    assert urlsplit(mine.path).path == urlsplit(theirs.path).path


def test_reads_a_tag_as_googles_client_does(server: "ScriptedServer") -> None:
    package = Package("p", "us", "r", "a/b")
    versions = f"{package.repository_name}/packages/a%2Fb/versions/"
    server.answers((200, {"version": f"{versions}sha256:1"}))
    endpoints = Endpoints.local(server.address)
    assert ArtifactRegistry(session(), endpoints).tag_digest(package, "t") == "sha256:1"
    clients.artifact_registry_client(endpoints).get_tag(name=f"{package.repository_name}/packages/a%2Fb/tags/t")
    mine, theirs = server.requests
    assert urlsplit(mine.path).path == urlsplit(theirs.path).path
    server.answers((404,))
    assert ArtifactRegistry(session(), endpoints).tag_digest(package, "t") is None


def test_asks_for_an_object_as_googles_client_does(server: "ScriptedServer") -> None:
    endpoints = Endpoints.local(server.address)
    assert Storage(session(), endpoints).object_exists("gs://b/folder/source.tar.gz")
    assert clients.storage_client(endpoints, "p").bucket("b").blob("folder/source.tar.gz").exists()
    # Google's client also looks up the bucket, for its traces.
    mine, theirs = [request for request in server.requests if "/o/" in request.path]
    assert (mine.method, urlsplit(mine.path).path) == (theirs.method, urlsplit(theirs.path).path)
    server.answers((404,))
    assert not Storage(session(), endpoints).object_exists("gs://b/source.tar.gz")
