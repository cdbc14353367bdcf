"""One line of the journal: its exact bytes and its place in the hash chain. Bytes in, events out; no files.

A line is one JSON object, compact, in UTF-8, its members always in this order:

    {"seq":1,"at":"2026-11-21T08:00:00.000000Z","elapsed":0.0,"by":{...},
     "type":"RunStarted","data":{...},"prev":"...","hash":"..."}

`hash` is the SHA-256, in hexadecimal, of exactly those bytes without the member `,"hash":"..."` and without the
newline: of everything before that member, followed by `}`. `prev` is the `hash` of the line before; that of the first
line is GENESIS, which names the format and its version.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from drx.engine.events import Author, Event, Fact
from drx.journal.codec import decode, decode_fact, encode

GENESIS = hashlib.sha256(b"drx journal 1").hexdigest()

_LINE = re.compile(
    rb'(?P<body>\{"seq":(?P<seq>[0-9]{1,18}),"at":"(?P<at>[0-9T:.-]+)Z","elapsed":(?P<elapsed>[0-9.e-]+),"by":(?P<by>\{.*?\}),'
    rb'"type":"(?P<type>[A-Za-z]+)","data":(?P<data>\{.*\}),"prev":"(?P<prev>[0-9a-f]{64})"),"hash":"(?P<hash>[0-9a-f]{64})"\}'
)


def write_line(event: Event, previous: str) -> tuple[bytes, str]:
    """The line of an event, newline included, and its hash."""
    at = event.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    body = (
        f'{{"seq":{event.seq},"at":"{at}Z","elapsed":{event.elapsed!r},"by":{_author(event.by)},'
        f'"type":"{event.fact.type}","data":{encode(event.fact)},"prev":"{previous}"'
    ).encode()
    digest = _digest(body)
    return body + f',"hash":"{digest}"}}\n'.encode("ascii"), digest


class UnknownLine(ValueError):
    """A line that its writer finished, and that says what this version does not know."""


def read_line(line: bytes, seq: int, previous: str) -> tuple[Event, str]:
    """The event of a line without its newline, and its hash.

    Raises ValueError where it is not exactly what the writer wrote in this place, UnknownLine where another version
    of drx wrote it.
    """
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError("this is not an event")
    digest = match["hash"].decode("ascii")
    if _digest(match["body"]) != digest:
        raise ValueError("it was changed after it was written: its hash does not match")
    if int(match["seq"]) != seq:
        raise ValueError(f"event {seq} should stand here, not event {match['seq'].decode('ascii')}")
    if match["prev"].decode("ascii") != previous:
        if seq == 1:
            raise UnknownLine("it has another format")
        raise ValueError("it does not follow the line before it")
    try:
        return _event(match, seq), digest
    except ValueError as error:
        raise UnknownLine(str(error)) from None


def _event(match: re.Match[bytes], seq: int) -> Event:
    at = datetime.fromisoformat(match["at"].decode("ascii")).replace(tzinfo=UTC)
    fact: Fact = decode_fact(match["type"].decode("ascii"), match["data"])
    return Event(seq, at, float(match["elapsed"]), _read_author(match["by"]), fact)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body + b"}").hexdigest()


@lru_cache(maxsize=64)
def _author(by: Author) -> str:
    return encode(by)


@lru_cache(maxsize=64)
def _read_author(text: bytes) -> Author:
    return decode(Author, text)
