"""``python -m harness``: the CLI."""

import sys

from harness.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
