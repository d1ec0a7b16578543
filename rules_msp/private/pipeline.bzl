"""`msp_pipeline`: the delivery pipeline of a service, generated, compared with what is live, and applied."""

load(":providers.bzl", "MspPipelineInfo", "MspSpecInfo")
load(":tool.bzl", "label_text", "runfiles_path", "tool_providers", "write_config")

# Fields of MspPipelineInfo, which are the output groups too, and the files that `//tools:generate` writes.
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

def _msp_pipeline_impl(ctx):
    if MspSpecInfo not in ctx.attr.spec:
        fail(("{}: spec = \"{}\" is not a checked specification: name an msp_spec, such as " +
              "msp_spec(name = \"spec\", src = \"service.yaml\")").format(label_text(ctx.label), label_text(ctx.attr.spec.label)))
    spec = ctx.attr.spec[MspSpecInfo]
    files = {
        group: ctx.actions.declare_file("{}/{}".format(ctx.label.name, name))
        for group, name in _FILES.items()
    }
    args = ctx.actions.args()
    args.add(spec.canonical_json, format = "--spec=%s")
    args.add(ctx.attr.gcp_region, format = "--region=%s")
    args.add(spec.file.short_path, format = "--source=%s")
    args.add(files["page"].dirname, format = "--output_dir=%s")
    ctx.actions.run(
        executable = ctx.executable._generate,
        arguments = [args],
        inputs = [spec.canonical_json],
        outputs = files.values(),
        mnemonic = "MspPipeline",
        progress_message = "Generating the delivery pipeline of %{label}",
    )
    return [
        DefaultInfo(files = depset(files.values())),
        OutputGroupInfo(**{group: depset([file]) for group, file in files.items()}),
        MspPipelineInfo(gcp_region = ctx.attr.gcp_region, spec = spec, **files),
    ]

_msp_pipeline = rule(
    implementation = _msp_pipeline_impl,
    doc = "See the macro.",
    attrs = {
        "gcp_region": attr.string(
            doc = "The Google Cloud region of the pipeline and of the services that it deploys.",
            mandatory = True,
        ),
        "spec": attr.label(
            doc = "The `msp_spec` of the service.",
            # Files are let in so that the error can say what to write instead.
            allow_files = True,
            mandatory = True,
        ),
        "_generate": attr.label(
            default = "//tools:generate",
            executable = True,
            cfg = "exec",
        ),
    },
    provides = [MspPipelineInfo],
)

def _msp_pipeline_command_impl(ctx):
    pipeline = ctx.attr.pipeline[MspPipelineInfo]
    spec = pipeline.spec.canonical_json
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    write_config(ctx, config, ctx.attr.tool, {
        "gcp_region": pipeline.gcp_region,
        "spec": runfiles_path(ctx, spec),
        "target": label_text(ctx.label),
    })
    return tool_providers(ctx, ctx.attr.tool, config, ctx.runfiles([config, spec]))

_msp_pipeline_command = rule(
    implementation = _msp_pipeline_command_impl,
    doc = "One of the commands that `msp_pipeline` makes: a shared program with a config file of its own.",
    attrs = {
        "pipeline": attr.label(
            doc = "The pipeline.",
            mandatory = True,
            providers = [MspPipelineInfo],
        ),
        "tool": attr.label(
            doc = "The program.",
            mandatory = True,
            executable = True,
            cfg = "target",
        ),
    },
    executable = True,
)

def msp_pipeline(name, spec, gcp_region = "us-central1", **kwargs):
    """Generates the delivery pipeline of a service from its specification.

    ```starlark
    msp_pipeline(
        name = "pipeline",
        spec = ":spec",
    )
    ```

    | target | what it does |
    | --- | --- |
    | `bazel build :pipeline` | makes all files below; `--output_groups=terraform` (or another) makes one |
    | `bazel run :pipeline.diff` | compares with what is live, prints every difference, exits with 1 if there is any |
    | `bazel run :pipeline.apply` | creates and updates what differs; run again, it changes nothing |

    | output group | file | what it is |
    | --- | --- | --- |
    | `clouddeploy` | `clouddeploy.yaml` | the resources, for `gcloud deploy apply` |
    | `skaffold` | `skaffold.yaml` | the actions that render and deploy |
    | `source` | `source.tar.gz` | the same, as releases name it |
    | `iam` | `iam.yaml` | who needs which role where, and why |
    | `terraform` | `pipeline.tf.json` | all of it for Terraform |
    | `svg`, `mermaid` | `pipeline.svg`, `pipeline.mmd` | a picture of the stages |
    | `page` | `pipeline.md` | a page for the service's handbook |

    Building fails when the specification has no rollout, when the region does not exist, and when a name would be
    longer than Google's services take.

    Args:
        name: Name of the target; the files are in a directory of that name.
        spec: Label of the service's `msp_spec`.
        gcp_region: The Google Cloud region of the pipeline and of the services that it deploys.
        **kwargs: What every rule takes: `tags`, `visibility`, `testonly`, `compatible_with`, …; they apply to all three.
    """
    _msp_pipeline(name = name, spec = spec, gcp_region = gcp_region, **kwargs)
    for command in ["diff", "apply"]:
        _msp_pipeline_command(
            name = "{}.{}".format(name, command),
            pipeline = name,
            tool = Label("//tools:" + command),
            **kwargs
        )
