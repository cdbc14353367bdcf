"""Which steps the inputs alone decide: a screen need not speak of those that a default leaves out."""

import pytest

from drx.engine.ways import defaults_of, steps_by_defaults
from tests.engine.plans import compile_steps

INPUTS = {
    "way": {"default": "database"},
    "moment": {"type": "datetime", "ask": "When?"},
    "dry": {"default": False, "type": "boolean"},
}


@pytest.mark.parametrize(
    ("when", "decided"),
    [
        ("inputs.way == 'documents'", True),
        ("inputs.way == 'documents' and not inputs.dry", True),
        ("inputs.moment", False),
        ("inputs.way == 'documents' and inputs.moment", False),
        ("steps.a.outputs.x == 1", False),
        ("inputs.way == steps.a.outputs.x", False),
        ("inputs.way ==", False),
    ],
)
def test_what_the_defaults_decide(when: str, decided: bool) -> None:
    plan = compile_steps(
        [{"id": "a", "action": "do-once"}, {"id": "b", "action": "do-once", "when": when}], inputs=INPUTS
    )
    assert defaults_of(plan) == {"way": "database", "dry": False}
    assert steps_by_defaults(plan) == ({"b"} if decided else frozenset())
