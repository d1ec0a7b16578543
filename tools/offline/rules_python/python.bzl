"""Stands in for the `python` extension of a current rules_python, over Debian's: the only Python is the root's own."""

def _hub_impl(repository_ctx):
    repository_ctx.file("BUILD.bazel")
    repository_ctx.file("interpreters.bzl", "INTERPRETER_LABELS = {}\n")

_hub = repository_rule(implementation = _hub_impl)

def _python_impl(_module_ctx):
    _hub(name = "pythons_hub")

python = module_extension(
    doc = "Takes the tags that MODULE.bazel writes and makes no toolchain: Bazel finds the root's `python3` by itself.",
    implementation = _python_impl,
    tag_classes = {
        "defaults": tag_class(attrs = {"python_version": attr.string()}),
        "toolchain": tag_class(attrs = {
            "is_default": attr.bool(),
            "python_version": attr.string(mandatory = True),
        }),
    },
)
