"""What an untagged plain scalar means.

YAML 1.1 and 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) differ in what is a boolean, a number or a date. Where
they agree, that is the value. Where they don't, it is the text as it is written; and words that 1.1 reads as something
else (`yes`, `0777`, `12:30`, `2024-01-31`) are marked, so that a field that wants text can refuse what other readers of
the same file take for a boolean, a number or a date.
"""

import math
import re
from typing import Final

import yaml
from pydantic_core import PydanticCustomError

Value = bool | int | float | str | None

_CONSTANTS: Final[dict[str, Value]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})|0x[0-9a-fA-F]{1,99}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+][0-9]+)?")
_JSON_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)[eE][-+][0-9]+")
"""How JSON is written with such numbers; text in YAML 1.1, but JSON is YAML, so that it is the number all the same."""
_MEANINGS: Final = {
    "tag:yaml.org,2002:bool": "a boolean",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
}
_OLD_TRUE: Final = {"yes", "on"}


class Word(str):
    """Text that YAML 1.1 reads as something else.

    Attributes:
        meaning: What it is taken for: "a boolean", "a number" or "a date".
    """

    meaning: str


def resolve(text: str) -> Value:
    """The value of an untagged plain scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    meaning = _old_meaning(text)
    if (meaning or _JSON_FLOAT.fullmatch(text)) and (number := _number(text)) is not None:
        return number
    if not meaning:
        return text
    word = Word(text)
    word.meaning = meaning
    return word


def _number(text: str) -> int | float | None:
    """The number that YAML 1.2 reads, unless JSON could not hold it."""
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return None


def _old_meaning(text: str) -> str:
    """What YAML 1.1 takes a text for, when it is not text."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], ()):
        if pattern.match(text):
            return _MEANINGS.get(tag, "")
    return ""


def not_a_word(value: object) -> object:
    """A pydantic validator for text: refuses what YAML 1.1 reads as something else."""
    if isinstance(value, Word):
        raise PydanticCustomError("word", "is read as {meaning}", {"meaning": value.meaning})
    return value


def as_written(value: object) -> object:
    """A pydantic validator for dates and times: `22:00` is text, and `9` a time that is not written out."""
    return str(value) if isinstance(value, Word | int) and not isinstance(value, bool) else value


def as_switch(value: object) -> object:
    """A pydantic validator for booleans: takes YAML 1.1's `yes`, `no`, `on` and `off` too."""
    return value.lower() in _OLD_TRUE if isinstance(value, Word) and value.meaning == "a boolean" else value
