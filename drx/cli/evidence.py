"""`drx audit`, `drx export`, `drx sign`: evidence for whoever was not there. Thin: the runner reads and writes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from drx.cli.project import load_project
from drx.cli.records import find_record
from drx.config import find_config
from drx.errors import DrxError, ExitCode, UsageError

SIGNERS = "drx.signers"
"""Beside drx.yaml: whose signatures count, in the form of ssh's allowed signers."""


def audit(run: str, *, as_json: bool, signers: Path | None) -> int:
    """Print what holds and what does not; exit 0 or 4.

    `run` may be the path of a record or of an exported archive; neither needs a drx.yaml. Raises UsageError where
    there is no such run, or no such file of signers. Where one is named, the record has to be signed.
    """
    from drx.runner.audit import audit as examine

    if signers is not None and not signers.is_file():
        raise UsageError(f"there is no file {signers}", "Name the file of whose signatures count")
    with opened_record(run) as record:
        found = examine(record, signers or _signers(), must_be_signed=signers is not None)
        if as_json:
            said = {"run": record.name, "intact": found.intact, "held": found.held, "problems": found.problems}
            print(json.dumps(said, indent=1))
            return ExitCode.OK if found.intact else ExitCode.FAILED
        for line in found.held:
            print(f"ok     {line}")
        for line in found.problems:
            print(f"WRONG  {line}")
        print(f"{record.name}: {'intact' if found.intact else 'NOT INTACT'}")
        return ExitCode.OK if found.intact else ExitCode.FAILED


def export(run: str, archive: Path) -> int:
    """Write one archive that an auditor can check with `drx audit`.

    Raises DrxError for a record that is not intact, UsageError where there is no such run, or no place for the archive.
    """
    from drx.runner.archive import pack
    from drx.runner.audit import audit as examine

    with opened_record(run) as record:
        if record.resolve() in archive.resolve().parents:
            raise UsageError(f"{archive} would lie in the record, and be no part of it", "Name a file elsewhere")
        found = examine(record, _signers())
        if not found.intact:
            raise DrxError(f"{record.name} is not intact: {found.problems[0]}", f"See all: drx audit {record.name}")
        pack(record, archive)
    print(f"{archive} holds {record.name}. Anybody can check it: drx audit {quote(str(archive))}")
    return ExitCode.OK


def sign(run: str, key: Path) -> int:
    """Sign a finished, intact record with an ssh key.

    Raises DrxError for a record that is not intact, UsageError for a key that cannot be used.
    """
    from drx.runner.afterwards import copy_again
    from drx.runner.audit import audit as examine
    from drx.runner.record import SIGNATURE
    from drx.runner.signature import sign as write_signature

    project = load_project()
    record = find_record(project.records, run)
    found = examine(record)
    others = [problem for problem in found.problems if SIGNATURE not in problem]
    if others:
        raise DrxError(f"{record.name} is not intact: {others[0]}", f"See all: drx audit {record.name}")
    print(f"signed: {write_signature(record, key.expanduser())}")
    copy_again(record, project.setting(unattended=True))
    return ExitCode.OK


@contextmanager
def opened_record(run: str) -> Iterator[Path]:
    """Give a record by the id of its run, its path, or the path of its archive; only an id needs a drx.yaml.

    Raises UsageError where there is none.
    """
    from drx.runner.archive import unpacked

    if Path(run).is_file():
        with unpacked(Path(run)) as record:
            yield record
    elif ("/" in run or run in (".", "..")) and Path(run).is_dir():
        yield Path(run).resolve()
    else:
        yield find_record(load_project().records, run)


def _signers() -> Path | None:
    try:
        return find_config(Path.cwd()).parent / SIGNERS
    except UsageError:
        return None
