"""Sign the journal of a finished run with an ssh key, and check such a signature. ssh-keygen does the work.

The signature is `ssh-keygen -Y sign` over journal.jsonl in the namespace `drx`; anybody with OpenSSH can check it.
"""

import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

from drx.errors import DrxError, UsageError
from drx.journal import JOURNAL
from drx.runner.record import SIGNATURE

_NAMESPACE = "drx"
_SECONDS = 60
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_LINE = 70  # characters of base64, as in the PROTOCOL.sshsig of OpenSSH


def sign(record: Path, key: Path) -> Path:
    """Sign the journal with a private key, or with a public one whose private half an agent holds.

    Raises UsageError where the key cannot be used, DrxError where ssh-keygen is not there.
    """
    signature = record / SIGNATURE
    signature.unlink(missing_ok=True)  # ssh-keygen would ask before it replaces it
    done = _ssh_keygen("sign", "-q", "-f", str(key), str(record / JOURNAL))
    if done.returncode or not signature.exists():
        raise UsageError(f"{key} does not sign: {_last_line(done.stderr)}", "Name an ssh key that you can use")
    return signature


def check_signature(record: Path, signers: Path | None) -> tuple[str, list[str]]:
    """Check the signature of a record: what holds, in words, and what is wrong.

    `signers` says whose signatures count, in the form of ssh's allowed signers; without it only the key is named.
    """
    signature, journal = record / SIGNATURE, (record / JOURNAL).read_bytes()
    try:
        sound = _ssh_keygen("check-novalidate", "-s", str(signature), given=journal)
        if sound.returncode:
            return "", [f"{signature} is not a signature of this journal: {_last_line(sound.stderr or sound.stdout)}"]
        if not _as_written(signature.read_bytes()):
            return "", [f"{signature} is not as ssh-keygen writes it: it was changed after it was made"]
        key = _last_line(sound.stdout).rpartition(" key ")[2]
        if signers is None or not signers.is_file():
            return f"signature: made with the key {key}; no file of signers says whose that is", []
        known = _ssh_keygen("find-principals", "-f", str(signers), "-s", str(signature))
        who = _last_line(known.stdout)
        if known.returncode or not who:
            return "", [f"{signature} was made with the key {key}, which {signers} does not know, or no longer"]
        valid = _ssh_keygen("verify", "-f", str(signers), "-I", who, "-s", str(signature), given=journal)
    except DrxError as error:
        return "", [str(error)]
    if valid.returncode:
        return "", [f"{signature} of {who} does not count: {_last_line(valid.stderr or valid.stdout)}"]
    return f"signature: by {who}, with the key {key}", []


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


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
