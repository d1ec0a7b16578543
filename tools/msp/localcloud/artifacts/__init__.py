"""Artifact Registry v1: repositories, and the registry's images, packages, versions and tags in its terms."""

from msp.localcloud.artifacts.repositories import Repositories
from msp.localcloud.artifacts.table import methods

__all__ = ["Repositories", "methods"]
