"""Ask a server who it is. Reads from the server itself, never from its address; writes nothing."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from drx.config import BucketTarget, MongoTarget
from drx.errors import RefusedError

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_s3 import S3Client
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    Client = MongoClient[dict[str, object]]

Kind = Literal["mongo", "uploads", "atlas", "host", "dns"]
"""The parts of an environment that can say who they are."""
KINDS: tuple[Kind, ...] = get_args(Kind)
REPLICA_SET_MARK = "replicaSetId:"

_WAIT_SECONDS = 5
_AUTHENTICATION_FAILED = (18, 8000)


@dataclass(frozen=True)
class Identity:
    """Who a server says it is: one or more marks, the best one first, that other servers do not have."""

    kind: Kind
    marks: tuple[str, ...]
    how: str
    """Where the best mark was read."""

    @property
    def value(self) -> str:
        """The best mark."""
        return self.marks[0]

    def is_one_of(self, marks: tuple[str, ...]) -> bool:
        """Whether it is the server that has these marks."""
        return not set(self.marks).isdisjoint(marks)


class UnknownIdentity(RefusedError):
    """A server did not say who it is."""


def identify_mongo(target: MongoTarget) -> Identity:
    """Read a MongoDB server's marks: the replica set's id, the UUIDs of collections that each server makes for itself.

    Raises UnknownIdentity within seconds where the server does not answer or does not tell.
    """
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, PyMongoError

    uri, milliseconds = target.uri.reveal(), 1000 * _WAIT_SECONDS
    try:
        with MongoClient[dict[str, object]](
            uri,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            uuidRepresentation="standard",
        ) as client:
            client.admin.command("ping")
            found = _replica_set_marks(client) + _collection_marks(client)
    except (ConfigurationError, ValueError):
        message = "the address of the MongoDB server cannot be used: it is not well formed, or DNS does not know it"
        raise UnknownIdentity(message, "Correct the environment's mongo.uri: mongodb://USER:PASSWORD@HOST/") from None
    except PyMongoError as error:
        raise _explained(error, server_of(uri)) from None
    if not found:
        message = f"the MongoDB server {server_of(uri)} does not tell who it is"
        raise UnknownIdentity(
            message, "Let the user run replSetGetConfig (role clusterMonitor), or read database local"
        )
    return Identity("mongo", tuple(mark for mark, _ in found), found[0][1])


def _replica_set_marks(client: "Client") -> list[tuple[str, str]]:
    from pymongo.errors import OperationFailure

    try:
        identifier = client.admin.command("replSetGetConfig")["config"]["settings"]["replicaSetId"]
        return [(f"{REPLICA_SET_MARK}{identifier}", "replSetGetConfig")]
    except (OperationFailure, KeyError):
        return []


def _collection_marks(client: "Client") -> list[tuple[str, str]]:
    """Read the UUIDs of `local.oplog.rs` and `local.startup_log`: never replicated, made anew by each server."""
    from pymongo.errors import OperationFailure

    names = ("oplog.rs", "startup_log")
    try:
        found = {entry["name"]: entry for entry in client.local.list_collections(filter={"name": {"$in": names}})}
    except OperationFailure:
        return []
    uuids = {name: found[name].get("info", {}).get("uuid") for name in names if name in found}
    return [(f"{name}:{_uuid(value)}", f"UUID of local.{name}") for name, value in uuids.items() if value]


def _uuid(value: UUID | bytes) -> UUID:
    """Read a UUID, which some servers send as plain bytes."""
    return value if isinstance(value, UUID) else UUID(bytes=value)


def _explained(error: "PyMongoError", server: str) -> UnknownIdentity:
    from pymongo.errors import OperationFailure

    if isinstance(error, OperationFailure) and error.code in _AUTHENTICATION_FAILED:
        message = f"the MongoDB server {server} refuses the user or the password"
        return UnknownIdentity(message, "Check the variable or file that mongo.uri comes from")
    if isinstance(error, OperationFailure):
        message = f"the MongoDB server {server} refuses to be asked who it is (error {error.code})"
        return UnknownIdentity(message, "Give the user the role clusterMonitor")
    message = f"the MongoDB server {server} does not answer within {_WAIT_SECONDS} s"
    return UnknownIdentity(message, "Check that it runs and can be reached from here, and that mongo.uri names it")


def server_of(uri: str) -> str:
    """Give the hosts of a MongoDB address, without user, password and options."""
    match = re.match(r"[a-z+]+://(?:[^/]*@)?([^/?@]+)", uri)
    return match[1] if match else "of the environment"


def identify_bucket(target: BucketTarget) -> Identity:
    """Read who owns a bucket, and when it was made: the same bucket is known under every address of its server.

    Raises UnknownIdentity within seconds where there is no such bucket, or it belongs to another account.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    settings = Config(
        connect_timeout=_WAIT_SECONDS, read_timeout=_WAIT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    session = boto3.Session(
        aws_access_key_id=target.access_key_id,
        aws_secret_access_key=target.secret_access_key.reveal() if target.secret_access_key else None,
        region_name=target.region,
    )
    try:
        client = session.client("s3", endpoint_url=target.endpoint, config=settings)
        account = target.owner or _account(session.client("sts", endpoint_url=target.endpoint, config=settings))
        owned = {"ExpectedBucketOwner": account} if account else {}
        client.head_bucket(Bucket=target.bucket, **owned)
        born = _creation_mark(client, target.bucket)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise _explained_bucket(error, target) from None
    server = _bucket_server(target.endpoint)
    mark = f"{server}/{target.bucket} account {account or 'unknown'}"
    return Identity("uploads", (mark, *born), "HeadBucket, GetCallerIdentity" if not target.owner else "HeadBucket")


def _account(client: "BaseClient") -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(client.get_caller_identity()["Account"])  # type: ignore[attr-defined]  # STS has no stubs here
    except (BotoCoreError, ClientError):
        return None


def _creation_mark(client: "S3Client", bucket: str) -> list[str]:
    from botocore.exceptions import ClientError

    try:
        found = [entry for entry in client.list_buckets()["Buckets"] if entry["Name"] == bucket]
    except ClientError:
        return []
    return [f"{bucket} made {entry['CreationDate'].isoformat()}" for entry in found]


def _bucket_server(endpoint: str | None) -> str:
    if endpoint is None:
        return "aws"
    address = urlsplit(endpoint.lower())
    is_aws = (address.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return "aws" if is_aws else address.netloc.rpartition("@")[2] or endpoint


def _explained_bucket(error: Exception, target: BucketTarget) -> UnknownIdentity:
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, NoCredentialsError

    bucket = f"the bucket {target.bucket} at {_bucket_server(target.endpoint)}"
    match error:
        case ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == 404:
                return UnknownIdentity(f"{bucket} does not exist", "Check bucket and region in drx.yaml")
            message = f"{bucket} refuses the keys, or another account owns it (HTTP {status})"
            return UnknownIdentity(message, "Check the keys, and owner in drx.yaml")
        case NoCredentialsError():
            return UnknownIdentity(f"there are no keys for {bucket}", "State access_key_id, or set AWS_ACCESS_KEY_ID")
        case ConnectionError() | HTTPClientError():
            message = f"{bucket} does not answer within {_WAIT_SECONDS} s"
            return UnknownIdentity(message, "Check endpoint and region, and that the server can be reached from here")
        case _:
            message = f"{bucket} cannot be asked who it is: its name, endpoint, region or keys cannot be used"
            return UnknownIdentity(message, "Correct them in drx.yaml")
