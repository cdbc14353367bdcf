"""Ask a server who it is. Reads from the server itself, never from its address; writes nothing."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from drx.backup.server.connection import AUTHENTICATION_FAILED, connect, explain, hosts_of, with_host
from drx.config import BucketTarget, MongoTarget
from drx.errors import RefusedError, StepError

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

    def is_found_in(self, marks: tuple[str, ...]) -> bool:
        """Whether it is that server for all one knows: a bucket is the same one, whose keys ever are asked."""
        return self.is_one_of(marks) or not _places(self.marks).isdisjoint(_places(marks))

    def can_be_held_against(self, marks: tuple[str, ...]) -> bool:
        """Whether sharing none of these marks proves it to be another server.

        Buckets under two addresses are two only where both tell when they were made.
        """
        if self.kind != "uploads" or (_tells_birth(self.marks) and _tells_birth(marks)):
            return True
        return {_server(place) for place in _places(self.marks)} == {_server(place) for place in _places(marks)}


class UnknownIdentity(RefusedError):
    """A server did not say who it is."""


_ACCOUNT, _MADE = " account ", " made "
_ACCESS_POINT = re.compile(r"arn:.*|.*(-s3alias|--ol-s3)")
"""A name that stands for a bucket with another name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
"""


def _places(marks: tuple[str, ...]) -> frozenset[str]:
    """Where buckets are, out of their marks: server and name, which are a bucket's own whoever asks."""
    return frozenset(mark.partition(_ACCOUNT)[0] for mark in marks if _ACCOUNT in mark)


def _server(place: str) -> str:
    return place.rpartition("/")[0]


def _tells_birth(marks: tuple[str, ...]) -> bool:
    return any(_MADE in mark for mark in marks)


def identify_mongo(target: MongoTarget) -> Identity:
    """Read a MongoDB server's marks: the replica set's id, the UUIDs of collections that each server makes for itself.

    Where the address names hosts that are no members of one set, each is asked: a driver settles on one of them, and
    another time on another one. Raises UnknownIdentity within seconds where one does not answer or does not tell.
    """
    uri = target.uri.reveal()
    found, strangers = _ask_mongo(uri)
    for stranger in strangers:
        found += _ask_mongo(stranger, alone=True)[0]
    marks = dict(found)
    return Identity("mongo", tuple(marks), marks[found[0][0]])


def _ask_mongo(uri: str, *, alone: bool = False) -> tuple[list[tuple[str, str]], list[str]]:
    """Give a server's marks, each with where it was read, and the addresses of hosts that it does not know."""
    from pymongo.errors import PyMongoError

    milliseconds = 1000 * _WAIT_SECONDS
    direct: dict[str, Any] = {"directConnection": True} if alone else {}
    try:
        with connect(
            uri,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            uuidRepresentation="standard",
            **direct,
        ) as client:
            client.admin.command("ping")
            found = _replica_set_marks(client) + _collection_marks(client)
            strangers = [] if alone else _strangers(client, uri)
    except StepError as error:
        raise UnknownIdentity(error.message, error.remedy) from None
    except PyMongoError as error:
        raise _explained(error, hosts_of(uri)) from None
    if not found:
        message = f"the MongoDB server {hosts_of(uri)} does not tell who it is"
        raise UnknownIdentity(
            message, "Let the user run replSetGetConfig (role clusterMonitor), or read database local"
        )
    return found, strangers


def _strangers(client: "Client", uri: str) -> list[str]:
    """List the hosts of an address that are no members of the set, each as an address; DNS lists only members."""
    hosts = hosts_of(uri).lower().split(",")
    if len(hosts) == 1:
        return []
    hello = client.admin.command("hello")
    members = {host.lower() for key in ("hosts", "passives", "arbiters") for host in hello.get(key, ())}
    strangers = (host for host in hosts if (host if re.search(r":\d+$", host) else f"{host}:27017") not in members)
    return [with_host(uri, host) for host in strangers]


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

    if isinstance(error, OperationFailure) and error.code not in AUTHENTICATION_FAILED:
        message = f"the MongoDB server {server} refuses to be asked who it is (error {error.code})"
        return UnknownIdentity(message, "Give the user the role clusterMonitor")
    return UnknownIdentity(*explain(error, server))


def identify_bucket(target: BucketTarget) -> Identity:
    """Read who owns a bucket, and when it was made: the same bucket is known under every address of its server.

    Raises UnknownIdentity within seconds where there is no such bucket, or it belongs to another account.
    """
    if _ACCESS_POINT.fullmatch(target.bucket):
        message = f"{target.bucket} is an access point, and does not tell which bucket lies behind it"
        raise UnknownIdentity(message, "State the name of the bucket itself in drx.yaml")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    from drx.backup.stores.s3_answers import UNSERVED
    from drx.backup.stores.s3_client import make_s3_client

    settings = Config(
        connect_timeout=_WAIT_SECONDS, read_timeout=_WAIT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    session = boto3.Session(
        aws_access_key_id=target.access_key_id,
        aws_secret_access_key=target.secret_access_key.reveal() if target.secret_access_key else None,
        region_name=target.region,
    )
    try:
        client = make_s3_client(
            target.region, target.endpoint, target.access_key_id,
            target.secret_access_key.reveal() if target.secret_access_key else None, settings,
        )  # fmt: skip
        account = target.owner or _account(session.client("sts", endpoint_url=target.endpoint, config=settings))
        owned = {"ExpectedBucketOwner": account} if account else {}
        client.head_bucket(Bucket=target.bucket, **owned)
        born = _creation_mark(client, target.bucket)
    except (*UNSERVED, ClientError, ValueError) as error:
        raise _explained_bucket(error, target) from None
    server = _bucket_server(target.endpoint)
    mark = f"{server}/{target.bucket}{_ACCOUNT}{account or 'unknown'}"
    return Identity("uploads", (mark, *born), "HeadBucket, GetCallerIdentity" if not target.owner else "HeadBucket")


def _account(client: "BaseClient") -> str | None:
    from botocore.exceptions import ClientError

    from drx.backup.stores.s3_answers import UNSERVED

    try:
        return str(client.get_caller_identity()["Account"])  # type: ignore[attr-defined]  # STS has no stubs here
    except (*UNSERVED, ClientError, KeyError):
        return None


def _creation_mark(client: "S3Client", bucket: str) -> list[str]:
    from botocore.exceptions import ClientError

    try:
        found = [entry for entry in client.list_buckets()["Buckets"] if entry["Name"] == bucket]
    except ClientError:
        return []
    return [f"{bucket}{_MADE}{entry['CreationDate'].isoformat()}" for entry in found]


def _bucket_server(endpoint: str | None) -> str:
    if endpoint is None:
        return "aws"
    address = urlsplit(endpoint.lower())
    is_aws = (address.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return "aws" if is_aws else address.netloc.rpartition("@")[2] or endpoint


def _explained_bucket(error: Exception, target: BucketTarget) -> UnknownIdentity:
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, NoCredentialsError
    from botocore.parsers import ResponseParserError

    from drx.backup.stores.s3_answers import unserved

    bucket = f"the bucket {target.bucket} at {_bucket_server(target.endpoint)}"
    match error:
        case ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == 404:
                return UnknownIdentity(f"{bucket} does not exist", "Check bucket and region in drx.yaml")
            message = f"{bucket} refuses the keys, or another account owns it (HTTP {status})"
            return UnknownIdentity(message, "Check the keys, and owner in drx.yaml")
        case ConnectionError() | HTTPClientError() | NoCredentialsError() | ResponseParserError() | RecursionError():
            trouble, remedy = unserved(error)
            return UnknownIdentity(f"{bucket} {trouble}", remedy)
        case _:
            message = f"{bucket} cannot be asked who it is: its name, endpoint, region or keys cannot be used"
            return UnknownIdentity(message, "Correct them in drx.yaml")
