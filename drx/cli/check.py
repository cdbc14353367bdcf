"""`drx check`: find every problem of drx.yaml, runbooks and drills. Changes nothing, reaches no server."""

import dataclasses
import os
import typing
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from drx.cli.binder import read_binder, read_bounded
from drx.config import Config, Target, find_config, is_secret_name, read_config
from drx.errors import DrxError, ExitCode, InvalidInput, UsageError
from drx.runbook.check import Surroundings, check_document
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.runbook.model import Objectives
from drx.yaml_source import InvalidDocument, Problem

CONFIG = "drx.yaml"
SUFFIXES = (".yaml", ".yml")


def check(files: list[Path], as_json: bool = False) -> int:
    """Print every problem of these files, or of drx.yaml and everything beside it; exit 0 or 3.

    A file may be a path, a directory, or the id of a runbook or drill. Warnings alone leave the exit code at 0.
    Raises UsageError where nothing is named and there is no drx.yaml.
    """
    project = _Project.find(required=not files)
    paths = [path for file in files for path in project.expand(file)] if files else project.everything()
    problems = [problem for path in paths for problem in project.check(path)]
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        _print_json(paths, problems, errors)
    else:
        for problem in problems:
            print(problem)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            _annotate(problems)
        print(_summary(len(paths), errors, len(problems) - errors))
    return ExitCode.INVALID if errors else ExitCode.OK


def _annotate(problems: Iterable[Problem]) -> None:
    """Show problems beside the lines of a pull request."""
    from drx.reports.annotations import of_problems

    for line in of_problems(problems):
        print(line)


class _Project:
    """drx.yaml and what lies beside it, as far as it can be read."""

    def __init__(self, root: Path, config: Config | None, problems: list[Problem]) -> None:
        self.root = root
        self.config = config
        self.binder: Binder = read_binder(root)
        self.config_problems = problems
        self.surroundings = surroundings_of(config)

    @classmethod
    def find(cls, required: bool) -> "_Project":
        try:
            path = find_config(Path.cwd())
        except UsageError:
            if required:
                raise
            return cls(Path(), None, [])
        root = _short(path.parent)
        try:
            return cls(root, read_config(read_bounded(root / CONFIG), str(root / CONFIG), path.parent), [])
        except InvalidDocument as error:
            return cls(root, None, list(error.problems))
        except InvalidInput as error:
            return cls(root, None, [_unreadable(root / CONFIG, error)])

    def everything(self) -> list[Path]:
        """List drx.yaml and whatever is called like a runbook or a drill, be it a file or not."""
        folders = (self.root / name for name in (RUNBOOKS, DRILLS))
        return [self.root / CONFIG, *(path for folder in folders for path in sorted(folder.glob("*.yaml")))]

    def expand(self, file: Path) -> list[Path]:
        """Give the files that an argument means; itself, where it means none."""
        if file.is_dir():
            found = (path for path in file.rglob("*") if path.suffix in SUFFIXES and not path.is_dir())
            return sorted(found) or [file]
        if file.exists() or file.suffix in SUFFIXES or "/" in str(file):
            return [file]
        named = [self.root / folder / f"{file}.yaml" for folder in (RUNBOOKS, DRILLS)]
        return [path for path in named if path.is_file()] or [file]

    def check(self, path: Path) -> list[Problem]:
        """Find every problem of one file, whatever kind of document it is."""
        if path.is_dir():
            return [Problem(str(path), 1, 1, "it is a directory without YAML files", "Name a file")]
        try:
            data = read_bounded(path)
        except InvalidInput as error:
            return [_unreadable(path, error)]
        if path.name == CONFIG:
            if path.absolute() == (self.root / CONFIG).absolute():
                return [*self.config_problems, *self._doubts()]
            return _problems_of(lambda: read_config(data, str(path), path.absolute().parent))
        from drx.actions.registry import catalogue

        return check_document(data, str(path), catalogue, self.binder, self.surroundings)

    def _doubts(self) -> list[Problem]:
        """Warn of schedules that are sound and still cannot keep the RPO, or do not let their jobs come to an end."""
        from drx.cli.schedule.jobs import jobs_in
        from drx.schedule.rpo import too_seldom
        from drx.schedule.timeouts import too_short

        if self.config is None:
            return []
        doubts = list(too_seldom(self.config, self.binder.runbook, datetime.now(UTC)))
        try:
            jobs = jobs_in(self.config.settings, self.binder)
        except DrxError:
            return doubts  # a runbook that is missing or wrong is a problem of its own
        return [*doubts, *too_short(self.config, jobs)]


def _unreadable(path: Path, error: InvalidInput) -> Problem:
    return Problem(str(path), 1, 1, error.message.replace(f"{path} ", "it ", 1), error.remedy)


def _problems_of(read: Callable[[], object]) -> list[Problem]:
    try:
        read()
    except InvalidDocument as error:
        return list(error.problems)
    return []


def surroundings_of(config: Config | None) -> Surroundings:
    """Give what a check needs to know of drx.yaml, as far as it could be read."""
    if config is None:
        return Surroundings(targets=_target_names(), action_names=_action_names, is_secret=is_secret_name)
    settings = config.settings
    contacts = {
        f"{name}.{part}" if part else name
        for name, value in settings.contacts.items()
        for part in (value if isinstance(value, dict) else [""])
    }
    return Surroundings(
        objectives=Objectives(rto=settings.objectives.rto, rpo=settings.objectives.rpo),
        targets=_target_names(),
        contacts=frozenset(contacts),
        environments=frozenset(settings.environments),
        protected=frozenset(name for name, one in settings.environments.items() if one.protected),
        roles=settings.roles,
        action_names=_action_names,
        is_secret=is_secret_name,
    )


def _action_names() -> list[str]:
    from drx.actions.registry import all_actions

    try:
        return [action.spec.name for action in all_actions()]
    except DrxError:
        return []  # a package that cannot be loaded takes nothing away but the suggestion


def _target_names() -> frozenset[str]:
    """List every name that an environment can have below `target` in expressions."""
    return frozenset(_fields(Target)) - {"backups"}


def _fields(shape: type) -> Iterable[str]:
    for name, kind in typing.get_type_hints(shape).items():
        part = next((one for one in (kind, *typing.get_args(kind)) if dataclasses.is_dataclass(one)), None)
        if isinstance(part, type) and name != "backups":
            yield from (f"{name}.{inner}" for inner in _fields(part))
        else:
            yield name


def _short(path: Path) -> Path:
    """Name a directory as seen from the current one."""
    import os

    return Path(os.path.relpath(path))


def _summary(files: int, errors: int, warnings: int) -> str:
    def count(number: int, word: str) -> str:
        return f"{number} {word}" if number == 1 else f"{number} {word}s"

    found = ", ".join(count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number)
    return f"{count(files, 'file')} checked: {found or 'no problems'}"


def _print_json(paths: list[Path], problems: list[Problem], errors: int) -> None:
    import json

    found = [dataclasses.asdict(problem) for problem in problems]
    print(json.dumps({"files": [str(path) for path in paths], "errors": errors, "problems": found}, indent=2))
