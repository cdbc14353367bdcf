"""Build a sandbox's host anew, with its releases only, and print its address. A process of its own: a provider's."""

import sys
from pathlib import Path

from drx.errors import DrxError
from drx.sandbox.servers import up
from drx.sandbox.state import APP, load_state


def main(directory: Path) -> int:
    """Start what does not run of a sandbox whose servers do; where its disk is gone, at another address than before."""
    try:
        load_state(directory)
        address = up(directory, point_name=False).member(APP).address
    except DrxError as error:
        print(f"{error.message}. {error.remedy}", file=sys.stderr)
        return int(error.exit_code)
    print(address)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
