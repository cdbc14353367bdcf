"""Send one object of unknown size to S3, in parts. While some are on their way, more can be written."""

from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from drx.backup.stores.base import Begun, SentPart

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from drx.backup.stores.s3 import Condition, S3Store

_FIRST_PART = 8 << 20
_SMALLEST_PART = 5 << 20  # S3 refuses smaller ones, but for the last
_PARTS_PER_SIZE = 1000
_ON_THEIR_WAY = 2  # more would take more memory: a part is whole in it


def part_size(number: int) -> int:
    """How large part `number` (from 1) is at least: it doubles each 1,000 parts, so that 10,000 reach 8 TiB."""
    return _FIRST_PART << ((number - 1) // _PARTS_PER_SIZE)


class S3Upload:
    """A multipart upload, or one plain write when all of it fits in a part.

    A part that fails is told at the next write, or at the end.
    """

    def __init__(
        self, store: "S3Store", key: str, settings: Mapping[str, Any], condition: "Condition", *,
        lasting: bool = False, begun: Begun | None = None,
    ) -> None:  # fmt: skip
        self._store, self._key, self._settings, self._lasting = store, key, settings, lasting
        self._condition = condition
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._upload_id = begun.id if begun else ""
        self._pool = ThreadPoolExecutor(_ON_THEIR_WAY, "s3-upload")
        self._sending: deque[Future[SentPart]] = deque()
        self._parts = list(begun.parts) if begun else []

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= part_size(self._next_part()):
            self._send(last=False)

    def settled(self) -> Begun | None:
        while self._sending and self._sending[0].done() and not self._sending[0].exception():
            self._parts.append(self._sending.popleft().result())
        size_bytes = sum(part.size_bytes for part in self._parts)
        return Begun(self._upload_id, size_bytes, tuple(self._parts)) if self._parts else None

    def complete(self) -> str | None:
        if not self._upload_id:
            return self._store.put_checked(self._key, self._take(), self._settings, self._condition)
        if self._pending:
            self._send(last=True)
        while self._sending:
            self._parts.append(self._sending.popleft().result())
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": part.etag, "ChecksumSHA256": part.checksum}
            for number, part in enumerate(self._parts, 1)
        ]
        with self._store.failures(self._key):
            reply = self._store.client.complete_multipart_upload(
                Bucket=self._store.bucket, Key=self._store.key(self._key), UploadId=self._upload_id,
                MultipartUpload={"Parts": parts}, **self._store.owner, **self._condition,
            )  # fmt: skip
        self._upload_id = ""
        return reply.get("ChecksumSHA256") or reply["ETag"]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pending.clear()
        self._pool.shutdown(cancel_futures=True)  # a part that arrived after the abort would stay behind
        if self._upload_id and not self._lasting:
            self._store.abort(self._key, self._upload_id, error)

    def _next_part(self) -> int:
        return len(self._parts) + len(self._sending) + 1

    def _send(self, *, last: bool) -> None:
        data = self._take()
        assert last or len(data) >= _SMALLEST_PART, "S3 refuses a small part before the last"
        if not self._upload_id:
            with self._store.failures(self._key):
                self._upload_id = self._store.client.create_multipart_upload(
                    Bucket=self._store.bucket, Key=self._store.key(self._key), ChecksumAlgorithm="SHA256",
                    **self._store.owner, **self._settings,
                )["UploadId"]  # fmt: skip
        if len(self._sending) == _ON_THEIR_WAY:
            self._parts.append(self._sending.popleft().result())
        self._sending.append(self._pool.submit(self._send_part, self._next_part(), data))

    def _send_part(self, number: int, data: bytes) -> SentPart:
        digest = checksum(data)
        with self._store.failures(self._key):
            reply = self._store.client.upload_part(
                Bucket=self._store.bucket, Key=self._store.key(self._key), UploadId=self._upload_id,
                PartNumber=number, Body=data, ChecksumSHA256=digest, **self._store.owner,
            )  # fmt: skip
        return SentPart(len(data), reply["ETag"], digest)

    def _take(self) -> bytes:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return data


def checksum(data: bytes) -> str:
    """SHA-256 as S3 writes it, which lets the store refuse bytes that changed on the way."""
    return b64encode(sha256(data).digest()).decode()
