"""Make clients of S3. Those of a process share the descriptions that botocore reads from disk, which takes longest."""

import os
import threading
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from drx import __version__

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from mypy_boto3_s3 import S3Client

_READING = threading.Lock()


def make_s3_client(
    region: str, endpoint: str | None, access_key_id: str | None, secret_access_key: str | None, config: "Config"
) -> "S3Client":
    """Make a client with a session of its own, so that it reads credentials anew and can be made in any thread.

    Raises what botocore raises.
    """
    import boto3.session
    import botocore.session
    from botocore.config import Config

    from drx.backup.stores.s3_answers import refuse_strangers

    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    # botocore puts a long name together anew for each request, which takes a tenth of the request's time here.
    named = Config(user_agent=f"drx/{__version__}")
    client = boto3.session.Session(botocore_session=session).client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=config.merge(named),
    )
    client.meta.events.register("after-call.s3", refuse_strangers)
    return client


def _descriptions() -> "Loader":
    """What AWS's services are like: read once, since threads that begin together would each read all of it."""
    with _READING:
        return _read_descriptions()


@cache
def _read_descriptions() -> "Loader":
    """Read what every client of S3 needs; boto3 adds its own folder to what this finds, for anything else."""
    from botocore.loaders import Loader

    class Named(Loader):
        """Takes every folder for a service; botocore would open all four hundred, once for each kind, to find S3's."""

        def list_available_services(self, type_name: str) -> list[str]:
            return [name for path in self.search_paths if os.path.isdir(path) for name in sorted(os.listdir(path))]

    loader = Named()
    loader.load_data("endpoints")
    for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
        loader.load_service_model("s3", kind)
    return loader


def read_time(value: Any) -> datetime:
    """Read a time of a server's answer.

    A listing holds one for each object, and what botocore reads any form with takes longer than all else of a page.
    """
    from botocore.utils import parse_timestamp

    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass  # another form that ends so
    return parse_timestamp(value)
