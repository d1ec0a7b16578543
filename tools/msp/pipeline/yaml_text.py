"""How the generated YAML is written: indented lists, text of many lines as a block, keys in the order given."""

import yaml


class Block(str):
    """Text that reads best as a YAML block."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Where they are not quoted, PyYAML writes these line breaks of YAML 1.1 (section 5.4) as they are, and they fold.
    style = '"' if any(character in text for character in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(
    Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def dump(value: object) -> str:
    """The value as a YAML document, without a leading `---`."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True))


def row(value: dict[str, str]) -> str:
    """The value as one line: `{key: value, …}`."""
    return str(
        yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1_000_000, default_flow_style=True, allow_unicode=True)
    ).strip()
