"""What is said of the source archive's bytes is what Cloud Storage says of them, and costs a delivery little."""

import json
import subprocess
import sys
from collections.abc import Callable

from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.pipeline.archive import ACTION_IMAGE, source_archive
from msp.pipeline.files import generate
from msp.pipeline.fingerprint import action_image, archive_md5
from msp.spec import Spec

__all__ = ["local_cloud"]

PINNED = f"gcr.io/google.com/cloudsdktool/google-cloud-cli@sha256:{'0123456789abcdef' * 4}"


def test_it_is_what_storage_says_of_the_object(local_cloud: CloudThread) -> None:
    client = clients.storage_client(Endpoints.local(local_cloud.http_url), "msp-example-prod-0000")
    bucket = client.create_bucket("msp-example-prod-0000-cloudrun-skaffold")
    for image in (ACTION_IMAGE, PINNED):
        bucket.blob("source.tar.gz").upload_from_string(source_archive(image))
        found = bucket.get_blob("source.tar.gz")
        assert found is not None
        assert found.md5_hash == archive_md5(image)
    assert archive_md5(PINNED) != archive_md5()


def test_the_action_image_of_a_specification_is_in_its_archive(make_spec: Callable[..., Spec]) -> None:
    spec = make_spec(rollout__actionImage=PINNED)
    made = generate(spec, "us-central1", "service.yaml")
    assert made["skaffold.yaml"].decode().count(f"image: {PINNED}\n") == 2
    assert made["source.tar.gz"] == source_archive(action_image(json.loads(spec.canonical_json())))
    assert action_image(json.loads(make_spec().canonical_json())) == ACTION_IMAGE
    assert action_image(json.loads(make_spec({}).canonical_json())) == ACTION_IMAGE


def test_asking_for_it_loads_no_model_and_no_client() -> None:
    program = "import sys, msp.pipeline.fingerprint; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "msp.pipeline.archive" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in {"pydantic", "google", "proto", "requests"}}
    assert "msp.spec" not in loaded
