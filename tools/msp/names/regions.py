"""The regions that Google Cloud has for pipelines, services and images."""

import difflib

from msp.names.grammar import InvalidNameError

# Where Artifact Registry, Cloud Run and Cloud Deploy run, from gcloud 528 (core/docker/constants.py).
_REGIONS = """
    africa-south1
    asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3
    asia-south1 asia-south2 asia-southeast1 asia-southeast2
    australia-southeast1 australia-southeast2
    europe-central2 europe-north1 europe-north2 europe-southwest1
    europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 europe-west10
    europe-west12
    me-central1 me-central2 me-west1
    northamerica-northeast1 northamerica-northeast2 northamerica-south1
    southamerica-east1 southamerica-west1
    us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
"""
REGIONS = frozenset(_REGIONS.split())


def check_region(region: str) -> str:
    """The region itself, if it is one of Google Cloud's; otherwise an error that names the nearest."""
    if region in REGIONS:
        return region
    nearest = difflib.get_close_matches(region, sorted(REGIONS), n=1)
    guess = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise InvalidNameError(
        f"{region!r} is not a Google Cloud region",
        hint=f"{guess}Regions look like 'us-central1'; set gcp_region (or --region) to the pipeline's.",
    )
