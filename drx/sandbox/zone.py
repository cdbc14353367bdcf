"""The sandbox's zone at Route 53, on the stand-in server of the region that is never lost. Made at each start."""

from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from drx.errors import DrxError
from drx.sandbox.state import ACCESS_KEY, APP, APP_NAME, SECRET_KEY, ZONE, SandboxState

if TYPE_CHECKING:
    from collections.abc import Sequence

_TTL_SECONDS = 60


def connect_route53(endpoint: str) -> Any:
    """A client of the stand-in server's Route 53, past any proxy; whoever asked for it closes it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "route53",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(proxies={}, connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1}),
    )


def make_zone(state: SandboxState, *, point: bool) -> str:
    """Make the zone and give its id.

    The application's name leads to it afterwards; without `point` only if it led nowhere before.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with closing(connect_route53(state.route53)) as client:
            zone = find_zone(client) or _create(client)
            found = any(each["Name"].rstrip(".") == APP_NAME for each in records_of(client, zone))
            if point or not found:
                _point(client, zone, state.member(APP).address)
    except (BotoCoreError, ClientError) as error:
        raise DrxError(f"the sandbox's zone cannot be made: {error}", f"Read {state.directory}/logs") from error
    return zone


def find_zone(client: Any) -> str | None:
    """The zone's id, as Route 53 tells it; None where it has none of that name."""
    zones = client.list_hosted_zones()["HostedZones"]
    return next((each["Id"].rpartition("/")[2] for each in zones if each["Name"].rstrip(".") == ZONE), None)


def records_of(client: Any, zone: str) -> "Sequence[dict[str, Any]]":
    """The zone's record sets, as Route 53 gives them."""
    found: Sequence[dict[str, Any]] = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return found


def _create(client: Any) -> str:
    made = client.create_hosted_zone(Name=ZONE, CallerReference=uuid4().hex)
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def _point(client: Any, zone: str, address: str) -> None:
    record = {"Name": APP_NAME, "Type": "A", "TTL": _TTL_SECONDS, "ResourceRecords": [{"Value": address}]}
    client.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    )
