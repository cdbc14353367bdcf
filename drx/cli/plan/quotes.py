"""Let a shell see the variables that stand inside of single quotes. Pure: a command in, a command out."""

import re
from collections.abc import Collection

_PIECES = re.compile(
    r"""(?P<comment>(?:^|(?<=\s))\#[^\n]*) | (?P<single>'[^']*') | "(?:[^"\\]|\\.)*" | \\. | .""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def opened(command: str, names: Collection[str]) -> str:
    """Write `'a $NAME b'` as `'a '"$NAME"' b'`, for these names; comments and all else stay as they are.

    `${NAME:-$OTHER}` is one such name.
    """
    if not names:
        return command
    name = f"(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})(?![A-Za-z0-9_])"
    variable = re.compile(rf"\$(?:\{{{name}:-\${name}\}}|{name})")

    def part(match: re.Match[str]) -> str:
        if match["single"] is None or not variable.search(match[0]):
            return match[0]
        written = variable.sub(lambda found: f"'\"{found[0]}\"'", match[0])
        return written.removeprefix("''").removesuffix("''")

    return _PIECES.sub(part, command)
