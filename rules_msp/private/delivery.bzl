"""`msp_delivery`: a service's image, pushed and released to the first stage of its rollout."""

load(":names.bzl", "project_problem", "region_problem", "repository_problem", "service_id_problem")
load(":pipeline.bzl", "msp_pipeline")
load(":providers.bzl", "MspDeliveryInfo", "MspSpecInfo")
load(":spec.bzl", "msp_spec_test")
load(":tool.bzl", "label_text", "runfiles_path", "tool_providers", "write_config")

# By this tag CI finds everything in a monorepo that can be delivered.
_DELIVERABLE = "msp-deliverable"

_DEFAULT_IMAGE = ":image"

_IMAGE_TAKES = ("an oci_image or oci_image_index of rules_oci, an image of rules_img, or a directory that is an OCI " +
                "layout")

def _check_names(ctx):
    """Fails with everything that Google or the registry would refuse of what the BUILD file says."""
    problems = {
        "gcp_project": project_problem(ctx.attr.gcp_project),
        "gcp_region": region_problem(ctx.attr.gcp_region),
        "msp_service_id": service_id_problem(ctx.attr.msp_service_id, ctx.attr.gcp_region),
        "repository": repository_problem(ctx.attr.repository),
    }
    lines = [
        "\n  {} = \"{}\" {}".format(attribute, getattr(ctx.attr, attribute), problem)
        for attribute, problem in problems.items()
        if problem
    ]
    if lines:
        fail(label_text(ctx.label) + ":" + "".join(lines))

def _layout(ctx):
    """The image's OCI layout directory, or None."""
    image = ctx.attr.image
    if not image:
        return None

    # rules_img makes a layout only where it is asked for one, by this output group.
    if OutputGroupInfo in image and hasattr(image[OutputGroupInfo], "oci_layout"):
        files = image[OutputGroupInfo].oci_layout
    else:
        files = image[DefaultInfo].files
    listed = files.to_list()  # what one target itself makes: one directory, or a mistake
    if ctx.attr.image_by_default and len(listed) == 1 and listed[0].is_source:
        # Bazel takes a label of no target for a file of that name, and says later that it is missing.
        fail(("{}: the package has no target \"{}\", which is what image is if it is not set: set image to {} " +
              "(where \"{}\" is such a directory in the sources: image = \"{}\")").format(
            label_text(ctx.label),
            _DEFAULT_IMAGE,
            _IMAGE_TAKES,
            image.label.name,
            image.label.name,
        ))
    if len(listed) != 1 or not listed[0].is_directory and not listed[0].is_source:
        fail("{}: image = \"{}\" gives {}, where one directory with an OCI layout is needed: name {}".format(
            label_text(ctx.label),
            label_text(image.label),
            "no file" if not listed else "the file {}".format(listed[0].short_path) if len(listed) == 1 else "{} files".format(len(listed)),
            _IMAGE_TAKES,
        ))
    return listed[0]

def _config(ctx, layout):
    """Writes the target's configuration, and with a specification checks one against the other."""
    push = ctx.attr.push[DefaultInfo].files_to_run.executable if ctx.attr.push else None
    spec = ctx.attr.spec[MspSpecInfo] if ctx.attr.spec else None
    fields = {
        "gcp_project": ctx.attr.gcp_project,
        "gcp_region": ctx.attr.gcp_region,
        "image": runfiles_path(ctx, layout) if layout else None,
        "msp_service_id": ctx.attr.msp_service_id,
        "push": runfiles_path(ctx, push) if push else None,
        "repository": ctx.attr.repository,
        "spec": runfiles_path(ctx, spec.canonical_json) if spec else None,
        "target": label_text(ctx.label),
    }
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    if not spec:
        write_config(ctx, config, ctx.attr._deploy, fields)
        return config
    draft = ctx.actions.declare_file(ctx.label.name + ".draft.json")
    write_config(ctx, draft, ctx.attr._deploy, fields)
    args = ctx.actions.args()
    args.add("--config", draft)
    args.add("--spec", spec.canonical_json)
    args.add("--spec_source", spec.file)
    args.add("--output", config)
    ctx.actions.run(
        executable = ctx.executable._agree,
        arguments = [args],
        inputs = [draft, spec.canonical_json],
        outputs = [config],
        mnemonic = "MspDelivery",
        progress_message = "Checking delivery %{label} against its specification",
    )
    return config

def _msp_delivery_impl(ctx):
    _check_names(ctx)
    layout = _layout(ctx)
    if not layout and not ctx.attr.push:
        fail("{}: there is nothing to push: set image to an OCI image, or push to a target that pushes one".format(label_text(ctx.label)))
    config = _config(ctx, layout)
    files = [config]
    if layout:
        files.append(layout)
    if ctx.attr.spec:
        files.append(ctx.attr.spec[MspSpecInfo].canonical_json)
    runfiles = ctx.runfiles(files)
    if ctx.attr.push:
        runfiles = runfiles.merge(ctx.attr.push[DefaultInfo].default_runfiles)
    return tool_providers(ctx, ctx.attr._deploy, config, runfiles) + [
        MspDeliveryInfo(
            config = config,
            gcp_project = ctx.attr.gcp_project,
            gcp_region = ctx.attr.gcp_region,
            layout = layout,
            msp_service_id = ctx.attr.msp_service_id,
            repository = ctx.attr.repository,
            runfiles = runfiles,
        ),
        OutputGroupInfo(config = depset([config])),
    ]

_msp_delivery = rule(
    implementation = _msp_delivery_impl,
    doc = "See the macro.",
    attrs = {
        "gcp_project": attr.string(mandatory = True),
        "gcp_region": attr.string(mandatory = True),
        "image": attr.label(allow_files = True),
        "image_by_default": attr.bool(),
        "msp_service_id": attr.string(mandatory = True),
        "push": attr.label(executable = True, cfg = "target"),
        "repository": attr.string(mandatory = True),
        "spec": attr.label(providers = [MspSpecInfo]),
        "_agree": attr.label(
            default = "//tools:agree",
            executable = True,
            cfg = "exec",
        ),
        "_deploy": attr.label(
            default = "//tools:deploy",
            executable = True,
            cfg = "target",
        ),
    },
    provides = [MspDeliveryInfo],
    executable = True,
)

def _msp_delivery_local_impl(ctx):
    delivery = ctx.attr.delivery[MspDeliveryInfo]
    return tool_providers(ctx, ctx.attr._deploy_local, delivery.config, delivery.runfiles)

_msp_delivery_local = rule(
    implementation = _msp_delivery_local_impl,
    doc = "Plays a delivery in a local cloud, from the delivery's own configuration.",
    attrs = {
        "delivery": attr.label(
            mandatory = True,
            providers = [MspDeliveryInfo],
        ),
        "_deploy_local": attr.label(
            default = "//tools:deploy_local",
            executable = True,
            cfg = "target",
        ),
    },
    executable = True,
)

def _image_label(image):
    """The label of an image as text, which makes no dependency of it; empty where it is none (a `select`)."""
    if type(image) == "Label":
        return label_text(image)
    return label_text(native.package_relative_label(image)) if type(image) == "string" else ""

def _msp_delivery_ops_impl(ctx):
    _check_names(ctx)
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    write_config(ctx, config, ctx.attr._verb, {
        "gcp_project": ctx.attr.gcp_project,
        "gcp_region": ctx.attr.gcp_region,
        "image": ctx.attr.image_label or None,
        "msp_service_id": ctx.attr.msp_service_id,
        "repository": ctx.attr.repository,
        "target": label_text(ctx.label),
    })
    return tool_providers(ctx, ctx.attr._verb, config, ctx.runfiles([config]))

# By itself: what is to be rolled back must not have to be built first, nor has a BUILD file that is broken to be mended.
_msp_delivery_ops = rule(
    implementation = _msp_delivery_ops_impl,
    doc = "Operates a service. Depends on nothing but the tool.",
    attrs = {
        "gcp_project": attr.string(mandatory = True),
        "gcp_region": attr.string(mandatory = True),
        "image_label": attr.string(
            doc = "The image's label as text, so that it is no dependency: changes are told by what it is built from.",
        ),
        "msp_service_id": attr.string(mandatory = True),
        "repository": attr.string(mandatory = True),
        "_verb": attr.label(
            default = "//tools:verb",
            executable = True,
            cfg = "target",
        ),
    },
    executable = True,
)

def msp_delivery(
        name,
        gcp_project,
        msp_service_id,
        repository,
        gcp_region = "us-central1",
        image = _DEFAULT_IMAGE,
        spec = None,
        push = None,
        tags = [],
        **kwargs):
    """Delivers a service: `bazel run` pushes its image and releases it to the first stage of its rollout.

    ```starlark
    load("@rules_msp//rules_msp:defs.bzl", "msp_delivery")

    msp_delivery(
        name = "msp_deploy",
        gcp_project = "msp-example-prod-0000",
        msp_service_id = "msp-example",
        repository = "us.gcr.io/sourcegraph-dev/msp-example",
    )
    ```

    What it makes:

    | target | what it is |
    |---|---|
    | `{name}` | `bazel run` delivers; its flags are those of `bazel run @rules_msp//tools:deploy -- --help`. It carries the tag `msp-deliverable`, by which CI finds it. |
    | `{name}.ops` | `bazel run` operates the service by the verb after `--`: `status`, `promote`, `approve`, `rollback`, …; it builds no image |
    | `{name}.local` | `bazel run` plays the whole rollout in a local cloud: no account, no network, nothing left behind |
    | `{name}.spec_test` | with `spec`: `bazel test` checks the specification |
    | `{name}.pipeline` | with `spec`: the delivery pipeline, as `msp_pipeline` makes it, with `.diff` and `.apply` |

    Args:
        name: Name of the target.
        gcp_project: Id of the Google Cloud project that the pipeline, its targets and releases live in: the last
            stage's.
        msp_service_id: Id of the service: the pipeline is `{msp_service_id}-{gcp_region}-rollout`.
        repository: Where the image is pushed: registry and repository, without tag or digest.
        gcp_region: Region of the pipeline and of its targets.
        image: Label of what makes the image: an `oci_image` or `oci_image_index` of rules_oci, an image of rules_img,
            or a directory that is an OCI layout.
        spec: Label of the service's `msp_spec`. With it, `gcp_project`, `msp_service_id` and `repository` are checked
            against the specification when the target is built.
        push: Label of an executable that pushes the image in this rule's place, such as an `oci_push`; it is run with
            `--tag TAG --repository REPOSITORY`.
        tags: Tags of the targets.
        **kwargs: What every rule takes, for all of them: `visibility`, `testonly`, `target_compatible_with`, ….
    """

    # Companions are not deliverables: CI is to release what it finds by the tag, not to play its rollout.
    companion_tags = [tag for tag in tags if tag != _DELIVERABLE]
    _msp_delivery(
        name = name,
        gcp_project = gcp_project,
        gcp_region = gcp_region,
        image = image,
        image_by_default = image == _DEFAULT_IMAGE,
        msp_service_id = msp_service_id,
        push = push,
        repository = repository,
        spec = spec,
        tags = companion_tags + [_DELIVERABLE],
        **kwargs
    )
    _msp_delivery_ops(
        name = name + ".ops",
        gcp_project = gcp_project,
        gcp_region = gcp_region,
        image_label = _image_label(image),
        msp_service_id = msp_service_id,
        repository = repository,
        tags = companion_tags,
        **kwargs
    )
    _msp_delivery_local(
        name = name + ".local",
        delivery = name,
        tags = companion_tags,
        **kwargs
    )
    if spec:
        msp_spec_test(
            name = name + ".spec_test",
            spec = spec,
            tags = companion_tags,
            **kwargs
        )
        msp_pipeline(
            name = name + ".pipeline",
            gcp_region = gcp_region,
            spec = spec,
            tags = companion_tags,
            **kwargs
        )
