"""Operations: a command's one step as a runbook, whose parameters mean themselves."""

from hypothesis import given
from hypothesis import strategies as st

from drx.cli.operation import Operation
from drx.runbook.expressions import render
from drx.runbook.load import load_runbook
from drx.runbook.model import ActionStep

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"])) | st.sampled_from(
    ["{{ inputs.x }}", "{%", "}}", "{{ '", '{{ "\\', "{# no #}", "a {{ b", "C:\\new", "{\\u0041}"]
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-1000, 1000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), inner),
    max_leaves=5,
)


@given(VALUES)
def test_parameters_mean_themselves(value: object) -> None:
    operation = Operation("practise", "Practise", "shell.run", {"value": value})

    runbook, problems = load_runbook(operation.runbook(), "practise.yaml")

    assert runbook is not None, problems
    step = runbook.steps[0]
    assert isinstance(step, ActionStep)
    assert render(step.with_["value"], {}) == value


def test_an_operation_is_one_timed_step() -> None:
    runbook, problems = load_runbook(Operation("backups-prune", "Prune", "backup.prune", {}).runbook(), "x.yaml")

    assert runbook is not None
    assert not problems
    assert (runbook.kind, [step.id for step in runbook.steps]) == ("operation", ["do"])
