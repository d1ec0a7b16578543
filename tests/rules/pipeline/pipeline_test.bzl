"""What `msp_pipeline` expands to."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules_msp:defs.bzl", "MspPipelineInfo")

_FILES = {
    "clouddeploy": "clouddeploy.yaml",
    "iam": "iam.yaml",
    "mermaid": "pipeline.mmd",
    "page": "pipeline.md",
    "skaffold": "skaffold.yaml",
    "source": "source.tar.gz",
    "svg": "pipeline.svg",
    "terraform": "pipeline.tf.json",
}

def _pipeline_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    info = target[MspPipelineInfo]
    asserts.equals(env, ctx.attr.gcp_region, info.gcp_region)
    for group, name in _FILES.items():
        (file,) = getattr(target[OutputGroupInfo], group).to_list()
        asserts.equals(env, name, file.basename)
        asserts.equals(env, file, getattr(info, group))
    asserts.equals(env, len(_FILES), len(target[DefaultInfo].files.to_list()))

    (action,) = [action for action in analysistest.target_actions(env) if action.mnemonic == "MspPipeline"]
    argv = action.argv[1:]
    asserts.equals(env, "--spec=" + info.spec.canonical_json.path, argv[0])
    asserts.equals(env, "--region=" + ctx.attr.gcp_region, argv[1])
    asserts.equals(env, "--source=tests/rules/pipeline/service.yaml", argv[2])
    asserts.equals(env, "--output_dir=" + info.page.dirname, argv[3])
    for argument in argv:
        asserts.false(env, argument.partition("=")[2].startswith("/"), "absolute path in " + argument)
    return analysistest.end(env)

pipeline_test = analysistest.make(_pipeline_test_impl, attrs = {"gcp_region": attr.string()})

def _command_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    name = target.label.name
    short_path = "tests/rules/pipeline/{}.json".format(name)
    config = target[RunEnvironmentInfo].environment["MSP_CONFIG"]
    asserts.true(env, config.endswith("/" + short_path), config)

    runfiles = [file.short_path for file in target[DefaultInfo].default_runfiles.files.to_list()]
    asserts.true(env, short_path in runfiles, "its config is in the runfiles")
    asserts.true(env, "tests/rules/pipeline/spec.spec.json" in runfiles, "the specification is in the runfiles")

    # One small file and a symlink a command: the program itself is shared.
    (write,) = [
        action
        for action in analysistest.target_actions(env)
        if [file.short_path for file in action.outputs.to_list()] == [short_path]
    ]
    asserts.equals(
        env,
        {
            "gcp_region": "europe-west1",
            "spec": config.removesuffix(short_path) + "tests/rules/pipeline/spec.spec.json",
            "target": "//tests/rules/pipeline:" + name,
            "tool": "//tools:" + ctx.attr.tool,
        },
        json.decode(write.content),
    )
    (link,) = [action for action in analysistest.target_actions(env) if action.mnemonic in ["ExecutableSymlink", "Symlink"]]
    asserts.equals(env, ["tools/" + ctx.attr.tool], [file.short_path for file in link.inputs.to_list()])
    return analysistest.end(env)

command_test = analysistest.make(_command_test_impl, attrs = {"tool": attr.string()})

def _refused_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, "//tests/rules/pipeline:service.yaml\" is not a checked specification: name an msp_spec")
    return analysistest.end(env)

refused_test = analysistest.make(_refused_test_impl, expect_failure = True)

def _forwarded(rules, name):
    rule = rules[name]
    return {key: rule.get(key) for key in ["tags", "testonly", "visibility"]}

def check_forwarded(names):
    """Fails loading where one of the targets lacks the common attributes that the macro was given.

    Args:
        names: The targets, already declared in this package with tags `["a", "b"]`, testonly and private.
    """
    rules = native.existing_rules()
    for name in names:
        found = _forwarded(rules, name)
        if list(found["tags"]) != ["a", "b"] or not found["testonly"] or list(found["visibility"]) != ["//visibility:private"]:
            fail("{}: common attributes were not forwarded: {}".format(name, found))
