"""Describe the parameters of an action for people: names, types, defaults, an example. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from drx.cli.texts import described_schema, mapping
from drx.runbook.catalogue import ActionSpec

_WORDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
_SHAPES = {"ActionCall": "action", "BeforeOperation": "`{before: ...}`", "UpToOperation": "`{up_to: ...}`"}
_SAMPLES: Mapping[str, object] = {"integer": 1, "number": 1, "true or false": "true", "duration": "30s"}
_SAMPLES_OF_NAMES: Mapping[str, object] = {
    "actual": '"{{ steps.count.outputs.count }}"',
    "at": '"2026-11-21T08:00:00Z"',
    "base": '"{{ steps.choose.outputs.base }}"',
    "collection": "images",
    "command": "[systemctl, restart, pixelcraft]",
    "database": "pixelcraft_recovered",
    "field": "sha256",
    "into": "pixelcraft_recovered",
    "keep_in": "pixelcraft_replaced",
    "key": "uploads/00/000000.jpg",
    "name": "DATABASE_URL",
    "path": "/backups/dump",
    "since": '"{{ inputs.incident_time }}"',
    "store": '"{{ steps.choose.outputs.store }}"',
    "source": "pixelcraft_recovered",
    "snapshot": '"{{ steps.snapshots.outputs.id }}"',
    "url": '"{{ target.health_url }}"',
    "urls_to": "snapshot-urls.txt",
    "within": "5m",
    "workflow": "deploy-staging.yml",
}
_CHOICES: Mapping[str, Mapping[str, object]] = {
    "assert.that": {"equals": 50000},
    "atlas.restore": {"into": "pixelcraft-recovered", "at": '"2026-11-21T08:00:00Z"'},
    "dns.point": {"name": "app.pixelcraft.example", "value": "192.0.2.10"},
    "dns.read": {"name": "app.pixelcraft.example"},
    "github.wait": {"run": 9876543210},
    "host.set_variable": {"mongo_database": '"{{ steps.restore.outputs.database }}"'},
    "mongo.count": {"at_least": 1},
    "mongo.restore": {"at": '{before: "{{ steps.find.outputs.ts }}"}'},
    "s3.count": {"at_least": 1},
    "wait.for": {"all_of": "[{action: mongo.ping}]"},
    "wait.until": {"for": "30s"},
}
"""Parameters that an example needs although none of them is required by itself."""


@dataclass(frozen=True)
class Parameter:
    """One parameter in words."""

    name: str
    type: str
    required: bool
    default: str | None
    meaning: str


def parameters_of(model: type[BaseModel], shapes: Mapping[str, str] = _SHAPES) -> tuple[Parameter, ...]:
    """List the parameters of a model as runbooks write them, in the order in which they are declared.

    `shapes` says how to call the models that stand in it; any other is a mapping.
    """
    schema = described_schema(model)
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    return tuple(
        Parameter(
            name,
            _type_of(described, shapes),
            name in required,
            _shown(described.get("default")),
            " ".join(str(described.get("description", "")).split()),
        )
        for name, described in ((name, mapping(part)) for name, part in mapping(schema.get("properties", {})).items())
    )


def example_of(spec: ActionSpec) -> str:
    """Write a step that calls the action with what it cannot do without."""
    given = {each.name: _sample(each) for each in parameters_of(spec.parameters) if each.required}
    given |= _CHOICES.get(spec.name, {})
    parameters = ", ".join(f"{name}: {value}" for name, value in given.items())
    lines = [f"- id: {spec.name.partition('.')[2].replace('_', '-')}", f"  action: {spec.name}"]
    return "\n".join([*lines, *([f"  with: {{{parameters}}}"] if parameters else []), "  expect: 1m"])


def _sample(parameter: Parameter) -> object:
    return _SAMPLES_OF_NAMES.get(parameter.name) or _SAMPLES.get(parameter.type) or f"... # {parameter.type}"


def _type_of(schema: Mapping[str, object], shapes: Mapping[str, str]) -> str:
    match schema:
        case {"enum": list(values)}:
            return " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            return " or ".join(dict.fromkeys(_type_of(each, shapes) for each in options if each != {"type": "null"}))
        case {"type": "string", "format": "date-time"}:
            return "time"
        case {"type": "string", "examples": ["30s", *_]}:
            return "duration"
        case {"type": "array", "items": dict(item)}:
            return f"list of {_type_of(item, shapes)}"
        case {"type": str(kind)} if kind in _WORDS:
            return _WORDS[kind]
        case {"$ref": str(name)}:
            return shapes.get(name.rpartition("/")[2], "mapping")
        case {"type": "object", "patternProperties": dict(items)} if shapes is not _SHAPES:
            return f"mapping of {' or '.join(_type_of(mapping(item), shapes) for item in items.values())}"
        case {"type": "object"}:
            return "mapping"
        case _:
            return "any value"


def _shown(value: object) -> str | None:
    match value:
        case None | "" | [] | {} | ():
            return None
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)
