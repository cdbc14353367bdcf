"""Read what models say below their fields in the source, and put it into their JSON Schemas. Pure.

Only those who show it to people or editors read it: parsing the source takes longer than everything else at start-up.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

Schema = dict[str, object]


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """Give the text below each field, those of base classes included."""
    bases = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    return {name: text for base in bases for name, text in _own_texts(base)}


def _own_texts(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, after in zip(body.body, body.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                yield name, inspect.cleandoc(text)


def described_schema(model: type[BaseModel], ref_template: str = "#/$defs/{model}") -> Schema:
    """Give the JSON Schema of a model, with every text below a field as its description."""
    made: Schema = model.model_json_schema(ref_template=ref_template)
    definitions = mapping(made.get("$defs", {}))
    if "$ref" in made:  # a model that holds itself stands among the definitions only
        made = {**mapping(definitions[model.__name__]), "$defs": definitions}
    definitions = {model.__name__: made, **definitions}
    for found in models_in(model):
        describe(mapping(definitions[found.__name__]), found)
    return made


def describe(definition: Schema, model: type[BaseModel]) -> None:
    """Put the texts below a model's fields into its definition."""
    texts = field_texts(model)
    properties = mapping(definition.get("properties", {}))
    for name, info in model.model_fields.items():
        if name in texts:
            mapping(properties[info.alias or name]).setdefault("description", texts[name])


def models_in(kind: object) -> tuple[type[BaseModel], ...]:
    """List the models that an annotation holds, at any depth, each once, outermost first."""
    found: dict[type[BaseModel], None] = {}
    _collect(kind, found)
    return tuple(found)


def _collect(kind: object, found: dict[type[BaseModel], None]) -> None:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
        found[kind] = None
        for field in kind.model_fields.values():
            _collect(field.annotation, found)
    for part in get_args(kind):
        _collect(part, found)


def mapping(value: object) -> Schema:
    """Take a part of a schema for the mapping that it is."""
    assert isinstance(value, dict)
    return value
