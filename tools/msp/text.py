"""Text from outside, made harmless before it is shown.

What git, the environment, a registry or an API says goes to terminals, to logs that CI systems read for commands, and
into files that other tools read line by line. One character in it can end a line, colour a screen, set a window's
title, or turn a word around.
"""

import re
import unicodedata

# Control characters (C0 and C1, among them ESC, CSI and OSC), what reorders text or joins it invisibly (the bidi
# controls are of category Cf), surrogates that stand for undecodable bytes, and the two separators that some readers
# take for line ends: https://www.unicode.org/reports/tr36/ and https://www.unicode.org/reports/tr9/.
_HARMFUL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# What a CI reads in a log: GitHub's commands (of the older form anywhere in a line, of the newer at its start:
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs), Buildkite's headings.
_COMMAND = re.compile(r"##\[|^\s*::|^(?:---|\+\+\+|~~~|\^\^\^)(?=\s)")

# Needed to write some scripts and emoji; neither ends a line nor reorders one.
_JOINERS = frozenset({"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"})


def harmless(text: str, *, limit: int | None = None) -> str:
    r"""The text on one line, with nothing in it that a terminal or a CI's log would act on.

    Args:
        text: From outside: `Fix it\r::error::`.
        limit: The most characters; a longer text is cut and ends in `…`.

    Returns:
        The text: line ends and tabs are spaces, every other control character is U+FFFD, as is the last character of
        what would be a CI's command: `Fix it ::error::`, since it is none in the middle of a line.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_shown, text))
    return _COMMAND.sub(lambda command: command[0][:-1] + _REPLACEMENT, text)


def harmless_lines(text: str, *, limit: int | None = None) -> str:
    """As `harmless`, but the text's own line feeds stay: for messages of several lines.

    A carriage return is no line end here: terminals go back to the line's start with it, and write over what stands.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "\n".join(harmless(line) for line in text.replace("\r\n", "\n").split("\n"))


def _shown(character: str) -> str:
    if character in "\t\n\r\v\f\N{NEXT LINE}\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        return " "
    if character not in _JOINERS and unicodedata.category(character) in _HARMFUL_CATEGORIES:
        return _REPLACEMENT
    return character
