"""Sign the journal of a finished run with an ssh key, and check such a signature. ssh-keygen does the work.

The signature is `ssh-keygen -Y sign` over journal.jsonl in the namespace `drx`; anybody with OpenSSH can check it. What
notes and reviews add later follows what was signed, which ends with a seal: the signature goes on holding for that.
"""

import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drx.errors import DrxError, UsageError
from drx.files import file_mode, write_atomically
from drx.journal import JOURNAL
from drx.runner.record import SIGNATURE

_NAMESPACE = "drx"
_SECONDS = 60
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_SEAL = b'"type":"ReportWritten"'
"""Stands in a line of the journal after which everything was sealed; inside of texts, quotes are escaped."""
_LINE = 70  # characters of base64, as in the PROTOCOL.sshsig of OpenSSH


@dataclass(frozen=True)
class Signed:
    """What a signature says."""

    said: str = ""
    """What holds, in words."""
    problem: str = ""
    """What is wrong; the rest counts for nothing then."""
    later: int = 0
    """How many of the newest events came after it, so that it says nothing of them."""


def sign(record: Path, key: Path) -> Path:
    """Sign the journal with a private key, or with a public one whose private half an agent holds.

    Another signature is replaced, once there is this one. Raises UsageError where the key cannot be used, DrxError
    where ssh-keygen is not there.
    """
    signature = record / SIGNATURE
    done = _ssh_keygen("sign", "-q", "-f", str(key), given=(record / JOURNAL).read_bytes())
    if done.returncode or not done.stdout:
        raise UsageError(f"{key} does not sign: {_refusal(done.stderr)}", "Name an ssh key that you can use")
    try:
        write_atomically(signature, done.stdout, file_mode(record))
    except OSError as error:
        raise UsageError(f"{signature} cannot be written: {error.strerror}", "Let its owner sign") from None
    return signature


def check_signature(record: Path, signers: Path | None) -> Signed:
    """Check the signature of a record.

    `signers` says whose signatures count, in the form of ssh's allowed signers; without it only the key is named.
    """
    signature = record / SIGNATURE
    try:
        journal, later, sound = _signed_part(record)
        if sound.returncode:
            why = _last_line(sound.stderr or sound.stdout)
            return Signed(problem=f"{signature} is not a signature of this journal: {why}")
        if not _as_written(signature.read_bytes()):
            return Signed(problem=f"{signature} is not as ssh-keygen writes it: it was changed after it was made")
        key = _last_line(sound.stdout).rpartition(" key ")[2]
        if signers is None or not signers.is_file():
            return Signed(f"made with the key {key}; no file of signers says whose that is", later=later)
        known = _ssh_keygen("find-principals", "-f", str(signers), "-s", str(signature))
        who = _last_line(known.stdout)
        if known.returncode or not who:
            return Signed(
                problem=f"{signature} was made with the key {key}, which {signers} does not know, or no longer"
            )
        valid = _ssh_keygen("verify", "-f", str(signers), "-I", who, "-s", str(signature), given=journal)
    except DrxError as error:
        return Signed(problem=str(error))
    if valid.returncode:
        return Signed(problem=f"{signature} of {who} does not count: {_last_line(valid.stderr or valid.stdout)}")
    return Signed(f"by {who}, with the key {key}", later=later)


def _signed_part(record: Path) -> "tuple[bytes, int, subprocess.CompletedProcess[bytes]]":
    """Give what a signature is of: the whole journal, or all up to an earlier seal, and how many events follow.

    Also what ssh-keygen says of it; for a signature of anything else, what it says of the whole.
    """
    whole = None
    for part, later in _sealed_parts((record / JOURNAL).read_bytes()):
        found = _ssh_keygen("check-novalidate", "-s", str(record / SIGNATURE), given=part)
        whole = whole or (part, later, found)
        if not found.returncode:
            return part, later, found
    assert whole is not None, "the whole comes first"
    return whole


def _sealed_parts(journal: bytes) -> Iterator[tuple[bytes, int]]:
    """Give the journal, then all up to each earlier seal, newest first, with the number of lines that follow."""
    yield journal, 0
    lines = journal.splitlines(keepends=True)
    end = len(journal)
    for later, line in enumerate(reversed(lines)):
        if later and _SEAL in line:
            yield journal[:end], later
        end -= len(line)


def _as_written(signature: bytes) -> bool:
    """Whether it is in the one form that ssh-keygen writes, which also takes others: a byte may have been changed."""
    body = signature.removeprefix(_BEGIN).removesuffix(_END)
    try:
        encoded = b64encode(b64decode(body.replace(b"\n", b""), validate=True))
    except ValueError:
        return False
    lines = [encoded[start : start + _LINE] + b"\n" for start in range(0, len(encoded), _LINE)]
    return signature == _BEGIN + b"".join(lines) + _END


def _ssh_keygen(action: str, *arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = ["ssh-keygen", "-Y", action, "-n", _NAMESPACE, *arguments]
    if action == "find-principals":
        command = ["ssh-keygen", "-Y", action, *arguments]
    try:
        return subprocess.run(command, input=given, capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        raise DrxError(
            "ssh-keygen is not installed", "Install OpenSSH: signatures are made and checked by it"
        ) from None
    except subprocess.TimeoutExpired:
        raise DrxError("ssh-keygen does not end", "Unlock the key in an ssh agent first") from None


def _refusal(output: bytes) -> str:
    """Say why a key was not used; of one that others may read, ssh-keygen says last that there is none."""
    lines = output.decode(errors="replace").splitlines()
    return next((line for line in lines if line.startswith("Permissions ")), _last_line(output))


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
