"""Write documents as gzip members laid end to end, and read single members back, checked. Only stores are touched."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256

from bson import decode
from bson.json_util import dumps
from isal import igzip, isal_zlib

from drx.backup.format.batches import batches_of
from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.documents import DamagedDocument, id_document, split
from drx.backup.format.manifest import CANONICAL, PLAIN, FileManifest, Member
from drx.backup.stores.base import Begun, Store, Upload
from drx.errors import DamagedError

MEMBER_BYTES = 4 << 20  # a member ends with the batch that brings it here
LARGEST_MEMBER = 64 << 20
"""More than any member holds: what inflates to more was made to fill the memory."""
_LEVEL = 1
_Ids = tuple[str | None, str | None]
_GZIP = 31  # window bits that mean a gzip header
_InflateError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub takes it for an instance


def compress(data: bytes) -> bytes:
    """Compress to one gzip member; the same bytes give the same member."""
    packed: bytes = igzip.compress(data, _LEVEL, mtime=0)
    return packed


def end_of(members: Sequence[Member]) -> int:
    """Tell where members that begin a file end."""
    return members[-1].offset + members[-1].size_bytes if members else 0


def _nobody(*_: object) -> None:
    """Nobody has to be told."""


class MemberWriter:
    """A file of members in the order in which `add` is called, from any thread.

    `kept` are those that an upload which is gone on with has already.
    """

    def __init__(self, upload: Upload, path: str, kept: Sequence[Member] = ()) -> None:
        self._upload, self._path = upload, path
        self._lock = threading.Lock()
        self._sha256 = sha256()
        self._members = list(kept)
        self.size_bytes = end_of(kept)

    def add(
        self, documents: Iterable[bytes], digest: Digest, ids: _Ids = (None, None),
        placed: Callable[[int], None] = _nobody,
    ) -> None:  # fmt: skip
        """Write one member of these documents, which `digest` describes; `ids` are the first and the last.

        `placed` is told where it ends, before `settled` tells of it.
        """
        packed = compress(b"".join(documents))
        checksum = sha256(packed).hexdigest()
        with self._lock:
            self._members.append(Member(self.size_bytes, len(packed), checksum, digest, *ids))
            self._sha256.update(packed)
            self.size_bytes += len(packed)
            placed(self.size_bytes)
            self._upload.write(packed)

    def settled(self) -> tuple[Begun, tuple[Member, ...]] | None:
        """Tell how far the upload is, with the members that lie in it; None before the store has any of them."""
        with self._lock:
            begun = self._upload.settled()
            if begun is None:
                return None
            kept = bisect_right(self._members, begun.size_bytes, key=lambda member: member.offset + member.size_bytes)
            return begun, tuple(self._members[:kept])

    def finish(self) -> FileManifest:
        """Complete the upload and describe the file; its SHA-256 is of what was added here.

        A file without documents is one empty member.
        """
        if not self._members:
            self.add((), Digest())
        checksum = self._upload.complete()
        return FileManifest(self._path, self.size_bytes, self._sha256.hexdigest(), tuple(self._members), checksum)


class MemberBuffer:
    """Gathers documents of one range until they make a member.

    `placed` is told of each one: its last document, and where it ends.
    """

    def __init__(
        self, writer: MemberWriter, *, with_ids: bool = True, placed: Callable[[bytes, int], None] = _nobody
    ) -> None:
        self._writer, self._with_ids, self._placed = writer, with_ids, placed
        self._documents: list[bytes] = []
        self._digest = Digest()
        self._ids = ("", "")

    def add(self, documents: Sequence[bytes]) -> None:
        """Take raw documents; what is much more than a member is cut."""
        few = sum(map(len, documents)) <= 2 * MEMBER_BYTES
        for batch in [documents] if few else batches_of(documents, len, most_bytes=MEMBER_BYTES):
            self._add(batch)

    def _add(self, documents: Sequence[bytes]) -> None:
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
            ids = self._ids if self._with_ids else (None, None)
            self._writer.add(self._documents, self._digest, ids, partial(self._placed, self._documents[-1]))
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


def read_back(store: Store, key: str, members: Sequence[Member]) -> str:
    """Read a file of members back from its store and give its SHA-256.

    Raises DamagedError that names the member which is not as it was written.
    """
    whole = sha256()
    for member in members:
        packed = store.read(key, member.offset, member.size_bytes)
        if sha256(packed).hexdigest() != member.sha256:
            raise _differs(store, key, member)
        whole.update(packed)
    return whole.hexdigest()


def inflate_member(store: Store, key: str, member: Member) -> bytes:
    """Read one member and inflate it, without a look at single documents: that alone proves every byte.

    Its SHA-256 says that it is as it was written, gzip's own check sum that what comes out is what went in.

    Raises DamagedError that names the object when a single byte is not as it was written.
    """
    if max(member.size_bytes, member.digest.size_bytes) > LARGEST_MEMBER:
        raise _not_documents(
            store, key, member, f": it would take {member.digest.size_bytes:,} bytes, and none takes {LARGEST_MEMBER:,}"
        )
    packed = store.read(key, member.offset, member.size_bytes)
    if sha256(packed).hexdigest() != member.sha256:
        raise _differs(store, key, member)
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


def _differs(store: Store, key: str, member: Member) -> DamagedError:
    return DamagedError(
        f"{_where(store, key, member)} is damaged: the SHA-256 differs", "Restore from another copy or another base"
    )


def _not_documents(store: Store, key: str, member: Member, what: str) -> DamagedError:
    document = "documents" if what.startswith(":") else "the documents"
    return DamagedError(f"{_where(store, key, member)} does not hold {document}{what}", "Restore from another base")


def show_id(document: bytes) -> str:
    """Write a document's `_id` as canonical Extended JSON, whatever its value."""
    return dumps(decode(id_document(document), PLAIN)["_id"], json_options=CANONICAL)
