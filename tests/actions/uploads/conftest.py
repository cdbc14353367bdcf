"""A bucket with uploads, and one for their backups, on a real S3 server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def client(s3_server: str) -> Iterator["S3Client"]:
    """A client of the server."""
    made: Any = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    yield made
    made.close()


@pytest.fixture
def kept(client: "S3Client", bucket: str) -> str:
    """A bucket for backups."""
    client.create_bucket(Bucket=f"{bucket}-kept")
    return f"{bucket}-kept"
