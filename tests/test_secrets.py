"""Secrets: nothing prints them, and no split of a stream leaks one."""

import base64
import json
import pickle
import re
import textwrap
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drx.secrets import Masker, MaskingStream, Secret, secrets_of

URI = "mongodb://drx:p%40ss%2Fw0rd@db1.example:27017/pixelcraft?replicaSet=rs0"

SECRETS = st.text(st.characters(exclude_categories=("Cs", "Zl", "Zp", "Cc", "Zs")), min_size=4, max_size=300) | st.text(
    "ab\\\"/'%+=&@:é ", min_size=4, max_size=20
).map(str.strip).filter(lambda text: len(text) >= 4)
SURROUNDINGS = st.text("xyz .,:=\n\"'\\%/+&", max_size=30)


def ways_to_write(secret: str) -> dict[str, str]:
    """Write a secret as tools do."""
    data = secret.encode()
    lines = base64.b64encode(b"Authorization: Basic and more of it so that lines wrap" + data * 2).decode()
    return {
        "plain": secret,
        "percent": quote(secret, safe=""),
        "percent, lower case": re.sub("%..", lambda match: match[0].lower(), quote(secret, safe="")),
        "percent, slashes kept": quote(secret),
        "form": quote_plus(secret),
        "percent twice": quote(quote(secret, safe=""), safe=""),
        "json": json.dumps(secret),
        "json, not ascii": json.dumps(secret, ensure_ascii=False),
        "json with escaped slashes": json.dumps(secret).replace("/", "\\/"),
        "json in json": json.dumps(json.dumps({"password": secret})),
        "base64": base64.b64encode(data).decode(),
        "base64, one before": base64.b64encode(b":" + data + b"?").decode(),
        "base64, two before": base64.b64encode(b"u:" + data + b"!!").decode(),
        "base64 for addresses": base64.urlsafe_b64encode(b"u:" + data).decode(),
        "base64 in an address": quote(base64.b64encode(data).decode(), safe=""),
        "base64 in lines of 76": "\n".join(textwrap.wrap(lines, 76)),
        "base64 in lines of 64": "\r\n".join(textwrap.wrap(lines, 64)),
    }


def read_back(shown: str) -> str:
    """Everything that a reader could get out of a text by decoding it."""
    joined = re.sub(r"\r?\n", "", shown)
    found = [shown, joined]
    for text in (joined, joined.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")):
        for run in re.findall(r"[A-Za-z0-9+/_-]{4,}", text):
            for start in range(4):
                part = run[start:].replace("-", "+").replace("_", "/")
                found.append(base64.b64decode(part[: len(part) // 4 * 4]).decode("utf-8", "replace"))
                found.append(base64.b64decode(part + "A" * (-len(part) % 4)).decode("utf-8", "replace"))
    return "\x00".join(found)


@dataclass(frozen=True)
class Holder:
    """Something with a secret in it."""

    password: Secret


def test_a_secret_prints_as_stars() -> None:
    secret = Secret("hunter22")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>5}", json.dumps(secret, default=str)]
    assert "hunter22" not in " ".join([*shown, repr(Holder(secret)), repr([secret])])
    assert secret.reveal() == "hunter22"
    assert secret == Secret("hunter22")
    assert secret != Secret("hunter23")
    assert secret != "hunter22"
    assert len({secret, Secret("hunter22")}) == 1


def test_a_secret_cannot_be_written_to_a_file() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter22"))
    with pytest.raises(TypeError):
        json.dumps(Secret("hunter22"))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (URI, [URI, "p%40ss%2Fw0rd", "p@ss/w0rd"]),
        ("mongodb://db1.example:27017/pixelcraft", []),
        ("mongodb+srv://drx@db1.example/", ["mongodb+srv://drx@db1.example/"]),
        ("mongodb://h/?tls=true&tlsCertificateKeyFilePassword=s3cret", None),
        ("mongodb://u:a@b@h/x", ["mongodb://u:a@b@h/x", "a@b"]),
        ("mongodb://u:a/b@h/x", ["mongodb://u:a/b@h/x", "a/b"]),
        ("mongodb+srv://u:1?b#c@h/x", ["mongodb+srv://u:1?b#c@h/x", "1?b#c"]),
        ("mongodb://u:a@b/c@h/x", ["mongodb://u:a@b/c@h/x", "a", "a@b/c"]),
        ("mongodb://u:@h/x?appName=a@b", ["mongodb://u:@h/x?appName=a@b"]),
        ("wJalrXUtnFEMI", ["wJalrXUtnFEMI"]),
        ("https://hooks.example/T0/B1", ["https://hooks.example/T0/B1"]),
    ],
)
def test_what_is_secret_about_a_value(text: str, hidden: list[str] | None) -> None:
    assert list(secrets_of(text)) == (hidden if hidden is not None else [text, "s3cret"])


@given(SECRETS, SURROUNDINGS, SURROUNDINGS, st.data())
def test_no_way_of_writing_and_no_split_leaks(secret: str, before: str, after: str, data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(sorted(ways_to_write(secret))))
    written = ways_to_write(secret)[way]
    assume(not ("base64" in way and re.search(r"[A-Za-z0-9+/]\Z", before)))
    text = f"{before}{written}{after}"
    whole = text.encode()
    masker = Masker([secret])
    shown = masker.mask(text)
    assert written not in shown or "base64 in lines" in way
    assert secret not in read_back(shown)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    stream = MaskingStream(masker)
    pieces = [stream.feed(whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    streamed = b"".join([*pieces, stream.end()]).decode()
    assert secret not in read_back(streamed)
    assert written not in streamed


@given(SECRETS, SURROUNDINGS)
def test_byte_by_byte_gives_what_all_at_once_gives(secret: str, around: str) -> None:
    whole = f"{around}{secret}{around}{quote(secret)}".encode()
    masker = Masker([secret])
    stream = MaskingStream(masker)
    shown = b"".join([stream.feed(bytes([byte])) for byte in whole] + [stream.end()])
    assert shown == masker.mask_bytes(whole)


@given(st.lists(SECRETS, min_size=2, max_size=4), st.lists(st.integers(0, 3), max_size=8))
def test_secrets_that_overlap_are_hidden_whole(secrets: list[str], order: list[int]) -> None:
    text = " ".join(secrets[index % len(secrets)] for index in order)
    shown = Masker(secrets).mask(text)
    assert not any(secret in shown for secret in secrets)


def test_what_two_secrets_share_hides_both() -> None:
    assert Masker(["abcdefgh", "efghijkl"]).mask("[abcdefghijkl]") == "[***]"


def test_an_address_is_hidden_whole_and_its_password_alone() -> None:
    masker = Masker(secrets_of(URI))
    assert masker.mask(f"connect {URI} now") == "connect *** now"
    assert masker.mask("auth failed for drx with p@ss/w0rd") == "auth failed for drx with ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("pw: abc.", "pw: ***."), ("abcd xabc abc1", "abcd xabc abc1"), ("abc", "***"), ("(abc)\n", "(***)\n")],
)
def test_a_short_secret_is_hidden_only_as_a_word(text: str, shown: str) -> None:
    masker = Masker(["abc"])
    assert masker.mask(text) == shown
    stream = MaskingStream(masker)
    assert b"".join([*(stream.feed(bytes([byte])) for byte in text.encode()), stream.end()]).decode() == shown


def test_each_line_of_a_long_secret_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSjAgEA\n{\n-----END KEY-----\n"
    assert Masker([key]).mask("got MIIEvQIBADANBgkqhkiG9w0BAQ { }") == "got *** { }"
    assert "EFAASCBKcwggSjAgEA" not in Masker([key]).mask(json.dumps(key))


def test_lines_are_shown_as_soon_as_they_end() -> None:
    stream = MaskingStream(Masker([URI]))
    assert stream.feed(b"waiting for DNS\nnext ") == b"waiting for DNS\n"
    assert stream.feed(b"line\r") == b"next line\r"
    assert stream.feed(b"x" * 100_000)[:1] == b"x"


def test_wrapped_base64_waits_for_its_next_line() -> None:
    stream = MaskingStream(Masker(["hunter22"]))
    assert stream.feed(b"A" * 76 + b"\n") == b""


def test_without_secrets_nothing_changes() -> None:
    data = b"\xff\xfe plain"
    assert Masker().mask_bytes(data) is data
    assert Masker().mask("x") == "x"
    assert MaskingStream(Masker()).feed(b"no line end yet")
    assert Masker([""]).mask("x") == "x"


@pytest.mark.parametrize("text", ["lone \ud800 surrogate hunter22", "byte \udcff hunter22"])
def test_text_that_is_no_utf8_is_masked_too(text: str) -> None:
    assert Masker([Secret("hunter22")]).mask(text) == text.replace("hunter22", "***")


def test_a_secret_that_is_no_utf8_is_hidden() -> None:
    assert Masker(["hunter\ud800 22"]).mask("[hunter\ud800 22]") == "[***]"
    assert Masker(["hunter\udcff 22"]).mask_bytes(b"[hunter\xff 22]") == b"[***]"


def test_backslashes_do_not_make_it_slow() -> None:
    masker = Masker(['\\"' * 30 + "x"])
    assert masker.mask('\\\\\\"' * 200)


@pytest.mark.parametrize("width", [60, 64, 76])
@pytest.mark.parametrize("secret", ["hunter22", "a+/b/+c?d>e", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" * 3])
def test_base64_is_hidden_wherever_its_lines_break(secret: str, width: int) -> None:
    masker = Masker([secret])
    for before in range(3 * width):
        encoded = base64.b64encode(b"\x00" * before + secret.encode() + b"\xff" * 9).decode()
        shown = masker.mask("\n".join(textwrap.wrap(encoded, width)))
        assert "***" in shown, before
        assert secret not in read_back(shown), before


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_an_endless_line_is_shown_without_what_is_secret(size: int) -> None:
    data = b"".join(b"%d hunter22 " % number for number in range(500))
    stream = MaskingStream(Masker(["hunter22"]))
    pieces = [stream.feed(data[start : start + size]) for start in range(0, len(data), size)]
    assert len(b"".join(pieces)) > len(data) / 4
    assert b"".join([*pieces, stream.end()]) == data.replace(b"hunter22", b"***")
