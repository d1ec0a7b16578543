"""Plays a service's whole delivery on this machine, in a local cloud: no account, no network, nothing stays.

    bazel run //svc:msp_deploy.local

Makes the pipeline from the service's specification (or one of two stages where it has none), pushes the image, releases
it, lets automations promote, and shows what each stage runs. Exit codes as of the deployment itself.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from types import FrameType

from absl import flags

from msp.cli import entry
from msp.errors import UsageError

_CONFIG = flags.DEFINE_string(
    "config", None, "The delivery's config file; paths in it are relative to it. Targets of msp_delivery bring theirs."
)


def main(argv: list[str]) -> int:
    """Plays it; takes no positional arguments."""
    if argv[1:]:
        raise UsageError(f"unexpected argument {argv[1]!r}", hint="everything is given by flags; see --help")
    signal.signal(signal.SIGTERM, _interrupt)

    from msp.delivery.command import Host
    from msp.delivery.target.locate import locate

    config, find = locate(entry.user_path(_CONFIG.value) if _CONFIG.value else None, os.environ)
    around = Host(os.environ, sys.stdout, lambda: datetime.now(UTC), find)

    from msp.rehearsal.story import play

    return play(config, around)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    entry.run(main)
