"""Make clients of S3. Those of a process share the descriptions that botocore reads from disk, which takes longest."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from mypy_boto3_s3 import S3Client


def make_s3_client(
    region: str, endpoint: str | None, access_key_id: str | None, secret_access_key: str | None, config: "Config"
) -> "S3Client":
    """Make a client with a session of its own, so that it reads credentials anew and can be made in any thread.

    Raises what botocore raises.
    """
    import boto3.session
    import botocore.session

    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    return boto3.session.Session(botocore_session=session).client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=config,
    )


@cache
def _descriptions() -> "Loader":
    """What AWS's services are like; boto3 adds its own folder to what this finds."""
    from botocore.loaders import Loader

    return Loader()
