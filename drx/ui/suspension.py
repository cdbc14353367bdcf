"""Let Ctrl-Z stop the process only once the terminal is as it was found. It draws nothing."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

_STOPPED_SECONDS = 0.1
"""The process stops within this time; the rest of it passes once it goes on."""


class Suspension:
    """What Ctrl-Z means from `begin` to `end`; only the main thread can change it."""

    def __init__(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        """`leave` puts the terminal back, and `come_back` takes it again; both are called from another thread."""
        self._leave, self._come_back = leave, come_back
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Heed Ctrl-Z."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTSTP, self._wanted)

    def end(self) -> None:
        """Let Ctrl-Z be what it is elsewhere."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _wanted(self, number: int, frame: FrameType | None) -> None:
        # The main thread may be drawing, and would wait for itself.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._suspend, name="suspension", daemon=True)
            self._thread.start()

    def _suspend(self) -> None:
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(_STOPPED_SECONDS)
        self._come_back()
