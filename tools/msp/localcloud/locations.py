"""The `google.cloud.location.Locations` service: where the local cloud says it is."""

from collections.abc import Sequence

from google.cloud.location import locations_pb2

from msp.localcloud.methods import Binding, Method
from msp.localcloud.status import not_found

LOCATIONS = (
    *("asia-east1", "asia-northeast1", "asia-south1", "asia-southeast1", "australia-southeast1"),
    *("europe-north1", "europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west6"),
    *("northamerica-northeast1", "southamerica-east1", "us-central1", "us-east1", "us-east4", "us-west1", "us-west2"),
)
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
            (Binding("GET", "/v1/{name=projects/*}/locations"),),
            pb.ListLocationsRequest,
            pb.ListLocationsResponse,
            _list,
        ),
    ]


def _get(request: locations_pb2.GetLocationRequest) -> locations_pb2.Location:
    parent, _, location_id = request.name.rpartition("/locations/")
    if location_id not in LOCATIONS:
        raise not_found(request.name)
    return locations_pb2.Location(name=f"{parent}/locations/{location_id}", location_id=location_id)


def _list(request: locations_pb2.ListLocationsRequest) -> locations_pb2.ListLocationsResponse:
    names = [f"{request.name}/locations/{location}" for location in LOCATIONS]
    locations = [_get(locations_pb2.GetLocationRequest(name=name)) for name in names]
    return locations_pb2.ListLocationsResponse(locations=locations)
