"""What one step sees of its environment: the parts that its action declares. To reach for another one is an error."""

from collections.abc import Collection
from dataclasses import fields
from typing import TYPE_CHECKING

from drx.config.target import FIELDS, Target
from drx.errors import PermanentError

_PART_IN = {field: part for part, field in FIELDS.items()}


def narrowed(target: Target, parts: Collection[str], action: str) -> Target:
    """Give an environment as an action sees it.

    Nothing undeclared is used then, so that what a run needs is known before it begins. What reaches for a part that
    the action does not declare raises PermanentError.
    """
    seen = _Narrowed(**{field.name: getattr(target, field.name) for field in fields(Target)})
    object.__setattr__(seen, "_declared", (frozenset(parts), action))
    return seen


class _Narrowed(Target):
    _declared: tuple[frozenset[str], str]

    if not TYPE_CHECKING:  # or any misspelt attribute would pass

        def __getattribute__(self, name: str) -> object:
            part = _PART_IN.get(name)
            if part is not None:
                parts, action = object.__getattribute__(self, "_declared")
                if part not in parts:
                    where = object.__getattribute__(self, "name")
                    message = f"{action} reaches for {part} of '{where}', which it does not declare"
                    raise PermanentError(message, f'Add `uses=("{part}",)` to the action, or `targets` if it writes')
            return object.__getattribute__(self, name)
