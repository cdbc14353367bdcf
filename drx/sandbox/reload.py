"""The host's `reload` command: deploy what variables.json says. Changes no variable."""

import argparse
import sys
from pathlib import Path

from drx.errors import DrxError
from drx.sandbox.servers import deploy


def main() -> int:
    """Deploy, and tell on standard error if that failed."""
    parser = argparse.ArgumentParser(description="Makes a sandbox's application read its variables again")
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    options = parser.parse_args()
    try:
        deploy(options.directory)
    except DrxError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
