"""The `Config` of a location: which versions of Skaffold there are."""

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import invalid, not_found

SKAFFOLD_VERSIONS = ("2.16", "2.17", "2.18")
DEFAULT_SKAFFOLD_VERSION = SKAFFOLD_VERSIONS[-1]


def get_config(request: "pb.GetConfigRequest") -> AnyMessage:
    """`GetConfig`."""
    location, _, last = request.name.rpartition("/")
    if last != "config":
        raise not_found(request.name)
    names.check_location("name", location)
    config = pb.Config(name=request.name, default_skaffold_version=DEFAULT_SKAFFOLD_VERSION)
    for version in SKAFFOLD_VERSIONS:
        config.supported_versions.add(version=version)
    return config


def check_skaffold_version(version: str) -> str:
    """The version a release renders with: the one asked for, if there is such a one, or the default.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    if not version:
        return DEFAULT_SKAFFOLD_VERSION
    if version.removeprefix("v") not in SKAFFOLD_VERSIONS:
        raise invalid("release.skaffold_version", f"{version!r} is none of {', '.join(SKAFFOLD_VERSIONS)}")
    return version
