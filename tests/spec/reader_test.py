"""Reading files: what can't be read, what is too large, and both YAML parsers."""

import tracemalloc
from pathlib import Path

import pytest
import yaml

from msp.errors import UsageError
from msp.spec import SpecError, load, parse, yaml_tree
from msp.spec.problem import MAX_PROBLEMS
from msp.spec.source import MAX_BYTES
from msp.spec.yaml_tree import MAX_DEPTH, MAX_VALUES

CORPUS = sorted(Path(__file__).parent.glob("*valid/*.yaml"))
VALID = (Path(__file__).parent / "valid" / "two_stages.yaml").read_bytes()


def messages(data: bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(data, "service.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_load_names_the_file_as_it_was_given() -> None:
    path = Path(__file__).parent / "invalid" / "no_owner.yaml"
    with pytest.raises(SpecError) as caught:
        load(path, file="svc/service.yaml")
    assert [(problem.file, problem.line, problem.field) for problem in caught.value.problems] == [
        ("svc/service.yaml", 4, "service.owners")
    ]


def test_error_is_readable_where_it_is_only_printed() -> None:
    with pytest.raises(SpecError) as caught:
        parse(VALID.replace(b"category: test", b"category: tset"), "service.yaml")
    assert caught.value.message == "service.yaml has a problem"
    assert "did you mean `test`?" in caught.value.hint


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
def test_what_can_not_be_read_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"service.yaml: can't be read: .+"):
        load(tmp_path / name, file="service.yaml")


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").symlink_to("/dev/zero")
    with pytest.raises(SpecError, match="has a problem"):
        load(tmp_path / "service.yaml")


def test_largest_file() -> None:
    padding = b"#" * (MAX_BYTES - len(VALID))
    assert parse(VALID + padding, "service.yaml").service.id == "msp-example"
    assert messages(VALID + padding + b"#") == [
        "service.yaml:1:1: error: the file is larger than 1,048,576 bytes; no specification needs that"
    ]


def test_deepest_file() -> None:
    deepest = MAX_DEPTH - 1
    parse(VALID + b"other: " + b"[" * deepest + b"]" * deepest, "service.yaml")
    assert "nested more than" in messages(VALID + b"other: " + b"[" * MAX_DEPTH)[0]


def test_most_values() -> None:
    parse(VALID + b"other: [" + b"1," * (MAX_VALUES - 200) + b"]", "service.yaml")
    assert "values up to here" in messages(VALID + b"other: [" + b"1," * MAX_VALUES + b"]")[0]


def test_billion_laughs_are_refused_before_they_expand() -> None:
    lines = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    laughs = "\n".join(["l0: &l0 [x]", *lines]).encode()
    tracemalloc.start()
    assert "counting what aliases repeat" in messages(laughs)[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20


def test_most_problems_are_bounded() -> None:
    unknown = b"".join(b"  unknown%d: 1\n" % number for number in range(2 * MAX_PROBLEMS))
    assert len(messages(VALID.replace(b"rollout:\n", b"rollout:\n" + unknown, 1))) == MAX_PROBLEMS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_pure_python_parser_reads_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML comes without libyaml: the same specification, or problems in the same lines."""

    def read() -> object:
        try:
            return parse(path.read_bytes(), path.name)
        except SpecError as error:
            return {(problem.line, problem.field) for problem in error.problems}

    with_libyaml = read()
    monkeypatch.setattr(yaml_tree, "_Loader", yaml.SafeLoader)
    assert read() == with_libyaml
