"""Nothing that a terminal or a CI's log acts on is left in a text from outside."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msp.text import harmless, harmless_lines

BIDI_CONTROLS = {"RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Count faster", "Count faster"),
        ("Größe, naïve 🚀", "Größe, naïve 🚀"),
        ("x\r::set-output name=a::b", "x ::set-output name=a::b"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("abc\u202egnp.exe", "abc\ufffdgnp.exe"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\ufeffa\u200bb", "\ufffda\ufffdb"),
        ("\udc80", "\ufffd"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("::error::x", ":\ufffderror::x"),
        ("\r\t::error::x", "  :\ufffderror::x"),
        ("a ##[set-output name=a;]b", "a ##\ufffdset-output name=a;]b"),
        ("+++ open", "++\ufffd open"),
        ("^^^ +++", "^^\ufffd +++"),
        ("a --- b, ---", "a --- b, ---"),
    ],
)
def test_one_line_without_controls(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_line_feeds_of_a_message_stay_and_carriage_returns_do_not() -> None:
    assert harmless_lines("a\r\nb\rc\x1b\nd") == "a\nb c\ufffd\nd"
    assert harmless_lines("a\n::error::b\n--- c") == "a\n:\ufffderror::b\n--\ufffd c"


def test_a_long_text_is_cut() -> None:
    assert harmless("x" * 10, limit=10) == "x" * 10
    assert harmless("x" * 11, limit=10) == "x" * 9 + "…"
    assert harmless_lines("x\n" * 9, limit=4) == "x\nx…"


@given(st.text(st.characters(codec=None)))
def test_whatever_it_is_given(text: str) -> None:
    shown = harmless(text)
    assert len(shown) == len(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "RLE",
            "LRE",
            "RLO",
            "LRO",
            "PDF",
            "RLI",
            "LRI",
            "FSI",
            "PDI",
        }
    assert harmless(shown) == shown
