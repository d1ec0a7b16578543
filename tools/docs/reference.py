"""The API reference: what Bazel's `starlark_doc_extract` says of a .bzl file, as Markdown.

Bazel writes a `stardoc_output.ModuleInfo`
(https://github.com/bazelbuild/bazel/blob/master/src/main/protobuf/stardoc_output.proto). The part of it that is shown
here is the same in Bazel 7, 8 and 9; fields that are not named below are skipped.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# A message of the schema below: its class is made at run time.
_Info: TypeAlias = Any

_TEXT, _FLAG = "text", "flag"

# Message → field → (number, type or message, repeated).
_SCHEMA: dict[str, dict[str, tuple[int, str, bool]]] = {
    "ModuleInfo": {
        "rule_info": (1, "RuleInfo", True),
        "provider_info": (2, "ProviderInfo", True),
        "func_info": (3, "FunctionInfo", True),
        "module_docstring": (5, _TEXT, False),
    },
    "RuleInfo": {
        "rule_name": (1, _TEXT, False),
        "doc_string": (2, _TEXT, False),
        "attribute": (3, "AttributeInfo", True),
    },
    "AttributeInfo": {
        "name": (1, _TEXT, False),
        "doc_string": (2, _TEXT, False),
        "mandatory": (4, _FLAG, False),
        "default_value": (6, _TEXT, False),
    },
    "FunctionInfo": {
        "function_name": (1, _TEXT, False),
        "parameter": (2, "ParameterInfo", True),
        "doc_string": (3, _TEXT, False),
    },
    "ParameterInfo": {
        "name": (1, _TEXT, False),
        "doc_string": (2, _TEXT, False),
        "default_value": (3, _TEXT, False),
        "mandatory": (4, _FLAG, False),
    },
    "ProviderInfo": {
        "provider_name": (1, _TEXT, False),
        "doc_string": (2, _TEXT, False),
        "field_info": (3, "FieldInfo", True),
    },
    "FieldInfo": {
        "name": (1, _TEXT, False),
        "doc_string": (2, _TEXT, False),
    },
}


def render(module_info: bytes, *, load: str) -> str:
    """The reference of a .bzl file.

    Args:
        module_info: What `starlark_doc_extract` wrote: a serialized `stardoc_output.ModuleInfo`.
        load: The label that users load the file by.

    Returns:
        A Markdown page, which ends with a newline.
    """
    module = _message_class()()
    module.ParseFromString(module_info)
    callables = sorted(
        [_Callable.of_rule(rule) for rule in module.rule_info]
        + [_Callable.of_macro(macro) for macro in module.func_info],
        key=lambda shown: shown.name,
    )
    providers = sorted(module.provider_info, key=lambda provider: str(provider.provider_name))
    lines = [
        "<!-- Written by `bazel run //tools/docs:update`, from the docstrings of rules_msp/defs.bzl. -->",
        "",
        "# Rules",
        "",
        _text(module.module_docstring),
        "",
        *(f"- [`{name}`](#{name.lower()})" for name in [shown.name for shown in callables]),
        *(f"- [`{provider.provider_name}`](#{provider.provider_name.lower()})" for provider in providers),
    ]
    for shown in callables:
        lines += ["", *shown.lines(load)]
    for provider in providers:
        lines += ["", *_provider(provider)]
    return "\n".join(lines) + "\n"


class _Callable:
    """A rule or a macro: to who calls it, they are the same."""

    def __init__(self, name: str, doc: str, arguments: Iterable["_Argument"]) -> None:
        self.name = name
        self.doc = _text(doc)
        self.arguments = tuple(arguments)

    @classmethod
    def of_rule(cls, rule: _Info) -> "_Callable":
        """A rule's attributes come sorted, `name` first; what must be given is put before what may."""
        attributes = sorted(rule.attribute, key=lambda attribute: not attribute.mandatory)
        return cls(rule.rule_name, rule.doc_string, map(_Argument, attributes))

    @classmethod
    def of_macro(cls, macro: _Info) -> "_Callable":
        """A macro's parameters come as they were written."""
        return cls(macro.function_name, macro.doc_string, map(_Argument, macro.parameter))

    def lines(self, load: str) -> Iterator[str]:
        """The section, line by line."""
        yield from (f"## {self.name}", "", "```starlark", f'load("{load}", "{self.name}")', "", f"{self.name}(")
        yield from (f"    {argument.declaration}," for argument in self.arguments)
        yield from (")", "```", "", self.doc, "", "| argument | |", "|---|---|")
        yield from (f"| `{argument.name}` | {argument.doc} |" for argument in self.arguments)


class _Argument:
    """An attribute of a rule or a parameter of a macro."""

    def __init__(self, info: _Info) -> None:
        # Only what takes the rest of the arguments is neither needed nor has a default. Bazel 7 tells no more of it.
        rest = not info.mandatory and not info.default_value
        self.name = f"**{info.name}" if rest else str(info.name)
        self.declaration = f"{self.name} = {_text(info.default_value)}" if info.default_value else self.name
        self.doc = _cell(info.doc_string)


def _provider(provider: _Info) -> Iterator[str]:
    yield from (f"## {provider.provider_name}", "", _text(provider.doc_string), "", "| field | |", "|---|---|")
    yield from (f"| `{field.name}` | {_cell(field.doc_string)} |" for field in provider.field_info)


def _cell(text: str) -> str:
    """Text as a table's cell takes it: on one line, without bars that would end it."""
    return " ".join(_text(text).split()).replace("|", "\\|")


def _text(text: str) -> str:
    """Text as it was written.

    Bazel 7 reads source files as Latin-1 and encodes what it read as UTF-8 once more; later ones do not.
    """
    try:
        return text.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return text.strip()


def _message_class() -> type[_Info]:
    """The class of `ModuleInfo`, from the schema above."""
    field_type = descriptor_pb2.FieldDescriptorProto
    scalars = {_TEXT: field_type.TYPE_STRING, _FLAG: field_type.TYPE_BOOL}
    file = descriptor_pb2.FileDescriptorProto(name="stardoc_output.proto", package="stardoc_output", syntax="proto3")
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        for name, (number, kind, repeated) in fields.items():
            described.field.add(
                name=name,
                number=number,
                label=field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL,
                type=scalars.get(kind, field_type.TYPE_MESSAGE),
                type_name=None if kind in scalars else f".stardoc_output.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("stardoc_output.ModuleInfo"))
