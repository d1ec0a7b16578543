"""Pictures of a pipeline: `pipeline.svg` for a page, `pipeline.mmd` where Mermaid is rendered.

Stages stand below each other, so that any number of them stays legible in a column 600 pixels wide.
"""

import re
from html import escape

from msp.pipeline.resources import PipelineResources, delay_seconds, promotes_automatically, suspended
from msp.spec import Spec, Stage

_WIDTH = 600
_MARGIN = 20
_HEADER = 76
_CARD = 88
_GAP = 58

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2

# Text on its ground has a contrast of at least 4.5 to 1 in both schemes (WCAG 2.2, 1.4.3).
_STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-size: 20px; font-weight: 600; }
.name { font-size: 19px; font-weight: 600; }
.small { font-size: 15px; fill: #4d5560; }
.badge { font-size: 14px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
.ground { fill: #ffffff; stroke: #d1d9e0; }
.card { fill: #f3f5f8; stroke: #8c959f; }
.arrow { stroke: #57606a; stroke-width: 2; fill: none; }
.by-hand { stroke-dasharray: 6 5; }
.head { fill: #57606a; }
.test { fill: #0a5ec2; }
.internal { fill: #7a3fc4; }
.external { fill: #b3261e; }
.suspended { fill: #8a4b00; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f3f6; }
.small { fill: #b7bec8; }
.badge { fill: #0d1117; }
.ground { fill: #0d1117; stroke: #3d444d; }
.card { fill: #1b2129; stroke: #656c76; }
.arrow { stroke: #9ea7b3; }
.head { fill: #9ea7b3; }
.test { fill: #79b8ff; }
.internal { fill: #cdb0ff; }
.external { fill: #ff9b93; }
.suspended { fill: #f0b35a; }
}
"""


def pipeline_svg(spec: Spec, made: PipelineResources) -> str:
    """The stages from top to bottom: environment, category and project of each, and how a release moves on."""
    height = _HEADER + len(spec.stages) * (_CARD + _GAP) - _GAP + _MARGIN
    title = f"{spec.service.name}: delivery pipeline in {made.region}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"',
        ' role="img" aria-labelledby="title description">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="description">{_text(in_words(spec))}</desc>',
        f"<style>\n{_STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="12"/>',
        f'<text class="title" x="{_MARGIN}" y="34">{_text(spec.service.name)}</text>',
        f'<text class="small" x="{_MARGIN}" y="58">{_text(_id(made.delivery_pipeline.name))}</text>',
    ]
    if suspended(spec):
        parts += _badge("suspended", "suspended", 20)
    top = _HEADER
    for number, (stage, environment) in enumerate(spec.stages, start=1):
        parts.append(
            f'<rect class="card" x="{_MARGIN}" y="{top}" width="{_WIDTH - 2 * _MARGIN}" height="{_CARD}" rx="8"/>'
        )
        parts.append(f'<text class="name" x="{_MARGIN + 18}" y="{top + 36}">{_text(environment.id)}</text>')
        parts.append(f'<text class="small" x="{_MARGIN + 18}" y="{top + 64}">{_text(environment.project_id)}</text>')
        parts += _badge(environment.category, environment.category, top + 18)
        if asked := approval(stage):
            right = _WIDTH - _MARGIN - 18
            parts.append(f'<text class="small" x="{right}" y="{top + 64}" text-anchor="end">{_text(asked)}</text>')
        top += _CARD
        if number < len(spec.stages):
            parts += _arrow(stage, top)
        top += _GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def pipeline_mmd(spec: Spec, made: PipelineResources, comment: str) -> str:
    """The same as a Mermaid flowchart.

    Args:
        spec: The specification.
        made: Its resources.
        comment: What the file is made from.
    """
    lines = [f"%% {comment}", "flowchart TD"]
    for number, (stage, environment) in enumerate(spec.stages):
        label = f"<b>{_mermaid(environment.id)}</b> ({environment.category})<br/>{_mermaid(environment.project_id)}"
        if asked := approval(stage):
            label += f"<br/>{asked}"
        lines.append(f'    stage{number}["{label}"]')
    for number, (stage, _) in enumerate(spec.stages[:-1]):
        arrow = "-->" if promotes_automatically(stage) else "-.->"
        lines.append(f'    stage{number} {arrow}|"{promotion(stage)}"| stage{number + 1}')
    if suspended(spec):
        lines.append(f'    note["{_mermaid(_id(made.delivery_pipeline.name))} is suspended"]')
    return "\n".join(lines) + "\n"


def promotion(stage: Stage) -> str:
    """How a release leaves a stage: `promoted by hand`, `promoted 5 minutes after success`."""
    if not promotes_automatically(stage):
        return "promoted by hand"
    seconds = delay_seconds(stage)
    return "promoted at once after success" if seconds == 0 else f"promoted {duration(seconds)} after success"


def approval(stage: Stage) -> str:
    """Who has to agree before a release reaches a stage, as its specification asks; empty where it asks for nobody."""
    if stage.approval is None or not stage.approval.required:
        return ""
    return "after another's approval" if stage.approval.not_author else "after approval"


def duration(seconds: int) -> str:
    """A number of seconds for people: `90 seconds` is `1 minute 30 seconds`."""
    parts = []
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0 seconds"


def in_words(spec: Spec) -> str:
    """The whole pipeline in a sentence, for whoever can't see the picture."""
    words = [
        f"{environment.id} ({environment.category}, {environment.project_id}"
        + (f", {asked})" if (asked := approval(stage)) else ")")
        + (f", {promotion(stage)} to" if number < len(spec.stages) else "")
        for number, (stage, environment) in enumerate(spec.stages, start=1)
    ]
    return "Releases go to " + " ".join(words) + ("; suspended." if suspended(spec) else ".")


def _arrow(stage: Stage, top: int) -> list[str]:
    middle = _MARGIN + 40
    by_hand = "" if promotes_automatically(stage) else " by-hand"
    return [
        f'<path class="arrow{by_hand}" d="M{middle} {top + 3}V{top + _GAP - 12}"/>',
        f'<path class="head" d="M{middle - 7} {top + _GAP - 14}h14l-7 12z"/>',
        f'<text class="small" x="{middle + 22}" y="{top + _GAP / 2 + 5:g}">{_text(promotion(stage))}</text>',
    ]


def _badge(text: str, style: str, top: int) -> list[str]:
    width = 24 + 9 * len(text)
    left = _WIDTH - _MARGIN - 16 - width
    return [
        f'<rect class="{style}" x="{left}" y="{top}" width="{width}" height="26" rx="13"/>',
        f'<text class="badge" x="{left + width / 2:g}" y="{top + 18}">{_text(text)}</text>',
    ]


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", text), quote=True)


def _mermaid(text: str) -> str:
    """Text inside a quoted Mermaid label: its own quotes and angle brackets as entities."""
    # https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
