"""`drx resume --take-over`: have whoever runs a record hand it over. Asks by its inbox; never ends a process."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from drx.accounts import account_name
from drx.cli.project import operator
from drx.engine.events import PauseRequested
from drx.errors import DrxError, LockedError, UsageError
from drx.journal import JOURNAL, place
from drx.journal.lock import holder_of, what_to_do

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 60.0
"""Longer than a step that is told to stop may take."""
_LEAVING_SECONDS = 10.0
"""Longer than a process takes to end once it has let its record go."""
_T = TypeVar("_T")


def require_free(record: Path, *, take_over: bool) -> None:
    """Have a record free of other processes, before anybody is asked for; with `take_over`, by asking for it.

    Raises LockedError where another process has it, and keeps it; DrxError where it cannot be told; UsageError where
    the record is another account's.
    """
    holder = _holder(record)
    if not holder:
        return
    if not take_over:
        raise LockedError(f"{record.name} is in use by {holder}", what_to_do(record.name))
    print(f"asking {holder}, to hand over {record.name} ...", file=sys.stderr, flush=True)
    left = _asked_to_hand_over(record, holder, _PATIENCE_SECONDS)
    if left and left != holder:  # who was quicker is not asked in turn
        raise LockedError(f"{record.name} is in use by {left}", what_to_do(record.name))
    if left:
        raise LockedError(
            f"{record.name} is still in use by {holder}, {_PATIENCE_SECONDS:.0f} s after it was asked to hand over",
            "Look at that process, or follow it: drx show --follow. Once it has ended, drx resume goes on",
        )


def once_let_go(record: Path, go_on: Callable[[], _T]) -> _T:
    """Go on with a record that was handed over: what its process held beside it, a job or a sandbox, it lets go last.

    Raises LockedError where another process has the record by now, or what belongs to it is not let go.
    """
    deadline = time.monotonic() + _LEAVING_SECONDS
    while True:
        try:
            return go_on()
        except LockedError:
            if _holder(record) or time.monotonic() >= deadline:
                raise
        time.sleep(_LOOK_SECONDS)


def _asked_to_hand_over(record: Path, holder: str, patience: float) -> str:
    """Ask the holder to pause, which stops what is under way as Ctrl-C would; takes the request back at the end.

    Gives who has the record then: nobody, still the same, or another one.
    """
    me = operator()
    try:
        request = place(record, PauseRequested(f"{me.user} on {me.host} takes over"))
    except OSError as error:
        raise DrxError(f"{record}: the inbox cannot be written: {error.strerror}", "Ask whoever runs it") from None
    deadline = time.monotonic() + patience
    try:
        while (now := _holder(record)) == holder and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return now
    finally:
        # Left there, it would pause the run again as soon as it goes on.
        request.unlink(missing_ok=True)


def _holder(record: Path) -> str:
    holder = holder_of((record / JOURNAL).with_suffix(".lock"))
    if holder is None:
        owner = account_name((record / JOURNAL).stat().st_uid)
        raise UsageError(
            f"{record.name} belongs to {owner}", f"Only {owner} or root can go on with it, and takes it over"
        )
    return holder
