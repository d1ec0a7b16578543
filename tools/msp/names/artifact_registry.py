"""Where an image is in Artifact Registry."""

from dataclasses import dataclass

_DOCKER_PKG_DEV = "-docker.pkg.dev"

# A gcr.io host is one repository of that name (https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo).
_GCR_LOCATIONS = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}


@dataclass(frozen=True)
class Package:
    """An image's place in Artifact Registry: a repository, and the package in it that holds its versions."""

    project: str
    location: str
    repository: str
    package: str

    @property
    def repository_name(self) -> str:
        """The repository's full name in the API."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.repository}"

    @classmethod
    def of_image(cls, host: str, name: str) -> "Package | None":
        """The place of `host/name`, or None where the host isn't Artifact Registry or the name has too few parts.

        Args:
            host: `us.gcr.io`, `europe-docker.pkg.dev`.
            name: `project/app` in the first, `project/repository/app` in the second; a project of a domain takes two
                parts (`example.com/project` is `example.com:project`).
        """
        project, *rest = name.split("/")
        if "." in project and rest:
            project = f"{project}:{rest.pop(0)}"
        if host in _GCR_LOCATIONS and rest:
            return cls(project, _GCR_LOCATIONS[host], host, "/".join(rest))
        if host.endswith(_DOCKER_PKG_DEV) and len(rest) > 1:
            return cls(project, host.removesuffix(_DOCKER_PKG_DEV), rest[0], "/".join(rest[1:]))
        return None
