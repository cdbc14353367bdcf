"""Write docs/reference out of the code: commands, runbooks, drills, drx.yaml, events, exit codes. `--check` compares.

The actions have a page of their own, docs/actions.md, which `drx actions` writes.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from drx.cli.app import make_app
from drx.cli.groups import GROUPS, MEANINGS
from drx.cli.parameters import parameters_of
from drx.cli.texts import models_in
from drx.config.model import Settings
from drx.engine.events import Fact
from drx.reports import safe
from drx.runbook.model import Drill, Runbook
from drx.values import Json

FOLDER = Path(__file__).parent / "reference"
NOTE = "Written by `make docs` out of the code: change it there."


def pages() -> Mapping[str, str]:
    """Give every page by its name; the same code gives the same bytes."""
    made: Mapping[str, Callable[[], str]] = {
        "commands": commands,
        "runbook": lambda: models("Runbook format", _RUNBOOK, Runbook),
        "drill": lambda: models("Drill format", _DRILL, Drill, known=Runbook),
        "config": lambda: models("drx.yaml", _CONFIG, Settings),
        "events": events,
        "exit-codes": exit_codes,
    }
    return {f"{name}.md": f"{write().rstrip()}\n" for name, write in made.items()}


_RUNBOOK = """\
A file `runbooks/<id>.yaml`. `drx check` finds every mistake at once, `drx schema runbook` lets editors complete it.
A step is told apart by its key: `action`, `confirm`, `ask`, `approve`, `parallel` or `runbook`."""
_DRILL = """\
A file `drills/<id>.yaml`: a runbook, practised. Steps are those of the [runbook format](runbook.md)."""
_CONFIG = """\
drx looks for it in the current directory, then in those above. `${NAME}` stands for a variable of the environment and
`file:PATH` for the content of a file, wherever text may stand; secrets belong nowhere else."""


def models(title: str, head: str, root: type[BaseModel], known: type[BaseModel] | None = None) -> str:
    """Write a page about a model and all that stand in it, each once; not those of a page that is linked to."""
    skipped = set(models_in(known)) if known else set()
    found = [each for each in models_in(root) if each not in skipped]
    names = {each.__name__: f"[{each.__name__}](#{each.__name__.lower()})" for each in found}
    names |= {each.__name__: f"[{each.__name__}](runbook.md#{each.__name__.lower()})" for each in skipped}
    sections = [f"# {title}", head, NOTE]
    for model in found:
        sections += [f"## {model.__name__}", inspect.getdoc(model) or "", _parameters(model, names)]
    return "\n\n".join(part for part in sections if part)


def _parameters(model: type[BaseModel], names: Mapping[str, str]) -> str:
    rows = [
        (safe.code(each.name), _markdown(each.type), _default(each.required, each.default), _markdown(each.meaning))
        for each in parameters_of(model, names)
    ]
    return safe.table(("key", "value", "default", "meaning"), rows) if rows else ""


def _default(required: bool, default: str | None) -> str:
    return "required" if required else safe.code(default or "")


def _markdown(text: str) -> safe.Markdown:
    """Take documentation for the Markdown that it is."""
    return safe.Markdown(" ".join(text.split()))


def events() -> str:
    """Write a page about what a journal holds."""
    sections = [
        "# Events",
        """\
One line of `journal.jsonl` is one event, a JSON object: `seq`, `at` (UTC), `elapsed` (seconds since the run began),
`by` (`user`, `host`, `pid`), `type` and the fields below, `prev` (the hash of the line before) and `hash` (SHA-256 over
the rest of the line, `prev` included). A last line without a line end was torn by a crash, and does not count.""",
        NOTE,
    ]
    for fact in get_args(Fact):
        rows = [(safe.code(each.name), safe.code(_type(each.type))) for each in fields(fact) if each.name != "type"]
        sections += [f"## {fact.__name__}", inspect.getdoc(fact) or ""]
        sections += [safe.table(("field", "type"), rows)] if rows else []
    return "\n\n".join(sections)


def _type(kind: object) -> str:
    if kind == Json:
        return "any JSON value"
    if get_origin(kind) is Literal:
        return " or ".join(repr(each) for each in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_type(each) for each in get_args(kind))
    if get_origin(kind):
        return str(kind).replace("typing.", "").replace("collections.abc.", "")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(repr(each.value) for each in kind)
    return "null" if kind is type(None) else getattr(kind, "__name__", str(kind))


def exit_codes() -> str:
    """Write a page about exit codes."""
    table = safe.table(("code", "meaning"), [(str(code), text) for code, text in MEANINGS.items()], right=(0,))
    status = "`drx status` alone speaks as monitoring plug-ins do: 0 ok, 1 warning, 2 critical, 3 unknown."
    return "\n\n".join(["# Exit codes", "Each command's help lists its own.", NOTE, table, status])


def commands() -> str:
    """Write a page about every command, in the order of the help."""
    root = typer.main.get_command(make_app())
    assert isinstance(root, TyperGroup)
    sections = ["# Commands", NOTE]
    for title, names in GROUPS.items():
        sections.append(f"## {title}")
        for name in names:
            for path, command in _below(name, root.commands[name]):
                sections += _command(path, command)
    return "\n\n".join(sections)


def _below(path: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _below(f"{path} {name}", inner)
    else:
        assert isinstance(command, TyperCommand)
        yield path, command


def _command(path: str, command: TyperCommand) -> Iterator[str]:
    arguments = [each for each in command.params if isinstance(each, TyperArgument) and not each.hidden]
    usage = " ".join(["drx", path, *(_argument(each) for each in arguments), "[OPTIONS]"])
    yield f"### `drx {path}`"
    yield f"```\n{usage}\n```"
    yield _escape_codes(inspect.cleandoc(command.help or "").replace("\b\n", ""))
    rows = [(safe.code(each.metavar or (each.name or "").upper()), _markdown(each.help or "")) for each in arguments]
    rows += [(safe.code(", ".join(each.opts)), _markdown(each.help or "")) for each in _options(command)]
    if rows:
        yield safe.table(("argument or option", "meaning"), rows)
    if command.epilog:
        yield command.epilog


def _argument(argument: TyperArgument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _options(command: TyperCommand) -> Iterable[TyperOption]:
    return [
        each for each in command.params if isinstance(each, TyperOption) and not each.hidden and each.name != "help"
    ]


def _escape_codes(text: str) -> str:
    """Set the example of a help text as code."""
    lines = [
        f"Example: `{line.removeprefix('Example: ')}`" if line.startswith("Example: ") else line
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the pages, or say which are stale."""
    made = pages()
    stale = [name for name, text in made.items() if _committed(FOLDER / name) != text]
    if "--check" in sys.argv:
        print(
            *(f"docs/reference/{name} is stale: run `make docs`" for name in stale), sep="\n", end="\n" if stale else ""
        )
        return 9 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(made[name])
    return 0


def _committed(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
