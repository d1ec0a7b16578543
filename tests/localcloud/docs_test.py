"""The list in docs/local-cloud.md against what is served; run with `UPDATE_DOCS=1` it refreshes the list."""

import asyncio
import os
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from absl import flags

import msp.cli.local_cloud  # noqa: F401 (defines the flags)
from msp.localcloud import LocalCloud
from msp.localcloud.methods import Method
from msp.localcloud.registry import operations as registry_operations
from msp.localcloud.storage import operations as storage_operations

GUIDE = Path(__file__).parents[2] / "docs" / "local-cloud.md"
BEGIN, END = "<!-- methods: generated; UPDATE_DOCS=1 refreshes -->\n", "<!-- methods: end -->"


def methods() -> Sequence[Method]:
    async def served() -> Sequence[Method]:
        async with LocalCloud() as cloud:
            return cloud.methods

    return asyncio.run(served())


def listed() -> str:
    lines = []
    for service, group in groupby(sorted(methods(), key=lambda each: each.service), key=lambda each: each.service):
        own = list(group)
        emulated = sorted(method.name for method in own if method.handler is not None)
        lines += ["", _wrapped(f"**{service}**", emulated)]
        missing = sorted(method.name for method in own if method.handler is None)
        if missing:
            lines += ["", _wrapped("Answered with `UNIMPLEMENTED`", missing)]
    for service, paths in (("registry", registry_operations._PATHS), ("storage", storage_operations._PATHS)):
        names = {name for _, verbs in paths for name in verbs.values()}
        names |= {"StartUpload"} if service == "storage" else set()
        lines += ["", _wrapped(f"**{service}** (HTTP only)", sorted(names))]
    return "\n".join([*lines, "", ""])


def _wrapped(head: str, names: Sequence[str]) -> str:
    text = f"{head}: {', '.join(f'`{name}`' for name in names)}"
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def test_the_guide_lists_what_is_served() -> None:
    text = GUIDE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    current = before + BEGIN + listed() + END + after
    if os.environ.get("UPDATE_DOCS"):
        GUIDE.write_text(current)
    assert GUIDE.read_text() == current


def test_the_guide_names_every_flag() -> None:
    text = GUIDE.read_text()
    own = flags.FLAGS.flags_by_module_dict()["msp.cli.local_cloud"]
    assert [flag.name for flag in own if f"`--{flag.name}`" not in text] == []
