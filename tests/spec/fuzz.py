"""Feeds mutated specifications to the reader, and looks for crashes, slowness, memory, and problems that point nowhere.

    PYTHONPATH=tools:. python tests/spec/fuzz.py --inputs=200000 --seed=1

Every input is a specification of the corpus with bytes, lines, words or subtrees changed. It must be valid, or be
refused with problems that point into the file, within a second. An input that does worse is written to a file, and the
run ends with exit code 1. The same seed gives the same inputs.
"""

import random
import resource
import sys
from pathlib import Path

import yaml
from tests.fuzzing.campaign import Campaign, Reader, options
from tests.fuzzing.mutations import Vocabulary, containers, cut, flip_bytes

from msp.spec import SpecError, parse
from msp.spec.render import text
from msp.spec.syntax import LINE_BREAK

HERE = Path(__file__).parent
MAX_SECONDS = 1.0
MAX_MEBIBYTES = 200
MAX_TREE_BYTES = 20_000
MAX_TREE_DEPTH = 500
MAX_INPUT_BYTES = 200_000

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

WORDS = r"""
~ null true yes no on 0 -1 1.5 1e3 .inf .nan 0x1F 0777 12:30 2024-01-31 "" '' "\u0000" "\U0001F600" [] {} [[ {{ ]] }}
: - ? , # | > |- >+ & * &a *a &a[*a] !!str !!int !!binary !!python/object:os.system !x %YAML --- ... << = @ ` \ é 服
rollout stages environment promotionStrategy automatic delaySeconds deploy type manual subscription tag service id name
owners build image source environments projectID category instances resources cpu memory 512Mi 33Gi msp-example staging
prod job freezes weekly from until timeZone Europe/Berlin days monday reason 24:00 2026-12-20T18:00 2026-02-30 00:60
""".split()  # noqa: SIM905
WORDS += ["\t", "\r\n", "\0", "\x1b", "\x7f", "\x85", "\ufeff", "\u2028", "\ud7ff", "\U0001f600"]
PIECES = "[|{|- |? |a: |{a: |[a, |x| |'|*a |\n|&a |!t |a: 1, |- a: \n".split("|")  # noqa: SIM905


VOCABULARY = Vocabulary(WORDS, PIECES, [3, 40, 60, 1000, 20_000])


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


def change_tree(data: bytes, chance: random.Random) -> bytes:
    """Changes the document's structure: removes, renames, replaces and moves its parts."""
    # PyYAML has no bounds: it expands what aliases repeat, and recurses as deeply as brackets are nested.
    if len(data) > MAX_TREE_BYTES or b"*" in data or sum(map(data.count, (b"[", b"{", b"- ", b"? "))) > MAX_TREE_DEPTH:
        return VOCABULARY.insert_words(data, chance)
    try:
        tree = yaml.load(data, Loader=LOADER)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return VOCABULARY.insert_words(data, chance)
    for _ in range(chance.randint(1, 5)):
        parts = list(containers(tree))
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


MUTATIONS = [
    flip_bytes, cut, VOCABULARY.insert_words, change_lines, replace_words, VOCABULARY.repeat, change_tree, change_tree,
]  # fmt: skip


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


def complaint_or_memory(data: bytes) -> str:
    """Also complains of the memory that an input took."""
    wrong = complaint(data)
    mebibytes = peak_mebibytes()
    return wrong if wrong or mebibytes <= MAX_MEBIBYTES else f"took {mebibytes:.0f} MiB"


def peak_mebibytes() -> float:
    """The most memory that this process ever had (`getrusage` would count that of the process which started it)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> int:
    asked = options(__doc__, inputs=200_000)
    corpus = [path.read_bytes() for kind in ("valid", "invalid") for path in sorted((HERE / kind).glob("*.yaml"))]
    before = peak_mebibytes()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # whatever goes wrong, the machine lives on
    campaign = Campaign(MUTATIONS, MAX_INPUT_BYTES, MAX_SECONDS)
    exit_code = campaign.run([Reader("specification", corpus, complaint_or_memory)], asked)
    print(f"memory {before:.0f} MiB before, {peak_mebibytes():.0f} MiB at most")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
