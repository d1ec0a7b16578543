"""A `py_test` that runs pytest."""

load("@rules_python//python:py_test.bzl", "py_test")

def pytest_test(name, srcs, deps = [], data = [], size = "small", **kwargs):
    """Runs pytest on its sources, with Bazel's sharding, XML result and `--test_filter`.

    Args:
        name: Name of the test.
        srcs: The files with tests, and any `conftest.py` they need.
        deps: Libraries that the tests import; pytest itself is there.
        data: Files that the tests read; they find them beside their own file.
        size: As of any Bazel test: how long it may take (https://bazel.build/reference/test-encyclopedia).
        **kwargs: Forwarded to `py_test`.
    """
    tests = [source for source in srcs if source.endswith("_test.py")]
    py_test(
        name = name,
        srcs = srcs + ["//tests:pytest_main.py"],
        args = ["$(rootpath {})".format(test) for test in tests],
        data = data + ["//:pyproject.toml"],
        main = "//tests:pytest_main.py",
        size = size,
        deps = deps + ["@rules_msp_pip//pytest"],
        **kwargs
    )
