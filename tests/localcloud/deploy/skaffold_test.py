"""What a render refuses of a source: what skaffold would refuse, and says so as skaffold does."""

import json
import textwrap
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.localcloud.deploy.world import LOCATION, World, archive

from msp.localcloud.deploy import manifests, skaffold, source
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.skaffold_fields import VERSIONS, objects

POD = "apiVersion: v1\nkind: Pod\n"


def config(text: str = "", version: str = "v4beta7") -> str:
    return f"apiVersion: skaffold/{version}\nkind: Config\n{textwrap.dedent(text)}"


def problem(files: dict[str, str], profiles: list[str] | None = None) -> str:
    """Why the files can't be rendered; empty when they can."""
    try:
        unpacked = source.unpack(archive(files))
        manifests.check(unpacked, skaffold.read(unpacked, ""), profiles or [])
    except source.SourceError as error:
        return str(error)
    return ""


PARSING = "error parsing skaffold configuration file: "
UNMARSHAL = f"{PARSING}unable to parse config: yaml: unmarshal errors:\n  "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (config(), ""),
        ("kind: Config", f"{PARSING}missing apiVersion"),
        (config(version="v9"), f'{PARSING}unknown skaffold config API version "skaffold/v9"'),
        (config(version="v4beta99"), f'{PARSING}unknown skaffold config API version "skaffold/v4beta99"'),
        ("apiVersion: v1\nkind: Pod", f'{PARSING}unknown skaffold config API version "v1"'),
        ("- apiVersion: x", f'{PARSING}unknown skaffold config API version ""'),
        ("# apiVersion", 'failed to get any valid configs from file "skaffold.yaml"'),
        (config().replace("Config", "Pod"), f'{PARSING}skaffold.yaml is of kind "Pod", not "Config"'),
        (config("a: [1"), f"{PARSING}unable to parse YAML: yaml: line 4: did not find expected ',' or ']'"),
        (
            config("deploy: {}\ndeploy: {}"),
            f'{PARSING}unable to parse YAML: yaml: line 4: mapping key "deploy" already',
        ),
        (config("bogus: 1"), f"{UNMARSHAL}line 3: field bogus not found in type v4beta7.SkaffoldConfig"),
        (
            config("deploy: {kubectl: {manifests: [a.yaml]}}"),
            f"{UNMARSHAL}line 3: field manifests not found in type v4beta7.KubectlDeploy",
        ),
        (
            config("deploy: {kubectl: {}}\nbuild:\n  artifacts: [{}]"),
            f"{UNMARSHAL}line 5: required value not set: image",
        ),
        (config("metadata: [a]"), f"{UNMARSHAL}line 3: cannot unmarshal !!seq into v4beta7.Metadata"),
        (config("profiles: {name: a}"), f"{UNMARSHAL}line 3: cannot unmarshal !!map into []Profile"),
        (config("metadata: {name: [a]}"), f"{UNMARSHAL}line 3: cannot unmarshal !!seq into string"),
        (
            config("customActions:\n- name: a\n  timeout: soon\n  containers: [{name: a, image: b}]"),
            f"{UNMARSHAL}line 5: cannot unmarshal !!str `soon` into int",
        ),
        (config("deploy: {statusCheck: 1}"), f"{UNMARSHAL}line 3: cannot unmarshal !!int `1` into bool"),
        (config("customActions: [{name: a}]"), f"{UNMARSHAL}line 3: required value not set: containers"),
        (config("verify: [{name: a}]"), f"{UNMARSHAL}line 3: required value not set: container"),
        (config("metadata: {name: 5, labels: {a: 1}}\nprofiles:"), ""),
        (config(".anchors: &a {name: x}\nmetadata:\n  <<: *a\n  name: y"), ""),
        (config("metadata: &a {labels: *a}"), ""),
        (config("verify: [{name: a, container: {name: b, image: c, env: [{name: A, value: 1}]}}]"), ""),
    ],
)
def test_what_a_config_may_hold(text: str, expected: str) -> None:
    found = problem({"skaffold.yaml": text})
    assert found.startswith(expected), found
    assert bool(found) is bool(expected), found


@pytest.mark.parametrize(
    ("text", "accepting", "refusing"),
    [
        ("customActions: [{name: a, containers: [{name: b, image: c}]}]", "v4beta5", "v4beta4"),
        ("verify: [{name: a, container: {name: b, image: c}}]", "v3", "v2beta29"),
        ("manifests: {rawYaml: [https://example.com/a.yaml]}", "v3alpha1", "v2beta29"),
        ("deploy: {kustomize: {paths: [https://example.com/a]}}", "v2beta29", "v3"),
        ("deploy: {helm: {releases: [{name: a, artifactOverrides: {b: c}}]}}", "v2beta13", "v4beta1"),
        ("deploy: {kubectl: {manifests: []}}", "v2beta16", "v4beta7"),
        ("build: {artifacts: [{image: a, bazel: {target: b, platforms: []}}]}", "v4beta10", "v4beta9"),
        ("anything: {at: all}", "v1beta1", "v2beta13"),
    ],
)
def test_fields_come_and_go_with_versions(text: str, accepting: str, refusing: str) -> None:
    assert problem({"skaffold.yaml": config(text, accepting)}) == ""
    assert "not found in type" in problem({"skaffold.yaml": config(text, refusing)})


def test_every_object_of_the_table_is_somebodys_field() -> None:
    for version in VERSIONS[VERSIONS.index("v2beta13") :]:
        known = objects(version)
        assert known is not None
        types = {field.type.strip("[]") for fields in known.values() for field in fields.values()}
        assert types - set(known) <= {"", "int", "bool", "{}", "any"}, version
    latest = objects("v4beta14")
    assert latest is not None
    named = {field.type.strip("[]") for fields in latest.values() for field in fields.values()}
    assert set(latest) - named == {"SkaffoldConfig", "KustomizeDeploy"}


@pytest.mark.parametrize(
    ("requires", "files", "expected"),
    [
        ("{path: base}", {"base/skaffold.yaml": config()}, ""),
        ("{path: ./base/other.yaml}", {"base/other.yaml": config()}, ""),
        ("{path: base}", {}, 'could not find skaffold config file "base" that is referenced as a dependency in config'),
        ("{path: base}", {"base/x": ""}, 'could not find skaffold config file "base/skaffold.yaml"'),
        ("{path: base}", {"base/skaffold.yaml": config("nope: 1")}, UNMARSHAL),
        ("{path: base, configs: [b]}", {"base/skaffold.yaml": config("metadata: {name: b}")}, ""),
        (
            "{path: base, configs: [c]}",
            {"base/skaffold.yaml": config("metadata: {name: b}")},
            "did not find any configs",
        ),
        ("{git: {repo: https://example.com/r}}", {}, ""),
        ("{path: .}", {}, ""),
        ("{path: base}", {"base/skaffold.yaml": config("requires: [{path: ../skaffold.yaml}]")}, ""),
        (
            "{path: base}",
            {"base/skaffold.yaml": config("manifests: {rawYaml: [a.yaml]}"), "a.yaml": POD},
            'Manifest file "a.yaml" referenced in skaffold config could not be found',
        ),
    ],
)
def test_configs_that_others_require(requires: str, files: dict[str, str], expected: str) -> None:
    found = problem({"skaffold.yaml": config(f"requires: [{requires}]"), **files})
    assert found.startswith(expected), found
    assert bool(found) is bool(expected), found


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("manifests: {rawYaml: [k8s.yaml]}", {"k8s.yaml": POD}, ""),
        ("manifests: {rawYaml: [./k8s/*]}", {"k8s/a.yaml": POD, "k8s/readme": ": : :"}, ""),
        ("manifests: {rawYaml: ['k8s/**/*.yaml']}", {"k8s/a/b/c.yaml": POD}, ""),
        ("manifests: {rawYaml: ['k8s/?.yaml']}", {"k8s/ab.yaml": POD}, "Manifest file"),
        ("manifests: {rawYaml: ['k8s/*.yaml']}", {"k8s/a/b.yaml": POD}, "Manifest file"),
        ("manifests: {rawYaml: [k8s]}", {"k8s/a.yaml": POD}, ""),
        ("manifests: {rawYaml: ['gs://b/k8s.yaml', '{{.X}}.yaml']}", {}, ""),
        (
            "manifests: {rawYaml: [k8s.yaml]}",
            {},
            'Manifest file "k8s.yaml" referenced in skaffold config could not be found',
        ),
        ("manifests: {rawYaml: [a.yaml]}", {"a.yaml": "a: [\n"}, "reading Kubernetes YAML: a.yaml: yaml: line 2"),
        (
            "manifests: {rawYaml: [a.yaml]}",
            {"a.yaml": "hello"},
            "reading Kubernetes YAML: a.yaml: cannot unmarshal str",
        ),
        ("manifests: {kustomize: {paths: [o]}}", {"o/kustomization.yml": "resources: [a.yaml]", "o/a.yaml": POD}, ""),
        ("manifests: {kustomize: {}}", {"Kustomization": "{}"}, ""),
        ("manifests: {kustomize: {}}", {}, "unable to find one of 'kustomization.yaml'"),
        ("manifests: {kustomize: {paths: [o]}}", {}, "must build at directory: not a valid directory: lstat o"),
        ("manifests: {kustomize: {paths: [o]}}", {"o/a.yaml": POD}, "unable to find one of 'kustomization.yaml'"),
        (
            "manifests: {kustomize: {paths: [o/p]}}",
            {"o/p/kustomization.yaml": "resources: [../../base]", "base/kustomization.yaml": "resources: [a.yaml]"},
            "accumulating resources from 'a.yaml': lstat base/a.yaml: no such file or directory",
        ),
        (
            "manifests: {kustomize: {paths: [o]}}",
            {"o/kustomization.yaml": "resources: ['github.com/a/b//c', 'https://example.com/x.yaml']"},
            "",
        ),
        ("manifests: {helm: {releases: [{name: a, chartPath: chart}]}}", {"chart/Chart.yaml": "name: a"}, ""),
        ("manifests: {helm: {releases: [{name: a, chartPath: chart}]}}", {}, 'path "chart" not found'),
    ],
)
def test_what_is_rendered_is_there(text: str, files: dict[str, str], expected: str) -> None:
    found = problem({"skaffold.yaml": config(text), **files})
    assert found.startswith(expected), found
    assert bool(found) is bool(expected), found


def test_manifests_of_older_versions_stand_in_deploy() -> None:
    for text in ("deploy: {kubectl: {manifests: [a.yaml]}}", "deploy: {kustomize: {paths: [o]}}"):
        assert problem({"skaffold.yaml": config(text, "v2beta16")}) != ""


def test_a_profiles_manifests_stand_for_the_configs() -> None:
    text = """\
        manifests: {rawYaml: [gone.yaml]}
        profiles:
        - {name: prod, manifests: {rawYaml: [prod.yaml]}}
        - {name: patched, patches: [{op: replace, path: /manifests/rawYaml/0, value: x.yaml}]}
        """
    files = {"skaffold.yaml": config(text), "prod.yaml": POD}
    assert "gone.yaml" in problem(files)
    assert problem(files, ["prod"]) == problem(files, ["patched"]) == ""


def test_profiles_that_a_requiring_config_activates() -> None:
    files = {
        "skaffold.yaml": config(
            "profiles: [{name: prod}]\nrequires: [{path: base, activeProfiles: [{name: p, activatedBy: [prod]}]}]"
        ),
        "base/skaffold.yaml": config("profiles: [{name: p, manifests: {rawYaml: [gone.yaml]}}]"),
    }
    assert problem(files) == ""
    assert "gone.yaml" in problem(files, ["prod"])


def test_a_target_is_refused_by_what_its_own_stage_renders() -> None:
    stages = [pb.Stage(target_id="dev"), pb.Stage(target_id="live", profiles=["live"])]
    world = World(stages=stages)
    for target in ("dev", "live"):
        world.target(target, run={"location": LOCATION})
    text = config("profiles: [{name: live, manifests: {rawYaml: [gone.yaml]}}]")
    world.buckets["source/source.tar.gz"] = archive({"skaffold.yaml": text})
    release = world.call("GetRelease", name=world.release("r1"))
    states = {target: render.failure_message for target, render in release.target_renders.items()}
    assert states == {"dev": "", "live": 'Manifest file "gone.yaml" referenced in skaffold config could not be found'}


def test_what_a_custom_targets_own_render_action_reads_is_its_affair() -> None:
    world = World()
    actions = "".join(
        f"- {{name: {name}, containers: [{{name: a, image: b}}]}}\n" for name in ("render-it", "deploy-it")
    )
    text = config(f"manifests: {{rawYaml: [gone.yaml]}}\ncustomActions:\n{actions}")
    world.buckets["source/source.tar.gz"] = archive({"skaffold.yaml": text})
    release = world.call("GetRelease", name=world.release("r1"))
    assert release.render_state == pb.Release.RenderState.SUCCEEDED


def test_custom_actions_and_verify_of_an_active_profile_count() -> None:
    strategy: Any = {"standard": {"verify": True, "postdeploy": {"actions": ["clean"]}}}
    world = World(stages=[pb.Stage(target_id="dev", strategy=strategy, profiles=["p"])])
    world.target("dev", run={"location": LOCATION})
    container = "{name: a, image: b}"
    text = config(
        f"profiles:\n- name: p\n  customActions: [{{name: clean, containers: [{container}]}}]\n"
        f"  verify: [{{name: v, container: {container}}}]"
    )
    world.buckets["source/source.tar.gz"] = archive({"skaffold.yaml": text})
    release = world.call("GetRelease", name=world.release("r1"))
    assert release.render_state == pb.Release.RenderState.SUCCEEDED


_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "path", "requires", "profiles", "manifests", "rawYaml", "kustomize", "paths", "deploy"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


# Making a tree can take long on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["profiles", "requires", "manifests", "deploy", "verify"]), _VALUES), st.booleans()
)
def test_any_config_is_rendered_or_refused(content: dict[str, Any], old: bool) -> None:
    version = "v1beta1" if old else "v4beta7"
    text = json.dumps({"apiVersion": f"skaffold/{version}", "kind": "Config", **content})
    assert isinstance(problem({"skaffold.yaml": text}, ["p"]), str)
