"""The local cloud as a whole: what it is made of, how it starts and how it stops."""

import asyncio
import contextlib
import fcntl
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from starlette.routing import BaseRoute

from msp.localcloud import (
    artifacts,
    console,
    control,
    discovery,
    disk,
    grpc_server,
    http,
    locations,
    logging,
    registry,
    run,
    storage,
)
from msp.localcloud.clock import Clock, SystemClock
from msp.localcloud.content import ContentDirectory
from msp.localcloud.deploy import table
from msp.localcloud.deploy.ports import Buckets, Images, Pace
from msp.localcloud.deploy.service import Deploy
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Faults
from msp.localcloud.images import RegistryImages, resolved
from msp.localcloud.intake import Intake
from msp.localcloud.methods import Method
from msp.localcloud.operations import Operations
from msp.localcloud.rest import RestApi
from msp.localcloud.store import Store


class StateDirectoryError(OSError):
    """The state directory can't be used."""


class LocalCloud:
    """Cloud Deploy, Artifact Registry, a registry and buckets on this machine, as an asynchronous context.

    Args:
        port: The HTTP port; 0 picks a free one.
        grpc_port: The gRPC port; 0 picks a free one.
        host: The address to listen on. Anyone who reaches it can do everything: leave it at loopback.
        state_dir: Where state is kept; `None` keeps it in memory (blobs in a temporary directory).
        clock: Where time comes from; by default the machine's.
        seed: Makes uids and other chosen values the same in each run.
        registry_auth: What the registry asks of its clients.
        immutable_tags: Whether the registry refuses to move a tag, in all repositories.
        strict_repositories: Whether images can be pushed only to repositories that were made through Artifact
            Registry's API, as at Google; otherwise every repository exists.
        registry_choices: What the distribution specification leaves to a registry.
        strict_images: Whether a deploy fails for every image that this registry does not hold. Otherwise images of
            registries that it has no content of are taken as there.
        any_region: Whether Cloud Deploy is in every location, not only in Google's regions.
        pace: How long operations, renders and jobs take; by default they end at once (though not in the same call).
        images: A registry to look for images in, in the place of this one's own.
        buckets: Buckets to read sources from, in the place of this one's own.

    Raises:
        PortTakenError: On entering: another program listens on a port.
        StateDirectoryError: On entering: another local cloud uses the directory.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        grpc_port: int = 0,
        host: str = "127.0.0.1",
        state_dir: Path | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        registry_auth: registry.AuthMode = "none",
        immutable_tags: bool = False,
        strict_repositories: bool = False,
        registry_choices: registry.Choices = registry.Choices(),  # noqa: B008 (frozen)
        strict_images: bool = False,
        any_region: bool = False,
        pace: Pace = Pace(),  # noqa: B008 (frozen)
        images: Images | None = None,
        buckets: Buckets | None = None,
    ) -> None:
        self._port = port
        self._grpc_port = grpc_port
        self._host = host
        self._state_dir = state_dir
        self.clock: Clock = clock or SystemClock()
        self.faults = Faults()
        self.intake = Intake(self.faults, self.clock)
        self.traffic, self.quotas = self.intake.traffic, self.intake.quotas
        self.random = random.Random(seed)  # noqa: S311 (identifiers, not secrets)
        self.registry_auth = registry_auth
        self.immutable_tags = immutable_tags
        self.strict_repositories = strict_repositories
        self._registry_choices = registry_choices
        self._strict_images = strict_images
        self._any_region = any_region
        self._pace = pace
        self._images = images
        self._buckets = buckets
        self._stopping = False
        self._stack = contextlib.AsyncExitStack()

    @property
    def http_url(self) -> str:
        """Where HTTP is served, `http://127.0.0.1:8080`, without a slash at the end."""
        return f"http://{self._authority(self._port)}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC is served, `127.0.0.1:8081`."""
        return self._authority(self._grpc_port)

    def _addresses(self) -> dict[str, str]:
        return {"http": self.http_url, "grpc": self.grpc_address}

    def _authority(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    async def __aenter__(self) -> Self:
        """Starts serving."""
        async with contextlib.AsyncExitStack() as stack:
            directory = self._directory(stack)
            self.store = self._open_store()
            stack.callback(self.store.close)
            self.engine = Engine(self.store, self.clock)
            methods, routes = self._assemble(directory)

            listener = stack.enter_context(http.listen(self._host, self._port))
            self._port = listener.getsockname()[1]
            rpc, self._grpc_port = grpc_server.serve(methods, self.intake, self._host, self._grpc_port)
            app = http.application(RestApi(methods, self.intake), routes, self._host)
            server = http.HttpServer(app, listener, connections=self.traffic.http)
            stack.push_async_callback(rpc.stop, 0.5)
            await rpc.start()
            stack.push_async_callback(server.stop)
            await server.start()
            engine = asyncio.create_task(self.engine.run())
            stack.push_async_callback(_cancel, engine)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stops serving; what is in the state directory stays."""
        self._stopping = True
        await self._stack.aclose()

    def _open_store(self) -> Store:
        path = self._state_dir / "state.sqlite" if self._state_dir else None
        try:
            return Store(path)
        except (sqlite3.Error, ValueError) as error:
            if disk.is_full(error):
                raise StateDirectoryError(f"{path} can't be opened: the disk is full") from error
            raise StateDirectoryError(f"{path} is not a state of this local cloud: {error}") from error

    def _directory(self, stack: contextlib.AsyncExitStack) -> Path:
        """Where files are: blobs and objects."""
        if self._state_dir is None:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-cloud-")))
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateDirectoryError(f"{self._state_dir} can't be a directory: {error.strerror}") from error
        # Two of them would undo each other's work; the lock goes with the process, however it ends.
        lock = stack.enter_context((self._state_dir / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateDirectoryError(f"{self._state_dir} is in use by another local cloud") from None
        return self._state_dir

    def _assemble(self, directory: Path) -> tuple[Sequence[Method], Sequence[BaseRoute]]:
        """The services: their methods (REST and gRPC) and their other routes."""
        durable = self._state_dir is not None
        repositories = artifacts.Repositories(
            self.store,
            self.clock,
            strict=self.strict_repositories,
            default=registry.OpenPolicy(immutable_tags=self.immutable_tags),
        )
        self.registry = registry.RegistryState(
            self.store,
            ContentDirectory(directory / "blobs", durable=durable),
            self.clock,
            repositories,
            self._registry_choices,
        )
        self.storage = storage.BucketState(
            self.store, ContentDirectory(directory / "objects", durable=durable), self.clock
        )
        operations = Operations(
            store=self.store,
            engine=self.engine,
            clock=self.clock,
            random=self.random,
            faults=self.faults,
            delay=self._pace.operation,
        )
        self.log = logging.Entries(self.store, self.clock)
        audit = logging.AuditLog(self.log, self.store, self.clock, operations)
        images = self._images or RegistryImages(self.registry, repositories, lambda: self._port, self._strict_images)
        self.run = run.Services(self.store, self.clock, self.random, lambda reference: resolved(images, reference))
        self.deployments = run.Deployments(self.run, audit)
        self.deploy = Deploy(
            store=self.store,
            engine=self.engine,
            clock=self.clock,
            random=self.random,
            faults=self.faults,
            operations=operations,
            images=images,
            buckets=self._buckets or self.storage,
            pace=self._pace,
            any_region=self._any_region,
            audit=audit,
            serving=self.deployments,
        )
        authenticator = registry.Authenticator(self.registry_auth, self.clock)
        methods = [*operations.methods(), *locations.methods(), *table.methods(self.deploy)]
        methods += artifacts.methods(repositories, self.registry, operations, self.store)
        methods += run.methods(self.run, operations)
        methods = [audit.recorded(method) for method in methods]
        methods += logging.methods(self.log, self.clock)
        self.methods: Sequence[Method] = methods
        routes: list[BaseRoute] = [
            *console.routes(self.deploy.resources, images, self.registry.manifests, lambda: self._stopping),
            *control.routes(self.engine, self.intake, self._addresses),
            *discovery.routes(discovery.apis(methods)),
            *run.routes(self.run, self.deployments, self.intake),
            *registry.routes(self.registry, authenticator, self.intake),
            *storage.routes(self.storage, self.intake),
        ]
        return methods, routes

    async def settle(self) -> None:
        """Does all that is due by now, and all that follows from it at once."""
        self.engine.run_due()

    async def advance(self, by: timedelta) -> None:
        """Moves a manual clock forward, stopping at each moment at which something is due.

        Raises:
            TypeError: The clock is not a `ManualClock`.
        """
        self.engine.advance(by)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
