"""`drx schema`: JSON Schemas for editors and of report.json, out of the models and the actions. Reads no project."""

import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from drx.actions.registry import all_actions
from drx.cli.committed import read_committed
from drx.cli.texts import Schema, describe, described_schema, mapping, models_in
from drx.config import Settings
from drx.errors import ExitCode, StaleError, UsageError
from drx.files import write_atomically
from drx.reports.document import report_schema
from drx.runbook.catalogue import ActionSpec
from drx.runbook.model import Drill, Runbook

KINDS = ("runbook", "drill", "config", "report")
FOLDER = Path("docs/schema")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: str = "runbook", output: Path | None = None, check: bool = False) -> int:
    """Print one schema; with `output`, write all of them there; with `check`, compare those that are there.

    Raises StaleError where a committed schema is not what drx would write, UsageError for a kind that there is not.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no schema for '{kind}'", f"There is one for: {', '.join(KINDS)}")
    if check:
        _check(output or FOLDER)
    elif output:
        for name in KINDS:
            write_atomically(output / f"{name}.json", schema_text(name).encode(), mode=0o644)
    else:
        print(schema_text(kind), end="")
    return ExitCode.OK


def _check(folder: Path) -> None:
    stale = [name for name in KINDS if read_committed(folder / f"{name}.json") != schema_text(name)]
    if stale:
        names = ", ".join(f"{folder}/{name}.json" for name in stale)
        raise StaleError(f"not what drx would write: {names}", "Run `make schema` and commit the result")


@cache
def schema_text(kind: str) -> str:
    """Write the schema of one kind of document; the same models give the same bytes."""
    if kind == "report":
        return report_schema()
    made = _config_schema() if kind == "config" else _steps_schema(kind)
    return json.dumps({"$schema": DIALECT, **made}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _config_schema() -> Schema:
    return _described(Settings)


def _steps_schema(kind: str) -> Schema:
    made = _described(Drill if kind == "drill" else Runbook)
    specs = [action.spec for action in all_actions()]
    definitions = mapping(made["$defs"])
    for spec in specs:
        definitions |= _parameters(spec)
    for holder in ("ActionStep", "ActionCall"):
        definition = mapping(definitions[holder])
        names: list[Schema] = [{"const": spec.name, "description": spec.summary} for spec in specs]
        mapping(definition["properties"])["action"] = {"anyOf": names, "description": "Name of the action."}
        definition["allOf"] = [_when_action(spec) for spec in specs]
    return made


def _when_action(spec: ActionSpec) -> Schema:
    needs_parameters = any(field.is_required() for field in spec.parameters.model_fields.values())
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/{spec.name}"}}}
    if needs_parameters:
        then["required"] = ["with"]
    return {"if": {"properties": {"action": {"const": spec.name}}, "required": ["action"]}, "then": then}


def _parameters(spec: ActionSpec) -> Schema:
    """The definitions of an action's parameters, under names of their own; any value may be an expression."""
    made = described_schema(spec.parameters, ref_template=f"#/$defs/{spec.name}.{{model}}")
    probes = f"#/$defs/{spec.name}.ActionCall"
    made = json.loads(json.dumps(made).replace(probes, "#/$defs/ActionCall"))
    inner = made.pop("$defs", {})
    inner.pop("ActionCall", None)
    made.pop("title", None)
    made["description"] = spec.summary
    found: Schema = {f"{spec.name}.{name}": _open(part) for name, part in inner.items()}
    return {**found, spec.name: _open(made)}


def _open(part: Schema) -> Schema:
    """Let an expression stand wherever another value than text is expected."""
    properties = mapping(part.get("properties", {}))
    for name, value in properties.items():
        field = mapping(value)
        if field.get("type") != "string" or "pattern" in field or "enum" in field:
            words: Schema = {key: field.pop(key) for key in ("description", "default") if key in field}
            properties[name] = {"anyOf": [field, {"type": "string", "pattern": r"\{\{"}], **words}
    return part


def _described(model: type[BaseModel]) -> Schema:
    """The schema of a model, with the texts that stand below its fields in the source as descriptions."""
    made: Schema = model.model_json_schema(by_alias=True)
    definitions = {**mapping(made.get("$defs", {})), model.__name__: made}
    for kind in models_in(model):
        _describe(mapping(definitions[kind.__name__]), kind)
    return made


def _describe(definition: Schema, model: type[BaseModel]) -> None:
    definition.pop("title", None)
    for field in mapping(definition.get("properties", {})).values():
        mapping(field).pop("title", None)
    describe(definition, model)
