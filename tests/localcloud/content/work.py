"""Clients that push images, upload objects and make targets, and remember what of it was acknowledged."""

import contextlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests
from tests.localcloud.registry.client import Registry, digest, image
from tests.localcloud.storage.client import Storage

WORKERS = 4
TARGETS = "/v1/projects/p/locations/us-central1/targets"
TARGET = {"run": {"location": "projects/p/locations/us-central1"}}


class Work:
    """What clients did, and what of it was acknowledged; over several lives of a server."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.images: dict[tuple[str, str], bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.targets: set[str] = set()

    @contextlib.contextmanager
    def running(self, url: str, name: str) -> Iterator[None]:
        """Works until the block ends, or the server does; `name` is part of what each thing is called."""
        with Storage(url) as storage:
            storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        stop = threading.Event()
        with ThreadPoolExecutor(WORKERS) as pool:
            workers = [pool.submit(self._work, url, f"{name}-{number}", stop) for number in range(WORKERS)]
            try:
                yield
            finally:
                stop.set()
        for worker in workers:
            worker.result()

    def count(self) -> int:
        """How much was acknowledged."""
        return len(self.images) + len(self.objects) + len(self.targets)

    def missing(self, url: str) -> list[str]:
        """What was acknowledged and is not there."""
        missing = []
        with Registry(url) as registry, Storage(url) as storage:
            for (repository, tag), layer in self.images.items():
                manifest = registry.call("GET", f"/v2/{repository}/manifests/{tag}").content
                if manifest != image(b"{}", (layer,)):
                    missing.append(f"{repository}:{tag}")
                if registry.call("GET", f"/v2/{repository}/blobs/{digest(layer)}").content != layer:
                    missing.append(f"{repository}@{digest(layer)}")
            for name, content in self.objects.items():
                if storage.object("GET", name, params={"alt": "media"}).content != content:
                    missing.append(name)
            missing += [
                target for target in self.targets if registry.call("GET", f"{TARGETS}/{target}").status_code != 200
            ]
        return missing

    def _work(self, url: str, name: str, stop: threading.Event) -> None:
        broken = contextlib.suppress(requests.RequestException)
        with broken, Registry(url, f"us.gcr.io/p/{name}") as registry, Storage(url) as storage:
            for number in range(10_000):
                if stop.is_set():
                    return
                content = self.random.randbytes(self.random.randrange(1, 200_000))
                self._push(registry, f"v{number}", content)
                self._upload(storage, f"{name}/{number % 3}", content)
                target = f"t{name}-{number}"
                if registry.call("POST", TARGETS, params={"targetId": target}, json=TARGET).status_code == 200:
                    self.targets.add(target)

    def _push(self, registry: Registry, tag: str, layer: bytes) -> None:
        location = registry.begin()
        half = len(layer) // 2
        assert registry.call("PATCH", location, data=layer[:half]).status_code == 202
        registry.call("PUT", location, params={"digest": digest(layer)}, data=layer[half:])
        registry.push_blob(b"{}")
        assert registry.put_manifest(tag, image(b"{}", (layer,))).status_code == 201
        self.images[registry.repository, tag] = layer

    def _upload(self, storage: Storage, name: str, content: bytes) -> None:
        # An overwrite that was not acknowledged may have happened or not.
        self.objects.pop(name, None)
        if storage.upload(name, content).status_code == 200:
            self.objects[name] = content
