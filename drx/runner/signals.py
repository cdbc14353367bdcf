"""Turn signals into messages for the loop, while a run lasts. It decides nothing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from drx.runner.messages import Queue, Signalled
from drx.ui.port import Interrupted

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_to(queue: Queue) -> Iterator[None]:
    """Put Ctrl-C, SIGTERM and SIGHUP into the queue; only the main thread can."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        queue.put(Interrupted())

    def ending(number: int, frame: FrameType | None) -> None:
        queue.put(Signalled(signal.Signals(number).name))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    signal.signal(signal.SIGINT, interrupted)
    for number in _ENDING:
        signal.signal(number, ending)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
