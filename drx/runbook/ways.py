"""Tell which steps a runbook takes where inputs are known. Pure; what is not stated in a file may be anything."""

from collections.abc import Iterator, Mapping, Set
from itertools import islice, product

from drx.runbook.expressions import ExpressionError, as_expression, evaluate, names_in
from drx.runbook.model import Runbook

_MOST = 64
"""More ways than this are not told apart."""

Inputs = Mapping[str, object]


def ways(runbook: Runbook) -> Iterator[Inputs]:
    """Give every combination of what its inputs of type `choice` may be; at least one, without any."""
    chosen = {name: spec.choices for name, spec in runbook.inputs.items() if spec.type == "choice" and spec.choices}
    found = [dict(zip(chosen, values, strict=True)) for values in islice(product(*chosen.values()), _MOST + 1)]
    yield from found if len(found) <= _MOST else [{}]


def is_taken(when: str | None, inputs: Inputs) -> bool:
    """Say whether a step may be taken: not where its `when:` asks for these inputs alone, and they say no."""
    if when is None:
        return True
    try:
        return not inputs_of(when) <= inputs.keys() or bool(evaluate(when, {"inputs": inputs}))
    except ExpressionError:
        return True


def inputs_of(when: str) -> Set[str]:
    """Name the inputs that a `when:` asks for; whatever else it asks for stands there as it is written.

    Raises ExpressionError for one that cannot be read.
    """
    return {
        chain[1] if len(chain) > 1 and chain[0] == "inputs" else ".".join(chain)
        for chain in names_in(as_expression(when))
    }
