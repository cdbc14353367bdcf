"""Seal an object of JSON by the SHA-256 of its own bytes, as its last field. Pure."""

from hashlib import sha256

from drx.errors import DamagedError


def sealed(text: bytes) -> bytes:
    """Add a last field to an object of JSON that proves everything before it."""
    body = text.removesuffix(b"}").rstrip()
    return body + _seal(body)


def _seal(body: bytes) -> bytes:
    return f',\n "sha256": "{sha256(body).hexdigest()}"\n}}\n'.encode()


def unsealed(data: bytes, name: str) -> bytes:
    """Give the object of JSON that was sealed, proven to be as it was written.

    Raises DamagedError.
    """
    body = data[: -len(_seal(b""))]
    if data != body + _seal(body):
        raise DamagedError(f"{name} is damaged: it is not as it was written", "Use another copy or another backup")
    return body + b"}"
