"""What drills do to a sandbox, through the actions that they name."""

from pathlib import Path

import pytest
from pymongo import MongoClient

from drx.actions.base import REGISTERED, Action, Params, Result
from drx.config import Target, load_config, resolve_target
from drx.errors import Cancelled, RefusedError, StepError
from drx.sandbox import actions
from drx.sandbox.state import DATABASE, SandboxState
from tests.actions.context import FakeContext
from tests.sandbox.conftest import Ask

CONFIG = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments:
  sandbox: {sandbox: true}
"""
SIZES = {"users": 20, "images": 100, "objects": 5}


@pytest.fixture
def context(running: SandboxState, tmp_path: Path) -> FakeContext:
    path = tmp_path / "drx.yaml"
    path.write_text(CONFIG)
    return FakeContext(tmp_path / "artifacts", resolve_target(load_config(path), "sandbox", {}, running.addresses))


def run(function: object, context: FakeContext, **parameters: object) -> Result:
    """Run an action as a runbook would, its parameters read from what YAML gives."""
    action: Action = getattr(function, REGISTERED)
    params = action.spec.parameters.model_validate(parameters)
    assert isinstance(params, Params)
    return action.run(params, context)


def test_seed_write_stop_and_compare(running: SandboxState, context: FakeContext, ask: Ask) -> None:
    seeded = run(actions.seed_sandbox, context, **SIZES)
    assert seeded.outputs["writes"] == 120
    assert context.progressed[-1] == (100, 100, "images")
    assert ask("/healthz").status == 200

    assert run(actions.start_writing, context, rate=200).lines
    assert run(actions.start_writing, context).lines, "repeatable"
    stopped = run(actions.stop_writing, context)
    assert run(actions.stop_writing, context).outputs == stopped.outputs, "repeatable"

    compared = run(actions.compare_ledger, context, database=DATABASE)
    assert compared.outputs["proven_until"] == stopped.outputs["last_write_at"]
    assert compared.outputs["writes"] == stopped.outputs["writes"]
    assert compared.outputs["found"] == compared.outputs["expected"]
    assert compared.proven_until is not None

    with pytest.raises(StepError, match=r"'elsewhere' is not .* \d+ missing, 0 different"):
        run(actions.compare_ledger, context, database="elsewhere")
    with MongoClient[dict[str, object]](running.mongo_uri) as client:
        client[DATABASE]["users"].delete_one({})
    with pytest.raises(StepError, match="1 missing, 0 different, 0 extra"):
        run(actions.compare_ledger, context, database=DATABASE)


def test_compares_up_to_a_moment(context: FakeContext) -> None:
    seeded = run(actions.seed_sandbox, context, **SIZES)
    with pytest.raises(StepError, match="no write to prove"):
        run(actions.compare_ledger, context, database=DATABASE, until="2026-01-01T00:00:00Z")
    compared = run(actions.compare_ledger, context, database=DATABASE, until=seeded.outputs["last_write_at"])
    assert compared.outputs["writes"] == 120


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (actions.seed_sandbox, {}),
        (actions.start_writing, {}),
        (actions.stop_writing, {}),
        (actions.compare_ledger, {"database": DATABASE}),
    ],
)
def test_other_environments_are_refused(tmp_path: Path, function: object, parameters: dict[str, object]) -> None:
    context = FakeContext(tmp_path, Target(name="staging", service="pixelcraft"))
    with pytest.raises(RefusedError, match="'staging' is no sandbox"):
        run(function, context, **parameters)


def test_seeding_stops_when_the_run_wants_it(context: FakeContext) -> None:
    context.cancel()
    with pytest.raises(Cancelled):
        run(actions.seed_sandbox, context, **SIZES)
