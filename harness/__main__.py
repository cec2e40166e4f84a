# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness``, and ``nvh`` where it is installed: the CLI.

SIGTERM, which batch systems send, ends it as Ctrl-C does.
"""

import signal
import sys

from harness.cli.main import main


def run() -> None:
    """Run the command line of this process and exit with its status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
