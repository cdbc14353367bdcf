"""Keep what is typed while nothing is asked off the screen, and away from the next question. It reads nothing."""

import atexit
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOCAL_FLAGS = 3
"""Where termios.tcgetattr keeps the local flags, ECHO among them."""
_NO_TERMINAL = (OSError, ValueError, termios.error)


class Quiet:
    """The terminal without echo, from `begin` to `end`; a run that ends in any other way ends it, too."""

    def __init__(self) -> None:
        self._echoed = False

    def begin(self) -> None:
        self._echoed = self._echoed or _set_echo(False)
        atexit.register(self.end)

    def end(self) -> None:
        if self._echoed:
            forget_typed()
            _set_echo(True)
            self._echoed = False
        atexit.unregister(self.end)


def there() -> bool:
    """Whether a terminal is there to type at, and has not been closed."""
    with suppress(*_NO_TERMINAL):
        termios.tcgetattr(sys.stdin.fileno())
        return True
    return False


def forget_typed() -> None:
    """Drop what was typed and not read yet: it was meant for something else than what is asked now."""
    with suppress(*_NO_TERMINAL):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


@contextmanager
def echoed() -> Iterator[None]:
    """Show what is typed, while a line is read."""
    changed = _set_echo(True)
    try:
        yield
    finally:
        if changed:
            _set_echo(False)


def _set_echo(wanted: bool) -> bool:
    """Switch the terminal's echo; gives whether that changed it. Without a terminal there is none."""
    with suppress(*_NO_TERMINAL):
        attributes = termios.tcgetattr(sys.stdin.fileno())
        if bool(attributes[_LOCAL_FLAGS] & termios.ECHO) is not wanted:
            attributes[_LOCAL_FLAGS] ^= termios.ECHO
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, attributes)
            return True
    return False
