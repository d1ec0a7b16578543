"""`msp_spec` and `msp_spec_test`: a service specification, checked."""

load(":providers.bzl", "MspSpecInfo", "MspSpecReportInfo")

# Both actions are served by one process: a worker is kept per mnemonic.
_MNEMONIC = "MspSpec"

_WORKER = {
    "requires-worker-protocol": "json",
    "supports-multiplex-sandboxing": "1",
    "supports-multiplex-workers": "1",
    "supports-worker-cancellation": "1",
    "supports-workers": "1",
}

def _validate(ctx, flags, outputs):
    """Declares an action that checks the specification.

    Args:
        ctx: The rule's context.
        flags: Flags of `//tools:validate`; `%s` in one stands for an output.
        outputs: The files that the flags name, in the same order; None for a flag without one.
    """
    args = ctx.actions.args()
    args.use_param_file("@%s", use_always = True)
    args.set_param_file_format("multiline")
    for flag, output in zip(flags, outputs):
        if output:
            args.add(output, format = flag)
        else:
            args.add(flag)
    args.add("--")
    args.add(ctx.file.src)
    ctx.actions.run(
        executable = ctx.executable._validate,
        arguments = [args],
        inputs = [ctx.file.src],
        outputs = [output for output in outputs if output],
        mnemonic = _MNEMONIC,
        progress_message = "Checking service specification %{input}",
        execution_requirements = _WORKER,
    )

def _msp_spec_impl(ctx):
    canonical_json = ctx.actions.declare_file(ctx.label.name + ".spec.json")
    _validate(ctx, ["--canonical=%s"], [canonical_json])

    # Only run for a test: it says what is wrong where the action above fails.
    log = ctx.actions.declare_file(ctx.label.name + ".spec.log")
    junit = ctx.actions.declare_file(ctx.label.name + ".spec.xml")
    _validate(ctx, ["--nofail", "--log=%s", "--junit=%s"], [None, log, junit])

    return [
        DefaultInfo(files = depset([canonical_json])),
        MspSpecInfo(file = ctx.file.src, canonical_json = canonical_json),
        MspSpecReportInfo(log = log, junit = junit),
        OutputGroupInfo(
            # https://bazel.build/extending/rules#validation_actions
            _validation = depset([canonical_json]),
            report = depset([log, junit]),
        ),
    ]

msp_spec = rule(
    implementation = _msp_spec_impl,
    doc = """A service's specification (`service.yaml`), checked.

Building it, or anything that uses it, fails when the specification is not valid, and prints everything that is
wrong with it, where, and what to write instead. It provides `MspSpecInfo`; its output is the resolved specification as canonical JSON.

```starlark
msp_spec(
    name = "spec",
    src = "service.yaml",
)
```
""",
    attrs = {
        "src": attr.label(
            doc = "The specification, a YAML file.",
            allow_single_file = [".yaml", ".yml"],
            mandatory = True,
        ),
        "_validate": attr.label(
            default = "//tools:validate",
            executable = True,
            cfg = "exec",
        ),
    },
    provides = [MspSpecInfo, MspSpecReportInfo],
)

def _msp_spec_test_impl(ctx):
    report = ctx.attr.spec[MspSpecReportInfo]
    test = ctx.actions.declare_file(ctx.label.name + ".sh")

    # The work was done in an action; what is left is to show it, in a few milliseconds.
    ctx.actions.write(test, """\
#!/bin/sh
cat '{log}'
if [ -n "$XML_OUTPUT_FILE" ]; then cp '{junit}' "$XML_OUTPUT_FILE"; fi
! grep -q '<failure ' '{junit}'
""".format(log = report.log.short_path, junit = report.junit.short_path), is_executable = True)
    return [DefaultInfo(
        executable = test,
        runfiles = ctx.runfiles([report.log, report.junit]),
    )]

_msp_spec_test = rule(
    implementation = _msp_spec_test_impl,
    doc = "See the macro.",
    attrs = {
        "spec": attr.label(
            doc = "The `msp_spec` to test.",
            mandatory = True,
            providers = [MspSpecReportInfo],
            # The test is to run for a bad specification too, and show what is wrong with it. Bazel runs no validations
            # of what is in the exec configuration (https://bazel.build/extending/rules#validations_output_group);
            # `skip_validations` would say it plainly, but Bazel 7 does not know it.
            cfg = "exec",
        ),
    },
    test = True,
)

def msp_spec_test(name, spec, size = "small", **kwargs):
    """Tests that a service's specification is valid.

    The test's log shows everything that is wrong; its XML has one case, named for the specification's file.

    ```starlark
    msp_spec_test(
        name = "spec_test",
        spec = ":spec",
    )
    ```

    Args:
        name: Name of the test.
        spec: Label of the `msp_spec`.
        size: As of any test (https://bazel.build/reference/test-encyclopedia#role-test-runner).
        **kwargs: What every test takes: `tags`, `visibility`, `testonly`, ….
    """
    _msp_spec_test(name = name, spec = spec, size = size, **kwargs)
