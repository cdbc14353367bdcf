"""`drx actions` and docs/actions.md: what runbooks can do, out of the actions' own documentation. Runs none of them."""

import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from textwrap import fill, indent

from drx.actions.base import Action
from drx.actions.registry import all_actions
from drx.cli.committed import read_committed
from drx.cli.parameters import Parameter, example_of, parameters_of
from drx.errors import ExitCode, StaleError, UsageError

REFERENCE = Path("docs/actions.md")
_WIDTH = 80
_EFFECTS = {
    "read": "It only reads.",
    "write": "It changes something.",
    "destroy": "It destroys something: the guard asks before it lets it through.",
}
_HEAD = """\
# Actions

What a step of a runbook can do. `drx actions NAME` shows the same at a terminal. Written by `drx actions` out of the
actions' own documentation: change it there.
"""


def actions(name: str | None = None, as_json: bool = False) -> int:
    """List all actions, those of one family, or explain a single one.

    Raises UsageError for a name that is none, with the nearest one.
    """
    found = all_actions()
    if name is not None:
        found = tuple(each for each in found if name in (each.spec.name, _family_name(each)))
        if not found:
            raise UsageError(f"there is no action '{name}'", _nearest(name))
    if as_json:
        json.dump([_as_json(each) for each in found], sys.stdout, indent=2)
        print()
    elif name is not None and found[0].spec.name == name:
        print(_page(found[0]), end="")
    else:
        print(_list(found), end="")
    return ExitCode.OK


def reference() -> str:
    """Write docs/actions.md: drx's own actions; the same documentation gives the same bytes."""
    own = [each for each in all_actions() if each.run.__module__.startswith("drx.")]
    parts = [_HEAD]
    for family, members in _families(own):
        parts.append(f"## {family}\n\n{_family_summary(members[0])}\n")
        parts += [_section(each) for each in members]
    return "\n".join(parts)


def check_reference(path: Path = REFERENCE) -> None:
    """Compare the committed reference with what would be written now.

    Raises StaleError where they differ.
    """
    if read_committed(path) != reference():
        raise StaleError(f"{path} is not what drx would write", "Run `make docs` and commit the result")


def write_reference(path: Path = REFERENCE) -> None:
    """Write the reference where it is committed."""
    path.write_text(reference(), encoding="utf-8")


def _family_name(action: Action) -> str:
    return action.spec.name.partition(".")[0]


def _families(found: Iterable[Action]) -> Iterator[tuple[str, list[Action]]]:
    for family, members in groupby(found, _family_name):
        yield family, list(members)


def _family_summary(member: Action) -> str:
    """Tell what a family is for: the first sentence of its module."""
    documentation = inspect.getdoc(inspect.getmodule(member.run)) or ""
    return documentation.partition("\n")[0].partition(". ")[0].rstrip(".") + "."


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    found = all_actions()
    names = [each.spec.name for each in found] + sorted({_family_name(each) for each in found})
    last_words = {each.spec.name.partition(".")[2]: each.spec.name for each in found}
    near = get_close_matches(name, names, 1) or [last_words[word] for word in get_close_matches(name, last_words, 1)]
    return f"Did you mean '{near[0]}'?" if near else "`drx actions` lists them all"


def _list(found: Iterable[Action]) -> str:
    lines = []
    for family, members in _families(found):
        lines += [family, indent(fill(_family_summary(members[0]), _WIDTH - 2), "  "), ""]
        for each in members:
            effect = "" if each.spec.effect == "read" else f" [{each.spec.effect}]"
            lines.append(f"  {each.spec.name}{effect}")
            lines.append(indent(fill(each.spec.summary, _WIDTH - 6), "      "))
        lines.append("")
    return "\n".join([*lines, "drx actions NAME explains one.", ""])


def _page(action: Action) -> str:
    spec = action.spec
    parts = [spec.name, "", fill(spec.summary, _WIDTH)]
    parts += ["", _wrapped(spec.description)] if spec.description else []
    parts += ["", fill(_nature(action), _WIDTH)]
    for title, rows in (("Parameters", _parameter_rows(action)), ("Outputs", spec.outputs.items())):
        parts += ["", title] if rows else []
        for name, meaning in rows:
            parts += [f"  {name}", indent(fill(meaning, _WIDTH - 6), "      ")]
    parts += ["", "Example", indent(example_of(spec), "  ")]
    return "\n".join([*parts, ""])


def _wrapped(text: str) -> str:
    return "\n\n".join(fill(paragraph, _WIDTH) for paragraph in text.split("\n\n"))


def _parameter_rows(action: Action) -> list[tuple[str, str]]:
    return [
        (f"{each.name}  {each.type}{_default(each)}", each.meaning) for each in parameters_of(action.spec.parameters)
    ]


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return ", required"
    return "" if parameter.default is None else f", default {parameter.default}"


def _nature(action: Action) -> str:
    spec = action.spec
    touches = f" Targets: {', '.join(spec.targets)}." if spec.targets else ""
    touches += f" Uses: {', '.join(spec.uses)}." if spec.uses else ""
    again = " After an interruption it can run again." if spec.repeatable else " It is not run twice unasked."
    return f"{_EFFECTS[spec.effect]}{touches}{again}"


def _section(action: Action) -> str:
    spec = action.spec
    parts = [f"### `{spec.name}`", spec.summary]
    parts += [spec.description] if spec.description else []
    parts.append(_nature(action))
    parameters = parameters_of(spec.parameters)
    if parameters:
        rows = [(f"`{each.name}`", each.type, _cell(each), each.meaning) for each in parameters]
        parts.append(_table(("parameter", "type", "default", "meaning"), rows))
    if spec.outputs:
        parts.append(_table(("output", "meaning"), [(f"`{name}`", text) for name, text in spec.outputs.items()]))
    parts.append(f"```yaml\n{example_of(spec)}\n```")
    return "\n\n".join(parts) + "\n"


def _cell(parameter: Parameter) -> str:
    return "required" if parameter.required else "" if parameter.default is None else f"`{parameter.default}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _as_json(action: Action) -> Mapping[str, object]:
    spec = action.spec
    return {
        "name": spec.name,
        "summary": spec.summary,
        "description": spec.description,
        "effect": spec.effect,
        "repeatable": spec.repeatable,
        "targets": list(spec.targets),
        "uses": list(spec.uses),
        "parameters": spec.parameters.model_json_schema(),
        "outputs": dict(spec.outputs),
        "example": example_of(spec),
    }
