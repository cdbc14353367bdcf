"""Turn signals into messages for the loop, while a run lasts. It decides nothing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from drx.runner.messages import Queue, Signalled
from drx.ui.port import Interrupted

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""A keyboard sends them, too. Shells have them ignored by what they start in the background, even where that gets a
terminal of its own."""


@contextmanager
def signals_to(queue: Queue) -> Iterator[ExitStack]:
    """Put Ctrl-C and signals that end a process into the queue, until the stack is closed; only the main thread can."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        queue.put(Interrupted())

    def ending(number: int, frame: FrameType | None) -> None:
        queue.put(Signalled(signal.Signals(number).name))

    heeded = {signal.SIGINT: interrupted, **dict.fromkeys(_ENDING, ending)}
    with ExitStack() as until:
        for number, handler in heeded.items() if threading.current_thread() is threading.main_thread() else ():
            if number in _KEYS or signal.getsignal(number) is not signal.SIG_IGN:  # nohup has one ignored
                until.callback(signal.signal, number, signal.signal(number, handler))
        yield until
