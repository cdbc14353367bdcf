"""The JSON Schemas for editors: complete, and the committed ones fresh."""

import json
from pathlib import Path
from typing import Any

import pytest

from drx.actions.registry import all_actions
from drx.cli.schema import KINDS, schema, schema_text
from drx.errors import StaleError, UsageError

COMMITTED = Path(__file__).parents[2] / "docs" / "schema"


def test_the_committed_schemas_are_fresh() -> None:
    assert schema(output=COMMITTED, check=True) == 0


def test_a_stale_schema_is_told_by_name(tmp_path: Path) -> None:
    schema(output=tmp_path)
    (tmp_path / "drill.json").write_text("{}")
    (tmp_path / "config.json").unlink()
    with pytest.raises(StaleError, match=r"drill\.json.*config\.json") as caught:
        schema(output=tmp_path, check=True)
    assert caught.value.exit_code == 9
    assert "runbook.json" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_printed(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema(kind) == 0
    printed = capsys.readouterr().out
    assert printed == schema_text(kind)
    assert json.loads(printed)["additionalProperties"] is False


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="runbook, drill, config, report"):
        schema("rubnook")


def definitions(kind: str) -> dict[str, Any]:
    found = json.loads(schema_text(kind))["$defs"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", ["runbook", "drill"])
def test_actions_are_completed_with_their_parameters(kind: str) -> None:
    known = definitions(kind)
    names = [action.spec.name for action in all_actions()]
    for holder in ("ActionStep", "ActionCall"):
        offered = known[holder]["properties"]["action"]["anyOf"]
        assert [one["const"] for one in offered] == names
        assert all(one["description"] for one in offered)
        assert [rule["then"]["properties"]["with"]["$ref"] for rule in known[holder]["allOf"]] == [
            f"#/$defs/{name}" for name in names
        ]
    for name in names:
        assert known[name]["additionalProperties"] is False
    within = known["http.wait"]["properties"]["within"]
    assert {"type": "string", "pattern": r"\{\{"} in within["anyOf"]
    assert within["description"] == "Give up after this long."


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "report"])
def test_every_reference_leads_somewhere_and_every_key_is_explained(kind: str) -> None:
    whole = json.loads(schema_text(kind))

    def walk(value: object) -> None:
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                assert reference.removeprefix("#/$defs/") in whole["$defs"]
                assert reference.count("/") == 2
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(whole)
    for name, definition in {kind: whole, **whole["$defs"]}.items():
        for key, field in definition.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"
