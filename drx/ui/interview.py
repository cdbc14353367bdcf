"""Ask a person what a run has taught: the review's questions, and what is to be done. It keeps nothing by itself."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

from drx.engine.events import ActionItemAdded, ReviewAnswered
from drx.ui.prompts import Prompts
from drx.units import parse_duration

USUAL = timedelta(days=14)
"""Until when something is to be done, where nobody says otherwise."""

Said = ReviewAnswered | ActionItemAdded


def interview(
    questions: Sequence[str], prompts: Prompts, user: str, today: date, say: Callable[[str], None]
) -> Iterator[list[Said]]:
    """Ask one question after the other; give what was said to each that was answered.

    Raises KeyboardInterrupt and EOFError as the prompts do; what was given before stands.
    """
    for question in questions:
        answer = prompts.line(question).strip()
        if not answer:
            say(f"{question} (skipped)")
            continue
        say(f"{question} {answer}")
        yield [ReviewAnswered(question, answer)]
        first = True
        while item := _item(question, prompts, user, today, first=first):
            say(f"  to do: {item.text} ({item.owner}, until {item.due})")
            yield [item]
            first = False


def _item(question: str, prompts: Prompts, user: str, today: date, *, first: bool) -> ActionItemAdded | None:
    what = "What is to be done about it?" if first else "What else is to be done about it?"
    text = prompts.line(f"{what} (Enter: nothing)").strip()
    if not text:
        return None
    owner = prompts.line(f"Who does it? (Enter: {user})").strip() or user
    usual = today + USUAL
    asked = f"Until when? ({usual} or 14d; Enter: {usual})"
    while True:
        try:
            due = parse_due(prompts.line(asked).strip(), today)
        except ValueError as error:
            asked = f"{error}; until when? (Enter: {usual})"
        else:
            return ActionItemAdded(text, owner, due, question)


def parse_due(text: str, today: date) -> date:
    """Read a day, `2026-12-01`, or how far off it is, `14d`; nothing means the usual time.

    Raises ValueError, which says how to write one.
    """
    if not text:
        return today + USUAL
    try:
        due = date.fromisoformat(text)
    except ValueError:
        try:
            due = today + parse_duration(text)
        except (ValueError, OverflowError):
            raise ValueError(f"'{text}' is no day: write it like {today + USUAL} or 14d") from None
    if due < today:
        raise ValueError(f"{due} is over")
    return due
