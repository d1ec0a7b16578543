"""The transcript of docs/operating.md, played: from a pager's message to prod rolled back, with only --help read."""

import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.operate.live import Live
from tests.operate.shell import ROOT, Shell

PAGE = ROOT / "docs" / "operating.md"
BEGIN, END = "<!-- played by a test: -->\n```console\n", "```\n<!-- :played -->"

TYPED = (
    ("--help", ""),
    ("status", ""),
    ("rollback --stage=prod --reason='INC-7: the checkout fails'", "y\n"),
    ("status", ""),
    ("resume --stage=prod --reason='INC-7: mended'", "y\n"),
)
# What is another in each play: addresses, and the ages of what has just happened.
VARIES = ((r"127\.0\.0\.1:\d+", "127.0.0.1:8080"), (r"since \d{4}-\d\d-\d\d \d\d:\d\d", "since 2026-11-24 14:05"))


def test_the_page_shows_what_is_printed(make_live: Callable[..., Live], tmp_path: Path) -> None:
    live = prepared(make_live(id="msp-example"), tmp_path)
    played = "".join(
        f"$ bazel run //svc:msp_deploy.ops -- {typed}\n{run(live, typed, keys)}\n" for typed, keys in TYPED
    )
    page = PAGE.read_text("utf-8")
    shown = page[page.index(BEGIN) + len(BEGIN) : page.index(END)]
    if "UPDATE_TRANSCRIPT" in os.environ:
        head, tail = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
        PAGE.write_text(f"{head}{played}{tail}", "utf-8")
    assert shown == played
    assert "/releases/deploy-" in str(live.rollouts("prod")[0]["name"])


def prepared(live: Live, folder: Path) -> Live:
    """Two releases in prod, whose second takes something away that the checkout needs; the third waits in staging."""
    commits = history(folder)
    live.make_pipeline()
    live.automate("staging")
    for commit in commits:
        live.deliver("staging", commit=commit)
        live.cloud.settle()
    (folder / "bazel").write_text('#!/bin/sh\n[ "$1" = query ] && echo //svc:main.py\n')
    (folder / "bazel").chmod(0o755)
    return live


def history(folder: Path) -> list[str]:
    made = []
    identity = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in _ADA.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **identity}
    environment |= {f"GIT_{who}_DATE": "2026-11-24T14:00:00Z" for who in ("AUTHOR", "COMMITTER")}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q", "-b", "main")
    git("config", "user.name", "Grace Hopper")
    (folder / "svc").mkdir()
    for place, subject in enumerate(("Sell books", "Round the total down", "Tell the time")):
        changed = folder / ("svc/main.py" if place < 2 else "README.md")
        changed.write_text(subject)
        git("add", str(changed))
        git("commit", "-qm", subject)
        made.append(git("rev-parse", "HEAD"))
    return made[:2]


_ADA = {"NAME": "Ada Lovelace", "EMAIL": "ada@example.com"}


def read(terminal: int) -> bytes:
    """What there is to read; nothing once the other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def run(live: Live, typed: str, keys: str) -> str:
    """What a person sees who types this at a terminal of 80 columns, and then these keys."""
    shell = Shell(live, live.folder, {"COLUMNS": "80", "TERM": "dumb"}).as_target()
    ours, theirs = pty.openpty()
    with shell.start(typed, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while piece := read(ours):
            said += piece
            if keys and said.endswith(b"[y/N] "):
                os.write(ours, keys.encode())
                keys = ""
        process.wait(60)
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return text
