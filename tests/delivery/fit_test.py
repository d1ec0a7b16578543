import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msp.delivery.planning.fit import (
    Adjustment,
    fit_annotations,
    fit_build_number,
    fit_description,
    fit_id,
    fit_label,
    fit_labels,
    with_suffix,
)

ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
TEXT = st.text(st.characters(categories=["L", "N", "P", "Z", "Cc", "Cs"]), max_size=200) | st.text(
    st.sampled_from("aZ9-_. é"), max_size=80
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deploy-abc-1", "deploy-abc-1"),
        ("Deploy_ABC.1", "deploy-abc-1"),
        ("1234", "r-1234"),
        ("--x--", "x"),
        ("", "r"),
        ("é", "r"),
    ],
)
def test_ids(text: str, expected: str) -> None:
    assert fit_id(text) == expected


@given(TEXT)
def test_every_text_becomes_an_id_and_stays_one(text: str) -> None:
    fitted = fit_id(text)
    assert ID.fullmatch(fitted)
    assert fit_id(fitted) == fitted


@given(TEXT)
def test_every_build_number_fits_a_tag_and_a_release(text: str) -> None:
    fitted = fit_build_number(text)
    assert ID.fullmatch(f"deploy-0123456789ab-{fitted}")
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", f"0123456789ab_{fitted}")
    assert fit_build_number(fitted) == fitted


def test_what_is_cut_stays_different() -> None:
    one, two = fit_id("a" * 100 + "1"), fit_id("a" * 100 + "2")
    assert one != two
    assert len(one) == len(two) == 63
    assert fit_build_number("1" * 60) != fit_build_number("1" * 61)


def test_a_suffix_stands_whole_behind_an_id_that_stays_one() -> None:
    assert with_suffix("deploy-a-1", "-r2") == "deploy-a-1-r2"
    assert with_suffix("a" * 60, "-r2") == "a" * 60 + "-r2"
    long = with_suffix("a" * 61, "-r2")
    assert (len(long), long[-3:]) == (63, "-r2")
    assert long != with_suffix("a" * 62, "-r2")


@given(TEXT)
def test_every_text_becomes_a_label(text: str) -> None:
    assert LABEL.fullmatch(fit_label(text))


@given(st.dictionaries(TEXT, TEXT, max_size=80))
def test_labels_fit_and_every_change_is_told(labels: dict[str, str]) -> None:
    fitted, changes = fit_labels(labels)
    assert len(fitted) <= 64
    for key, value in fitted.items():
        assert LABEL.fullmatch(key)
        assert key[0].isalpha()
        assert LABEL.fullmatch(value)
    same = sum(fitted.get(key) == value for key, value in labels.items())
    assert same + len(changes) >= len(labels)


def test_labels_that_fit_are_left_alone() -> None:
    assert fit_labels({"commit": "abc", "team_a": "x-1_y"}) == ({"commit": "abc", "team_a": "x-1_y"}, ())


def test_a_change_is_shown_as_both_values() -> None:
    _, changes = fit_labels({"Team": "Core Services"})
    assert [str(change) for change in changes] == ["label: 'Team=Core Services' sent as 'team=core-services'"]
    _, changes = fit_labels({str(n): "x" for n in range(65)})
    assert str(changes[-1]) == "label '64': 'x' left out"


def test_annotations_are_printable_and_not_too_long() -> None:
    fitted, changes = fit_annotations({"a": "fine é 漢", "b": "two\nlines\x1b[31m", "c": "漢" * 2000})
    assert fitted["a"] == "fine é 漢"
    assert fitted["b"] == "two lines [31m"
    assert len(fitted["c"].encode()) <= 4096
    assert fitted["c"].endswith("漢…")
    assert [change.field for change in changes] == ["annotation b", "annotation c"]


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=5000), max_size=9))
def test_annotations_fit_whatever_they_are(annotations: dict[str, str]) -> None:
    fitted, _ = fit_annotations(annotations)
    assert all(len(value.encode()) <= 4096 for value in fitted.values())


def test_annotations_fit_all_together() -> None:
    fitted, changes = fit_annotations({f"a{n}": "x" * 4096 for n in range(100)})
    assert sum(len(key) + len(value) for key, value in fitted.items()) <= 256 << 10
    assert changes
    assert changes[-1] == Adjustment("annotation a99", "x" * 4096, None)


@given(st.text(max_size=600))
def test_descriptions_are_one_short_line(text: str) -> None:
    assert len(fit_description(text)) <= 255
    assert "\n" not in fit_description(text)
