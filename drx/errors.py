"""Every expected failure, each with its exit code. Holds no logic."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a drx process tells its caller; the table stands in docs/reference."""

    OK = 0
    BUG = 1
    USAGE = 2
    INVALID = 3
    FAILED = 4
    OBJECTIVE_MISSED = 5
    LOCKED = 6
    REFUSED = 7
    HUMAN_NEEDED = 8
    STALE = 9
    PAUSED = 10
    INTERRUPTED = 130


class DrxError(Exception):
    """Something a person can act on: `message` says what and where, `remedy` what to do.

    Only the outermost layer turns it into `exit_code`.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class UsageError(DrxError):
    """The command line asks for something that cannot be done."""

    exit_code = ExitCode.USAGE


class InvalidInput(DrxError):
    """A runbook, a drill or drx.yaml is wrong; raised with every problem found."""

    exit_code = ExitCode.INVALID


class StepError(DrxError):
    """An action did not achieve its effect; the engine decides what follows.

    `lines` are the last lines of its output and `artifacts` the files it left, for the journal.
    """

    def __init__(
        self, message: str, remedy: str = "", *, lines: tuple[str, ...] = (), artifacts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, remedy)
        self.lines = lines
        self.artifacts = artifacts


class PermanentError(StepError):
    """A step failed for a reason that trying again does not change: the engine does not retry it by itself."""


class LockedByAnother(StepError):
    """Somebody else does the same work right now; trying again later may succeed."""


class Cancelled(StepError):
    """An action stopped because the run asked it to, before it was done."""


class StoreError(DrxError):
    """A backup store is missing, damaged or does not answer; names the object."""


class DamagedError(StoreError):
    """What a backup store holds is not what was written to it; reading it again gives the same."""


class JournalError(DrxError):
    """The journal is damaged, foreign, or cannot be written; names the line."""


class ForeignJournal(JournalError):
    """The journal is whole, and says what this version of drx does not know."""


class LockedError(DrxError):
    """Another process holds the record; says who and where."""

    exit_code = ExitCode.LOCKED


class RefusedError(DrxError):
    """The guard will not let this run touch this target."""

    exit_code = ExitCode.REFUSED


class HumanNeeded(DrxError):
    """A person has to answer, and there is no terminal."""

    exit_code = ExitCode.HUMAN_NEEDED


class StaleError(DrxError):
    """A committed document no longer matches what generates it."""

    exit_code = ExitCode.STALE
