import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from msp.names.grammar import is_digest, is_tag
from msp.names.references import InvalidReferenceError, Reference, Repository

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("us.gcr.io/p/app", Reference(Repository("us.gcr.io", "p/app"))),
        ("us.gcr.io/p/app:t", Reference(Repository("us.gcr.io", "p/app"), "t")),
        (f"us.gcr.io/p/app@{DIGEST}", Reference(Repository("us.gcr.io", "p/app"), "", DIGEST)),
        (f"localhost:5000/a:T_1.x-y@{DIGEST}", Reference(Repository("localhost:5000", "a"), "T_1.x-y", DIGEST)),
        ("[::1]:5000/a", Reference(Repository("[::1]:5000", "a"))),
        ("localhost/a__b/c--d.e", Reference(Repository("localhost", "a__b/c--d.e"))),
    ],
)
def test_reads_and_writes_a_reference(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not start with a registry"),
        ("https://us.gcr.io/p/app", "is an address, not an image's name"),
        ("oci://us.gcr.io/p/app", "is an address, not an image's name"),
        ("ubuntu", "does not start with a registry"),
        ("library/ubuntu", "does not start with a registry"),
        ("us.gcr.io", "does not start with a registry"),
        ("us.gcr.io/", "is not a repository's name"),
        ("us.gcr.io/p/App", "'p/App' is not a repository's name"),
        ("us.gcr.io/p//app", "is not a repository's name"),
        ("us.gcr.io/../app", "is not a repository's name"),
        ("us.gcr.io/p/app:", "'' is not a tag"),
        ("us.gcr.io/p/app:-x", "'-x' is not a tag"),
        ("us.gcr.io/p/app:" + "x" * 129, "is not a tag"),
        ("us.gcr.io/p/app@sha256:abc", "'sha256:abc' is not a digest"),
        ("us.gcr.io/p/app@", "'' is not a digest"),
        ("user@us.gcr.io/p/app", "is not a digest"),
        ("us.gcr.io:port/p/app", "is not a registry's host"),
        ("us.gcr.io/" + "a" * 250, "is not a repository's name"),
        ("us.gcr.io/p/app\n", "is not a repository's name"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InvalidReferenceError) as raised:
        Reference.parse(text)
    assert says in raised.value.message
    assert repr(text) in raised.value.message


def test_a_repository_has_no_tag() -> None:
    assert str(Repository.parse("us.gcr.io/p/app")) == "us.gcr.io/p/app"
    with pytest.raises(InvalidReferenceError, match="names one image") as raised:
        Repository.parse("us.gcr.io/p/app:t")
    assert raised.value.hint == "leave out :t"


@given(st.text(st.sampled_from("aZ0.:/@_-[]sha256 \n\0é"), max_size=40) | st.text(max_size=40))
@example("a.b/c:" + "d" * 128)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return
    assert str(reference) == text
    assert is_tag(reference.tag) or not reference.tag
    assert is_digest(reference.digest) or not reference.digest


def test_a_name_has_at_most_255_characters_with_its_host() -> None:
    name = "a" * (255 - len("us.gcr.io/"))
    assert Repository.parse(f"us.gcr.io/{name}").name == name
    with pytest.raises(InvalidReferenceError, match="is not a repository's name"):
        Repository.parse(f"us.gcr.io/{name}a")


def test_an_address_is_told_how_to_be_written() -> None:
    with pytest.raises(InvalidReferenceError) as raised:
        Repository.parse("https://us.gcr.io/p/app/")
    assert raised.value.hint == "leave out https://: us.gcr.io/p/app"
