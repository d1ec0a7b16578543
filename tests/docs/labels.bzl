"""Labels that pages name, which are there or this can't be analysed."""

def _documented_labels_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".txt")
    labels = ["//{}:{}\n".format(target.label.package, target.label.name) for target in ctx.attr.labels]
    ctx.actions.write(output, "".join(labels))
    return [DefaultInfo(files = depset([output]))]

documented_labels = rule(
    implementation = _documented_labels_impl,
    doc = "Writes labels to a file, one a line, and builds none of them.",
    attrs = {"labels": attr.label_list(
        doc = "The labels.",
        mandatory = True,
    )},
)
