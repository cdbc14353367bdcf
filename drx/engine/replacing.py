"""Replace fields of the engine's frozen dataclasses, quickly. To type checkers it is dataclasses.replace.

A run evolves its state with every event; running __init__ again each time would be most of the engine's own work.
For dataclasses with neither slots nor __post_init__.
"""

from typing import TYPE_CHECKING

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(value, /, **changes):
        """Give a copy of the value with these fields changed."""
        made = object.__new__(type(value))
        made.__dict__.update(value.__dict__, **changes)
        return made
