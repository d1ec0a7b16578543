"""How a rule's target runs one of the shared tools with a configuration of its own.

The executable is a symlink to the tool's, so that a thousand targets cost a thousand small files and not a thousand
Python binaries. The configuration is a JSON file in the runfiles; `MSP_CONFIG` names it to the tool.
"""

def runfiles_path(ctx, file):
    """Where a file stands in the runfiles.

    Args:
        ctx: The rule's context.
        file: File: the file or directory.

    Returns:
        string: its path below the runfiles directory, as the runfiles libraries take it: `_main/svc/image`.
    """
    if file.short_path.startswith("../"):
        return file.short_path[len("../"):]
    return ctx.workspace_name + "/" + file.short_path

def label_text(label):
    """A label as a person writes it: `//svc:msp_deploy`, and with the repository's name where it is another's.

    Args:
        label: Label: the label.

    Returns:
        string: the label.
    """
    text = str(label)
    return text[2:] if text.startswith("@@//") else text

def write_config(ctx, output, tool, fields):
    """Writes a target's configuration: a JSON object of its fields, and `tool`, the label of the program that reads it.

    The label is as the user of the main repository writes it, `@rules_msp//tools:deploy` or whatever name their
    `bazel_dep` gave: only Bazel's own `Args` knows that name.

    Args:
        ctx: The rule's context.
        output: File: where to write.
        tool: Target: the program.
        fields: dict: all other fields.
    """
    content = ctx.actions.args()
    content.set_param_file_format("multiline")
    content.add(json.encode(fields).removesuffix("}"))
    content.add(tool.label, format = ",\"tool\":\"%s\"}")
    ctx.actions.write(output, content)

def tool_providers(ctx, tool, config, runfiles):
    """The providers of a target that runs a tool.

    Args:
        ctx: The rule's context.
        tool: Target: the `py_binary` to run.
        config: File: the target's own configuration.
        runfiles: runfiles: the configuration and what it names.

    Returns:
        list of providers: `DefaultInfo` and `RunEnvironmentInfo`.
    """
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = tool[DefaultInfo].files_to_run.executable, is_executable = True)
    return [
        DefaultInfo(
            executable = executable,
            runfiles = runfiles.merge(tool[DefaultInfo].default_runfiles),
        ),
        RunEnvironmentInfo(environment = {"MSP_CONFIG": runfiles_path(ctx, config)}),
    ]
