"""What tests of the guard ask who it is: databases and buckets, by their addresses."""

from drx.config import BucketTarget, MongoTarget
from drx.secrets import Secret


def mongo_target(uri: str) -> MongoTarget:
    """A database on that server."""
    return MongoTarget(Secret(uri), "shop")


def port_of(uri: str) -> int:
    """The port of the only host of an address."""
    return int(uri.partition("127.0.0.1:")[2].partition("/")[0])


def bucket_target(endpoint: str, name: str) -> BucketTarget:
    """A bucket on the stand-in server."""
    return BucketTarget(name, "us-east-1", endpoint, None, "test", Secret("test"))
