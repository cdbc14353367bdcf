"""Keep a block of lines between two marks in somebody's file, and leave the rest alone. Pure."""

from drx.errors import UsageError


def with_block(text: str, name: str, block: str) -> str:
    """Give the text with this block between its marks: where they stand, or at the end.

    An empty block goes with its marks.

    Raises UsageError where one mark is lost, so that nobody's lines are.
    """
    begin, end = f"# >>> {name}\n", f"# <<< {name}\n"
    if text and not text.endswith("\n"):
        text += "\n"
    found = [(f"\n{text}").count(f"\n{mark}") for mark in (begin, end)]
    if found == [0, 0]:
        return f"{text}{begin}{block}{end}" if block else text
    first, last = (f"\n{text}".find(f"\n{mark}") for mark in (begin, end))
    if found != [1, 1] or last < first:
        raise UsageError(f"the marks of {name} are no pair", f"Put `{begin.strip()}` and `{end.strip()}` right by hand")
    rest = text[last + len(end) :]
    return f"{text[:first]}{begin}{block}{end}{rest}" if block else f"{text[:first]}{rest}"
