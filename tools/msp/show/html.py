"""Documents as one page that needs nothing else: no script, no picture, no other address."""

import html
from collections.abc import Iterable, Iterator

from msp.show.document import Block, Commands, Document, Line, Section, Table, Text
from msp.text import harmless

_STYLE = """
:root { color-scheme: light dark; --quiet: light-dark(#57606a, #9aa4af); --good: light-dark(#116329, #57c36f);
  --waiting: light-dark(#8a5a00, #e0b04a); --bad: light-dark(#b3261e, #ff8a80); --line: light-dark(#d0d7de, #3a424b); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; color: var(--quiet); white-space: nowrap; }
td.whole { white-space: nowrap; } td.long { min-width: 14rem; } h1 { font-size: 1.4rem; }
p { margin: .25rem 0; } h2, h3, h4 { margin: 1.5rem 0 .25rem; font-size: 1.05rem; }
pre { background: light-dark(#f6f8fa, #1c2128); padding: .75rem; overflow-x: auto; }
code, pre { font: 13px/1.5 ui-monospace, monospace; } a { color: inherit; }
.quiet { color: var(--quiet); } .good { color: var(--good); }
.waiting { color: var(--waiting); } .bad { color: var(--bad); }
"""


def page(document: Document) -> str:
    """The document as an HTML page, light or dark as the reader's system is."""
    title = html.escape(harmless(document.title))
    body = "\n".join(_blocks(document.blocks, 2))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>"
    )


def _blocks(blocks: Iterable[Block], level: int) -> Iterator[str]:
    for block in blocks:
        match block:
            case Line(texts, mark):
                tone = texts[0].tone.value if texts else "plain"
                sign = f'<span class="{tone}">{html.escape(harmless(mark))}</span> ' if mark.strip() else ""
                yield f"<p>{sign}{''.join(map(_text, texts))}</p>"
            case Table(columns, rows):
                heads = "".join(f"<th>{html.escape(column.title)}</th>" for column in columns)
                yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
                kinds = ["long" if column.shrinks else "whole" for column in columns]
                for row in rows:
                    cells = (f'<td class="{kind}">{_text(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))
                    yield f"<tr>{''.join(cells)}</tr>"
                yield "</tbody></table>"
            case Commands(before, commands):
                yield from ([f"<p>{html.escape(harmless(before))}</p>"] if before else [])
                yield f"<pre>{chr(10).join(html.escape(harmless(command)) for command in commands)}</pre>"
            case Section(title, inner, tone):
                yield f'<h{level} class="{tone.value}">{html.escape(harmless(title))}</h{level}>'
                yield from _blocks(inner, min(level + 1, 6))


def _text(text: Text) -> str:
    words = html.escape(harmless(text.text))
    shown = f"<code>{words}</code>" if text.code and words else words
    if text.link.startswith("https://") or text.link.startswith("http://127.0.0.1:"):
        shown = f'<a href="{html.escape(harmless(text.link))}">{shown}</a>'
    return f'<span class="{text.tone.value}">{shown}</span>' if text.tone.value != "plain" else shown
