"""The closed lists of words that facts and commands use. No behaviour."""

from enum import StrEnum


class Mode(StrEnum):
    """What kind of run this is."""

    INCIDENT = "incident"
    DRILL = "drill"
    TABLETOP = "tabletop"
    OPERATION = "operation"


class Part(StrEnum):
    """Which call of a step an attempt makes."""

    WORK = "work"
    VERIFY = "verify"
    ROLLBACK = "rollback"


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"


class FailureKind(StrEnum):
    """Why an attempt failed, as far as it matters for what follows."""

    EFFECT = "effect"
    """The action did not achieve its effect."""
    PERMANENT = "permanent"
    """The action did not achieve its effect, and trying again by itself does not help."""
    BUSY = "busy"
    """Somebody else does the same work; trying again later may help."""
    EXPRESSION = "expression"
    """An expression of the step could not be evaluated."""
    REFUSED = "refused"
    """The guard did not let it touch its target."""
    NEEDS_NAME = "needs_name"
    """A person has to type the name of what would be destroyed."""
    HUMAN_NEEDED = "human_needed"
    """A person has to answer, and nobody is there."""
    REPEAT = "repeat"
    """It has not been tried: it has run before in this run, and may not run again unasked."""
    BRANCH = "branch"
    """A step inside this group failed."""
    WENT_WRONG = "went_wrong"
    """A person says that it went wrong."""
    BUG = "bug"
    """The action broke in a way its author did not foresee."""


class QuestionKind(StrEnum):
    """What a person is asked."""

    INPUT = "input"
    STEP = "step"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"
    NAME = "name"
    REPEAT = "repeat"


class Choice(StrEnum):
    """What a person can answer."""

    DONE = "done"
    WENT_WRONG = "went_wrong"
    SKIP = "skip"
    ANSWER = "answer"
    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    GOTO = "goto"
    NAMED = "named"
