"""The journal of a run: append, chain, seal, lock and inbox. It stores facts and never judges them."""

from drx.journal.clock import Clock
from drx.journal.codec import encode_event
from drx.journal.inbox import Delivery, Rejected, place, take
from drx.journal.reading import Recorded, read_journal, read_recorded
from drx.journal.writing import JOURNAL, Journal

__all__ = [
    "JOURNAL",
    "Clock",
    "Delivery",
    "Journal",
    "Recorded",
    "Rejected",
    "encode_event",
    "place",
    "read_journal",
    "read_recorded",
    "take",
]
