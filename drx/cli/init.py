"""`drx init`: a first drx.yaml, runbooks and drills, by a few questions. Keeps every file that is there already."""

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from drx.cli.trying import Tried, try_all
from drx.config import find_config, read_config
from drx.config.load import FILE_NAME
from drx.errors import HumanNeeded, UsageError
from drx.files import write_atomically
from drx.runbook.load import DRILLS, RUNBOOKS
from drx.starter import Answers, Starter, make_starter, read_answers, sandbox_answers
from drx.starter.fitting import Part
from drx.starter.reading import read_service, suggest_service

if TYPE_CHECKING:
    from drx.runbook.catalogue import Catalogue

_MODE = 0o644


def init(*, service: str | None, sandbox_only: bool, given: Mapping[str, str], root: Path) -> int:
    """Ask, or take what was given; try, write, check, and say what comes next.

    Raises UsageError where there is a drx.yaml, HumanNeeded where nobody can be asked.
    """
    if os.path.lexists(root / FILE_NAME):
        raise UsageError(f"{FILE_NAME} is here already", "Edit it, and run `drx check`; or move it away and begin anew")
    _tell_of_another(root)
    suggested = suggest_service(root.absolute().name) if service is None else _service(service)
    answers = _answers(suggested, given, sandbox_only=sandbox_only)
    starter = make_starter(answers, shipped(), _catalogue())
    if answers.production:
        _try(starter, answers, root)
    kept = write(starter.files, root)
    return _tell(starter, answers, kept)


def _tell_of_another(root: Path) -> None:
    with suppress(UsageError):
        above = find_config(root.absolute().parent)
        print(f"There is {above} already. In this folder and below, the new one will count instead.\n")


def shipped() -> Mapping[str, bytes]:
    """Give the runbooks and drills that come with drx, by path."""
    folder = files("drx.starter") / "shipped"
    return {
        f"{kind}/{entry.name}": entry.read_bytes()
        for kind in (RUNBOOKS, DRILLS)
        for entry in sorted((folder / kind).iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def write(texts: Mapping[str, str], root: Path) -> list[str]:
    """Write what is not there yet, all or nothing, drx.yaml last; gives the files that were there and stay.

    Raises UsageError where it cannot be written.
    """
    kept = [name for name in texts if os.path.lexists(root / name)]
    fresh = sorted((name for name in texts if name not in kept), key=lambda name: (name == FILE_NAME, name))
    folders = [folder for folder in (root / RUNBOOKS, root / DRILLS) if not folder.exists()]
    written: list[Path] = []
    try:
        for name in fresh:
            written.append(root / name)
            write_atomically(root / name, texts[name].encode(), _MODE)
    except BaseException as error:
        _undo(written, folders)
        if isinstance(error, OSError):
            raise UsageError(f"{written[-1]} cannot be written: {error.strerror}", "Nothing was written") from None
        raise
    return kept


def _undo(written: list[Path], folders: list[Path]) -> None:
    for path in written:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _service(text: str) -> str:
    try:
        return read_service(text)
    except ValueError as error:
        raise UsageError(f"--service: {error}") from None


def _answers(service: str, given: Mapping[str, str], *, sandbox_only: bool) -> Answers:
    if sandbox_only and given:
        raise UsageError("--sandbox-only asks nothing that --input could answer", "Leave one of them out")
    if sandbox_only:
        return sandbox_answers(service)
    if not given:
        return _ask(service)
    try:
        return read_answers(given, service, os.environ)
    except ValueError as error:
        raise UsageError(f"--input {error}", "Write it like --input health=https://shop.example/healthz") from None


def _ask(suggested: str) -> Answers:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        remedy = "Run it at a terminal, give --input, or begin with a sandbox alone: drx init --sandbox-only"
        raise HumanNeeded("drx init asks questions, and there is no terminal", remedy)
    from drx.ui.choose import choose_prompts
    from drx.ui.questionnaire import Questionnaire

    prompts, say = choose_prompts()
    say("A dozen questions. Nothing is written before you say that all is right; Ctrl-C\nleaves everything as it is.\n")
    try:
        return Questionnaire(prompts, say, os.environ).ask(suggested)
    except EOFError:
        raise KeyboardInterrupt from None


def _catalogue() -> "Catalogue":
    from drx.actions.registry import catalogue

    return catalogue


def _try(starter: Starter, answers: Answers, root: Path) -> None:
    print("\nTrying what you named. What does not answer yet can be mended later.")
    config = read_config(starter.files[FILE_NAME].encode(), FILE_NAME, root.absolute())
    for tried in try_all(config, answers):
        print("\n".join(_tried_lines(tried)), flush=True)


def _tried_lines(tried: Tried) -> Iterator[str]:
    told = [*_wrapped(tried.told), *_wrapped(tried.remedy)]
    yield f"  {'ok' if tried.good else 'not yet':<8} {tried.name:<12} {told[0]}"
    yield from (f"{'':<24}{line}" for line in told[1:])


def _wrapped(text: str) -> list[str]:
    return wrap(text, 80 - 24, break_long_words=False, break_on_hyphens=False)


def _tell(starter: Starter, answers: Answers, kept: list[str]) -> int:
    from drx.cli.check import check

    print(f"\nWritten: {', '.join(_counted(name for name in starter.files if name not in kept))}.")
    for name in kept:
        print(f"  kept as it was: {name}")
    for line in _left_out(starter):
        print(line)
    code = check([])
    print("\n".join(_next(starter, answers, kept)))
    return code


def _left_out(starter: Starter) -> Iterator[str]:
    by_need: dict[frozenset[Part], list[str]] = {}
    for name, parts in starter.left_out.items():
        by_need.setdefault(parts, []).append(name)
    for parts, names in by_need.items():
        needed = ", ".join(_NEEDED[part] for part in sorted(parts))
        yield from wrap(f"Left out ({', '.join(names)}): there is no {needed}.", 80, break_on_hyphens=False)


_NEEDED = {Part.UPLOADS: "uploads bucket", Part.HOST: "host that drx can reach", Part.COPY: "second copy"}


def _counted(names: Iterable[str]) -> Iterator[str]:
    """Name files one by one, and those of a folder by their number."""
    folders = Counter(name.rpartition("/")[0] or name for name in names)
    for folder, number in sorted(folders.items(), key=lambda item: (item[0] != FILE_NAME, item)):
        one = folder.removesuffix("s") if number == 1 else folder
        yield f"{number} {one}" if folder in (RUNBOOKS, DRILLS) else folder


def _next(starter: Starter, answers: Answers, kept: Collection[str]) -> Iterator[str]:
    yield "\nNext"
    yield _command("drx drill db-drop --env sandbox", "lose a database, get it back")
    if answers.production is None:
        yield _command("drx sandbox up", "servers to do it by hand on")
        yield _command("drx run practise --env sandbox", "lose it, then: drx run db-drop")
        return
    yield _command("drx trust production", "write to no other servers")
    yield _command("drx run nightly-backup --env production", "the first backup")
    yield _command("drx schedule show", "what is to run by itself, and when")
    yield _command("drx", "are we ready?")
    if starter.too_slow:
        yield f"\nTheir steps take longer than your RTO of {answers.rto}; they keep objectives of their own:"
        yield from (f"  {path}" for path in starter.too_slow)
    example = {path: lines for path, lines in starter.example_lines.items() if path not in kept}
    if example:
        yield "\nThe scenarios were written for a service with images. Before you need them, make"
        yield "these lines speak of yours:"
        yield from (f"  {path:<32} {', '.join(map(str, lines))}" for path, lines in example.items())


def _command(command: str, why: str) -> str:
    return f"  {command:<42}{why}"
