"""Give signs that a terminal's encoding lacks a stand-in that it has. Importing it makes `STAND_IN` known to Python."""

import codecs

STAND_IN = "drx.stand-in"
"""How to encode for people: `text.encode(encoding, STAND_IN)`."""
_STAND_INS = str.maketrans({
    "─": "-", "━": "=", "·": "-", "—": "-", "…": "~", "→": ">", "←": "<", "»": ">", "✓": "+", "✗": "!", "▶": ">",
    "█": "#", "↻": "~", "↶": "<",
})  # fmt: skip
"""One cell for one cell, so that what is aligned stays aligned."""


def encodable(text: str, encoding: str | None) -> str:
    """Give the text as a stream of this encoding will show it."""
    known = encoding or "ascii"
    return text.encode(known, STAND_IN).decode(known)


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_STAND_INS)
    return lacking.encode("ascii", "replace").decode("ascii"), error.end


codecs.register_error(STAND_IN, _stand_in)
