"""Durations as people write them, for flags: `--timeout=5m`."""

import re

from absl import flags

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_SECONDS = re.compile(rf"{_NUMBER}s?")
_PARTS = re.compile(rf"(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?")
# More than a rollout can take, and little enough for every clock.
_MOST_SECONDS = 30 * 86400.0


def parse_seconds(text: str) -> float:
    """Seconds from `300`, `300s`, `5m`, `1.5h` or `1h30m`.

    Args:
        text: A number of seconds, or hours, minutes and seconds, each with its letter, the larger first.

    Raises:
        ValueError: It is something else, or more than 30 days.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text.removesuffix("s"))
    elif text and (parts := _PARTS.fullmatch(text)):
        seconds = sum(float(part or 0) * _UNITS[unit] for part, unit in zip(parts.groups(), "hms", strict=True))
    else:
        raise ValueError("no duration: write seconds (300), or 300s, 5m, 1h30m")
    if seconds > _MOST_SECONDS:
        raise ValueError("longer than 30 days (720h)")
    return seconds


def define_seconds(name: str, default: float, help_text: str, *, least: float = 0.0) -> "flags.FlagHolder[float]":
    """Defines a flag of the calling command that takes a duration.

    Args:
        name: Without dashes: `timeout`.
        default: Seconds.
        help_text: What it is for; how it is written is added.
        least: The fewest seconds that make sense.
    """
    help_text = f"{help_text} Seconds, or 5m, 1h30m."
    holder: flags.FlagHolder[float] = flags.DEFINE(_Seconds(least), name, default, help_text, serializer=_Serializer())
    return holder


class _Seconds(flags.ArgumentParser[float]):
    syntactic_help = "a duration"

    def __init__(self, least: float) -> None:
        super().__init__()
        self._least = least

    def parse(self, argument: str | float) -> float:
        seconds = parse_seconds(argument) if isinstance(argument, str) else float(argument)
        if seconds < self._least:
            raise ValueError(f"at least {self._least:g} s are needed")
        return seconds

    def flag_type(self) -> str:
        return "duration"


class _Serializer(flags.ArgumentSerializer[float]):
    def serialize(self, value: float) -> str:
        return f"{value:g}s"


flags.disclaim_key_flags()  # A flag belongs to the command that asks for it, whose --help shows it.
