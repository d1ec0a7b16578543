"""How the fuzzers run: inputs by the number, each to one reader after the other, until one does badly."""

import argparse
import faulthandler
import gc
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzzing.mutations import Mutation, mutate

# Whatever takes as long as this hangs: the run ends, and says where.
_HANG_SECONDS = 60.0


@dataclass(frozen=True)
class Reader:
    """Something that reads what comes from outside.

    Attributes:
        name: What `--only` knows it by.
        corpus: Inputs that it reads or refuses well.
        complaint: What it does wrong with an input; empty when it does well.
    """

    name: str
    corpus: Sequence[bytes]
    complaint: Callable[[bytes], str]


@dataclass(frozen=True)
class Campaign:
    """What each input is made by, and how long it may take.

    Attributes:
        mutations: Each as often as it stands there.
        most_bytes: The longest input.
        most_seconds: Of the processor's time, for an input.
    """

    mutations: Sequence[Mutation]
    most_bytes: int
    most_seconds: float

    def run(self, readers: Sequence[Reader], options: argparse.Namespace) -> int:
        """Feeds the inputs; prints how many there were, and how long the slowest of each reader took.

        Returns:
            The process's exit code: 1 after an input that was read badly, which is kept in a file.
        """
        readers = [reader for reader in readers if options.only in {"", reader.name}]
        for reader in readers:
            _complaint(reader, b"{}")  # Imports are nobody's time,
        gc.freeze()  # and neither is looking through what they made.
        slowest = dict.fromkeys((reader.name for reader in readers), 0.0)
        size, began, watched = 0, time.monotonic(), 0.0
        for number in range(options.inputs):
            if time.monotonic() > watched:
                # Seldom: it starts a thread.
                faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
                watched = time.monotonic() + 1
            reader = readers[number % len(readers)]
            data = mutate(reader.corpus, self.mutations, random.Random(f"{options.seed}/{number}"), self.most_bytes)
            start = time.process_time()
            wrong = _complaint(reader, data)
            seconds = time.process_time() - start
            slowest[reader.name] = max(slowest[reader.name], seconds)
            if seconds > self.most_seconds and not options.no_limit:
                wrong = wrong or f"took {seconds * 1000:.0f} ms"
            if wrong:
                handle, kept = tempfile.mkstemp(suffix=f".{reader.name}")
                os.write(handle, data)
                print(f"{reader.name}: input {number} of seed {options.seed}, kept in {kept}: {wrong}", file=sys.stderr)
                return 1
            size += len(data)
        faulthandler.cancel_dump_traceback_later()
        times = ", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in slowest.items())
        print(f"{options.inputs} inputs, {size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s; slowest in ms: {times}")
        return 0


def options(description: str | None, inputs: int) -> argparse.Namespace:
    """The flags that every fuzzer has.

    Args:
        description: The fuzzer's own, its module's.
        inputs: How many there are by default.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=inputs)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the name of one reader")
    parser.add_argument("--no-limit", action="store_true", help="don't mind how long an input takes")
    return parser.parse_args()


def _complaint(reader: Reader, data: bytes) -> str:
    try:
        return reader.complaint(data)
    except Exception:
        return traceback.format_exc()
