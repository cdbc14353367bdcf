"""Hold the record of a run against its own evidence: journal, seal, frozen files, reports. It changes nothing.

Whoever can write the folder can make a record that agrees with itself: against them only a signature helps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drx import __version__
from drx.engine.events import ReportWritten, RunFinished, RunStarted
from drx.engine.four_eyes import wrong_approval
from drx.errors import DrxError, JournalError
from drx.journal import JOURNAL, Recorded, read_recorded
from drx.reports.facts import gather
from drx.reports.trend import NO_HISTORY
from drx.runner.finish import reported_history, reports_of
from drx.runner.record import FROZEN, SIGNATURE, hash_files, thaw
from drx.runner.rereading import begun
from drx.runner.signature import check_signature
from drx.runner.strays import find_special, find_strays

_Said = tuple[str, list[str]]
"""What holds, in words, and what is wrong; where anything is, the first counts for nothing."""


@dataclass(frozen=True)
class Audit:
    """What was found: an intact record has no problems."""

    held: tuple[str, ...]
    """What was checked and is as it was written, in words."""
    problems: tuple[str, ...]
    """What is not, each with the file it is about."""

    @property
    def intact(self) -> bool:
        """Whether everything that could be checked is as it was written."""
        return not self.problems


def audit(record: Path, signers: Path | None = None, *, must_be_signed: bool = False) -> Audit:
    """Read a record again, to its last byte, and say whether it is what its run left.

    `signers` is the file of whose signatures count, in the form of ssh's allowed signers.
    """
    if not (record / JOURNAL).exists():
        return Audit((), (f"{record / JOURNAL} is missing: without it, this is no record",))
    if special := find_special(record):
        return Audit((), special)  # a pipe could not be read to its end
    try:
        recorded = read_recorded(record / JOURNAL)
    except JournalError as error:
        return Audit((), (str(error),))
    evidence = _Evidence(record, recorded)
    checks: tuple[Callable[[], _Said], ...] = (
        evidence.journal,
        evidence.frozen,
        evidence.seal,
        evidence.approvals,
        evidence.reports,
    )
    held: list[str] = []
    problems: list[str] = []
    for check in checks:
        if problems and check in (evidence.approvals, evidence.reports):
            break  # they build on the rest, and could only repeat it
        holds, wrong = check()
        problems += wrong
        held += [] if wrong else [holds]
    holds, wrong = _signature(record, signers, must_be_signed=must_be_signed)
    return Audit((*held, *([] if wrong else [holds])), (*problems, *wrong))


def _signature(record: Path, signers: Path | None, *, must_be_signed: bool) -> _Said:
    """See who signed the journal, and how much of it."""
    if not (record / SIGNATURE).exists():
        wrong = [f"{record} is not signed: {SIGNATURE} is missing"] if must_be_signed else []
        return "signature: none, so that whoever can write this folder could have made all of it", wrong
    signed = check_signature(record, signers)
    if signed.problem or not signed.later:
        return f"signature: {signed.said}", [signed.problem] if signed.problem else []
    later = "the last event is" if signed.later == 1 else f"the last {signed.later} events are"
    wrong = [f"{record / JOURNAL}: {later} not signed; `drx sign` signs all of it"] if must_be_signed else []
    return f"signature: {signed.said}; {later} not signed, because they came later", wrong


@dataclass(frozen=True)
class _Evidence:
    record: Path
    recorded: Recorded

    def journal(self) -> _Said:
        """See that the journal is this run's, and came to its end; its chain held when it was read."""
        path, events = self.record / JOURNAL, self.recorded.events
        wrong = []
        if self._started and self._started.run != self.record.name:
            wrong.append(
                f"{path} is the journal of {self._started.run}: the folder was renamed, or another run's is in it"
            )
        if self.recorded.torn_bytes:
            wrong.append(f"{path}: its last line is torn ({self.recorded.torn_bytes} bytes)")
        if not any(isinstance(event.fact, RunFinished) for event in events):
            wrong.append(f"{path}: the run has not finished, so nothing seals its record yet")
        elif not isinstance(events[-1].fact, ReportWritten):
            wrong.append(f"{path}: what follows the last report is not sealed; `drx resume {self.record.name}` does it")
        return f"journal: {len(events)} events, one chain, ends in {self.recorded.head}", wrong

    def frozen(self) -> _Said:
        """Hold what the run was made of against its first event."""
        hashes = self._started.frozen if self._started else {}
        wrong = []
        for name, digest in hashes.items():
            try:
                thaw(self.record, {name: digest})
            except JournalError as error:
                wrong.append(error.message)
        return f"frozen: {len(hashes)} files, as they were when the run began", wrong

    def seal(self) -> _Said:
        """Hold every file of the folder against the newest seal, both ways."""
        seal = self.recorded.events[-1].fact if self.recorded.events else None
        sealed = seal.files if isinstance(seal, ReportWritten) else {}
        hashes = self._started.frozen if self._started else {}
        strays = find_strays(self.record, {*sealed, *(f"{FROZEN}/{name}" for name in hashes)})
        try:
            there = hash_files(self.record)
        except DrxError as error:
            return "", [error.message]
        wrong = list(strays.wrong)
        for name in sorted(sealed.keys() | there.keys()) if sealed else ():
            path = self.record / name
            if name not in sealed:
                wrong.append(f"{path} was added after the record was sealed")
            elif name.startswith(f"{FROZEN}/") and name.removeprefix(f"{FROZEN}/") in hashes:
                continue  # held against the first event already
            elif name not in there:
                wrong.append(f"{path} is missing")
            elif there[name] != sealed[name]:
                wrong.append(f"{path} was changed after the record was sealed")
        rest = (
            f"not sealed, and no evidence: {', '.join(strays.unsealed)}"
            if strays.unsealed
            else "nothing else lies there"
        )
        return f"seal: {len(sealed)} files, each with the SHA-256 that the journal holds; {rest}", wrong

    def approvals(self) -> _Said:
        """Count the approvals again, by the rules that the run was begun with."""
        events = self.recorded.events
        wrong = wrong_approval(begun(self.record, events).plan(), events)
        problems = [f"{self.record / JOURNAL}: {wrong}"] if wrong else []
        return "approvals: each by somebody who may, and enough of them", problems

    def reports(self) -> _Said:
        """Render the reports again, out of the journal alone, where this is the version that wrote them."""
        started = self._started
        assert started is not None, "a journal begins with it, and this one came to its end"
        if started.drx_version != __version__:
            return f"reports: as sealed; drx {started.drx_version} wrote them, so {__version__} does not repeat it", []
        wrong = [
            f"{self.record / name} is not what the journal says"
            for name, content in self._rendered().items()
            if not (self.record / name).is_file() or (self.record / name).read_bytes() != content
        ]
        return "reports: rendered again from the journal, byte by byte the same", wrong

    def _rendered(self) -> dict[str, bytes]:
        plan = begun(self.record, self.recorded.events).plan()
        facts = gather(plan, self.recorded.events[:-1], self.recorded.hashes[-2])
        return reports_of(facts, reported_history(self.record) or NO_HISTORY)

    @property
    def _started(self) -> RunStarted | None:
        fact = self.recorded.events[0].fact if self.recorded.events else None
        return fact if isinstance(fact, RunStarted) else None
