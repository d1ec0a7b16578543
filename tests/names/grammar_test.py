"""The limits, as Google's and the OCI's documents state them."""

import pytest

from msp.names import grammar


def test_limits_are_those_of_the_documents() -> None:
    assert (grammar.MAX_ID, grammar.MAX_RUN_SERVICE) == (63, 49)
    assert (grammar.MAX_LABEL, grammar.MAX_LABELS) == (63, 64)
    assert (grammar.MAX_DESCRIPTION, grammar.MAX_ANNOTATIONS_BYTES) == (255, 262_144)


@pytest.mark.parametrize("text", ["a", "a" * 63, "a-1", "a0"])
def test_ids_that_are_taken(text: str) -> None:
    assert grammar.check_id(text, "thing", "shorten it") == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a" * 64, f"thing '{'a' * 64}' has 64 characters; at most 63 are allowed"),
        ("", "thing '' is not a valid name"),
        ("1a", "thing '1a' is not a valid name"),
        ("a-", "thing 'a-' is not a valid name"),
        ("A", "thing 'A' is not a valid name"),
        ("a\n", "thing 'a\\n' is not a valid name"),
    ],
)
def test_ids_that_are_not(text: str, message: str) -> None:
    with pytest.raises(grammar.InvalidNameError) as caught:
        grammar.check_id(text, "thing", "shorten it")
    assert caught.value.message.startswith(message)
    assert caught.value.hint == "To mend it, shorten it."
