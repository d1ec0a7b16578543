"""The specification's JSON Schema (draft 2020-12), for editors; made from the model."""

import json

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from msp.spec.model import Spec


class _Generator(GenerateJsonSchema):
    """Writes the schema as the reader is: a field may be absent, but not null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """What it is when it is there."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        """No: a name with capitals and blanks says nothing that the field's own name does not."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leaves out a default of null, which can't be written."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def schema() -> str:
    """The schema as indented JSON, with a newline at its end.

    It says all that can be said of one field by itself, and the rules between neighbours. Rules across the
    file (a stage names an environment) are the reader's alone.
    """
    made = Spec.model_json_schema(schema_generator=_Generator)
    whole = {"$schema": GenerateJsonSchema.schema_dialect, **made, "title": "MSP service specification"}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
