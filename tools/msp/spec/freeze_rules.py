"""The rules across fields of `rollout.freezes`."""

from collections.abc import Callable, Iterator
from typing import Final

from msp.spec.clock import moment, time_of_day
from msp.spec.facts import Facts
from msp.spec.messages import Finding, nearest
from msp.spec.node import Path
from msp.spec.patterns import quoted


def _names_are_unique(facts: Facts) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for path in _freezes(facts):
        if (name := facts.text(*path, "name")) is None:
            continue
        if name in first:
            line = facts.line(*first[name], "name")
            yield Finding((*path, "name"), f"{quoted(name)} is the name of the freeze on line {line} already")
        else:
            first[name] = path


def _each_is_once_or_weekly(facts: Facts) -> Iterator[Finding]:
    for path in _freezes(facts):
        weekly = facts.has(*path, "weekly")
        given = [field for field in ("from", "until") if facts.has(*path, field)]
        if weekly and given:
            message = "is for a freeze that happens once, and this one is `weekly`; remove one of them, or make two"
            yield Finding((*path, given[0]), message, at_key=True)
        elif len(given) == 1 and not weekly:
            other = "until" if given == ["from"] else "from"
            yield Finding((*path, given[0]), f"needs `{other}` beside it: when the freeze {_does[other]}", at_key=True)
        elif not weekly and not given and {*facts.fields(*path)} | _KNOWN == _KNOWN and facts.fields(*path):
            yield Finding(path, "does not say when: write `from` and `until`, or `weekly`")


_does: Final = {"from": "begins", "until": "ends"}
# Where there is another field, it may be the one that is missing, and is told as such.
_KNOWN: Final = {"name", "reason", "timeZone", "environments", "suspended"}


def _each_begins_before_it_ends(facts: Facts) -> Iterator[Finding]:
    for path in _freezes(facts):
        start, end = facts.written(*path, "from"), facts.written(*path, "until")
        if start and end and moment(start) >= moment(end):
            message = (
                f"{quoted(end)} is not after {quoted(start)}, on which the freeze begins; `until` is when releases may "
                "go on"
            )
            yield Finding((*path, "until"), message)


def _weekly_windows_are_whole(facts: Facts) -> Iterator[Finding]:
    for freeze in _freezes(facts):
        for path in facts.items(*freeze, "weekly"):
            given = [field for field in ("from", "until") if facts.has(*path, field)]
            start, end = facts.written(*path, "from"), facts.written(*path, "until")
            if len(given) == 1:
                other = "until" if given == ["from"] else "from"
                message = f"needs `{other}` beside it; without both, the whole day is frozen"
                yield Finding((*path, given[0]), message, at_key=True)
            elif start == "24:00":
                yield Finding((*path, "from"), "`24:00` is the end of a day; write `00:00` with the day after")
            elif start and end and time_of_day(start) == time_of_day(end):
                message = f"{quoted(end)} is when it begins; leave out `from` and `until` for the whole day"
                yield Finding((*path, "until"), message)


def _environments_are_stages(facts: Facts) -> Iterator[Finding]:
    """Says nothing where a stage's name is missing or wrong: that may be the one that is meant."""
    stages = [facts.text(*path, "environment") for path in facts.items("rollout", "stages")]
    known = [name for name in stages if name]
    if None in stages or not known:
        return
    for freeze in _freezes(facts):
        before = set[str]()
        for path in facts.items(*freeze, "environments"):
            name = facts.text(*path)
            if name is None:
                continue
            if name in before:
                yield Finding(path, f"{quoted(name)} is there already; remove one")
            elif name not in known:
                close = nearest(name, known)
                hint = f"did you mean {quoted(close)}?" if close else f"stages are {', '.join(map(quoted, known))}"
                yield Finding(path, f"{quoted(name)} is no stage's environment; {hint}")
            before.add(name)


def _each_freezes_something(facts: Facts) -> Iterator[Finding]:
    """Says nothing where the category of an environment is missing or wrong: it may be `external`."""
    categories = {facts.text(*path, "id"): facts.text(*path, "category") for path in facts.items("environments")}
    stages = [categories.get(facts.text(*path, "environment")) for path in facts.items("rollout", "stages")]
    if None in stages or not stages or "external" in stages:
        return
    for path in _freezes(facts):
        if not facts.has(*path, "environments"):
            message = "freezes nothing: no stage is of category `external`; say which by `environments`"
            yield Finding((*path, "name"), message)


def _freezes(facts: Facts) -> Iterator[Path]:
    return facts.items("rollout", "freezes")


RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    _names_are_unique,
    _each_is_once_or_weekly,
    _each_begins_before_it_ends,
    _weekly_windows_are_whole,
    _environments_are_stages,
    _each_freezes_something,
)
