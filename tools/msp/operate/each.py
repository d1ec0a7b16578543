"""One command about several services, one after another: what fails for one is told, and stops no other."""

import io
from collections.abc import Iterable
from dataclasses import replace

from msp.errors import MspError
from msp.operate.command import Command
from msp.show.document import Block, Line, Tone
from msp.show.output import Output


def run_each(title: str, commands: Iterable[Command], output: Output) -> int:
    """Carries out commands.

    Args:
        title: What it is, in a line.
        commands: Each about a service.
        output: Where all of them say it.

    Returns:
        The exit code: 0 where all are done, else that of the first that isn't.
    """
    output.begin(title)
    codes, data = [], []
    for command in commands:
        part = _Part(output)
        try:
            code = replace(command, output=part).run()
        except MspError as error:
            code = error.exit_code
            part.record(service=command.service.id, error=error.message, hint=error.hint)
            output.say(Line.of(f"{command.service.id}: {error.message}", Tone.BAD, mark="✗"))
            output.say(*(Line.of(line, mark=" ") for line in error.hint.splitlines()))
        codes.append(code)
        data.append({**part.data, "exit_code": code})
    output.record(services=data)
    return next(filter(None, codes), 0)


class _Part(Output):
    """What one of several commands says, within the whole."""

    def __init__(self, whole: Output) -> None:
        super().__init__(io.StringIO())
        self._whole = whole
        self.data: dict[str, object] = {}

    def begin(self, title: str) -> None:
        self._whole.say(Line.of(title))

    def say(self, *blocks: Block) -> None:
        self._whole.say(*blocks)

    def progress(self, *blocks: Block) -> None:
        self._whole.progress(*blocks)

    def record(self, **fields: object) -> None:
        self.data |= fields
