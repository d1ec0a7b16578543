"""What is known of a service at this moment, read for a command."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

from msp.deploy_policies.conversion import to_policy
from msp.errors import UsageError
from msp.gcp.errors import NotFoundError, about
from msp.operate.host import Cloud, Host
from msp.operate.service import Service
from msp.rollouts.conversion import to_stage
from msp.rollouts.facts import Facts, Pipeline
from msp.rollouts.reading import Reader

_THREADS = 8


def read_facts(service: Service, host: Host, cloud: Cloud) -> Facts:
    """What is known of a service's pipeline.

    Args:
        service: Which.
        host: Tells the time.
        cloud: Whom to ask.

    Raises:
        UsageError: There is no such pipeline; it says where it was looked for.
        RemoteError: It can't be read.
    """
    try:
        with about(f"service {service.id}"):
            return Reader(cloud.deploy, at_once=at_once).pipeline(service.pipeline, host.now())
    except NotFoundError as error:
        raise UsageError(
            f"{service.id} has no delivery pipeline {service.pipeline_id!r} in {service.project}, {service.region}",
            hint="check the service's id, --project and --region; a pipeline is made by applying its specification",
        ) from error


def read_location(service: Service, host: Host, cloud: Cloud) -> Facts:
    """What is known of a project's region: its policies, and its targets as the stages of one pipeline without an id.

    Args:
        service: Has the project and the region.
        host: Tells the time.
        cloud: Whom to ask.

    Raises:
        RemoteError: It can't be read.
    """
    deploy = cloud.deploy
    with about(service.called):
        targets = list(deploy.pages(deploy.client.list_targets, parent=service.location))
        policies = list(deploy.pages(deploy.client.list_deploy_policies, parent=service.location))
    stages = tuple(to_stage(target) for target in sorted(targets, key=lambda each: str(each.name)))
    return Facts(Pipeline("", stages), host.now(), policies=tuple(map(to_policy, policies)))


def at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Does things at the same time; raises what one of them has raised, and waits for no other then.

    In daemon threads, so that Ctrl-C ends the program though a service does not answer.
    """
    if len(tasks) == 1:
        tasks[0]()
        return
    waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    for task in tasks:
        waiting.put(task)
    for _ in range(min(_THREADS, len(tasks))):
        Thread(target=_work, args=(waiting, ended), daemon=True).start()
    try:
        for _ in tasks:
            if (failure := ended.get()) is not None:
                raise failure
    finally:
        _drop(waiting)


def _work(waiting: "SimpleQueue[Callable[[], None]]", ended: "SimpleQueue[BaseException | None]") -> None:
    with suppress(Empty):
        while True:
            task = waiting.get_nowait()
            try:
                task()
            except BaseException as failure:  # Raised by whoever waits.
                ended.put(failure)
            else:
                ended.put(None)


def _drop(waiting: "SimpleQueue[Callable[[], None]]") -> None:
    with suppress(Empty):
        while True:
            waiting.get_nowait()
