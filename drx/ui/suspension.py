"""Let Ctrl-Z stop the process only once the terminal is as it was found. It draws nothing."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


class Suspension:
    """What Ctrl-Z means from `begin` to `end`; only the main thread can change it, and nothing where it is ignored."""

    def __init__(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        """`leave` puts the terminal back, and `come_back` takes it again; both are called from another thread."""
        self._leave, self._come_back = leave, come_back
        self._thread: threading.Thread | None = None
        self._left = False

    def begin(self) -> None:
        """Heed Ctrl-Z."""
        if _may_change() and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._wanted)

    def end(self) -> None:
        """Let Ctrl-Z be what it is elsewhere."""
        if _may_change() and signal.getsignal(signal.SIGTSTP) == self._wanted:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _wanted(self, number: int, frame: FrameType | None) -> None:
        """Stop once the terminal was left. The main thread may be drawing, and must not wait for itself."""
        if self._left:
            self._left = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # stops here, but only where a shell could let it go on
            signal.signal(signal.SIGTSTP, self._wanted)
            self._begin(self._come_back)
        elif self._thread is None or not self._thread.is_alive():
            self._begin(self._give_back)

    def _give_back(self) -> None:
        self._leave()
        self._left = True
        os.kill(os.getpid(), signal.SIGTSTP)

    def _begin(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name="suspension", daemon=True)
        self._thread.start()


def _may_change() -> bool:
    return threading.current_thread() is threading.main_thread()
