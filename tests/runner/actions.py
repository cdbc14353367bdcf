"""Actions that break, count and create, to see what the runner makes of them."""

import time
from datetime import UTC, datetime
from pathlib import Path

from drx.actions.base import Context, Params, Result, action
from drx.config import Target
from drx.errors import DamagedError, PermanentError, StepError
from drx.fields import Duration


class Nothing(Params):
    """No parameters."""


class Tally(Params):
    """Where an effect leaves its mark."""

    file: Path
    """A line is added here each time."""
    line: str = "x"
    """The line."""
    fail: int = 0
    """Fail so many times first."""


class Slow(Params):
    """How long to be busy."""

    seconds: Duration
    """This long."""
    deaf: bool = False
    """Do not stop when told to."""


def _add(params: Tally) -> int:
    with params.file.open("a") as file:
        file.write(f"{params.line}\n")
    return len(params.file.read_text().splitlines())


@action("test.tally", effect="write", repeatable=True)
def tally(params: Tally, context: Context) -> Result:
    """Add a line to a file; running it again does no harm."""
    count = _add(params)
    if count <= params.fail:
        raise StepError(f"this was attempt {count}", "Wait", lines=("first", "last"))
    return Result({"count": count})


@action("test.once", effect="write")
def once(params: Tally, context: Context) -> Result:
    """Add a line to a file; running it again would be wrong."""
    return Result({"count": _add(params)})


@action("test.seen", effect="read", repeatable=True)
def seen(params: Tally, context: Context) -> Result:
    """Hold where the line is in the file."""
    if not params.file.exists() or params.line not in params.file.read_text().splitlines():
        raise StepError(f"{params.line} is not there")
    return Result({"count": 1})


@action("test.prove", effect="read", repeatable=True)
def prove(params: Tally, context: Context) -> Result:
    """Prove that all writes up to now are there, unless there is a file."""
    if params.file.exists():
        raise StepError("11 of 12 images are there", "Look for the other one")
    return Result({"summary": "12 of 12 images"}, proven_until=datetime.now(UTC))


@action("test.slow", effect="write", repeatable=True)
def slow(params: Slow, context: Context) -> Result:
    """Be busy for a while, and say how far it is."""
    began = time.monotonic()
    deadline = began + params.seconds.total_seconds()
    while (now := time.monotonic()) < deadline:
        context.progress(int((now - began) * 1000), int((deadline - began) * 1000), "rounds")
        if params.deaf:
            time.sleep(0.02)
        else:
            context.sleep(0.02)
    return Result()


@action("test.until", effect="read")
def until(params: Tally, context: Context) -> Result:
    """Be busy until a file is there, and say how far it is."""
    began = time.monotonic()
    while not params.file.exists():
        context.progress(int((time.monotonic() - began) * 1000), 600_000, "rounds")
        context.sleep(0.02)
    return Result()


@action("test.bug", effect="read")
def bug(params: Nothing, context: Context) -> Result:
    """Break in a way nobody foresaw."""
    raise ZeroDivisionError("the secret is hunter22")


@action("test.hopeless", effect="read")
def hopeless(params: Tally, context: Context) -> Result:
    """Count, and fail in a way that another attempt cannot help."""
    _add(params)
    raise (
        PermanentError("there is a gap", "Go round it") if params.fail else DamagedError("it is damaged", "Use a copy")
    )


@action("test.odd", effect="read")
def odd(params: Nothing, context: Context) -> Result:
    """Return what no journal can hold."""
    return Result({"thing": {1, 2}})  # type: ignore[dict-item]


@action("test.create", effect="write", repeatable=True)
def create(params: Tally, context: Context) -> Result:
    """Say that something is created, and look whether the journal knows it before it is filled."""
    context.created_resource("mongo", params.line)
    return Result({"known": params.line in params.file.read_text(), "created": len(context.created)})


def _line(params: Tally, target: Target) -> str:
    return params.line


@action("test.drop", effect="destroy", targets=("store",), resource=_line)
def drop(params: Tally, context: Context) -> Result:
    """Take a file away, once somebody has typed what it stands for."""
    params.file.unlink()
    return Result()


@action("test.artifact", effect="read")
def artifact(params: Nothing, context: Context) -> Result:
    """Leave a file."""
    (context.artifacts / "note.txt").write_text("kept")
    return Result(artifacts=("note.txt",))
