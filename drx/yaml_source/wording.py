"""Put what pydantic complains about in words, at its position. Loaded only where something is wrong."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from drx.yaml_source.document import Document
from drx.yaml_source.problems import Path, Problem, nearest, shown, suggest

_PATTERNS = {
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "Use lower case letters, digits and single hyphens, like db-drop",
    r"^[a-z][a-z0-9_]*$": "Use lower case letters, digits and underscores, like incident_time",
}

_NUMBER = ("must be a number", "Write it in digits, without quotes")
_MAPPING = ("must hold keys and values", "Write `key: value` lines below it, or {{key: value}}")
_LIST = ("must be a list", "Write its entries below it, each after a `- `, or in [ ]")
_EMPTY = ("is empty", "Add what belongs there, or remove the key")
_BOOLEAN = ("must be true or false", "Write true or false")
_WORDS = {
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "dict_type": _MAPPING,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "greater_than": ("must be more than {gt}", "Write a larger number"),
    "greater_than_equal": ("must be at least {ge}", "Write a larger number"),
    "int_from_float": ("must be a whole number", "Write it without a fraction"),
    "int_parsing": _NUMBER,
    "int_type": _NUMBER,
    "less_than": ("must be less than {lt}", "Write a smaller number"),
    "less_than_equal": ("must be at most {le}", "Write a smaller number"),
    "list_type": _LIST,
    "model_type": _MAPPING,
    "string_too_long": ("is longer than {max_length} characters", "Shorten it"),
    "string_too_short": _EMPTY,
    "string_type": ("must be text", "Write one text"),
    "too_short": _EMPTY,
    "tuple_type": _LIST,
    "union_tag_not_found": ("must be a mapping with the key that says what it is", "Write `key: value` lines"),
}


def word(
    document: Document,
    base: Path,
    error: ValidationError,
    model: type[BaseModel],
    unknown: Iterable[tuple[str | int, ...]] = (),
) -> list[Problem]:
    """Put what pydantic says of the value at `base` in words, in the order of the file.

    At `unknown` stand values that are not known yet: complaints about them, or about what holds them, are left out.
    """
    open_paths = {path[:length] for path in unknown for length in range(len(path) + 1)}
    found = [
        (details, place)
        for details, place in without_echoes(document, locate(base, error, model))
        if details["type"] == "extra_forbidden" or not (place.path in open_paths or document.in_gap(place.path))
    ]
    meant = {
        (*place.path[:-1], meant_key(place, document.node(place.path[:-1]).keys))
        for details, place in found
        if details["type"] == "extra_forbidden"
    }
    problems = {
        (place.path, details["type"] == "extra_forbidden"): _describe(document, details, place)
        for details, place in found
        if details["type"] != "missing" or place.path not in meant
    }
    return sorted(problems.values(), key=lambda problem: (problem.line, problem.column))


def word_values(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """Put what pydantic says of values that stand in no file in words, each with its remedy."""
    located = locate((), error, model)
    inner = {place.union for _, place in located if place.union is not None and place.path != place.union}
    found: dict[str, tuple[str, str]] = {}
    for details, place in located:
        if place.union in inner and place.path == place.union:
            continue  # another type of the union fits better
        name = f"'{shown(_way(place.path))}'" if place.path else "the parameters"
        match details["type"]:
            case "extra_forbidden":
                said = f"{name} is not known", "Remove it"
            case "missing":
                said = f"{name} is missing", "Add it"
            case _:
                said = _explain_value(details, name, place.alternatives)
        if name in found:
            said = f"{found[name][0]}, or{said[0].removeprefix(name)}", found[name][1]
        found[name] = said
    return list(found.values())


def _way(path: Path) -> str:
    """Write the way to a value: `env.HOME`, `command[1]`."""
    return "".join(f".{key}" if isinstance(key, str) else f"[{key}]" for key in path).removeprefix(".")


@dataclass(frozen=True)
class Complaint:
    """Where in the document, and in which model, a complaint belongs."""

    path: tuple[str | int, ...]
    owner: type[BaseModel] | None = None
    """The model whose field it is."""
    union: tuple[str | int, ...] | None = None
    """Where the choice between several types stands, if there is one without a deciding key."""
    is_model: bool = False
    """The chosen branch of that union is a model."""
    alternatives: tuple[str, ...] = ()
    is_key: bool = False
    """It is about the key, not about its value."""
    """How the model branches of that union are written."""

    def known_keys(self) -> list[str]:
        """List the keys that may stand beside it."""
        return [info.alias or name for name, info in self.owner.model_fields.items()] if self.owner else []


def locate(base: Path, error: ValidationError, model: type[BaseModel]) -> list[tuple[ErrorDetails, Complaint]]:
    """Find what each complaint of pydantic is about."""
    return [_follow(base, details, model) for details in error.errors(include_url=False)]


def meant_key(place: Complaint, written: Container[str | int]) -> str | None:
    """Tell which key is most likely meant by an unknown one, unless that one is there too."""
    meant = nearest(str(place.path[-1]), place.known_keys())
    return None if meant in written else meant


def _follow(base: Path, details: ErrorDetails, model: type[BaseModel]) -> tuple[ErrorDetails, Complaint]:
    """Follow pydantic's location along the types: it names union branches, which the document does not have."""
    place = Complaint(tuple(base), model)
    current: list[Any] = [model]
    for element in details["loc"]:
        members = _members(current)
        if len(members) > 1:
            place, current = _enter_branch(place, members, str(element))
            continue
        kind = members[0][1] if members else None
        if element == "[key]":
            place = replace(place, is_key=True)
            continue
        path = (*place.path, element)
        if _is_model(kind):
            kind.model_rebuild()  # models are built on first use; until then their types may be names
            fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
            place, current = replace(place, path=path, owner=kind), [fields[element]] if element in fields else []
        else:
            arguments = [argument for argument in get_args(kind) if argument is not ...]
            place, current = replace(place, path=path, owner=None), arguments[-1:]
    return details, place


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return hasattr(kind, "model_fields")


def _members(types: Iterable[Any]) -> list[tuple[str, Any]]:
    """List what a type may be, unions opened, each with the name that pydantic gives the branch."""
    found: list[tuple[str, Any]] = []
    for kind in types:
        if get_origin(kind) is Annotated:
            inner, *metadata = get_args(kind)
            tag = next((item.tag for item in metadata if hasattr(item, "tag")), None)
            found += [(tag or name, member) for name, member in _members([inner])]
        elif get_origin(kind) in (Union, UnionType):
            found += _members(get_args(kind))
        elif kind is not NoneType:
            found.append((getattr(kind, "__name__", ""), kind))
    return found


def _enter_branch(place: Complaint, members: list[tuple[str, Any]], label: str) -> tuple[Complaint, list[Any]]:
    chosen = [kind for name, kind in members if name == label or (_is_model(kind) and _has_tag(kind, label))]
    models = [kind for name, kind in members if _is_model(kind)]
    if len(models) == len(members):
        return place, chosen
    alternatives = tuple(f"`{next(iter(kind.model_fields))}: ...`" for kind in models)
    is_model = bool(chosen) and _is_model(chosen[0])
    return replace(place, union=place.path, is_model=is_model, alternatives=alternatives), chosen


def _has_tag(kind: type[BaseModel], label: str) -> bool:
    """Whether the model is the one with this word in the field that tells the models of a union apart."""
    return any(get_args(info.annotation) == (label,) for info in kind.model_fields.values())


def without_echoes(
    document: Document, found: list[tuple[ErrorDetails, Complaint]]
) -> list[tuple[ErrorDetails, Complaint]]:
    """Drop complaints of branches that were not meant, and of lists that only seem empty as their entries failed."""
    kept = []
    for details, place in found:
        if place.union is not None and place.is_model != isinstance(document.node(place.union).value, dict):
            continue
        if details["type"] == "too_short" and details["input"]:
            continue
        kept.append((details, place))
    return kept or found


def _describe(document: Document, details: ErrorDetails, place: Complaint) -> Problem:
    key = place.path[-1] if place.path else ""
    if details["type"] == "extra_forbidden":
        remedy = suggest(str(key), place.known_keys(), "Known keys")
        return document.problem_at_key(place.path, f"unknown key '{shown(key)}'", remedy)
    if details["type"] == "missing":
        return document.problem(place.path[:-1], f"'{key}' is missing", f"Add `{key}: ...`")
    if place.is_key:
        return document.problem_at_key(place.path, *_explain_value(details, "a name", ()))
    name = f"entry {key + 1} of '{_last_key(place.path)}'" if isinstance(key, int) else f"'{shown(key)}'"
    trap = _trap(document.node(place.path).plain, details, name)
    return document.problem(place.path, *(trap or _explain_value(details, name, place.alternatives)))


def _explain_value(details: ErrorDetails, name: str, alternatives: tuple[str, ...]) -> tuple[str, str]:
    context: Mapping[str, Any] = details.get("ctx", {})
    kind, value = details["type"], shown(details["input"])
    if kind == "value_error":
        message, _, remedy = str(context["error"]).partition(". ")
        return f"{name}: {message}", remedy or "Correct it"
    if kind == "string_pattern_mismatch":
        remedy = _PATTERNS.get(context["pattern"], f"It must match {context['pattern']}")
        return f"{name} cannot be '{value}'", remedy
    if kind in ("literal_error", "enum"):
        choices = ", ".join([context["expected"].replace("'", "").replace(" or ", ", "), *alternatives])
        return f"{name} cannot be {value}", f"Write one of: {choices}"
    if kind == "union_tag_invalid":
        choices = context["expected_tags"].replace("'", "")
        return f"{context['discriminator']} cannot be '{context['tag']}'", f"Write one of: {choices}"
    if kind == "union_tag_not_found":
        return f"{context['discriminator']} is missing", f"Add `{context['discriminator'].strip(chr(39))}: ...`"
    if kind in _WORDS:
        message, remedy = _WORDS[kind]
        return f"{name} {message.format(**context)}", remedy.format(**context)
    message, _, remedy = details["msg"].partition(". ")
    return f"{name}: {message.replace('Input should', 'it should')}", remedy or "Correct it"


def _trap(plain: str | None, details: ErrorDetails, name: str) -> tuple[str, str] | None:
    """Say what YAML made of a word without quotes, where that is what is wrong."""
    if plain is None:
        return None
    if details["input"] is None:
        return f"{name} has no value", "Add it, or remove the key"
    if details["type"] != "string_type":
        return None
    reading = "a number" if not isinstance(details["input"], bool) else str(details["input"]).lower()
    return f"{shown(plain)} is read as {reading} where text is expected", f'Put it in quotes: "{shown(plain)}"'


def _last_key(path: Path) -> str:
    return next((shown(key) for key in reversed(path) if isinstance(key, str)), "the file")
