"""Find actions by name, importing only the family that is asked for. Runs none."""

from collections.abc import Collection, Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

from drx.actions.base import REGISTERED, Action
from drx.errors import InvalidInput
from drx.runbook.catalogue import ActionSpec

ENTRY_POINTS = "drx.actions"
"""Entry-point group of further families: `name = "module"`, the name being the actions' first word."""

_FAMILIES = {
    "assert": ("drx.actions.asserts",),
    "atlas": ("drx.actions.atlas",),
    "backup": (
        "drx.actions.backup",
        "drx.actions.copies",
        "drx.actions.differential",
        "drx.actions.events",
        "drx.actions.restore_notes",
        "drx.actions.restore_test",
        "drx.actions.retention",
        "drx.actions.verification",
    ),
    "dns": ("drx.actions.dns",),
    "everything": ("drx.sandbox.loss",),
    "github": ("drx.actions.github",),
    "host": ("drx.actions.host", "drx.actions.host_faults"),
    "http": ("drx.actions.http",),
    "mongo": (
        "drx.actions.mongo",
        "drx.actions.mongo_faults",
        "drx.actions.restore",
        "drx.actions.documents",
        "drx.actions.dumps",
        "drx.sandbox.faults",
    ),
    "s3": (
        "drx.actions.s3",
        "drx.actions.s3_create",
        "drx.actions.s3_faults",
        "drx.actions.uploads",
        "drx.actions.uploads_restore",
    ),
    "sandbox": ("drx.sandbox.actions", "drx.sandbox.rebuild"),
    "secrets": ("drx.actions.secrets",),
    "shell": ("drx.actions.shell",),
    "verify": ("drx.actions.verify",),
    "wait": ("drx.actions.wait",),
}


def find_action(name: str) -> Action | None:
    """Look up an action; None where there is no such one.

    Raises InvalidInput where the package that should hold it cannot be imported.
    """
    family, dot, _ = name.partition(".")
    return _family(family).get(name) if dot else None


def catalogue(name: str) -> ActionSpec | None:
    """Look up what runbooks know of an action."""
    found = find_action(name)
    return found.spec if found else None


def all_actions() -> tuple[Action, ...]:
    """Load every family and list its actions by name."""
    families = sorted({*_FAMILIES, *_installed()})
    return tuple(found for family in families for _, found in sorted(_family(family).items()))


def packages(families: Collection[str]) -> tuple[str, ...]:
    """Name the packages besides drx that bring some of these families, each with its version."""
    from importlib.metadata import entry_points

    if not set(families) - _FAMILIES.keys():
        return ()
    points = (point for point in entry_points(group=ENTRY_POINTS) if point.name in families)
    return tuple(sorted({f"{point.dist.name} {point.dist.version}" for point in points if point.dist}))


@cache
def _family(family: str) -> dict[str, Action]:
    modules = _FAMILIES.get(family) or _installed().get(family, ())
    found = [each for module in modules for each in _registered(_load(family, module))]
    return {each.spec.name: each for each in found if each.spec.name.startswith(f"{family}.")}


def _load(family: str, module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput(
            f"the actions {family}.* cannot be loaded from {module}: {error}", "Install or remove that package"
        ) from error


@cache
def _installed() -> dict[str, tuple[str, ...]]:
    from importlib.metadata import entry_points

    return {point.name: (point.value,) for point in entry_points(group=ENTRY_POINTS)}


def _registered(module: ModuleType) -> Iterator[Action]:
    for value in vars(module).values():
        found = getattr(value, REGISTERED, None)
        if isinstance(found, Action):
            yield found
