from collections.abc import Callable

import pytest

from msp.ci.person import authors, find_person, known_as, names_in


def git_with(**config: str) -> Callable[..., str | None]:
    def git(*arguments: str) -> str | None:
        return config.get(arguments[1].replace(".", "_")) if arguments[0] == "config" else None

    return git


ADA = git_with(user_name="Ada Lovelace", user_email="ada@example.com")


@pytest.mark.parametrize(
    ("environment", "name", "known"),
    [
        ({}, "Ada Lovelace", {"ada lovelace", "ada@example.com"}),
        ({"USER": "ada"}, "Ada Lovelace", {"ada lovelace", "ada@example.com", "ada"}),
        ({"BUILDKITE_BUILD_CREATOR": "Grace Hopper"}, "Grace Hopper", {"grace hopper"}),
        (
            {
                "BUILDKITE_UNBLOCKER": "Mary Jackson",
                "BUILDKITE_UNBLOCKER_EMAIL": "Mary@example.com",
                "BUILDKITE_BUILD_CREATOR": "Grace Hopper",
            },
            "Mary Jackson",
            {"mary jackson", "mary@example.com"},
        ),
        ({"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "grace"}, "grace", {"grace"}),
        ({"GITHUB_ACTOR": "grace"}, "Ada Lovelace", {"ada lovelace", "ada@example.com"}),
    ],
)
def test_a_person_is_whoever_decides_in_a_ci_and_elsewhere_who_commits(
    environment: dict[str, str], name: str, known: set[str]
) -> None:
    assert find_person(environment, ADA) == name
    assert known_as(environment, ADA) == known


def test_nobody_is_known_where_nothing_tells() -> None:
    assert find_person({}, git_with()) == ""
    assert known_as({}, git_with()) == frozenset()


def test_a_name_with_an_address_is_both() -> None:
    assert names_in("Ada Lovelace <Ada@Example.com>", " Grace ", "") == {"ada lovelace", "ada@example.com", "grace"}


def test_a_clone_knows_its_commits_authors() -> None:
    def git(*arguments: str) -> str | None:
        return "Ada Lovelace\nada@example.com" if "0123" in arguments else None

    assert authors(git)("0123") == {"ada lovelace", "ada@example.com"}
    assert authors(git)("4567") == frozenset()
    assert authors(git)("--upload-pack=0123") == frozenset()
