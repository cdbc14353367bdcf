"""Every runbook inside of a runbook is found, wherever it is called from; a circle is named, not followed."""

import pytest

from drx.errors import InvalidInput
from drx.runbook.load import Binder
from drx.runbook.nesting import closure


def _runbook(name: str, **sections: str) -> bytes:
    steps = sections.pop("steps", "[{id: a, action: x.y, expect: 1s}]")
    rest = "".join(f"{key}: {value}\n" for key, value in sections.items())
    return f"runbook: {name}\ntitle: {name}\nsteps: {steps}\n{rest}".encode()


def _binder(**runbooks: bytes) -> Binder:
    return Binder({f"runbooks/{name}.yaml": text for name, text in runbooks.items()})


def _call(name: str, step: str = "call") -> str:
    return f"[{{id: {step}, runbook: {name}}}]"


def test_all_are_found_each_once_the_outermost_first() -> None:
    branches = "[{id: p, parallel: {one: [{id: c, runbook: deep}], two: [{id: d, runbook: tidy}]}}]"
    binder = _binder(
        outer=_runbook("outer", prechecks=_call("look", "l"), steps=branches, cleanup=_call("tidy", "t")),
        look=_runbook("look"),
        deep=_runbook("deep", steps=_call("look")),
        tidy=_runbook("tidy"),
    )
    assert closure(binder, "outer") == ["outer", "look", "deep", "tidy"]
    assert closure(binder, "tidy") == ["tidy"]


@pytest.mark.parametrize("section", ["prechecks", "steps", "cleanup"])
def test_a_circle_is_named_whole(section: str) -> None:
    binder = _binder(
        a=_runbook("a", **{section: _call("b")}), b=_runbook("b", steps=_call("c")), c=_runbook("c", steps=_call("a"))
    )
    with pytest.raises(InvalidInput, match="in a circle: a > b > c > a"):
        closure(binder, "a")


def test_one_that_calls_itself_and_one_that_is_not_there() -> None:
    with pytest.raises(InvalidInput, match="in a circle: a > a"):
        closure(_binder(a=_runbook("a", steps=_call("a"))), "a")
    with pytest.raises(InvalidInput, match="nowhere"):
        closure(_binder(a=_runbook("a", steps=_call("nowhere"))), "a")
