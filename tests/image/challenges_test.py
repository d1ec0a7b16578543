import pytest
from hypothesis import given
from hypothesis import strategies as st

from msp.image.challenges import MAX_CHALLENGE_BYTES, parse_challenges


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], {}),
        (["Negotiate"], {}),
        (["Basic"], {"basic": {}}),
        (['Basic realm="r"'], {"basic": {"realm": "r"}}),
        (
            ['Bearer realm="https://a/t?x=1",service=s, scope="repository:a:pull,push repository:b:pull"'],
            {
                "bearer": {
                    "realm": "https://a/t?x=1",
                    "service": "s",
                    "scope": "repository:a:pull,push repository:b:pull",
                }
            },
        ),
        (
            ['Basic realm="a, Bearer b", Bearer realm="c"'],
            {"basic": {"realm": "a, Bearer b"}, "bearer": {"realm": "c"}},
        ),
        (['bearer REALM="a\\"b"', "Basic"], {"bearer": {"realm": 'a"b'}, "basic": {}}),
        (["Negotiate YWJj==, Basic realm=r"], {"basic": {"realm": "r"}}),
        (['Digest realm="d", nonce="Bearer x", Bearer realm="b"'], {"bearer": {"realm": "b"}}),
        (['Bearer realm = "a" , service = b'], {"bearer": {"realm": "a", "service": "b"}}),
        (['Bearer realm="a",realm="b"', 'Bearer realm="c"'], {"bearer": {"realm": "a"}}),
        (['Bearer realm="never closed, Basic'], {"bearer": {}, "basic": {}}),
        (['realm="nobody\'s"'], {}),
    ],
)
def test_reads_challenges(headers: list[str], expected: dict[str, dict[str, str]]) -> None:
    assert parse_challenges(headers) == expected


@given(st.lists(st.text(st.sampled_from('Bbearsic ,="\\xy'), max_size=40) | st.text(max_size=40), max_size=3))
def test_any_challenge_is_read(headers: list[str]) -> None:
    assert set(parse_challenges(headers)) <= {"bearer", "basic"}


# Each took quadratic time or more with one way or another to read a challenge: 60 KB of the first took minutes.
SLOW = ['Bearer realm="', ',bearer "', 'a="\\', 'a"', "a=,", "Basic,", "=\t", '"', "\\", "a" * 7 + '"', 'a="b" ']


@pytest.mark.parametrize("piece", SLOW)
def test_the_longest_challenge_is_read_at_once(piece: str) -> None:
    header = (piece * MAX_CHALLENGE_BYTES)[:MAX_CHALLENGE_BYTES]
    for _ in range(20):
        assert set(parse_challenges([header] * 8)) <= {"bearer", "basic"}


def test_a_longer_challenge_is_passed_over() -> None:
    long = "Bearer realm=" + "x" * 60_000
    assert parse_challenges([long, "Basic realm=r"]) == {"basic": {"realm": "r"}}


def test_of_very_many_headers_the_first_are_read() -> None:
    assert parse_challenges(["Negotiate"] * 7 + ['Basic realm="r"']) == {"basic": {"realm": "r"}}
    assert parse_challenges(["Negotiate"] * 8 + ['Basic realm="r"']) == {}
