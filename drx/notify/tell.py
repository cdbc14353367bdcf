"""Send a message to everybody who hears of it, side by side, within bounded time. Raises nothing."""

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from drx.config import Config
from drx.config.resolve import resolve_text
from drx.engine.events import NotificationFailed, NotificationHeld, NotificationSent, Notified
from drx.notify.deliver import deliver
from drx.notify.destinations import Destination, Kind, destinations
from drx.notify.limit import counted, held_back, remembered
from drx.notify.memory import locked, read_memory, write_memory
from drx.reports.notices import Notice
from drx.yaml_source import InvalidDocument

Sent = NotificationSent | NotificationFailed
_STALLED = "no answer within {:g}s"


@dataclass(frozen=True)
class Teller:
    """Knows drx.yaml and what was told before."""

    config: Config
    environ: Mapping[str, str]
    memory: Path
    """The file that holds what was told when."""

    def tell(self, notice: Notice) -> Sequence[Notified]:
        """Send a message where it belongs, unless the same was told not long ago; switches always hear of it."""
        everybody = list(destinations(self.config, notice, self.environ))
        if not everybody:
            return ()
        notify = self.config.settings.notify
        notice = self._completed(notice)
        seconds = notify.timeout.total_seconds()
        switches = [each for each in everybody if each.kind is Kind.PING]
        people = [each for each in everybody if each.kind is not Kind.PING]
        if not people:
            return send(switches, notice, seconds)
        with locked(self.memory):
            memory = read_memory(self.memory)
            reason = held_back(memory, notice, notify.quiet_for)
            if reason:
                sent = (*send(switches, notice, seconds), NotificationHeld(notice.about, reason))
            else:
                sent = send([*switches, *people], counted(memory, notice), seconds)
            heard = any(isinstance(fact, NotificationSent) for fact in sent[len(switches) :])
            if reason or heard:
                try:
                    write_memory(self.memory, remembered(memory, notice, held=bool(reason)))
                except OSError as error:
                    sent = (*sent, NotificationFailed(notice.about, str(self.memory), error.strerror or str(error)))
        return sent

    def _completed(self, notice: Notice) -> Notice:
        """Name the service, and where the report can be read: whoever is told may be far away."""
        settings = self.config.settings
        report = f"{Path(notice.report).absolute()} on {socket.gethostname()}" if notice.report else ""
        if settings.notify.report_url and report:
            with suppress(InvalidDocument):  # the path of the report is better than none
                url = resolve_text(self.config, ("notify", "report_url"), self.environ)
                report = url.replace("{run}", notice.run)
        return replace(notice, title=f"{settings.service}: {notice.title}", report=report)


def send(everybody: Sequence[Destination], notice: Notice, seconds: float) -> tuple[Sent, ...]:
    """Send a message to all of them at once; whoever has not answered in time has failed."""
    deadline = time.monotonic() + seconds
    waiting = [_aside(partial(deliver, each, notice, seconds)) for each in everybody]
    facts: list[Sent] = []
    for destination, answer in zip(everybody, waiting, strict=True):
        try:
            error = answer.get(timeout=max(deadline - time.monotonic(), 0.0))
        except Empty:
            error = _STALLED.format(seconds)
        about, name = notice.about, destination.name
        facts.append(NotificationFailed(about, name, error) if error else NotificationSent(about, name))
    return tuple(facts)


def within(seconds: float, work: Callable[[], str]) -> str:
    """Do something that gives why it failed, but wait no longer than this."""
    try:
        return _aside(work).get(timeout=seconds)
    except Empty:
        return _STALLED.format(seconds)


def _aside(work: Callable[[], str]) -> "SimpleQueue[str]":
    answers: SimpleQueue[str] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(work())
        except Exception as error:  # no notifier may bring a run down, whatever it does
            answers.put(f"it failed: {type(error).__name__}")

    threading.Thread(target=run, daemon=True).start()
    return answers
