"""Checks service specifications.

    bazel run @rules_msp//tools:validate -- path/to/service.yaml

Prints everything that is wrong with each FILE (service.yaml), where, and what to write instead.
Exits with 0 when all are valid, 1 when one is not, 2 when one can't be read or the command is not understood.
"""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from absl import flags

from msp.cli import entry, worker
from msp.errors import MspError, UsageError

if TYPE_CHECKING:
    from msp.spec.checked import Checked

_FORMATS: Final = ("text", "json", "github", "sarif", "junit")


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    values.set_gnu_getopt()
    flags.DEFINE_enum("format", "text", _FORMATS, "How the problems are printed, on stdout.", flag_values=values)
    flags.DEFINE_bool("schema", False, "Prints the JSON Schema of a specification, for editors.", flag_values=values)
    flags.DEFINE_string("canonical", None, "Writes one FILE, resolved, there, as canonical JSON.", flag_values=values)
    flags.DEFINE_string("log", None, "Writes there, as text, what is wrong, or that nothing is.", flag_values=values)
    flags.DEFINE_string("junit", None, "Writes a JUnit report there.", flag_values=values)
    flags.DEFINE_bool("fail", True, "--nofail exits with 0 for a bad specification too.", flag_values=values)
    flags.DEFINE_bool("persistent_worker", False, "Serves Bazel as a persistent worker.", flag_values=values)


def main(argv: list[str]) -> int:
    """Does what the command line says."""
    if flags.FLAGS.persistent_worker:
        return worker.serve(_work)
    if argv[1:] != (arguments := worker.expanded(argv[1:])):
        exit_code, output = _work(arguments, Path())
        sys.stdout.write(output)
        return exit_code
    for stream in (sys.stdout, sys.stderr):  # They quote the files, in characters that a terminal may not have.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return _run(flags.FLAGS, argv[1:], entry.user_path(""), sys.stdout, sys.stderr)


def _work(arguments: list[str], root: Path) -> tuple[int, str]:
    """One action of Bazel's."""
    values, output = flags.FlagValues(), io.StringIO()  # type: ignore[no-untyped-call]
    define(values)
    try:
        exit_code = _run(values, values(["validate", *arguments])[1:], root, output, output)
    except flags.Error as error:
        return UsageError.exit_code, f"error: {error}\n"
    except MspError as error:
        return error.exit_code, entry.describe(error) + "\n"
    return exit_code, output.getvalue()


def _run(values: flags.FlagValues, files: list[str], root: Path, output: TextIO, errors: TextIO) -> int:
    """Runs the command.

    Args:
        values: The flags.
        files: The specifications, as their reader names them.
        root: Where relative paths start from.
        output: Takes the problems, or the schema.
        errors: Takes the rest: what could not be read, and for people a summary.

    Returns:
        The exit code.
    """
    if values.schema:
        output.write(_schema(files))
        return 0
    if not files:
        raise UsageError("no FILE to check", hint="as in: bazel run @rules_msp//tools:validate -- path/to/service.yaml")
    if values.canonical and len(files) > 1:
        raise UsageError("--canonical takes one FILE, as it writes one")
    from msp.spec.checked import Checked  # not sooner: --help should not wait for it

    checked = Checked.of(files, root)
    output.write(checked.render(values.format))
    errors.writelines(entry.describe(unreadable) + "\n" for unreadable in checked.unreadable)
    if checked.unreadable:
        return UsageError.exit_code
    _write_files(values, checked, root)
    if values.format == "text" and not (values.canonical or values.log or values.junit):
        errors.write(checked.summary() + "\n")
    return 1 if checked.problems and values.fail else 0


def _schema(files: list[str]) -> str:
    from msp.spec.schema import schema

    if files:
        raise UsageError("--schema takes no FILE")
    return schema()


def _write_files(values: flags.FlagValues, checked: "Checked", root: Path) -> None:
    """Writes what was asked for besides the output."""
    contents = {values.log: checked.log(), values.junit: checked.render("junit")}
    for spec in checked.specs.values():
        contents[values.canonical] = spec.canonical_json() + "\n"
    for name, content in contents.items():
        if name:
            try:
                (root / name).write_text(content, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise UsageError(f"{name}: can't be written: {error.strerror}") from error


if __name__ == "__main__":
    define(flags.FLAGS)
    entry.run_with_arguments(main)
