"""Cloud Run: services and their revisions, over the Admin API v2 and over v1, which speaks Knative's objects."""

from msp.localcloud.run.deployments import Deployments
from msp.localcloud.run.knative_api import routes
from msp.localcloud.run.services import Services
from msp.localcloud.run.table import methods

__all__ = ["Deployments", "Services", "methods", "routes"]
