"""Amazon Route 53, by boto3: records of one hosted zone."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from drx.actions.blocking import call_blocking
from drx.actions.providers.api import Waiter
from drx.actions.providers.dns import Record, RecordType
from drx.actions.providers.polling import poll
from drx.config import DnsTarget
from drx.errors import PermanentError, StepError

_T = TypeVar("_T")
_POINTING = ("A", "AAAA", "CNAME")
_KNOWN_EVERYWHERE = timedelta(minutes=5)
_EVERY = timedelta(seconds=2)
_CALL_SECONDS = 30.0


class Route53Zone:
    """See `Zone`."""

    def __init__(self, target: DnsTarget, waiter: Waiter) -> None:
        import boto3
        from botocore.config import Config

        self._target = target
        self._waiter = waiter
        session = boto3.Session(
            aws_access_key_id=target.access_key_id,
            aws_secret_access_key=target.token.reveal() if target.token else None,
            region_name="us-east-1",
        )
        retries: Any = {"mode": "standard", "total_max_attempts": 3}
        config = Config(connect_timeout=5, read_timeout=15, retries=retries)
        self._client: Any = session.client("route53", endpoint_url=target.api, config=config)

    def read(self, name: str) -> Record | None:
        found = self._find(name)
        if found is None:
            return None
        return Record(str(found["Type"]), str(found["ResourceRecords"][0]["Value"]), int(found["TTL"]))

    def point(self, name: str, kind: RecordType, value: str, ttl: int) -> None:
        found = self._find(name)
        if found is not None and found["Type"] != kind:
            remedy = f"Delete it at Route 53, or point with type {found['Type']}"
            raise PermanentError(f"{name} is a record of type {found['Type']}: its type cannot be changed", remedy)
        record = {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value}]}
        change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        zone = self._target.zone
        made = self._call(lambda: self._client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change))
        identifier = str(made["ChangeInfo"]["Id"])

        def look() -> str:
            return str(self._call(lambda: self._client.get_change(Id=identifier))["ChangeInfo"]["Status"])

        what = f"the change of {name} at Route 53"
        poll(self._waiter, what, look, lambda status: status == "INSYNC", _KNOWN_EVERYWHERE, _EVERY)

    def identity(self) -> tuple[str, ...]:
        zone = self._call(lambda: self._client.get_hosted_zone(Id=self._target.zone))["HostedZone"]
        name = str(zone["Name"]).rstrip(".")
        outside = [each for each in self._target.records if not f".{each}".endswith(f".{name}")]
        if outside:
            raise PermanentError(f"{outside[0]} is no name in the zone {name}", "Correct dns.records in drx.yaml")
        identifier = str(zone["Id"]).rpartition("/")[2]
        return tuple(f"zone {identifier} {each}" for each in self._target.records)

    def _find(self, name: str) -> dict[str, Any] | None:
        zone = self._target.zone
        listed = self._call(
            lambda: self._client.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name, MaxItems="50")
        )
        sets = listed["ResourceRecordSets"]
        found = [each for each in sets if each["Name"].rstrip(".").lower() == name and each["Type"] in _POINTING]
        if len(found) > 1 or any(len(each.get("ResourceRecords", ())) != 1 for each in found):
            raise PermanentError(f"{name} has several records, or is an alias", "Change it at Route 53 by hand")
        return found[0] if found else None

    def _call(self, work: Callable[[], _T]) -> _T:
        from botocore.exceptions import BotoCoreError, ClientError

        began = time.monotonic()
        try:
            return call_blocking(self._waiter, work, lambda: None, _CALL_SECONDS)
        except TimeoutError:
            raise StepError(f"Route 53 did not answer within {time.monotonic() - began:.0f}s", _LOOK) from None
        except ClientError as error:
            said = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            message = f"Route 53 refuses: {said.get('Code')}: {said.get('Message')}"
            kind = PermanentError if 400 <= status < 500 else StepError
            raise kind(message, "Check dns.zone, and the rights of the keys: docs/providers.md") from None
        except BotoCoreError as error:
            raise StepError(f"Route 53 cannot be asked: {error}", _LOOK) from None


_LOOK = "Check the keys, and `api` in drx.yaml if it is stated"
