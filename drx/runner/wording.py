"""Fill in the expressions of what a person is asked. Pure: what cannot be evaluated stays as written."""

from dataclasses import replace

from drx.engine.commands import Question
from drx.engine.plan import Plan
from drx.engine.scope import scope_for
from drx.engine.state import State
from drx.errors import DrxError
from drx.runbook.expressions import render


def worded(plan: Plan, state: State, question: Question) -> Question:
    """The question as it is shown; secrets are masked in it."""
    step = plan.steps.get(question.step)
    try:
        text = render(question.text, scope_for(plan, state, step.scope if step else ""))
    except DrxError:
        return question
    return replace(question, text=str(text))
