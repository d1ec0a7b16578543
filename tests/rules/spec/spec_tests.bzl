"""What `msp_spec` and `msp_spec_test` declare."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules_msp:defs.bzl", "MspSpecInfo", "msp_spec")

def _provides_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    info = target[MspSpecInfo]
    asserts.equals(env, "tests/rules/spec/good.yaml", info.file.short_path)
    asserts.equals(env, "tests/rules/spec/good.spec.json", info.canonical_json.short_path)
    asserts.equals(env, [info.canonical_json], target[DefaultInfo].files.to_list())
    return analysistest.end(env)

_provides_test = analysistest.make(_provides_impl)

def _validates_impl(ctx):
    env = analysistest.begin(ctx)
    groups = analysistest.target_under_test(env)[OutputGroupInfo]
    asserts.equals(env, ["good.spec.json"], [file.basename for file in groups._validation.to_list()])
    asserts.equals(env, ["good.spec.log", "good.spec.xml"], [file.basename for file in groups.report.to_list()])
    return analysistest.end(env)

_validates_test = analysistest.make(_validates_impl)

def _actions_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == "MspSpec"]
    asserts.equals(
        env,
        [["good.spec.json"], ["good.spec.log", "good.spec.xml"]],
        [[file.basename for file in action.outputs.to_list()] for action in actions],
    )
    for action in actions:
        # One file of the user's, and nothing of the host's: the action can run anywhere.
        sources = [file.short_path for file in action.inputs.to_list() if file.short_path.startswith("tests/rules")]
        asserts.equals(env, ["tests/rules/spec/good.yaml"], sources)
        asserts.true(env, action.argv[1] in ["--canonical=" + action.outputs.to_list()[0].path, "--nofail"], str(action.argv))
        asserts.equals(env, [], [argument for argument in action.argv if argument.startswith("/")])
        asserts.equals(env, {}, action.env)
    return analysistest.end(env)

_actions_test = analysistest.make(_actions_impl)

def _test_needs_only_the_report_impl(ctx):
    env = analysistest.begin(ctx)
    files = analysistest.target_under_test(env)[DefaultInfo].default_runfiles.files.to_list()
    own = [file.basename for file in files]
    asserts.equals(env, ["bad.spec.log", "bad.spec.xml", "bad_test.sh"], sorted(own))
    return analysistest.end(env)

_test_needs_only_the_report_test = analysistest.make(_test_needs_only_the_report_impl)

def _refuses_other_files_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, "expected .yaml or .yml")
    return analysistest.end(env)

_refuses_other_files_test = analysistest.make(_refuses_other_files_impl, expect_failure = True)

def spec_tests(name):
    """Declares the tests.

    Args:
        name: Name of the suite of them all.
    """
    msp_spec(
        name = "not_yaml",
        src = "BUILD.bazel",
        tags = ["manual"],
    )
    tests = {
        _actions_test: ("actions", ":good"),
        _provides_test: ("provides", ":good"),
        _refuses_other_files_test: ("refuses_other_files", ":not_yaml"),
        _test_needs_only_the_report_test: ("test_needs_only_the_report", ":bad_test"),
        _validates_test: ("validates", ":good"),
    }
    for test, (suffix, target) in tests.items():
        test(name = "{}_{}_test".format(name, suffix), target_under_test = target)
    native.test_suite(
        name = name,
        tests = ["{}_{}_test".format(name, suffix) for suffix, _ in tests.values()],
    )
