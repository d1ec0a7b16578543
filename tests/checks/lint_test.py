"""What lint looks for besides what other programs do."""

from pathlib import Path

import pytest

from checks.lint import forgotten_tests


@pytest.mark.parametrize(
    ("build", "forgotten"),
    [
        ('pytest_test(name = "a_test", srcs = ["a_test.py"])', []),
        ('[pytest_test(name = test, srcs = [test + ".py"]) for test in ["a_test"]]', []),
        ('pytest_test(name = "other", srcs = ["b_test.py"])', ["x/a_test.py"]),
        (None, ["x/a_test.py"]),
    ],
)
def test_a_test_that_no_build_file_names_is_found(tmp_path: Path, build: str | None, forgotten: list[str]) -> None:
    (tmp_path / "x").mkdir()
    if build is not None:
        (tmp_path / "x/BUILD.bazel").write_text(build)
    assert forgotten_tests(["x/a_test.py", "x/a.py", "x/BUILD.bazel"], tmp_path) == forgotten
