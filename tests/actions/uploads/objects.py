"""Objects of an uploads bucket, as tests put, read and delete them."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from drx.config import Retention

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

META: Any = {"ContentType": "image/x", "Metadata": {"who": "kay"}}
RETENTION = Retention(timedelta(days=7), 1, 1, 1, 1, 1)


def fill(client: "S3Client", bucket: str, number: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: client.put_object(Bucket=bucket, Key=f"img/{n:05}", Body=b"%d" % n), range(number)):
            pass


def versioned(client: "S3Client", bucket: str, status: Any = "Enabled") -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def contents(client: "S3Client", bucket: str) -> dict[str, bytes]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def now() -> datetime:
    """A moment between what was written before and what is written after: the server tells milliseconds."""
    time.sleep(0.02)
    moment = datetime.now(UTC)
    time.sleep(0.02)
    return moment


def empty(client: "S3Client", bucket: str, keys: "list[str]") -> None:
    for start in range(0, len(keys), 1000):
        client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[start : start + 1000]]})
