"""The buckets of a sandbox: made and configured at each start. Deletes nothing."""

from contextlib import closing
from typing import TYPE_CHECKING

from drx.errors import DrxError
from drx.sandbox.state import ACCESS_KEY, BUCKETS, REGIONS, SECRET_KEY, Region, SandboxState

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def connect_s3(endpoint: str, region: str, access_key: str, secret_key: str) -> "S3Client":
    """A client of an object store on this machine, past any proxy; whoever asked for it closes it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(proxies={}, max_pool_connections=16, connect_timeout=5, read_timeout=30),
    )


def make_buckets(state: SandboxState) -> None:
    """Create the buckets, and set their versioning again: the stand-in server forgets it when it is killed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for region in REGIONS:
            with closing(connect_s3(state.s3[region], region, ACCESS_KEY, SECRET_KEY)) as client:
                _make_buckets_of(client, region)
    except (BotoCoreError, ClientError) as error:
        raise DrxError(f"the sandbox's buckets cannot be made: {error}", f"Read {state.directory}/logs") from error


def _make_buckets_of(client: "S3Client", region: Region) -> None:
    existing = {bucket.get("Name") for bucket in client.list_buckets().get("Buckets", [])}
    for bucket in (bucket for bucket in BUCKETS if bucket.region == region):
        if bucket.name not in existing:
            _create(client, bucket.name, region)
        if bucket.versioned:
            client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})


def _create(client: "S3Client", name: str, region: Region) -> None:
    if region == "us-east-1":  # the one region that S3 does not want named
        client.create_bucket(Bucket=name)
    else:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
