"""Read what is committed, to hold it against what drx would write. It changes nothing."""

from pathlib import Path

from drx.errors import UsageError


def read_committed(path: Path) -> str:
    """Give the text of a file; one that is not there is empty, and bytes that are no text stand out in it.

    Raises UsageError where it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace") if path.is_file() else ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "Let its owner run this") from None
