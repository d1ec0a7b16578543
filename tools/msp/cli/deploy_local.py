"""Plays a service's whole delivery on this machine, in a local cloud: no account, no network, nothing stays.

    bazel run //svc:msp_deploy.local

Makes the pipeline from the service's specification (or one of two stages where it has none), pushes the image, releases
it, lets automations promote, and shows what each stage runs. Exit codes as of the deployment itself.
"""

import os
import sys
from datetime import UTC, datetime

from msp.cli import entry, shared_flags

_CONFIG = shared_flags.define_config()


def main() -> int:
    """Plays it."""
    from msp.delivery.command import Host
    from msp.delivery.target.locate import locate

    config, find = locate(shared_flags.path(_CONFIG), os.environ)
    host = Host(os.environ, sys.stdout, lambda: datetime.now(UTC), find)

    from msp.rehearsal.story import play

    return play(config, host)


if __name__ == "__main__":
    entry.run(main)
