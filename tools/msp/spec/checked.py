"""Several specifications, checked, and what is to be said of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msp.errors import UsageError
from msp.spec.model import Spec
from msp.spec.problem import Problem, SpecError
from msp.spec.reader import load
from msp.spec.render import github, junit, objects, sarif, text

_RENDERERS: Final = {"text": text.render, "json": objects.render, "github": github.render, "sarif": sarif.render}


@dataclass(frozen=True)
class Checked:
    """What came of reading some files; each is in one of the three.

    Attributes:
        specs: The valid specifications, by file.
        problems: What is wrong with the others, by file.
        unreadable: Why a file could not be read.
    """

    specs: dict[str, Spec]
    problems: dict[str, tuple[Problem, ...]]
    unreadable: tuple[UsageError, ...]

    @classmethod
    def of(cls, files: list[str], root: Path) -> "Checked":
        """Reads files.

        Args:
            files: The files, as their reader names them.
            root: Where relative ones start from.
        """
        specs, problems, unreadable = dict[str, Spec](), dict[str, tuple[Problem, ...]](), list[UsageError]()
        for file in files:
            try:
                specs[file] = load(root / file, file=file)
            except SpecError as error:
                problems[file] = error.problems
            except UsageError as error:
                unreadable.append(error)
        return cls(specs, problems, tuple(unreadable))

    def render(self, form: str) -> str:
        """The problems in a format: `text`, `json`, `github`, `sarif` or `junit`."""
        if form == "junit":
            return junit.render({**dict.fromkeys(self.specs, ()), **self.problems})
        return _RENDERERS[form]([problem for problems in self.problems.values() for problem in problems])

    def log(self) -> str:
        """The problems as text, then a line for each valid file."""
        return self.render("text") + "".join(f"{file}: valid\n" for file in self.specs)

    def summary(self) -> str:
        """How many there are of what, in a line."""
        problems = sum(map(len, self.problems.values()))
        if not problems:
            return f"{_count(len(self.specs), 'specification')} valid"
        files = len(self.specs) + len(self.problems)
        if files == 1:
            return _count(problems, "problem")
        return f"{_count(problems, 'problem')} in {len(self.problems)} of {_count(files, 'specification')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
