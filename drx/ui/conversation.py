"""Lead a person through one question: the choices, what each does next, the reasons it needs. It keeps no state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from drx.engine.commands import Question
from drx.engine.events import AbortRequested, Answered, InputGiven, NoteAdded, PauseRequested
from drx.engine.terms import Choice, QuestionKind
from drx.reports.text import show_moment
from drx.ui.port import GoOn, Send, StopSteps
from drx.ui.prompts import Prompts
from drx.units import SPOKEN, read_moment, show_duration, show_time

_NOTE = "Write a note - it goes into the report, then this is asked again"
_PAUSE = "Pause or hand over - what still runs is stopped; `drx resume` goes on here"
_PAUSE_RUNNING = "Pause or hand over - the running step is stopped; `drx resume` goes on"
_ABORT = "Abort - roll back what was done, newest first, clean up, and end the run"
_BY_HAND = frozenset({QuestionKind.FAILURE, QuestionKind.INTERRUPTED, QuestionKind.REPEAT})
"""Questions about automated steps: "done" means that a person did the work instead."""
_ZONE = "in UTC, "
_FORMS = {
    "datetime": f"{_ZONE}like {SPOKEN}; ",
    "duration": "please write it as 30s, 5m or 1h30m; ",
    "integer": "please write a whole number; ",
    "boolean": "please write true or false; ",
}
"""How to write an input of a type that cannot be guessed."""


def about(question: Question, prompts: Prompts, send: Send, input_types: Mapping[str, str]) -> None:
    """Ask until there is one answer, and send it. Raises what the prompts raise."""
    if question.kind is QuestionKind.INPUT and not question.options:
        kind = input_types.get(question.step, "")
        form = _FORMS.get(kind, "").removeprefix(_ZONE if "UTC" in question.text else "")
        text = f"{question.text} ({form}Ctrl-C for more)"
        send(InputGiven(question.step, _moment(text, prompts) if kind == "datetime" else _reason(text, prompts)))
        return
    choices = [choice for choice in question.choices if choice is not Choice.GOTO or question.options]
    labels = [_label(question, choice) for choice in choices]
    # What failed, and what its output says, stands in the lines above.
    details = question.details if question.kind is QuestionKind.STEP else ()
    text = "\n".join((question.text, *(f"  {line}" for line in details)))
    while True:
        index = prompts.choose(text, [*labels, _NOTE, _PAUSE, _ABORT])
        if index < len(choices):
            if _answer(question, choices[index], prompts, send):
                return
        elif index == len(choices):
            _note(prompts, send)
        elif index == len(choices) + 1:
            send(PauseRequested(prompts.line("Why, and who goes on?") or "paused at a question"))
            return
        elif _abort(prompts, send):
            return


def about_interrupt(running: Sequence[str], prompts: Prompts, send: Send) -> None:
    """Ask what Ctrl-C was meant to do, and send that."""
    steps = ", ".join(running)
    labels = ["Go on - as if nothing had happened", _PAUSE_RUNNING if steps else _PAUSE]
    if steps:
        labels.append(f"Stop {steps} - end it now and decide what follows")
    labels.append(_ABORT)
    index = prompts.choose("Interrupted. What now? (Ctrl-C again stops at once)", labels)
    if index == 0:
        send(GoOn())
    elif index == 1:
        send(PauseRequested("Ctrl-C"))
    elif index == 2 and steps:
        send(StopSteps())
    elif not _abort(prompts, send):
        send(GoOn())


def _label(question: Question, choice: Choice) -> str:
    by_hand, repeat = question.kind in _BY_HAND, question.kind is QuestionKind.REPEAT
    match choice:
        case Choice.SKIP if repeat:
            return "Do not run it again (why) - what it did before stands; the run goes on"
        case Choice.RETRY if repeat:
            return "Run it again - what it does is done a second time"
        case Choice.DONE:
            return "Done by hand (why) - the run goes on after it" if by_hand else "Done - the run goes on"
        case Choice.WENT_WRONG:
            return "It went wrong (what) - the step counts as failed"
        case Choice.SKIP:
            return "Skip it (why) - the run goes on without it; the report says so"
        case Choice.ANSWER:
            return "Answer - the run goes on with it"
        case Choice.APPROVE:
            return "Approve - the run goes on once enough people have"
        case Choice.REJECT:
            return "Reject (why) - the step counts as failed"
        case Choice.RETRY:
            return "Try again - the same step, from its start"
        case Choice.GOTO:
            return "Go on at another step - you choose which"
        case Choice.NAMED:
            return "Type its name - then it is destroyed"


def _answer(question: Question, choice: Choice, prompts: Prompts, send: Send) -> bool:
    value, reason, missing = None, "", False
    by_hand = question.kind in _BY_HAND
    match choice:
        case Choice.SKIP if question.kind is QuestionKind.REPEAT:
            reason = _line("Why is it not run again?", prompts)
            missing = not reason
        case Choice.SKIP:
            reason = _line("Why is it skipped?", prompts)
            missing = not reason
        case Choice.DONE if by_hand:
            reason = _line("What was done by hand, and why?", prompts)
            missing = not reason
        case Choice.WENT_WRONG:
            reason = _line("What went wrong?", prompts)
            missing = not reason
        case Choice.REJECT:
            reason = _line("Why is it rejected?", prompts)
            missing = not reason
        case Choice.ANSWER | Choice.GOTO if question.options:
            index = prompts.choose("Which one?", [*question.options, "Back"])
            if index == len(question.options):
                return False
            value = question.options[index]
        case Choice.ANSWER:
            value = _line(question.text, prompts)
            missing = not value
        case Choice.NAMED:
            value = _line(question.text, prompts)
            missing = not value
    if missing:
        return False
    if question.kind is QuestionKind.INPUT:
        send(InputGiven(question.step, value))
    else:
        send(Answered(question.step, question.visit, question.kind, choice, value, reason))
    return True


def _line(text: str, prompts: Prompts) -> str:
    """What a person types; nothing where they go back."""
    return prompts.line(f"{text} (Enter: back)").strip()


def _reason(text: str, prompts: Prompts) -> str:
    asked = text
    while not (answer := prompts.line(asked).strip()):
        asked = f"Please write a few words. {text}"
    return answer


def _moment(text: str, prompts: Prompts) -> str:
    """A moment, shown in full and agreed to before it counts."""
    asked = text
    while True:
        said = _reason(asked, prompts)
        now = datetime.now(UTC)
        try:
            moment = read_moment(said, now)
            understood = _in_full(moment, now)
        except (ValueError, OverflowError) as error:
            asked = f"{error}. {text}"
            continue
        if prompts.choose(f"{understood}?", ["Yes - this counts", "No - type it again"]) == 0:
            return show_time(moment)
        asked = text


def _in_full(moment: datetime, now: datetime) -> str:
    """Say how long ago that is, too, and what a clock on this host showed: UTC is easily mistaken."""
    away = show_duration(abs(now - moment))
    distance = f"{away} ago" if moment <= now else f"in {away}, which is still to come"
    here = moment.astimezone()
    local = f", {here:%H:%M} {here:%Z}" if here.utcoffset() else ""
    return f"{show_moment(moment)} UTC{local}, {distance}"


def _note(prompts: Prompts, send: Send) -> None:
    text = prompts.line("Note:").strip()
    if text:
        send(NoteAdded(text))


def _abort(prompts: Prompts, send: Send) -> bool:
    if prompts.choose("Abort the run?", ["No - go back", _ABORT]) == 0:
        return False
    send(AbortRequested(_reason("Why?", prompts), source="person"))
    return True
