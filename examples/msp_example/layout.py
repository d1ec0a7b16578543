"""Writes a container image as an OCI layout: `layout OUTPUT FILE=PATH_IN_IMAGE… -- ENTRYPOINT…`.

The image has one layer with the files, and no base. It is byte for byte the same for the same files, as a build
action's output has to be. https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any


def layer(files: dict[str, Path]) -> bytes:
    """A tar with the files, by their path in the image; owner, times and order do not depend on the machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name.lstrip("/"))
            content = path.read_bytes()
            entry.size = len(content)
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_blob(output: Path, content: bytes, media_type: str) -> dict[str, Any]:
    """Stores a blob under its digest and returns the descriptor that names it."""
    digest = hashlib.sha256(content).hexdigest()
    (output / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}


def write_json(output: Path, content: dict[str, Any], media_type: str) -> dict[str, Any]:
    """Stores a blob of JSON."""
    return write_blob(output, json.dumps(content, sort_keys=True).encode(), f"{media_type}+json")


def write_layout(output: Path, files: dict[str, Path], entrypoint: list[str]) -> None:
    """Writes the image: its layer, configuration, manifest and index."""
    (output / "blobs/sha256").mkdir(parents=True)
    tar = layer(files)
    descriptor = write_blob(output, gzip.compress(tar, mtime=0), "layer.v1.tar+gzip")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": entrypoint, "Env": ["PORT=8080"], "ExposedPorts": {"8080/tcp": {}}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": write_json(output, config, "config.v1"),
        "layers": [descriptor],
    }
    index = {"schemaVersion": 2, "manifests": [write_json(output, manifest, "manifest.v1")]}
    (output / "index.json").write_text(json.dumps(index, sort_keys=True))
    (output / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def main(arguments: list[str]) -> None:
    """Reads the arguments and writes."""
    split = arguments.index("--")
    pairs = (argument.split("=", 1) for argument in arguments[1:split])
    write_layout(Path(arguments[0]), {name: Path(path) for path, name in pairs}, arguments[split + 1 :])


if __name__ == "__main__":
    main(sys.argv[1:])
