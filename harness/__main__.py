"""``python -m harness``: the CLI. SIGTERM, which batch systems send, ends it as Ctrl-C does."""

import signal
import sys

from harness.cli.main import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
