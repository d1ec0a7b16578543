"""examples/rules_oci is the service of examples/msp_example, and builds outside of this repository's own packages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", ["server.py", "service.yaml"])
def test_service_is_the_same(name: str) -> None:
    ours = (EXAMPLES / "msp_example" / name).read_bytes()
    assert (EXAMPLES / "rules_oci" / name).read_bytes() == ours


def test_delivery_is_the_same() -> None:
    def calls(example: str) -> list[str]:
        build = (EXAMPLES / example / "BUILD.bazel").read_text("utf-8")
        # Only here does anything else look at these targets.
        build = build.replace('    visibility = ["//tests:__subpackages__"],\n', "")
        return re.findall(r"^msp_\w+\(.*?^\)$", build, re.DOTALL | re.MULTILINE)

    assert len(calls("rules_oci")) == 2
    assert calls("rules_oci") == calls("msp_example")


def test_versions_are_those_of_rules_msp() -> None:
    ours = dependencies(ROOT / "MODULE.bazel")
    theirs = dependencies(EXAMPLES / "rules_oci/MODULE.bazel")
    shared = ours.keys() & theirs.keys()
    assert "rules_python" in shared
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    module = re.search(
        r'module\(\s*name = "rules_msp",\s*version = "([^"]+)"', (ROOT / "MODULE.bazel").read_text("utf-8")
    )
    assert module is not None
    assert theirs["rules_msp"] == module[1]


def test_base_image_is_named_by_digest() -> None:
    module = (EXAMPLES / "rules_oci/MODULE.bazel").read_text("utf-8")
    (pull,) = re.findall(r"oci\.pull\((.*?)\n\)", module, re.DOTALL)
    assert re.search(r'digest = "sha256:[0-9a-f]{64}"', pull)
    assert "tag =" not in pull


def test_main_repository_leaves_it_alone() -> None:
    assert "examples/rules_oci" in (ROOT / ".bazelignore").read_text("utf-8").splitlines()


def dependencies(module: Path) -> dict[str, str]:
    return dict(re.findall(r'bazel_dep\(name = "([^"]+)", version = "([^"]+)"', module.read_text("utf-8")))
