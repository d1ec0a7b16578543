"""Finds every command that the tools can print, and every one that the pages and examples show.

The tools' are found in their syntax trees: texts that name a program, lists that `shlex.join` makes a command of, and
texts with one of the names in them that hold a command (`{plan.rerun} --force`). What a run fills in is written `{}`.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

# What follows decides: `gcloud deploy` is a command, "gcloud takes waits in minutes" is prose. A word that is not
# listed is taken for a command's, so that prose fails the test rather than that a command slips through.
PROSE = frozenset(
    {
        *("asks", "can", "can't", "checkout", "copies", "does", "hands", "here", "is", "knows", "looks", "names", "on"),
        *("or", "prints", "swallows", "takes", "that", "would"),
    }
)
PROGRAMS = (
    *("apt-get", "bazel", "./bazelw", "bazelisk", "buildkite-agent", "cosign", "crane", "curl", "docker"),
    *("gcloud", "gh", "git", "helm", "kubectl", "npm", "npx", "oras", "pip", "pre-commit", "skopeo"),
    *("terraform", "uv", "validate"),
)
_START = rf"(?<![\w/.$@-])(?:(?:{'|'.join(map(re.escape, PROGRAMS))}) (?=-X|[a-z{{@/:.])|echo (?=\S+ \|))"
_COMMAND = re.compile(rf"{_START}[^`]*")


# Names that hold a command, without leading underscores, and what it looks like. `unknown_carriers` finds others.
CARRIERS = {
    "bazel_run": r"bazel run \S+ --",
    "login_hint": r"run: .+",
    "make_pipeline": r"bazel run .+",
    "prog": r"bazel run \S+ --(?: \w+)?",
    "rerun": r"bazel run \S+ -- .+",
    "rerun_beside": r"bazel run \S+ -- .+ --release=.+",
}
_CARRIED = re.compile(rf"\{{(?:{'|'.join(CARRIERS)})\}}[^`]*")


@dataclass(frozen=True, order=True)
class Printed:
    """A command that can be printed.

    Attributes:
        where: The file that prints it, from the repository's root: `tools/msp/changes/between.py`.
        command: The command, `{}` for what a run fills in: `git fetch origin {}`. Where all of it comes from elsewhere,
            the name that it has here: `{rerun} --force`.
    """

    where: str
    command: str

    def within(self, text: str) -> Iterator[str]:
        """The command wherever a text holds it, up to the line's end or the backquote behind it."""
        start, *rest = re.split(r"\{(\w*)\}", self.command)
        parts = [re.escape(start)]
        for name, literal in zip(rest[::2], rest[1::2], strict=True):
            parts += [CARRIERS.get(name, r"[^`]+?"), re.escape(literal)]
        for line in text.splitlines():
            if found := re.search(rf"(?:\w+=\S+ )*(?:{''.join(parts)})[^`]*", line):
                yield found[0].rstrip(" .,;:)")


def in_text(text: str) -> Iterator[str]:
    """The commands that a text names, one a line at most, or several between backquotes."""
    for line in text.splitlines():
        start = 0
        while found := _COMMAND.search(line, start):
            command = found[0].rstrip(" .,;:)")
            prose = command.split()[1] in PROSE
            start = found.start() + 1 if prose else found.end()
            if not prose:
                yield command


@dataclass
class Sources:
    """The modules of the tools and of the rules, and the tools' scripts.

    Attributes:
        modules: The syntax tree of each module, by its path; Starlark's is Python's.
        builders: Functions that make a command of their own arguments, and the words of it.
        scripts: The text of each script, by its path.
    """

    modules: dict[str, ast.Module]
    builders: dict[str, tuple[ast.FunctionDef, list[ast.expr]]] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "Sources":
        """Reads all of a repository that can print commands."""
        paths = sorted([*(root / "tools/msp").rglob("*.py"), *(root / "rules_msp").rglob("*.bzl")])
        # The pipeline's actions say in Cloud Deploy what they ran, and tell nobody to run anything; nor does what
        # plays them in the local cloud.
        paths.remove(root / "tools/msp/localcloud/deploy/execution.py")
        found = cls({str(path.relative_to(root)): ast.parse(path.read_text("utf-8")) for path in paths})
        scripts = [root / "bazelw", *sorted(root.glob("tools/*.sh")), *sorted(root.glob("tools/[!m]*/*.sh"))]
        found.scripts = {str(path.relative_to(root)): path.read_text("utf-8") for path in scripts if path.is_file()}
        while found._learn():
            pass
        return found

    def printed(self) -> Iterator[Printed]:
        """Each command of each module, once."""
        for where, module in self.modules.items():
            yield from sorted({Printed(where, command) for command in self._commands(where, module)})
        for where, text in self.scripts.items():
            said = "\n".join(re.findall(r"\b(?:echo|say|fail) \"([^\"]*)\"", text))
            yield from sorted({Printed(where, command) for command in in_text(said)})

    def unknown_carriers(self) -> Iterator[str]:
        """Names that are given a whole command, and would print it without being noticed."""
        for where, module in self.modules.items():
            for node in ast.walk(module):
                match node:
                    case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value):
                        name = _name(target)
                    case ast.AnnAssign(target=target, value=ast.expr() as value):
                        name = _name(target)
                    case ast.keyword(arg=str(name), value=value):
                        pass
                    case ast.FunctionDef(name=name):
                        returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
                        value = next((each for each in returned if each and _is_command(each)), ast.Constant(0))
                    case _:
                        continue
                known = name.lstrip("_") in {*CARRIERS, "hint"}  # A hint is printed as it stands there.
                if _is_command(value) and not known:
                    yield f"{where}: {name}"

    def _commands(self, where: str, module: ast.Module) -> Iterator[str]:
        # A command's own words are its help; all other docstrings are for whoever reads the source.
        own = module.body[:1] if where.startswith("tools/msp/cli/") else []
        silent = {id(each.value) for each in ast.walk(module) if isinstance(each, ast.Expr) and each not in own}
        silent |= {
            id(part)
            for node in ast.walk(module)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if isinstance(part, ast.Constant)
        }
        nodes = list(ast.walk(module))
        if where.endswith(".bzl"):  # A rule prints where it fails; all else is documentation, which docs/rules.md has.
            failing = [node for node in nodes if isinstance(node, ast.Call) and _name(node.func) == "fail"]
            nodes = [part for call in failing for part in ast.walk(call)]
        # A module's own function is meant, where another module's has the same name.
        builders = {id(function) for function, _ in self.builders.values()}
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and id(node) not in builders]
        defined = {node.name.lstrip("_") for node in functions}
        for node in nodes:
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in silent:
                yield from self._in_string(node)
            elif isinstance(node, ast.Call):
                yield from self._built(node, defined)

    def _in_string(self, node: ast.expr) -> Iterator[str]:
        for line in _rendered(node).splitlines():
            yield from in_text(line)
            if not any(in_text(line)):
                yield from (found[0].rstrip(" .,;:)") for found in _CARRIED.finditer(line))

    def _built(self, call: ast.Call, defined: Set[str]) -> Iterator[str]:
        own = _joined(call)
        match call:  # A verb, as `Service.typed` writes it for either of the programs that have verbs.
            case ast.Call(func=ast.Attribute(attr="typed"), args=[ast.Constant(value=str(verb)), *_]):
                yield f"{{bazel_run}} {verb}"
        if own and not any(own is words for _, words in self.builders.values()):
            yield _template(own)
        elif _name(call.func) in self.builders and _name(call.func) not in defined:
            function, words = self.builders[_name(call.func)]
            if not any(node is call for builder, _ in self.builders.values() for node in ast.walk(builder)):
                yield _template(_spliced(words, function, call.args))

    def _learn(self) -> bool:
        """Takes up functions that make a command of their own arguments; whether there was a new one."""
        before = len(self.builders)
        functions = [
            node for module in self.modules.values() for node in ast.walk(module) if isinstance(node, ast.FunctionDef)
        ]
        for function in functions:
            rest = function.args.vararg.arg if function.args.vararg else None
            for call in ast.walk(function):
                if rest is None or not isinstance(call, ast.Call):
                    continue
                words = _joined(call)
                if words is None and (builder := self.builders.get(_name(call.func))):
                    words = _spliced(builder[1], builder[0], call.args)
                if words and any(isinstance(word, ast.Starred) and _name(word.value) == rest for word in words):
                    self.builders.setdefault(function.name.lstrip("_"), (function, words))
        return before != len(self.builders)


def _is_command(node: ast.expr) -> bool:
    """Whether a text is a command from its beginning on."""
    text = _rendered(node)
    return any(text.startswith(command) for command in in_text(text))


def _rendered(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_rendered, parts))
        case ast.FormattedValue(value=ast.IfExp(body=value) | value) if _name(value) in CARRIERS:
            return f"{{{_name(value)}}}"
        case ast.FormattedValue():
            return "{}"
    return ""


def _spliced(words: list[ast.expr], function: ast.FunctionDef, given: list[ast.expr]) -> list[ast.expr]:
    """A builder's words with what another one calls it with."""
    rest = function.args.vararg
    named = len(function.args.args)
    spliced: list[ast.expr] = []
    for word in words:
        own = isinstance(word, ast.Starred) and rest is not None and _name(word.value) == rest.arg
        spliced += given[named:] if own else [word]
    return spliced


def _joined(node: ast.expr) -> list[ast.expr] | None:
    """The words of `shlex.join(["bazel", …])`, where the first is a program."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="join"), args=[ast.List(elts=[ast.Constant(value=str(first)), *_] as words)]
        ):
            return words if first in PROGRAMS else None
    return None


def _template(words: list[ast.expr]) -> str:
    said: list[str] = []
    for word in words:
        text = _rendered(word) or "{}"
        text = text if "{}" in text else shlex.quote(text)
        if text != "{}" or said[-1:] != ["{}"]:
            said.append(text)
    return " ".join(said)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_")
        case ast.Call(func=function):
            return _name(function)
    return ""
