"""What can be known about an image's repository before anything is pushed to it."""

from dataclasses import dataclass

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError
from msp.gcp.session import Session
from msp.names.artifact_registry import Package


@dataclass(frozen=True)
class Repository:
    """A repository's settings.

    Attributes:
        name: Its full name.
        format: `DOCKER`, `MAVEN`, …
        mode: `STANDARD_REPOSITORY`, `VIRTUAL_REPOSITORY` or `REMOTE_REPOSITORY`; only the first can be pushed to.
        immutable_tags: Whether a tag that exists can't be moved.
    """

    name: str
    format: str
    mode: str
    immutable_tags: bool


class ArtifactRegistry:
    """Artifact Registry's REST API; errors as `CloudDeploy`'s."""

    def __init__(self, session: Session, endpoints: Endpoints) -> None:
        self._session = session
        self._base = f"{endpoints.artifact_registry}/v1/"

    def get_repository(self, package: Package) -> Repository:
        """The repository that would hold the package.

        Raises:
            NotFoundError: There is none.
        """
        json = self._session.get(self._base + package.repository_name)
        return Repository(
            name=json.get("name", ""),
            format=json.get("format", ""),
            mode=json.get("mode", ""),
            immutable_tags=json.get("dockerConfig", {}).get("immutableTags", False),
        )

    def tag_digest(self, package: Package, tag: str) -> str | None:
        """The digest (`sha256:…`) that a tag stands for, or None where there is no such tag."""
        # In a package's name in the API a slash is written %2F, and that is then quoted once more for the address.
        name = f"{package.repository_name}/packages/{package.package.replace('/', '%252F')}/tags/{tag}"
        try:
            json = self._session.get(self._base + name)
        except NotFoundError:
            return None
        return str(json.get("version", "")).rpartition("/")[2] or None
