"""The list in docs/local-cloud.md against what is served; run with `UPDATE_DOCS=1` it refreshes the list."""

import asyncio
import os
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from absl import flags

import msp.cli.local_cloud  # noqa: F401 (defines the flags)
from msp.localcloud import LocalCloud
from msp.localcloud.http_methods import HttpMethod
from msp.localcloud.methods import Method
from msp.localcloud.registry import Authenticator
from msp.localcloud.registry import table as registry
from msp.localcloud.run import knative_api
from msp.localcloud.storage import table as storage

GUIDE = Path(__file__).parents[2] / "docs" / "local-cloud.md"
BEGIN, END = "<!-- methods: generated; UPDATE_DOCS=1 refreshes -->\n", "<!-- methods: end -->"


def served() -> tuple[Sequence[Method], dict[str, set[str]]]:
    """The methods that have both transports, and the names of those that are called over HTTP only."""

    async def ask() -> tuple[Sequence[Method], dict[str, set[str]]]:
        async with LocalCloud() as cloud:
            rows: dict[str, Sequence[HttpMethod[Any]]] = {
                "registry": registry.methods(cloud.registry, Authenticator("none", cloud.clock)),
                "run v1": knative_api.methods(cloud.run, cloud.deployments),
                "storage": storage.methods(cloud.storage),
            }
            return cloud.methods, {service: {row.name for row in table} for service, table in rows.items()}

    return asyncio.run(ask())


def listed() -> str:
    methods, http_only = served()
    lines = []
    for service, group in groupby(sorted(methods, key=lambda each: each.service), key=lambda each: each.service):
        own = list(group)
        emulated = sorted({method.name for method in own if method.handler is not None})
        lines += ["", _wrapped(f"**{service}**", emulated)]
        missing = sorted({method.name for method in own if method.handler is None})
        if missing:
            lines += ["", _wrapped("Answered with `UNIMPLEMENTED`", missing)]
    for service, names in http_only.items():
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
