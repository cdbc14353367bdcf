"""Keep secret text from being shown: a type that prints as `***`, and a mask for text, bytes and streams. No I/O."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hmac import compare_digest
from typing import Final
from urllib.parse import unquote

HIDDEN: Final = "***"
_MARK: Final = HIDDEN.encode()
_SHORT = 4
"""Secrets of fewer characters are hidden only where they stand as words of their own, or nothing could be read."""
_SHORT_LINE = 8
"""Shorter lines of a secret with several lines are not hidden: `{` is no secret."""
_PIECE = 256
"""Longer secrets are hidden piece by piece, so that a stream holds back little."""
_WRAP = 60
"""Base64 is wrapped at 64 or 76 characters: a line this long may go on in the next one."""
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/_-]+")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_PASSWORD = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*)@")
_UNESCAPED_PASSWORD = re.compile(r"^mongodb(?:\+srv)?://[^:@/?#]*:(?!@)(.+)@")
"""A password that holds a sign which ends it, such as a slash: the address is wrong, and a secret all the same."""
_QUERY_PASSWORD = re.compile(r"(?i)[?&][a-z]*(?:password|secret|token)=([^&]+)|AWS_SESSION_TOKEN:([^&,]+)")


class Secret:
    """Text that prints as `***` wherever it is not asked for by `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself: for a client library, never for a message."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_encode(self._text), _encode(other._text))

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written to a file")


def secrets_of(text: str) -> tuple[str, ...]:
    """List what has to be hidden of a secret value: all of it; of an address, only if it holds a password."""
    address = _URL_PASSWORD.match(text)
    passwords = [part for pair in _QUERY_PASSWORD.findall(text) for part in pair if part]
    if address:
        _, colon, password = address[1].partition(":")
        passwords += [password] if colon else []
    if unescaped := _UNESCAPED_PASSWORD.match(text):
        passwords.append(unescaped[1])
    if not address and text.startswith(("mongodb://", "mongodb+srv://")) and not passwords:
        return ()
    decoded = [unquote(password) for password in passwords]
    return tuple(dict.fromkeys(filter(None, [text, *passwords, *decoded])))


@dataclass(frozen=True, slots=True)
class _Form:
    """One way in which a secret may be written."""

    probes: tuple[bytes, ...]
    """One of these stands in every occurrence: a quick way to rule it out."""
    pattern: bytes
    """A regular expression; compiled when a probe was found."""
    longest: int


class Masker:
    """Replaces every known secret by `***`: plain, percent-, base64- or JSON-escaped."""

    def __init__(self, secrets: Iterable[str | Secret] = ()) -> None:
        self._forms: dict[bytes, tuple[_Form, ...]] = {}
        self.longest = 0
        """The most bytes that one hidden occurrence can take."""
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str | Secret) -> None:
        """Hide this text from now on; each of its lines too, since output comes in lines."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        forms = dict(self._forms)
        lines = [line.strip() for line in text.splitlines()]
        for line in lines:
            if len(lines) > 1 and len(line) < _SHORT_LINE:
                continue
            for piece in _pieces(line):
                forms.setdefault(_encode(piece), tuple(_forms_of(piece)))
        self._forms = forms
        self.longest = max((form.longest for each in forms.values() for form in each), default=0)

    def mask(self, text: str) -> str:
        """Give the text with `***` in place of secrets."""
        if not self._forms:
            return text
        errors = "surrogateescape"
        try:
            data = text.encode("utf-8", errors)
        except UnicodeEncodeError:
            errors = "surrogatepass"
            data = text.encode("utf-8", errors)
        masked = self.mask_bytes(data)
        return text if masked is data else masked.decode("utf-8", errors)

    def mask_bytes(self, data: bytes) -> bytes:
        """Give the bytes with `***` in place of secrets."""
        spans = self.find(data, 0)
        return _replace(data, 0, len(data), spans) if spans else data

    def find(self, data: bytes, start: int) -> list[tuple[int, int]]:
        """List where secrets stand from `start` on, in order; what overlaps is one span."""
        found = [
            match.span()
            for forms in self._forms.values()
            for form in forms
            if any(probe in data for probe in form.probes)
            for match in re.compile(form.pattern).finditer(data, start)
        ]
        spans: list[tuple[int, int]] = []
        for begin, end in sorted(found):
            if spans and begin < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((begin, end))
        return spans


class MaskingStream:
    """Masks a stream piece by piece: whole lines at once; of an unfinished line, what can begin no secret."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._data = b""
        self._given = 0
        """Bytes at the start of `_data` that were given out; at most one, kept to see where words begin."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and give what can be shown by now."""
        self._data += data
        line_end = max(self._data.rfind(b"\n"), self._data.rfind(b"\r")) + 1
        last_line = self._data[:line_end][-_WRAP - 2 :].rstrip(b"\r\n")
        if len(last_line) >= _WRAP and _BASE64_LINE.fullmatch(last_line):
            line_end = 0
        return self._give(max(line_end, len(self._data) - self._masker.longest - 1))

    def end(self) -> bytes:
        """Give the rest."""
        return self._give(len(self._data))

    def _give(self, until: int) -> bytes:
        if until <= self._given:
            return b""
        spans = self._masker.find(self._data, self._given)
        until = next((begin for begin, end in spans if begin < until < end), until)
        shown = _replace(self._data, self._given, until, [span for span in spans if span[1] <= until])
        kept = max(until - 1, 0)
        self._data, self._given = self._data[kept:], until - kept
        return shown


def _replace(data: bytes, start: int, end: int, spans: Sequence[tuple[int, int]]) -> bytes:
    parts = []
    for span_start, span_end in spans:
        parts += [data[start:span_start], _MARK]
        start = span_end
    return b"".join([*parts, data[start:end]])


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _pieces(line: str) -> list[str]:
    size = -(-len(line) // -(-len(line) // _PIECE)) if line else 1
    return [line[at : at + size] for at in range(0, len(line), size)]


def _forms_of(text: str) -> Iterator[_Form]:
    data = _encode(text)
    if len(text) < _SHORT:
        pattern = rb"(?<![A-Za-z0-9])" + re.escape(data) + rb"(?![A-Za-z0-9])"
        yield _Form((data,), pattern, len(data))
        return
    probe = _longest_word(data)
    patterns = {
        b"".join(_one_of(write(character)) for character in text) for write in (_in_addresses, _in_json, _in_json_twice)
    }
    for pattern in patterns:
        yield _Form((probe,), pattern, 7 * len(data))
    for offset in range(3):
        yield _base64_form(data, offset)


def _longest_word(data: bytes) -> bytes:
    return max(re.findall(rb"[A-Za-z0-9]+", data), key=len, default=b"")


def _one_of(ways: Iterable[str]) -> bytes:
    return b"(?:" + b"|".join(re.escape(_encode(way)) for way in ways) + b")"


def _in_addresses(character: str) -> list[str]:
    """Write a character as it is, and percent-encoded once and twice."""
    if _is_plain(character):
        return [character]
    encoded = "".join(f"%{byte:02x}" for byte in _encode(character))
    twice = encoded.replace("%", "%25")
    return [character, encoded, encoded.upper(), twice, twice.upper(), *("+" if character == " " else "")]


def _in_json(character: str) -> list[str]:
    """Write a character in the ways that JSON and the string literals of most languages know."""
    if _is_plain(character):
        return [character]
    digits = character.encode("utf-16-be", "surrogatepass").hex()
    units = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    ways = ["".join(rf"\u{unit}" for unit in units), "".join(rf"\u{unit.upper()}" for unit in units)]
    ways += [rf"\{_JSON_LETTERS.get(character, character)}", *("" if character == "\\" else character)]
    return ways


def _in_json_twice(character: str) -> list[str]:
    return [re.sub(r'[\\"]', r"\\\g<0>", way) for way in _in_json(character)]


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isalnum()


_JSON_LETTERS = {"\t": "t", "\b": "b"}
"""Control characters that a line can hold and JSON has a letter for."""


def _base64_form(data: bytes, offset: int) -> _Form:
    """Match the data in base64 where it begins `offset` bytes after a group of three; RFC 4648 with both alphabets."""
    bits = "." * 8 * offset + "".join(f"{byte:08b}" for byte in data)
    bits += "." * (-len(bits) % 6)
    digits = [bits[at : at + 6] for at in range(0, len(bits), 6)][8 * offset // 6 :]
    known = bytes(_BASE64[int(digit, 2)] for digit in digits if "." not in digit)
    half = min(len(known), _WRAP // 2) // 2
    # Lines of base64 have at least _WRAP characters, so that a line break spares one of two neighbouring halves.
    probes = (_longest_word(known[:half]), _longest_word(known[half : 2 * half]))
    pattern = rb"(?:\r?\n|\\n)?".join(map(_base64_digit, digits))
    return _Form(probes, pattern, 8 * len(digits))


@cache
def _base64_digit(bits: str) -> bytes:
    """Match one character of base64 of which some bits may be unknown."""
    fits = re.compile(bits).fullmatch
    characters = [_BASE64[value] for value in range(64) if fits(f"{value:06b}")]
    plain = bytes(character for character in characters if character not in _BASE64_SIGNS)
    signs = [_BASE64_SIGNS[character] for character in characters if character in _BASE64_SIGNS]
    return b"(?:" + b"|".join([b"[" + plain + b"]"] * bool(plain) + signs) + b")"


_BASE64_SIGNS = {ord("+"): rb"[+-]|%2[bB]|\\u002[bB]", ord("/"): rb"[/_]|%2[fF]|\\/|\\u002[fF]"}
"""The two characters that alphabets differ in, with their escaped forms."""
