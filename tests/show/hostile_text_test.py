"""Hostile texts in all that operating shows, in all four formats: nothing in what comes out acts."""

import html
import io
import json
import re
from html.parser import HTMLParser

import pytest
from tests.delivery.hostile_text_test import HOSTILE, assert_no_markup, harmful, strings

from msp.show.document import Block, Column, Commands, Line, Section, Table, Text, Tone
from msp.show.output import Format, Output
from msp.show.terminal import Terminal


def shown(text: str, form: Format, *, colours: bool = False, width: int = 80) -> str:
    """A document that says this text in every place that it has."""
    out = io.StringIO()
    output = Output(out, form, Terminal(width, colours))
    cells = (Text(text, Tone.BAD, code=True), Text(text), Text(text, link=f"https://example.com/{text}"))
    table = Table((Column("name"), Column("text", shrinks=True), Column("more", shrinks=True)), (cells,))
    blocks: tuple[Block, ...] = (Line.of(text, Tone.WAITING, mark="note:"), table, Commands("", ("msp status",)))
    output.begin(text)
    output.say(*blocks, Section(text, blocks))
    output.record(text=text, many=[text, {"deep": text}])
    output.end()
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_terminal(text: str) -> None:
    for width in (20, 40, 80, 200):
        assert harmful(shown(text, Format.TABLE, width=width)) == []
        coloured = shown(text, Format.TABLE, colours=True, width=width)
        assert harmful(re.sub(r"\x1b\[(?:2|31|32|33|0)m", "", coloured)) == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_is_one_object_of_ascii(text: str) -> None:
    said = shown(text, Format.JSON)
    assert said.isascii()
    assert harmful(said) == []
    assert strings(json.loads(said)) == [text] * 3


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_markdown(text: str) -> None:
    said = shown(text, Format.MARKDOWN)
    assert harmful(said) == []
    ours = re.sub(r"\]\(<https://example\.com/[^>\n]*>\)", "]", said)
    assert_no_markup(re.sub(r"(?<!\\)`[^`\n]*`", "", ours).replace("```sh", "").replace("```", ""))
    rows = [line for line in said.splitlines() if line.startswith("| ") and line != "| name | text | more |"]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [4, 4]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_page_has_our_tags_alone(text: str) -> None:
    said = shown(text, Format.HTML)
    assert harmful(said) == []
    found = Tags()
    found.feed(said)
    assert found.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "table", "thead", "tbody"),
        *("tr", "th", "td", "code", "pre", "a"),
    }
    assert all(link.startswith("https://example.com/") for link in found.links)
    assert html.unescape(said).count("msp status") == 2


class Tags(HTMLParser):
    """The tags of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for key, value in attributes if key == "href"]
        assert {key for key, _ in attributes} <= {"lang", "charset", "name", "content", "class", "href"}


@pytest.mark.parametrize("text", ["42. a", "1) a", "- a", "# a", "a@example.com", "WWW.example.com", "---", "~~a~~"])
def test_what_would_be_markup_is_text(text: str) -> None:
    out = io.StringIO()
    output = Output(out, Format.MARKDOWN)
    output.begin("title")
    output.say(Line.of(text))
    output.end()
    said = out.getvalue().splitlines()[2].strip()
    assert said != text
    assert re.sub(r"\\(.)", r"\1", said).replace("\N{REPLACEMENT CHARACTER}", "-") == text
