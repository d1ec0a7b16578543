"""A container image from files alone, for an example that stands by itself; a real service takes `oci_image`."""

def _oci_layout_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all([output], expand_directories = False)
    for target, path in ctx.attr.files.items():
        file = target[DefaultInfo].files.to_list()[0]  # allow_single_file's counterpart for label-keyed attributes
        args.add("{}={}".format(file.path, path))
    args.add("--")
    args.add_all(ctx.attr.entrypoint)
    ctx.actions.run(
        executable = ctx.executable._layout,
        arguments = [args],
        inputs = ctx.files.files,
        outputs = [output],
        mnemonic = "OciLayout",
        progress_message = "Building image %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

oci_layout = rule(
    implementation = _oci_layout_impl,
    doc = "A container image as a directory that is an OCI layout.",
    attrs = {
        "entrypoint": attr.string_list(
            doc = "What the container runs.",
            mandatory = True,
        ),
        "files": attr.label_keyed_string_dict(
            doc = "Files, and where each stands in the image.",
            allow_files = True,
            mandatory = True,
        ),
        "_layout": attr.label(
            default = "//examples/msp_example:layout",
            executable = True,
            cfg = "exec",
        ),
    },
)
