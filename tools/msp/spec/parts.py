"""What the models of a specification are made of."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from msp.spec.scalar import as_switch, not_a_word

Text = Annotated[str, BeforeValidator(not_a_word)]
Switch = Annotated[bool, BeforeValidator(as_switch)]

MAX_ITEMS: Final = 100
"""Most items of a list that are looked at: stages, environments (each a project of its own), freezes."""


class _Part(BaseModel):
    """A part of the specification."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)

    @field_validator("*", mode="before")
    @classmethod
    def _has_value(cls, value: object) -> object:
        """Refuses a name with nothing after it: what was meant to follow is often indented wrongly."""
        if value is None:
            raise PydanticCustomError("no_value", "has no value")
        return value


class Shared(_Part):
    """A part in which other tools have fields of their own, which are kept as they are."""

    model_config = ConfigDict(extra="allow")


class Owned(_Part):
    """A part that belongs to this project alone, in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")
