"""Write documents as gzip members laid end to end, and read single members back, checked. Only stores are touched."""

import threading
from collections.abc import Iterable, Sequence
from hashlib import sha256

from bson import decode
from bson.json_util import dumps
from isal import igzip, isal_zlib

from drx.backup.digest import Digest, digest_of
from drx.backup.documents import DamagedDocument, id_element, split
from drx.backup.manifest import CANONICAL, PLAIN, FileManifest, Member
from drx.backup.stores.base import Store, Upload
from drx.errors import DamagedError

MEMBER_BYTES = 4 << 20  # a member ends with the batch that brings it here
_LEVEL = 1
_Ids = tuple[str | None, str | None]
_GZIP = 31  # window bits that mean a gzip header
_InflateError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub takes it for an instance


def compress(data: bytes) -> bytes:
    """Compress to one gzip member; the same bytes give the same member."""
    packed: bytes = igzip.compress(data, _LEVEL, mtime=0)
    return packed


class MemberWriter:
    """A file of members in the order in which `add` is called, from any thread."""

    def __init__(self, upload: Upload, path: str) -> None:
        self._upload, self._path = upload, path
        self._lock = threading.Lock()
        self._sha256 = sha256()
        self._members: list[Member] = []
        self._size_bytes = 0

    def add(self, documents: Iterable[bytes], digest: Digest, ids: _Ids = (None, None)) -> None:
        """Write one member of these documents, which `digest` describes; `ids` are the first and the last."""
        packed = compress(b"".join(documents))
        checksum = sha256(packed).hexdigest()
        with self._lock:
            self._members.append(Member(self._size_bytes, len(packed), checksum, digest, *ids))
            self._sha256.update(packed)
            self._size_bytes += len(packed)
            self._upload.write(packed)

    def finish(self) -> FileManifest:
        """Complete the upload and describe the file. A file without documents is one empty member."""
        if not self._members:
            self.add((), Digest())
        checksum = self._upload.complete()
        return FileManifest(self._path, self._size_bytes, self._sha256.hexdigest(), tuple(self._members), checksum)


class MemberBuffer:
    """Gathers documents of one range until they make a member."""

    def __init__(self, writer: MemberWriter, *, with_ids: bool = True) -> None:
        self._writer, self._with_ids = writer, with_ids
        self._documents: list[bytes] = []
        self._digest = Digest()
        self._ids = ("", "")

    def add(self, documents: Sequence[bytes]) -> None:
        """Take raw documents."""
        if not documents:
            return
        if self._with_ids:
            self._ids = (self._ids[0] or show_id(documents[0]), show_id(documents[-1]))
        self._documents += documents
        self._digest += digest_of(documents)
        if self._digest.size_bytes >= MEMBER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered, if anything."""
        if self._documents:
            self._writer.add(self._documents, self._digest, self._ids if self._with_ids else (None, None))
        self._documents, self._digest, self._ids = [], Digest(), ("", "")


def read_member(store: Store, key: str, member: Member) -> list[bytes]:
    """Read the documents of one member.

    Raises DamagedError that names the object when a single byte is not as it was written.
    """
    raw = inflate_member(store, key, member)
    try:
        documents = split(raw)
    except DamagedDocument as error:
        raise _not_documents(store, key, member, f": {error}") from None
    if digest_of(documents) != member.digest:
        raise _not_documents(store, key, member, " of the manifest")
    return documents


def inflate_member(store: Store, key: str, member: Member) -> bytes:
    """Read one member and inflate it, without a look at single documents: that alone proves every byte.

    Its SHA-256 says that it is as it was written, gzip's own check sum that what comes out is what went in.

    Raises DamagedError that names the object when a single byte is not as it was written.
    """
    packed = store.read(key, member.offset, member.size_bytes)
    if sha256(packed).hexdigest() != member.sha256:
        raise DamagedError(
            f"{_where(store, key, member)} is damaged: the SHA-256 differs",
            "Restore from another copy or another base",
        )
    inflater = isal_zlib.decompressobj(_GZIP)
    try:
        raw: bytes = inflater.decompress(packed, member.digest.size_bytes + 1)
    except _InflateError as error:
        raise _not_documents(store, key, member, f": {error}") from None
    if not inflater.eof or inflater.unused_data or len(raw) != member.digest.size_bytes:
        raise _not_documents(store, key, member, " of the manifest")
    return raw


def _where(store: Store, key: str, member: Member) -> str:
    return f"{store.describe()}/{key}, bytes {member.offset} to {member.offset + member.size_bytes},"


def _not_documents(store: Store, key: str, member: Member, what: str) -> DamagedError:
    document = "documents" if what.startswith(":") else "the documents"
    return DamagedError(f"{_where(store, key, member)} does not hold {document}{what}", "Restore from another base")


def show_id(document: bytes) -> str:
    """Write a document's `_id` as canonical Extended JSON, whatever its value."""
    identity = id_element(document)
    raw = (len(identity) + 9).to_bytes(4, "little") + identity[:1] + b"_id\0" + identity[1:] + b"\0"
    return dumps(decode(raw, PLAIN)["_id"], json_options=CANONICAL)
