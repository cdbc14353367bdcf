"""Read a word without quotes as a value, and explain YAML's traps. Pure: text in, values or words out."""

import re

from drx.yaml_source.problems import shown

Explanation = tuple[str, str]
"""What is wrong, and what to do."""

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NULLS = ("", "~", "null")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_SEXAGESIMAL = re.compile(r"[-+]?([1-9][0-9]*(:[0-5]?[0-9])+|[0-9]+(:[0-5]?[0-9])+\.[0-9]*)")
_MAX_DIGITS = 300

_SYNTAX = (
    ("mapping values are not allowed", "a second `: ` stands in one line, or a line is indented too far",
     "Put text that holds `: ` in quotes, and align the keys"),
    ("cannot start any token", "text cannot begin with this character", "Put the text in quotes"),
    ("scanning an alias", "text cannot begin with *", "Put the text in quotes"),
    ("alphabetic or numeric character", "text cannot begin with * or &", "Put the text in quotes"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing", "Close it with ] or }"),
    ("expected node content", "a value is missing, or a bracket is not closed", "Add the value, or close the bracket"),
    ("unexpected end of stream", "a quote is not closed", "Close it, or double a quote that belongs to the text"),
    ("expected '-' indicator", "a list ends here although the indentation says otherwise",
     "Align the line with the `-` above, or with the key that it belongs to"),
    ("expected key", "a key was expected here", "Align the line with the keys above"),
    ("expected <block end>", "a key was expected here", "Align the line with the keys above"),
    ("unknown escape character", "a backslash in double quotes begins an escape that YAML does not know",
     "Write \\\\ for a backslash, or use single quotes"),
    ("could not find expected ':'", "a `:` is missing after a key", "Write `key: value`"),
)  # fmt: skip


def read_scalar(text: str) -> tuple[object, Explanation | None]:
    """Give the value of a word without quotes, and the trap it falls into, if any.

    Truth values follow YAML 1.1, as most people's tools do; times stay text; numbers that YAML 1.1 and 1.2 read
    differently are traps. https://yaml.org/type/
    """
    lower = text.lower()
    if lower in _NULLS:
        return None, None
    if lower in _BOOLEANS:
        return _BOOLEANS[lower], None
    if text[0] not in "+-0123456789":
        return text, None
    trap = _number_trap(text)
    return (text, trap) if trap else (_read_number(text), None)


def _number_trap(text: str) -> Explanation | None:
    if _SEXAGESIMAL.fullmatch(text):
        remedy = "Write a duration with its units, like 1m30s or 1h30m, or put text in quotes"
        return f"'{shown(text)}' is a number in base 60 for YAML", remedy
    if _OCTAL.fullmatch(text):
        return f"'{shown(text)}' is an octal number for YAML", "Remove the leading 0 of a number, or put text in quotes"
    if len(text) > _MAX_DIGITS and _NUMBER.fullmatch(text):
        return f"the number {shown(text)} is too long", "Put text in quotes"
    return None


def _read_number(text: str) -> int | float | str:
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    match = _NUMBER.fullmatch(text)
    if not match:
        return text
    return float(text) if match[2] or match[3] else int(text)


def explain_syntax_error(problem: str, text: str, line: int) -> Explanation:
    """Put a parser's complaint about a line (from 0) in words, with a remedy."""
    lines = text.splitlines()
    written = lines[line] if line < len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "a tab stands in the indentation", "Use spaces"
    for part, message, remedy in _SYNTAX:
        if part in problem:
            return message, remedy
    return f"this is not readable as YAML ({problem})", "Check quotes, brackets and indentation just before"
