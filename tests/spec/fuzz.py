"""Feeds mutated specifications to the reader, and looks for crashes, slowness, memory, and problems that point nowhere.

    python tests/spec/fuzz.py --inputs=200000 --seed=1

Every input is a specification of the corpus with bytes, lines, words or subtrees changed. It must be valid, or be
refused with problems that point into the file, within a second. An input that does worse is written to a file, and the
run ends with exit code 1. The same seed gives the same inputs.
"""

import argparse
import faulthandler
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from msp.spec import SpecError, parse
from msp.spec.render import text
from msp.spec.syntax import LINE_BREAK

HERE = Path(__file__).parent
MAX_SECONDS = 1.0
MAX_MEBIBYTES = 200
HANG_SECONDS = 20
MAX_TREE_BYTES = 20_000
MAX_TREE_DEPTH = 500
MAX_INPUT_BYTES = 200_000

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

WORDS = r"""
~ null true yes no on 0 -1 1.5 1e3 .inf .nan 0x1F 0777 12:30 2024-01-31 "" '' "\u0000" "\U0001F600" [] {} [[ {{ ]] }}
: - ? , # | > |- >+ & * &a *a &a[*a] !!str !!int !!binary !!python/object:os.system !x %YAML --- ... << = @ ` \ é 服
rollout stages environment promotionStrategy automatic delaySeconds deploy type manual subscription tag service id name
owners build image source environments projectID category instances resources cpu memory 512Mi 33Gi msp-example staging
prod job
""".split()  # noqa: SIM905
WORDS += ["\t", "\r\n", "\0", "\x1b", "\x7f", "\x85", "\ufeff", "\u2028", "\ud7ff", "\U0001f600"]
PIECES = "[|{|- |? |a: |{a: |[a, |x| |'|*a |\n|&a |!t |a: 1, |- a: \n".split("|")  # noqa: SIM905


def flip_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    begin, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:] if chance.random() < 0.5 else data[begin:end]


def insert_words(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        data = data[:place] + chance.choice(WORDS).encode() + data[place:]
    return data


def change_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 4)):
        place, other = (chance.randrange(len(lines)) for _ in range(2))
        match chance.randrange(6):
            case 0:
                lines[place], lines[other] = lines[other], lines[place]
            case 1:
                lines.insert(place, lines[other])
            case 2 if len(lines) > 1:
                del lines[place]
            case 3:
                lines[place] = chance.choice([b" ", b"  ", b"\t", b"    "]) + lines[place]
            case 4:
                lines[place] = lines[place].removeprefix(b"  ")
            case _:
                lines[place] += chance.choice([b" #", b":", b" &a", b" *a", b"\\", b" {", b" [", b"'", b'"', b" |"])
    return b"\n".join(lines)


def replace_words(data: bytes, chance: random.Random) -> bytes:
    words = data.split(b" ")
    for _ in range(chance.randint(1, 4)):
        words[chance.randrange(len(words))] = chance.choice(WORDS).encode()
    return b" ".join(words)


def repeat(data: bytes, chance: random.Random) -> bytes:
    """Makes a piece very long, or nests it very deeply."""
    piece = chance.choice(PIECES).encode()
    place = chance.randrange(len(data) + 1)
    return data[:place] + piece * chance.choice([3, 40, 60, 1000, 20000]) + data[place:]


def change_tree(data: bytes, chance: random.Random) -> bytes:
    """Changes the document's structure: removes, renames, replaces and moves its parts."""
    # PyYAML has no bounds: it expands what aliases repeat, and recurses as deeply as brackets are nested.
    if len(data) > MAX_TREE_BYTES or b"*" in data or sum(map(data.count, (b"[", b"{", b"- ", b"? "))) > MAX_TREE_DEPTH:
        return insert_words(data, chance)
    try:
        tree = yaml.load(data, Loader=LOADER)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return insert_words(data, chance)
    for _ in range(chance.randint(1, 5)):
        parts = list(_containers(tree))
        if not parts:
            break
        part, other = chance.choice(parts), chance.choice(parts)
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        if not keys:
            continue
        key = chance.choice(keys)
        match chance.randrange(5):
            case 0:
                del part[key]
            case 1:
                part[key] = chance.choice([None, True, 1, -1, 1.5, "", "x" * 99, [], {}, [[]], chance.choice(WORDS)])
            case 2 if isinstance(part, dict):
                part[chance.choice(WORDS)] = part.pop(key)
            case 3 if other is not part and isinstance(other, list) and len(other) < 100:
                other.append(yaml.safe_load(yaml.safe_dump(part[key])))
            case _:
                part[key] = part[chance.choice(keys)]
    flow = chance.choice([True, False, None])
    unicode = chance.random() < 0.5
    return yaml.safe_dump(tree, encoding="utf-8", sort_keys=False, default_flow_style=flow, allow_unicode=unicode)


def _containers(tree: object) -> list[Any]:
    found: list[Any] = []
    left = [tree]
    while left and len(found) < 1000:
        part = left.pop()
        if isinstance(part, dict):
            found.append(part)
            left += part.values()
        elif isinstance(part, list):
            found.append(part)
            left += part
    return found


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    flip_bytes, cut, insert_words, change_lines, replace_words, repeat, change_tree, change_tree,
]  # fmt: skip


def mutate(corpus: list[bytes], chance: random.Random) -> bytes:
    data = chance.choice(corpus)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        data = chance.choice(MUTATIONS)(data, chance)
    return data[:MAX_INPUT_BYTES]


def complaint(data: bytes) -> str:
    """What the reader did wrong with an input; empty when it did well."""
    try:
        spec = parse(data, "service.yaml")
    except SpecError as error:
        lines = LINE_BREAK.split(data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape"))
        for problem in error.problems:
            if not (1 <= problem.line <= len(lines) and 1 <= problem.column <= len(lines[problem.line - 1]) + 1):
                return f"a problem points outside of the file: {problem}"
            if not problem.message or "\n" in problem.message:
                return f"a problem's message is not a line: {problem}"
        text.render(error.problems).encode()
        return ""
    again = parse(spec.canonical_json().encode(), "service.yaml")
    return "" if again == spec else "a valid specification is not what its canonical JSON says"


def peak_mebibytes() -> float:
    """The most memory that this process ever had (`getrusage` would count that of the process which started it)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    corpus = [path.read_bytes() for kind in ("valid", "invalid") for path in sorted((HERE / kind).glob("*.yaml"))]
    before = peak_mebibytes()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # whatever goes wrong, the machine lives on
    size, slowest, mebibytes, began = 0, 0.0, before, time.monotonic()
    for number in range(options.inputs):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        data = mutate(corpus, random.Random(f"{options.seed}/{number}"))
        start = time.process_time()
        try:
            wrong = complaint(data)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        seconds = time.process_time() - start
        faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, seconds)
        mebibytes = peak_mebibytes()
        if seconds > MAX_SECONDS:
            wrong = wrong or f"took {seconds:.2f} s"
        if mebibytes > MAX_MEBIBYTES:
            wrong = wrong or f"took {mebibytes:.0f} MiB"
        if wrong:
            handle, name = tempfile.mkstemp(suffix=".yaml")
            os.write(handle, data)
            print(f"input {number} of seed {options.seed}, kept in {name}: {wrong}", file=sys.stderr)
            return 1
        size += len(data)
    elapsed = time.monotonic() - began
    print(
        f"{options.inputs} inputs, {size / 1e6:.1f} MB, {elapsed:.0f} s; slowest {slowest * 1000:.0f} ms; "
        f"memory {before:.0f} MiB before, {mebibytes:.0f} MiB at most"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
