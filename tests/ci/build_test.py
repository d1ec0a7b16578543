from datetime import UTC, datetime

import pytest

from msp.ci.build import Build, Known, UnknownBuildError, find_build

NOW = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def checkout(**answers: str | None) -> "Checkout":
    return Checkout(answers)


class Checkout:
    """Stands for git; `status` and the like are what it answers, None where it fails."""

    def __init__(self, answers: dict[str, str | None]) -> None:
        self.answers: dict[str, str | None] = {
            "--version": "git version 2.53.0",
            "rev-parse": COMMIT,
            "status": "",
            "log %s": "The subject",
            "log %an": "Commit Author",
            "config": "Me Myself",
            "symbolic-ref": "main",
            **answers,
        }
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> str | None:
        self.asked.append(arguments)
        command = arguments[0]
        if command == "log":
            command = f"log {arguments[2].removeprefix('--format=')}"
        return self.answers[command]


def no_git(*_arguments: str) -> None:
    return None


BUILDKITE = {
    "BUILDKITE": "true",
    "BUILDKITE_COMMIT": COMMIT,
    "BUILDKITE_BUILD_NUMBER": "1234",
    "BUILDKITE_BUILD_AUTHOR": "A. Uthor",
    "BUILDKITE_BUILD_CREATOR": "C. Reator",
    "BUILDKITE_BRANCH": "main",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/o/p/builds/1234",
    "BUILDKITE_MESSAGE": "\nMake it so\n\nFor a reason.",
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": COMMIT,
    "GITHUB_RUN_NUMBER": "56",
    "GITHUB_RUN_ID": "789",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/r",
}


def test_buildkite_says_it_all_without_git() -> None:
    git = checkout()
    assert find_build(Known(), BUILDKITE, git, NOW) == Build(
        commit=COMMIT,
        build_number="1234",
        author="A. Uthor",
        branch="main",
        build_url="https://buildkite.com/o/p/builds/1234",
        subject="Make it so",
        source="buildkite",
    )
    assert git.asked == []


def test_buildkites_creator_stands_in_for_the_author() -> None:
    environment = {**BUILDKITE, "BUILDKITE_BUILD_AUTHOR": ""}
    assert find_build(Known(), environment, no_git, NOW).author == "C. Reator"


def test_the_three_variables_of_old_are_enough() -> None:
    old = ("BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_BUILD_AUTHOR")
    build = find_build(Known(), {key: BUILDKITE[key] for key in old}, no_git, NOW)
    assert (build.commit, build.build_number, build.author, build.subject) == (COMMIT, "1234", "A. Uthor", "")


def test_buildkites_head_is_looked_up() -> None:
    git = checkout()
    build = find_build(Known(), {**BUILDKITE, "BUILDKITE_COMMIT": "HEAD"}, git, NOW)
    assert (build.commit, build.source, build.dirty) == (COMMIT, "buildkite", False)
    assert git.asked == [("rev-parse", "--verify", "--quiet", "HEAD^{commit}")]
    with pytest.raises(UnknownBuildError, match="BUILDKITE_COMMIT: 'HEAD'"):
        find_build(Known(), {**BUILDKITE, "BUILDKITE_COMMIT": "HEAD"}, no_git, NOW)


def test_github_says_it_all_but_the_subject() -> None:
    assert find_build(Known(), GITHUB, checkout(), NOW) == Build(
        commit=COMMIT,
        build_number="56",
        author="octocat",
        branch="main",
        build_url="https://github.com/o/r/actions/runs/789",
        subject="The subject",
        source="github",
    )
    assert find_build(Known(), {**GITHUB, "GITHUB_HEAD_REF": "feature"}, no_git, NOW).branch == "feature"
    assert find_build(Known(), {**GITHUB, "GITHUB_RUN_ID": ""}, no_git, NOW).build_url == ""


@pytest.mark.parametrize(
    "environment", [{**BUILDKITE, "BUILDKITE_BUILD_CREATOR": ""}, GITHUB], ids=["buildkite", "github"]
)
def test_who_set_up_the_cis_machine_is_not_the_author(environment: dict[str, str]) -> None:
    nobody = {**environment, "BUILDKITE_BUILD_AUTHOR": "", "GITHUB_ACTOR": ""}
    assert find_build(Known(), nobody, checkout(), NOW).author == "Commit Author"


def test_buildkite_comes_before_github() -> None:
    assert find_build(Known(), {**GITHUB, **BUILDKITE}, no_git, NOW).source == "buildkite"


def test_a_laptop_asks_git_and_the_clock() -> None:
    assert find_build(Known(), {}, checkout(), NOW) == Build(
        commit=COMMIT,
        build_number="20261122213005",
        author="Me Myself",
        branch="main",
        subject="The subject",
        source="git",
    )


def test_changes_that_are_in_no_commit_are_marked() -> None:
    build = find_build(Known(), {}, checkout(status=" M file"), NOW)
    assert (build.dirty, build.build_number) == (True, "20261122213005-dirty")
    assert not find_build(Known(), {}, checkout(status=None), NOW).dirty


def test_a_laptop_without_a_name_or_a_branch() -> None:
    build = find_build(Known(), {}, checkout(config=None, **{"symbolic-ref": None}), NOW)
    assert (build.author, build.branch) == ("Commit Author", "")
    silent = checkout(config=None, **{"log %an": None, "log %s": None})
    build = find_build(Known(), {}, silent, NOW)
    assert (build.author, build.subject) == ("unknown", "")


@pytest.mark.parametrize("environment", [{}, BUILDKITE, GITHUB])
def test_flags_come_first(environment: dict[str, str]) -> None:
    given = Known(OTHER, "9", "Flag Author", "b", "https://example.com", "s")
    build = find_build(given, environment, no_git, NOW)
    assert build == Build(OTHER, "9", "Flag Author", "b", "https://example.com", "s", source="flags")


def test_what_a_ci_says_of_its_commit_is_not_said_of_another() -> None:
    build = find_build(Known(commit=OTHER), BUILDKITE, checkout(), NOW)
    assert (build.commit, build.build_number) == (OTHER, "1234")
    assert (build.author, build.branch, build.subject) == ("Commit Author", "", "The subject")
    same = find_build(Known(commit=COMMIT.upper()), BUILDKITE, no_git, NOW)
    assert (same.commit, same.author, same.subject) == (COMMIT, "A. Uthor", "Make it so")


def test_a_name_given_for_a_commit_is_looked_up() -> None:
    git = checkout(**{"rev-parse": OTHER})
    assert find_build(Known(commit="my-branch"), {}, git, NOW).commit == OTHER
    assert git.asked[0][-1] == "my-branch^{commit}"


@pytest.mark.parametrize("commit", ["0123456", "--output=file", "not a commit", OTHER[1:], "g" * 40])
def test_what_is_no_commit_says_so(commit: str) -> None:
    with pytest.raises(UnknownBuildError, match="--commit:") as raised:
        find_build(Known(commit=commit), {}, no_git, NOW)
    assert repr(commit) in raised.value.message
    assert "git rev-parse HEAD" in raised.value.hint


def test_a_commit_never_becomes_an_option() -> None:
    git = checkout()
    with pytest.raises(UnknownBuildError):
        find_build(Known(commit="--help"), {}, git, NOW)
    assert git.asked == []


def test_no_commit_anywhere_says_what_to_do() -> None:
    with pytest.raises(UnknownBuildError, match="no commit is known") as raised:
        find_build(Known(), {}, no_git, NOW)
    assert "--commit" in raised.value.hint
    assert raised.value.exit_code == 2


def test_a_missing_git_is_called_so() -> None:
    with pytest.raises(UnknownBuildError, match="git can't be run") as raised:
        find_build(Known(), {}, no_git, NOW)
    assert "put git on PATH" in raised.value.hint
    with pytest.raises(UnknownBuildError, match="'main' is no full commit hash, and git can't be run"):
        find_build(Known(commit="main"), {}, no_git, NOW)
    elsewhere = checkout(**{"rev-parse": None})
    with pytest.raises(UnknownBuildError, match="no git checkout with a commit"):
        find_build(Known(), {}, elsewhere, NOW)
    with pytest.raises(UnknownBuildError, match="git here knows no commit of that name"):
        find_build(Known(commit="main"), {}, elsewhere, NOW)


HOSTILE = "Fix\r::set-output name=a::b\x1b]0;t\x07\u202e\x9b31m\u2028c"
MILD = "Fix ::set-output name=a::b\ufffd]0;t\ufffd\ufffd\ufffd31m c"


@pytest.mark.parametrize("environment", [{}, BUILDKITE, GITHUB])
def test_what_git_the_ci_and_flags_say_is_made_harmless(environment: dict[str, str]) -> None:
    as_it_is = {"BUILDKITE", "GITHUB_ACTIONS", "BUILDKITE_COMMIT", "GITHUB_SHA"}
    ci = {key: value if key in as_it_is else HOSTILE for key, value in environment.items()}
    git = checkout(**{"log %s": HOSTILE, "log %an": HOSTILE, "config": HOSTILE, "symbolic-ref": HOSTILE})
    for given in (Known(), Known(COMMIT, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)):
        build = find_build(given, ci, git, NOW)
        texts = [build.author, build.branch, build.subject, build.build_url, build.build_number]
        assert MILD in texts
        assert not [text for text in texts if any(character in text for character in "\r\n\x1b\x07\x9b\u2028\u202e")]
