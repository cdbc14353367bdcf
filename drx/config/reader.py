"""Read parts of drx.yaml with their references resolved: variables, files, secrets. Collects all that is missing."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from drx.config.commands import SecretCommand, UnreadSecret
from drx.config.load import Config, ValuePath
from drx.config.values import COMMAND, FILE, REFERENCE
from drx.fields import Model
from drx.yaml_source import Problem, explain

_MAX_FILE_BYTES = 64 * 1024
M = TypeVar("M", bound=Model)


class Reader:
    """Reads parts of drx.yaml with their references resolved, and collects what is missing."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self.document = config.document
        self.directory = config.directory
        self.environ = environ
        self.problems: list[Problem] = []
        self._command = SecretCommand(config.settings.secret_command or (), config.directory, environ)

    def read(self, path: ValuePath, model: type[M], without: Collection[str] = ()) -> M | None:
        """Read a mapping; what stands under the keys `without` is not looked at."""
        from pydantic import ValidationError

        before, stated = len(self.problems), self.document.node(path).value
        if isinstance(stated, dict):
            stated = {key: part for key, part in stated.items() if key not in without}
        value = self._resolved(stated, path)
        if len(self.problems) > before:
            return None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.problems += explain(self.document, path, error, model)
            return None

    def text(self, path: ValuePath) -> str:
        """Read one text; empty where something is missing."""
        return self._resolve_text(str(self.document.node(path).value), path)

    def _resolved(self, value: object, path: ValuePath) -> object:
        match value:
            case str():
                return self._resolve_text(value, path)
            case dict():
                return {key: self._resolved(part, (*path, key)) for key, part in value.items()}
            case list():
                return [self._resolved(part, (*path, index)) for index, part in enumerate(value)]
            case _:
                return value

    def _resolve_text(self, text: str, path: ValuePath) -> str:
        if text.startswith(FILE):
            return self._read_file(text.removeprefix(FILE), path)
        if text.startswith(COMMAND):
            return self._run_command(text.removeprefix(COMMAND), path)
        for name in dict.fromkeys(REFERENCE.findall(text)):
            if not self.environ.get(name):
                found = "is empty" if name in self.environ else "is not set"
                remedy = f"Set it, for example: export {name}=..."
                self.problems.append(self.document.problem(path, f"the variable {name} {found}", remedy))
        return REFERENCE.sub(lambda match: self.environ.get(match[1], ""), text)

    def _read_file(self, name: str, path: ValuePath) -> str:
        file = self.directory / name
        try:
            with file.open("rb") as stream:
                data = stream.read(_MAX_FILE_BYTES + 1)
            text = data.decode().rstrip("\r\n")
        except OSError as error:
            message = f"the file {file} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            message = f"the file {file} is not UTF-8 text"
        else:
            if text and len(data) <= _MAX_FILE_BYTES:
                return text
            message = f"the file {file} {'is too long' if text else 'is empty'}"
        self.problems.append(self.document.problem(path, message, "Put the value there, and nothing else"))
        return ""

    def _run_command(self, name: str, path: ValuePath) -> str:
        try:
            return self._command.read(name)
        except UnreadSecret as error:
            self.problems.append(self.document.problem(path, error.message, error.remedy))
            return ""
