"""The `google.cloud.location.Locations` service: where the local cloud says it is."""

from collections.abc import Sequence

from google.cloud.location import locations_pb2

from msp.localcloud.methods import Binding, Method
from msp.localcloud.status import ApiError, Code, not_found

LOCATIONS = (
    *("africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3"),
    *("asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1"),
    *("australia-southeast2", "europe-central2", "europe-north1", "europe-southwest1", "europe-west1", "europe-west10"),
    *("europe-west12", "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8", "europe-west9"),
    *("me-central1", "me-central2", "me-west1", "northamerica-northeast1", "northamerica-northeast2"),
    *("northamerica-south1", "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4"),
    *("us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4"),
)
"""Google's regions."""

MULTI_REGIONS = ("asia", "europe", "us")
"""Where repositories of Artifact Registry can be besides."""

_SERVICE = "google.cloud.location.Locations"


def methods() -> Sequence[Method]:
    """The service's table."""
    pb = locations_pb2
    return [
        Method(
            _SERVICE,
            "GetLocation",
            (Binding("GET", "/v1/{name=projects/*/locations/*}"),),
            pb.GetLocationRequest,
            pb.Location,
            _get,
        ),
        Method(
            _SERVICE,
            "ListLocations",
            # gcloud asks Artifact Registry's beta for its locations.
            tuple(Binding("GET", f"/{version}/{{name=projects/*}}/locations") for version in ("v1", "v1beta2")),
            pb.ListLocationsRequest,
            pb.ListLocationsResponse,
            _list,
        ),
    ]


def check_region(name: str) -> None:
    """Refuses a name whose location is no region of Google's, in the words of Google's APIs.

    Args:
        name: Of anything at or below `projects/p/locations/l`. The location may be `-`, any.

    Raises:
        ApiError: `PERMISSION_DENIED`.
    """
    location = name.split("/")[3] if name.count("/") > 2 else ""
    if location not in {*LOCATIONS, "-"}:
        raise ApiError(Code.PERMISSION_DENIED, f"Permission denied on 'locations/{location}' (or it may not exist).")


def _get(request: locations_pb2.GetLocationRequest) -> locations_pb2.Location:
    parent, _, location_id = request.name.rpartition("/locations/")
    if location_id not in {*LOCATIONS, *MULTI_REGIONS}:
        raise not_found(request.name)
    return locations_pb2.Location(name=f"{parent}/locations/{location_id}", location_id=location_id)


def _list(request: locations_pb2.ListLocationsRequest) -> locations_pb2.ListLocationsResponse:
    names = [f"{request.name}/locations/{location}" for location in (*MULTI_REGIONS, *LOCATIONS)]
    locations = [_get(locations_pb2.GetLocationRequest(name=name)) for name in names]
    return locations_pb2.ListLocationsResponse(locations=locations)
