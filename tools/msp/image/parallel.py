"""Doing many things at once, until one of them fails."""

import queue
import threading
from collections.abc import Callable, Sequence

from msp.gcp.deadline import NO_DEADLINE, Deadline


def run_all(
    tasks: Sequence[Callable[[], None]], *, workers: int, stop: threading.Event, deadline: Deadline = NO_DEADLINE
) -> None:
    """Runs tasks in up to `workers` threads, and returns when all are done.

    The threads are daemons: an interrupted program ends without waiting for the network.

    Args:
        tasks: What to do, in the order in which it is to be begun.
        workers: Threads at most.
        stop: Set once a task has failed, the time is over or the caller was interrupted; tasks that take long look at
            it.
        deadline: When all has to be done; those that are not are left to themselves.

    Raises:
        DeadlineError: The time is over.
        BaseException: What the first task that failed raised, when none is running any more.
    """
    waiting = iter(tasks)
    lock = threading.Lock()
    failures: list[BaseException] = []
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set():
                with lock:
                    task = next(waiting, None)
                if task is None:
                    break
                task()
        except BaseException as error:  # It is raised again in the caller's thread.
            failures.append(error)  # Before the others are stopped, so that the cause comes before its consequences.
            stop.set()
        ended.put(None)

    count = min(workers, len(tasks))
    for _ in range(count):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in range(count):
            try:
                ended.get(timeout=deadline.patience)
            except queue.Empty:
                deadline.limit(0)
    except BaseException:
        stop.set()
        raise
    if failures:
        raise failures[0]
