"""Digest a set of documents so that order does not matter and parts add up. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Digest:
    """How many documents, how many bytes, and the sum modulo 2^128 of a 128-bit hash of each.

    Digests of parts add up to the digest of the whole. Documents count as often as they occur.
    """

    count: int = 0
    size_bytes: int = 0
    total: int = 0

    def __add__(self, other: "Digest") -> "Digest":
        return Digest(
            self.count + other.count,
            self.size_bytes + other.size_bytes,
            (self.total + other.total) % _MODULUS,
        )

    def __sub__(self, other: "Digest") -> "Digest":
        return Digest(
            self.count - other.count,
            self.size_bytes - other.size_bytes,
            (self.total - other.total) % _MODULUS,
        )

    def __str__(self) -> str:
        return f"{self.count:,} documents, {self.size_bytes:,} bytes, {self.total:032x}"


def digest_of(documents: Iterable[bytes | memoryview]) -> Digest:
    """Digest raw documents by BLAKE2b-128 of their exact bytes."""
    count = size_bytes = total = 0
    read = int.from_bytes
    for document in documents:
        total += read(blake2b(document, digest_size=16).digest(), "big")
        size_bytes += len(document)
        count += 1
    return Digest(count, size_bytes, total % _MODULUS)
