"""Stands in for the `pip` extension of a current rules_python, over Debian's, which knows no `hub_name`.

A hub is one repository: the wheels of the lock, installed by the root's own Python with their hashes checked, and a
package per distribution, `@hub//absl_py`, as the genuine extension makes.
"""

_INSTALL = "/rules_msp/offline/rules_python/wheels.py"

def _hub_impl(repository_ctx):
    lock = repository_ctx.path(repository_ctx.attr.requirements_lock)
    repository_ctx.watch(lock)
    repository_ctx.watch(_INSTALL)
    repository_ctx.report_progress("installing the wheels of {}".format(repository_ctx.attr.requirements_lock))
    result = repository_ctx.execute(["python3", _INSTALL, lock, "."], timeout = 1800)
    if result.return_code != 0:
        fail("{} could not be installed:\n{}".format(repository_ctx.attr.requirements_lock, result.stderr))

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = {"requirements_lock": attr.label(allow_single_file = True, mandatory = True)},
)

def _pip_impl(module_ctx):
    locks = {}
    for module in module_ctx.modules:
        for parse in module.tags.parse:
            # One lock serves every version of Python, so the hub's first tag stands for all of them.
            locks.setdefault(parse.hub_name, parse.requirements_lock)
    for hub_name, lock in locks.items():
        _hub(name = hub_name, requirements_lock = lock)

pip = module_extension(
    doc = "Makes a hub of Python packages from a lock with hashes.",
    implementation = _pip_impl,
    tag_classes = {
        "parse": tag_class(attrs = {
            "hub_name": attr.string(mandatory = True),
            "python_version": attr.string(mandatory = True),
            "requirements_lock": attr.label(mandatory = True),
        }),
    },
)
