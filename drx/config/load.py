"""Find drx.yaml, read it with all its problems, and make the copy that a record keeps. Resolves no reference."""

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drx.config.model import Settings
from drx.config.values import COMMAND, FILE, REFERENCE
from drx.errors import InvalidInput, UsageError
from drx.files import read_regular
from drx.secrets import secrets_of
from drx.yaml_source import Document, InvalidDocument, Problem, nearest, read_document_partly, read_model
from drx.yaml_source.document import MAX_BYTES

FILE_NAME = "drx.yaml"
REFERENCING = ("environments", "backups", "notify", "schedules", "records")
"""The parts in which `${NAME}`, `file:` and `secret:` are references."""
SECRETS = frozenset(("secret_access_key", "client_secret", "private_key", "token", "project_token"))
"""Settings that are secrets as a whole."""

ValuePath = tuple[str | int, ...]


@dataclass(frozen=True)
class Config:
    """drx.yaml as it was read: what it says, and where each value stands."""

    settings: Settings
    document: Document
    directory: Path
    """What relative paths start from."""

    def frozen(self) -> dict[str, object]:
        """Give a drx.yaml that means the same when read from any directory; secrets stay references.

        All environments are in it: to know production is what protects it. Written as JSON with
        `ensure_ascii=False`, `read_config` reads it back.
        """
        data = copy.deepcopy(self.document.data)
        for key in ("notify", "schedules", "records"):
            data.pop(key, None)
        anchored = ("environments", "backups", "secret_command")
        return {key: _anchored(value, key, self.directory) if key in anchored else value for key, value in data.items()}


def find_config(start: Path) -> Path:
    """Find drx.yaml in `start` or the nearest directory above it, whether or not it can be read.

    Raises UsageError where there is none.
    """
    try:
        here = start.absolute()
    except FileNotFoundError:
        raise UsageError("the current directory is gone", "Change to the project's directory") from None
    for directory in (here, *here.parents):
        if os.path.lexists(directory / FILE_NAME):
            return directory / FILE_NAME
    raise UsageError(f"there is no {FILE_NAME} in {start} or above", "Make one with `drx init`")


def load_config(path: Path) -> Config:
    """Read drx.yaml.

    Raises InvalidInput where it cannot be read, InvalidDocument with every problem found in it.
    """
    try:
        data = read_regular(path, MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Name a drx.yaml that you may read") from None
    return read_config(data, _shown_path(path), path.absolute().parent)


def read_config(data: bytes, source: str, directory: Path) -> Config:
    """Read the text of a drx.yaml, or the copy in a record; `source` stands in messages.

    Raises InvalidDocument with every problem found.
    """
    document, problems = read_document_partly(data, source)
    if document is None:
        raise InvalidDocument(problems)
    settings, ill_formed = read_model(document, Settings)
    problems += ill_formed
    problems += _check_references(document)
    if settings is not None:
        problems += _check_schedules(settings, document)
    if settings is None or problems:
        raise InvalidDocument(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return Config(settings, document, directory)


def texts(value: object, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    """List every text below a value, with the way to it."""
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, part in value.items():
                yield from texts(part, (*path, key))
        case list():
            for index, part in enumerate(value):
                yield from texts(part, (*path, index))


def _check_references(document: Document) -> Iterator[Problem]:
    for part in REFERENCING:
        for path, text in texts(document.data.get(part), (part,)):
            if "${" in REFERENCE.sub("", text):
                yield document.problem(path, "a reference is not complete", "Write it like ${DATABASE_URL}")
            elif text == COMMAND or (text.startswith(COMMAND) and not document.data.get("secret_command")):
                remedy = "Write secret:NAME, and state secret_command: [COMMAND, ARGUMENT, ...]"
                yield document.problem(path, "nothing says how to read this secret", remedy)
            elif text == FILE:
                yield document.problem(path, "the name of the file is missing", "Write it like file:secrets/database")
            elif _holds_secret(path[-1], text):
                message = f"'{_name(path)}' holds a secret"
                yield document.problem(
                    path, message, "Keep it out of this file: write ${NAME}, file:PATH or secret:NAME instead"
                )


def _holds_secret(name: str | int, text: str) -> bool:
    """Whether a secret is written out here, references aside: as a whole, or as the password in an address."""
    written = "" if text.startswith((FILE, COMMAND)) else REFERENCE.sub("", text)
    return bool(written) if name in SECRETS else "://" in written and len(secrets_of(written)) > 1


def _name(path: ValuePath) -> str:
    return next((key for key in reversed(path) if isinstance(key, str)), "")


def _check_schedules(settings: Settings, document: Document) -> Iterator[Problem]:
    for index, schedule in enumerate(settings.schedules):
        name = schedule.environment
        if name is None:
            continue
        path = ("schedules", index, "environment")
        if name not in settings.environments:
            yield document.problem(path, f"there is no environment '{name}'", suggest_environment(settings, name))
        elif schedule.drill and settings.environments[name].protected:
            message = f"'{name}' is protected: no drill runs there"
            yield document.problem(path, message, "Name another environment")


def suggest_environment(settings: Settings, name: str) -> str:
    """Say which environment may be meant, and which there are."""
    match = nearest(name, settings.environments)
    return f"Did you mean '{match}'?" if match else f"There are: {', '.join(settings.environments)}"


def _anchored(value: object, key: str, directory: Path) -> object:
    """Make relative paths absolute: values of `directory`, and files that hold secrets."""
    match value:
        case dict():
            return {name: _anchored(part, name, directory) for name, part in value.items()}
        case list():
            return [_anchored(part, key, directory) for part in value]
        case str() if value.startswith(FILE):
            return FILE + str(directory / value.removeprefix(FILE))
        case str() if key == "secret_command" and value.startswith(("./", "../")):
            return str(directory / value)
        case str() if key in ("directory", "ssh_config") and not value.startswith("${"):
            return str(directory / value)
        case _:
            return value


def _shown_path(path: Path) -> str:
    """Name a file the short way, as seen from the current directory."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
