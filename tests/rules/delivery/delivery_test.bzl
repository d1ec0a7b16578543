"""What `msp_delivery` expands to, what it forwards, and what each misuse is told."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules_msp:defs.bzl", "MspDeliveryInfo", "msp_delivery", "msp_spec")

# A directory, two files and a pusher, as what a service has.

def _layout_impl(ctx):
    directory = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(outputs = [directory], command = "false")
    files = [directory]
    if ctx.attr.in_output_group:
        files = []
    return [
        DefaultInfo(files = depset(files)),
        OutputGroupInfo(oci_layout = depset([directory])) if ctx.attr.in_output_group else OutputGroupInfo(),
    ]

_layout = rule(
    implementation = _layout_impl,
    attrs = {"in_output_group": attr.bool()},
)

def _pusher_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, "#!/bin/sh", is_executable = True)
    return [DefaultInfo(executable = script)]

_pusher = rule(
    implementation = _pusher_impl,
    executable = True,
)

_ATTRIBUTES = {
    "gcp_project": "msp-example-prod-0000",
    "msp_service_id": "msp-example",
    "repository": "us.gcr.io/sourcegraph-dev/msp-example",
    # Only the tests look at these targets: some do not build.
    "tags": ["manual"],
}

def _config(env):
    """The configuration that the target under test writes."""
    for action in analysistest.target_actions(env):
        if action.outputs.to_list()[0].basename.endswith(".json"):
            return json.decode(action.content)
    return None

def _package():
    return "_main/tests/rules/delivery/"

def _config_test_impl(ctx):
    env = analysistest.begin(ctx)
    config = _config(env)
    expected = json.decode(ctx.attr.expected)
    for field in expected:
        asserts.equals(env, expected[field], config[field], field)
    asserts.equals(env, "//tests/rules/delivery:" + analysistest.target_under_test(env).label.name, config["target"])
    asserts.equals(env, "//tools:deploy", config["tool"])
    return analysistest.end(env)

_config_test = analysistest.make(_config_test_impl, attrs = {"expected": attr.string()})

def _provider_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    info = target[MspDeliveryInfo]
    asserts.equals(env, "msp-example-prod-0000", info.gcp_project)
    asserts.equals(env, "us-central1", info.gcp_region)
    asserts.equals(env, "msp-example", info.msp_service_id)
    asserts.equals(env, "us.gcr.io/sourcegraph-dev/msp-example", info.repository)
    asserts.equals(env, "image", info.layout.basename)
    asserts.equals(
        env,
        {"MSP_CONFIG": _package() + "defaults.json"},
        target[RunEnvironmentInfo].environment,
    )
    runfiles = [file.short_path for file in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in ("defaults.json", "image"):
        asserts.true(env, "tests/rules/delivery/" + path in runfiles, path + " is in the runfiles")
    return analysistest.end(env)

_provider_test = analysistest.make(_provider_test_impl)

def _local_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)

    # It plays what the other target releases: the configuration is the same file.
    asserts.equals(env, {"MSP_CONFIG": _package() + "defaults.json"}, target[RunEnvironmentInfo].environment)
    runfiles = [file.short_path for file in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in ("defaults.json", "image"):
        asserts.true(env, "tests/rules/delivery/" + path in runfiles, path + " is in the runfiles")
    asserts.equals(env, None, _config(env))
    return analysistest.end(env)

_local_test = analysistest.make(_local_test_impl)

def _ops_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    config = _config(env)
    asserts.equals(env, "//tests/rules/delivery:image", config["image"])
    asserts.equals(env, "msp-example", config["msp_service_id"])
    asserts.equals(env, "//tools:verb", config["tool"])
    asserts.equals(env, {"MSP_CONFIG": _package() + "defaults.ops.json"}, target[RunEnvironmentInfo].environment)

    # Rolling back must not build the image.
    runfiles = [file.short_path for file in target[DefaultInfo].default_runfiles.files.to_list()]
    asserts.false(env, "tests/rules/delivery/image" in runfiles, "the image is no part of it")
    return analysistest.end(env)

_ops_test = analysistest.make(_ops_test_impl)

def _misuse_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_misuse_test = analysistest.make(
    _misuse_test_impl,
    attrs = {"message": attr.string()},
    expect_failure = True,
)

def _equal_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.equals(env, ctx.attr.expected, ctx.attr.actual)
    return analysistest.end(env)

_equal_test = analysistest.make(
    _equal_test_impl,
    attrs = {
        "actual": attr.string(),
        "expected": attr.string(),
    },
)

def delivery_test_suite(name):
    """All tests of `msp_delivery`.

    Args:
        name: Name of the suite.
    """
    _layout(
        name = "image",
        tags = ["manual"],
        visibility = ["//tests/rules/delivery:__subpackages__"],
    )
    _layout(name = "rules_img_image", in_output_group = True, tags = ["manual"])
    _pusher(name = "candidate_push")
    native.filegroup(name = "two_files", srcs = ["BUILD.bazel", "delivery_test.bzl"])
    native.filegroup(name = "nothing")
    tests = []

    msp_delivery(name = "defaults", **_ATTRIBUTES)
    _provider_test(name = "provider_test", target_under_test = ":defaults")
    _local_test(name = "local_test", target_under_test = ":defaults.local")
    _ops_test(name = "ops_test", target_under_test = ":defaults.ops")
    tests += ["provider_test", "local_test", "ops_test"]

    cases = {
        "defaults": {
            "gcp_region": "us-central1",
            "image": _package() + "image",
            "push": None,
            "spec": None,
        },
        "in_output_group": {
            "image": _package() + "rules_img_image",
        },
        "pushed_by_another": {
            "gcp_region": "europe-west1",
            "image": None,
            "push": _package() + "candidate_push.sh",
        },
    }
    msp_delivery(name = "in_output_group", image = ":rules_img_image", **_ATTRIBUTES)
    msp_delivery(name = "pushed_by_another", gcp_region = "europe-west1", image = None, push = ":candidate_push", **_ATTRIBUTES)
    for target, expected in cases.items():
        _config_test(
            name = target + "_config_test",
            expected = json.encode(expected),
            target_under_test = target,
        )
        tests.append(target + "_config_test")

    misuses = {
        "no_image": (None, "there is nothing to push: set image to an OCI image, or push to a target that pushes one"),
        "no_file": (":nothing", "gives no file, where one directory with an OCI layout is needed"),
        "several_files": (":two_files", "gives 2 files, where one directory with an OCI layout is needed"),
        "made_file": (":pushed_script", "gives the file tests/rules/delivery/candidate_push.sh, where one directory"),
    }
    native.filegroup(name = "pushed_script", srcs = [":candidate_push"])
    msp_spec(name = "spec", src = "//tests/rules/pipeline:service.yaml", tags = ["manual"])
    wrong_names = {
        "digest": (
            {"repository": "us.gcr.io/sourcegraph-dev/msp-example@sha256:00"},
            "names one image, not a repository: leave out \"@sha256:00\"",
        ),
        "no_registry": (
            {"repository": "msp-example"},
            "repository = \"msp-example\" does not start with a registry: write it out, as in \"us.gcr.io/project/msp-example\"",
        ),
        "project": (
            {"gcp_project": "Prod"},
            "gcp_project = \"Prod\" is not a project's id: write 6 to 30 lower-case letters, digits and hyphens",
        ),
        "region": (
            {"gcp_region": "us-cental1"},
            "//tests/rules/delivery:region:\n  gcp_region = \"us-cental1\" is not a Google Cloud region: did you mean \"us-central1\"?",
        ),
        "service_id": (
            {"msp_service_id": "msp_example"},
            "msp_service_id = \"msp_example\" is not a service's id: write lower-case letters, digits and hyphens",
        ),
        "service_id_too_long": (
            {"gcp_region": "northamerica-northeast1", "msp_service_id": "a-service-with-a-name-that-is-too-long"},
            "of 70 characters, where Cloud Deploy takes 63: shorten it by 7",
        ),
        "several_at_once": (
            {"gcp_region": "", "repository": "us.gcr.io/a:v1"},
            "write one such as \"us-central1\"\n  repository = \"us.gcr.io/a:v1\" names one image, not a repository: leave out \":v1\"",
        ),
        "url": (
            {"repository": "https://us.gcr.io/sourcegraph-dev/msp-example"},
            "is a URL: leave out \"https://\"",
        ),
        "url_with_spec": (
            {"repository": "https://us.gcr.io/sourcegraph-dev/msp-example", "spec": ":spec"},
            "is a URL: leave out \"https://\"",
        ),
    }
    for case, (wrong, message) in wrong_names.items():
        msp_delivery(name = case, **(_ATTRIBUTES | wrong))
        _misuse_test(name = case + "_test", message = message, target_under_test = case)
        tests.append(case + "_test")
    for case, (image, message) in misuses.items():
        msp_delivery(name = case, image = image, **_ATTRIBUTES)
        _misuse_test(name = case + "_test", message = message, target_under_test = case)
        tests.append(case + "_test")

    # What the macro gives to the rules it makes is only seen while packages are loaded.
    msp_delivery(
        name = "forwarded",
        testonly = True,
        features = ["layering_check"],
        **(_ATTRIBUTES | {"tags": ["manual", "team"]})
    )
    seen = {}
    for target in ("forwarded", "forwarded.local", "forwarded.ops"):
        rule = native.existing_rule(target)
        seen[target] = [rule["testonly"], list(rule["features"]), sorted(rule["tags"])]
    _equal_test(
        name = "forwarded_test",
        actual = str(seen),
        expected = str({
            "forwarded": [True, ["layering_check"], ["manual", "msp-deliverable", "team"]],
            "forwarded.local": [True, ["layering_check"], ["manual", "team"]],
            "forwarded.ops": [True, ["layering_check"], ["manual", "team"]],
        }),
        target_under_test = ":candidate_push",
    )
    tests.append("forwarded_test")

    native.test_suite(name = name, tests = tests)
