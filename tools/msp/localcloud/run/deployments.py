"""What `gcloud run deploy` does: a service is created or replaced over v1, and that is logged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msp.localcloud.caller import CALLER, Caller, acting_as
from msp.localcloud.logging.activities import Activity
from msp.localcloud.logging.audit import AuditLog, cloud_run_revision
from msp.localcloud.methods import AnyMessage
from msp.localcloud.run import knative
from msp.localcloud.run.services import Services

_V1 = "google.cloud.run.v1"


@dataclass(frozen=True)
class Deployments:
    """Changes services as v1 does.

    Attributes:
        services: The services.
        audit: Where it is logged.
    """

    services: Services
    audit: AuditLog

    def create(self, name: str, value: object) -> dict[str, Any]:
        """`CreateService` of v1: an object of Knative's, given and returned.

        Args:
            name: The service's full name, `projects/p/locations/l/services/s`.
            value: The object.

        Raises:
            ApiError: As `Services.create`.
        """
        return self._logged("Services", "CreateService", name, value, lambda given: self._create(name, given))

    def replace(self, name: str, value: object) -> dict[str, Any]:
        """`ReplaceService` of v1.

        Raises:
            ApiError: As `Services.update`.
        """
        return self._logged("Services", "ReplaceService", name, value, lambda given: self._replace(name, given))

    def delete(self, name: str) -> dict[str, Any]:
        """`DeleteService` of v1.

        Raises:
            ApiError: As `Services.delete`.
        """

        def delete(_: object) -> dict[str, Any]:
            self.services.delete(name)
            return {"apiVersion": knative.API_VERSION, "kind": "Status", "status": "Success"}

        return self._logged("Services", "DeleteService", name, None, delete)

    def delete_revision(self, name: str) -> dict[str, Any]:
        """`DeleteRevision` of v1, of a revision's full name.

        Raises:
            ApiError: As `Services.delete_revision`.
        """

        def delete(_: object) -> dict[str, Any]:
            self.services.delete_revision(name)
            return {"apiVersion": knative.API_VERSION, "kind": "Status", "status": "Success"}

        return self._logged("Revisions", "DeleteRevision", name, None, delete)

    def deploy(self, name: str, image: str, caller: Caller) -> None:
        """Deploys an image to a service, which is created if it is not there: always a new revision.

        Args:
            name: The service's full name.
            image: The image, by tag or digest.
            caller: The service account that does it.

        Raises:
            ApiError: As `Services.create`.
        """
        with acting_as(caller):
            service = self.services.find(name)
            if service is None:
                value = _new_object(name, image)
                self.create(name, value)
                return
            value = knative.service_object(service)
            template = value["spec"]["template"]
            template["metadata"].pop("name", None)
            template["spec"]["containers"][0]["image"] = image
            annotations = template["metadata"].setdefault("annotations", {})
            annotations |= {"client.knative.dev/user-image": image}
            # Without it, the same image again would be no new revision; gcloud sees to that likewise.
            template["metadata"].setdefault("labels", {})["client.knative.dev/nonce"] = f"g{service.generation + 1}"
            self.replace(name, value)

    def _create(self, name: str, given: AnyMessage) -> dict[str, Any]:
        return knative.service_object(self.services.create(name, given, CALLER.get().principal))

    def _replace(self, name: str, given: AnyMessage) -> dict[str, Any]:
        return knative.service_object(self.services.update(name, given, CALLER.get().principal))

    def _logged(
        self, kind: str, method: str, name: str, value: object, act: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        _, project, _, region, *_, own_id = name.split("/")
        request: dict[str, Any] = {
            "@type": f"type.googleapis.com/{_V1}.{method}Request",
            "name": name,
            "region": region,
        }
        if value is not None:
            request["service"] = value
        verb = method.removesuffix(kind.removesuffix("s")).lower().replace("replace", "update")
        activity = Activity("run.googleapis.com", f"{_V1}.{kind}.{method}", f"run.{kind.lower()}.{verb}")
        resource = f"namespaces/{project}/{kind.lower()}/{own_id}"
        call = self.audit.call(activity, resource, request, *cloud_run_revision(name))
        answer: dict[str, Any] = self.audit.logged(
            call, lambda: act(None if value is None else knative.read_service(value))
        )
        return answer


def _new_object(name: str, image: str) -> dict[str, Any]:
    _, project, _, _, _, own_id = name.split("/")
    annotations = {"client.knative.dev/user-image": image}
    return {
        "apiVersion": knative.API_VERSION,
        "kind": "Service",
        "metadata": {
            "name": own_id,
            "namespace": project,
            "annotations": {"run.googleapis.com/client-name": "gcloud"},
        },
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": [{"image": image}]}}},
    }
