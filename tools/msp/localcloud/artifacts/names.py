"""Names in Artifact Registry's API, and the names in references that stand for the same.

`us-docker.pkg.dev/p/r/app` is the package `app` of `projects/p/locations/us/repositories/r`;
`us.gcr.io/p/app` is that of `projects/p/locations/us/repositories/us.gcr.io`
(https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo).
"""

import re
from dataclasses import dataclass

from msp.localcloud.status import invalid

GCR_LOCATIONS = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}
"""The repositories that stand for Container Registry's hosts, and where they are."""

_PKG_DEV = "-docker.pkg.dev"
_REPOSITORY = re.compile(r"projects/([^/]+)/locations/([^/]+)/repositories/([^/]+)")
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOCATION = re.compile(r"projects/[a-z][a-z0-9:.-]*/locations/([a-z][a-z0-9-]*)")


@dataclass(frozen=True, slots=True)
class RepositoryName:
    """A repository.

    Attributes:
        project: The project's id; `example.com:app` when it is of a domain.
        location: `us`, `europe-west1`, ….
        repository: Its id.
    """

    project: str
    location: str
    repository: str

    @classmethod
    def parse(cls, name: str, field: str = "name") -> "RepositoryName":
        """Reads `projects/…/locations/…/repositories/…`.

        Raises:
            ApiError: `INVALID_ARGUMENT`.
        """
        found = _REPOSITORY.fullmatch(name)
        if found is None:
            raise invalid(field, f"{name!r} is not projects/*/locations/*/repositories/*")
        return cls(*found.groups())

    @property
    def full(self) -> str:
        """The name in the API."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.repository}"

    @property
    def reference(self) -> str:
        """What its packages' references begin with: `us-docker.pkg.dev/project/repository`."""
        project = self.project.replace(":", "/")
        if self.repository in GCR_LOCATIONS:
            return f"{self.repository}/{project}"
        return f"{self.location}{_PKG_DEV}/{project}/{self.repository}"


@dataclass(frozen=True, slots=True)
class PackageName:
    """A package of a repository: the name of an image, which may have slashes."""

    repository: RepositoryName
    package: str

    @classmethod
    def parse(cls, name: str, field: str = "name") -> "PackageName":
        """Reads `…/repositories/*/packages/*`, where a slash in the package's name is `%2F`.

        Raises:
            ApiError: `INVALID_ARGUMENT`.
        """
        parent, _, package = name.rpartition("/packages/")
        if not package or "/" in package:
            raise invalid(field, f"{name!r} is not …/repositories/*/packages/*")
        return cls(RepositoryName.parse(parent, field), re.sub("%2[fF]", "/", package))

    @classmethod
    def of_reference(cls, reference: str) -> "PackageName | None":
        """The package that `us.gcr.io/project/app` stands for; `None` where it is not one of Google's registries."""
        host, _, path = reference.partition("/")
        project, *rest = path.split("/")
        if "." in project and rest:
            project = f"{project}:{rest.pop(0)}"
        if host in GCR_LOCATIONS and rest:
            return cls(RepositoryName(project, GCR_LOCATIONS[host], host), "/".join(rest))
        if host.endswith(_PKG_DEV) and len(rest) > 1:
            return cls(RepositoryName(project, host.removesuffix(_PKG_DEV), rest[0]), "/".join(rest[1:]))
        return None

    @property
    def encoded(self) -> str:
        """The package's id in the API."""
        return self.package.replace("/", "%2F")

    @property
    def full(self) -> str:
        """The name in the API."""
        return f"{self.repository.full}/packages/{self.encoded}"

    @property
    def reference(self) -> str:
        """The name in references, and in the registry: `us-docker.pkg.dev/project/repository/app`."""
        return f"{self.repository.reference}/{self.package}"


def check_new(parent: str, repository_id: str) -> RepositoryName:
    """The name of a repository that is to be made.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    found = _LOCATION.fullmatch(parent)
    if found is None:
        raise invalid("parent", f"{parent!r} is not projects/*/locations/*")
    if repository_id in GCR_LOCATIONS:
        if found[1] != GCR_LOCATIONS[repository_id]:
            raise invalid("repository_id", f"{repository_id} is in {GCR_LOCATIONS[repository_id]}, not in {found[1]}")
    elif not _ID.fullmatch(repository_id):
        raise invalid("repository_id", f"{repository_id!r} is not of [a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")
    return RepositoryName.parse(f"{parent}/repositories/{repository_id}")


def split(name: str, collection: str) -> tuple[PackageName, str]:
    """The package and the last id of `…/packages/*/tags/v1` or `…/packages/*/versions/sha256:…`.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    parent, _, last = name.rpartition(f"/{collection}/")
    if not last:
        raise invalid("name", f"{name!r} is not …/packages/*/{collection}/*")
    return PackageName.parse(parent), last
