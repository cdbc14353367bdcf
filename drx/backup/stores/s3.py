"""Keep backups in an S3 bucket. Stages nothing on disk and leaves no unfinished upload behind."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.config import Config
from botocore.exceptions import ClientError

from drx.backup.stores.base import Begun, Entry, Found, S3Address, Store
from drx.backup.stores.s3_answers import UNSERVED, unserved
from drx.backup.stores.s3_client import make_s3_client
from drx.backup.stores.s3_upload import S3Upload, checksum
from drx.errors import DamagedError, DrxError, StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef

_CHUNK = 1 << 20
_REMEDIES = {
    "NoSuchBucket": "Create the bucket, or correct its name and region",
    **dict.fromkeys(("NoSuchKey", "404"), "Look for it in another copy"),
    **dict.fromkeys(("AccessDenied", "403"), "Check the credentials, their policy and the bucket's owner"),
    "InvalidAccessKeyId": "Check the credentials",
    "SignatureDoesNotMatch": "Check the credentials",
    "ExpiredToken": "Renew the credentials",
}
TAKEN, _BUSY = "PreconditionFailed", "ConditionalRequestConflict"
MISSING = ("NoSuchKey", "404")
_NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


class _Owner(TypedDict, total=False):
    ExpectedBucketOwner: str


class Condition(TypedDict, total=False):
    """What has to hold of the object that is there for it to be written over; nothing has to, where it is empty."""

    IfNoneMatch: str
    IfMatch: str


ANYWAY: Condition = {}


class S3Store:
    """A store whose objects lie in a bucket below a prefix; see `Store`."""

    def __init__(self, address: S3Address) -> None:
        self._address = address
        self.endpoint = address.server
        self._prefix = f"{address.prefix.strip('/')}/" if address.prefix.strip("/") else ""
        self.owner: _Owner = {"ExpectedBucketOwner": address.owner} if address.owner else {}
        with self.failures(""):
            self.client: S3Client = make_s3_client(
                address.region,
                address.endpoint,
                address.access_key_id,
                address.secret_access_key,
                Config(
                    retries={"mode": "standard", "total_max_attempts": 2 if address.hurried else 4},
                    connect_timeout=5 if address.hurried else 10,
                    read_timeout=10 if address.hurried else 60,
                    max_pool_connections=16,
                    # Stores that do not know AWS's checksum trailers keep them inside the object.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path" if address.endpoint else "auto"},
                ),
            )

    @property
    def bucket(self) -> str:
        return self._address.bucket

    def describe(self) -> str:
        name = f"s3://{self.bucket}/{self._prefix}".rstrip("/")
        return f"{name} at {self.endpoint}" if self.endpoint else name

    def put(self, key: str, data: bytes) -> None:
        self.put_checked(key, data)

    def put_checked(
        self, key: str, data: bytes, settings: Mapping[str, Any] = _NO_SETTINGS, condition: Condition = ANYWAY
    ) -> str | None:
        """Write one object; the store compares it with its SHA-256 and returns what it keeps."""
        with self.failures(key):
            reply = self.client.put_object(
                Bucket=self.bucket, Key=self.key(key), Body=data, ChecksumSHA256=checksum(data),
                **self.owner, **settings, **condition,
            )  # fmt: skip
        return reply.get("ChecksumSHA256") or reply["ETag"]

    def create(self, key: str, data: bytes) -> bool:
        return self._write_if(key, data, {"IfNoneMatch": "*"}) is not None

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        return self._write_if(key, data, {"IfMatch": version})

    def find(self, key: str) -> Found | None:
        try:
            with self.failures(key):
                reply = self.client.get_object(Bucket=self.bucket, Key=self.key(key), **self.owner)
                data = reply["Body"].read()
        except S3Error as error:
            if error.code in MISSING:
                return None
            raise
        date = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
        age = parsedate_to_datetime(date) - reply["LastModified"] if date else None
        return Found(data, reply["ETag"], age)

    def _write_if(self, key: str, data: bytes, condition: Condition) -> str | None:
        """Write on a condition and give the version written; None when the condition does not hold."""
        for wait in (0.1, 0.3, 1.0, None):
            try:
                with self.failures(key):
                    return self.client.put_object(
                        Bucket=self.bucket, Key=self.key(key), Body=data, **condition, **self.owner
                    )["ETag"]
            except S3Error as error:
                if error.code == TAKEN or error.code in MISSING:
                    return None
                if error.code != _BUSY or wait is None:
                    raise
                time.sleep(wait)  # another writer is between its request and its answer
        raise AssertionError("the last wait is None")

    def get(self, key: str) -> bytes:
        return b"".join(self.stream(key))

    def read(self, key: str, start: int, length: int) -> bytes:
        with self.failures(key):
            reply = self.client.get_object(
                Bucket=self.bucket, Key=self.key(key), Range=f"bytes={start}-{start + length - 1}", **self.owner
            )
            data = reply["Body"].read()
        if len(data) != length:
            raise DamagedError(f"{self.describe()}/{key} ends before byte {start + length}", "The object is cut short")
        return data

    def stream(self, key: str) -> Iterator[bytes]:
        with self.failures(key):
            reply = self.client.get_object(Bucket=self.bucket, Key=self.key(key), **self.owner)
            yield from reply["Body"].iter_chunks(_CHUNK)

    def list(self, prefix: str) -> Iterator[Entry]:
        with self.failures(prefix):
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.key(prefix), **self.owner):
                for found in page.get("Contents", ()):
                    yield Entry(found["Key"].removeprefix(self._prefix), found["Size"], found["LastModified"])

    def delete(self, key: str) -> None:
        with self.failures(key):
            self.client.delete_object(Bucket=self.bucket, Key=self.key(key), **self.owner)

    def upload(self, key: str, settings: Mapping[str, Any] = _NO_SETTINGS, condition: Condition = ANYWAY) -> S3Upload:
        """Begin an object of unknown size; `settings` are its content type, metadata and the like."""
        return S3Upload(self, key, settings, condition)

    def lasting_upload(self, key: str, begun: Begun | None) -> S3Upload:
        return S3Upload(self, key, _NO_SETTINGS, ANYWAY, lasting=True, begun=begun)

    def holds(self, key: str, begun: Begun) -> bool:
        try:
            with self.failures(key):
                pages = self.client.get_paginator("list_parts")
                sent = [
                    (found["Size"], found["ETag"])
                    for page in pages.paginate(Bucket=self.bucket, Key=self.key(key), UploadId=begun.id, **self.owner)
                    for found in page.get("Parts", ())
                ]
        except S3Error as error:
            if error.code in ("NoSuchUpload", "AccessDenied", *MISSING):  # who may not look begins anew
                return False
            raise
        return sent[: len(begun.parts)] == [(part.size_bytes, part.etag) for part in begun.parts]

    def copy_from(self, source: Store, key: str) -> bool:
        from drx.backup.stores.s3_copy import copy_object

        return isinstance(source, S3Store) and source.endpoint == self.endpoint and copy_object(source, self, key)

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        for found in self._uploads(prefix):
            yield Entry(found["Key"].removeprefix(self._prefix), 0, found["Initiated"])

    def abandon(self, prefix: str, before: datetime | None = None, spared: str | None = None) -> None:
        for found in self._uploads(prefix):
            if found["UploadId"] != spared and (before is None or found["Initiated"] < before):
                self.abort(found["Key"].removeprefix(self._prefix), found["UploadId"], None)

    def _uploads(self, prefix: str) -> "Iterator[MultipartUploadTypeDef]":
        with self.failures(prefix):
            pages = self.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.key(prefix), **self.owner):
                yield from page.get("Uploads", ())

    def protection(self, key: str) -> str:
        with self.failures(key):
            reply = self.client.head_object(Bucket=self.bucket, Key=self.key(key), **self.owner)
        if reply.get("ObjectLockLegalHoldStatus") == "ON":
            return "under a legal hold"
        until = reply.get("ObjectLockRetainUntilDate", reply["LastModified"])
        return f"under Object Lock until {until:%Y-%m-%d %H:%M} UTC" if until > datetime.now(UTC) else ""

    def abort(self, key: str, upload_id: str, error: BaseException | None) -> None:
        """Give an unfinished upload up because of `error`, which says so where it stays behind."""
        try:
            with self.failures(key):
                self.client.abort_multipart_upload(
                    Bucket=self.bucket, Key=self.key(key), UploadId=upload_id, **self.owner
                )
        except StoreError as failure:
            if not isinstance(error, DrxError):
                raise
            error.message += f"; an unfinished upload stays behind ({failure.message})"

    def key(self, key: str) -> str:
        """The key as the bucket knows it."""
        return self._prefix + key

    @contextmanager
    def failures(self, key: str) -> Iterator[None]:
        """Turn what boto3 raises into a StoreError that names the object."""
        try:
            yield
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "unknown")
            code = str(error.response.get("Error", {}).get("Code") or status)
            text = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
            message = f"{self.describe()}/{key}: {code}: {text}".rstrip(": ")
            raise S3Error(message, code) from None
        except UNSERVED as error:
            trouble, remedy = unserved(error)
            raise StoreError(f"{self.describe()}/{key}: the store {trouble}", remedy) from None


class S3Error(StoreError):
    """The store answered, and the answer is no; `code` is S3's own word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, _REMEDIES.get(code, "Try again; if it stays, ask the store's operator"))
        self.code = code
