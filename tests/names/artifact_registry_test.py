"""Where images are in Artifact Registry: in repositories of its own hosts, and in those that stand for gcr.io's."""

import dataclasses

import pytest

from msp.names.artifact_registry import Package


@pytest.mark.parametrize(
    ("host", "name", "place"),
    [
        ("gcr.io", "p/app", ("p", "us", "gcr.io", "app")),
        ("us.gcr.io", "p/app", ("p", "us", "us.gcr.io", "app")),
        ("eu.gcr.io", "p/a/b", ("p", "europe", "eu.gcr.io", "a/b")),
        ("asia.gcr.io", "p/app", ("p", "asia", "asia.gcr.io", "app")),
        ("us.gcr.io", "example.com/p/app", ("example.com:p", "us", "us.gcr.io", "app")),
        ("europe-west1-docker.pkg.dev", "p/r/a", ("p", "europe-west1", "r", "a")),
        ("us-docker.pkg.dev", "p/r/a/b/c", ("p", "us", "r", "a/b/c")),
        ("us-docker.pkg.dev", "example.com/p/r/a", ("example.com:p", "us", "r", "a")),
    ],
)
def test_an_images_place(host: str, name: str, place: tuple[str, ...]) -> None:
    package = Package.of_image(host, name)
    assert package == Package(*place)
    assert package.repository_name == "projects/{}/locations/{}/repositories/{}".format(*place)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("ghcr.io", "owner/app"),
        ("us.gcr.io", "p"),
        ("us.gcr.io", "example.com"),
        ("us-docker.pkg.dev", "p/r"),
        ("us-docker.pkg.dev", "example.com/p/r"),
        ("docker.pkg.dev", "p/r/a"),
        ("127.0.0.1:5000", "p/app"),
    ],
)
def test_places_elsewhere_are_none(host: str, name: str) -> None:
    assert Package.of_image(host, name) is None


def test_a_place_is_a_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Package("p", "us", "r", "a").project = "q"  # type: ignore[misc]
