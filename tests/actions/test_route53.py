"""`dns.*` at Route 53, against the stand-in that speaks its API."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from drx.actions.providers import route53
from drx.config import DnsTarget, Target
from drx.errors import PermanentError, StepError
from drx.guard import UnknownIdentity, identify
from drx.secrets import Secret
from tests import servers
from tests.actions.context import FakeContext, run

NAME = "staging.shop.example"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the stand-in answers."""
    with servers.s3(tmp_path_factory.mktemp("aws"), SERVICES="s3,iam,sts,route53") as running:
        yield running


@pytest.fixture
def zone(endpoint: str, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    """A client, and the id of a new zone that the environment names."""
    monkeypatch.setattr(route53, "_EVERY", route53._EVERY / 1000)
    session = boto3.Session("test", "test", region_name="us-east-1")
    client: Any = session.client("route53", endpoint_url=endpoint)
    made = client.create_hosted_zone(Name="shop.example", CallerReference=str(Path(context.directory)))
    identifier = str(made["HostedZone"]["Id"]).rpartition("/")[2]
    target = DnsTarget("route53", identifier, (NAME,), Secret("test"), endpoint, "test")
    context.target = Target("staging", "shop", dns=target)
    return client, identifier


@pytest.mark.usefixtures("zone")
def test_a_name_is_made_moved_and_read(context: FakeContext) -> None:
    assert run("dns.point", context, name=NAME, value="192.0.2.1").outputs == {"before": None, "value": "192.0.2.1"}
    assert run("dns.point", context, name=NAME, value="192.0.2.2").outputs["before"] == "192.0.2.1"
    assert run("dns.read", context, name=NAME).outputs == {"value": "192.0.2.2", "type": "A", "ttl": 60}
    with pytest.raises(PermanentError, match="its type cannot be changed"):
        run("dns.point", context, name=NAME, value="app.example")


def test_several_values_are_left_alone(context: FakeContext, zone: tuple[Any, str]) -> None:
    client, identifier = zone
    values = [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]
    record = {"Name": NAME, "Type": "A", "TTL": 60, "ResourceRecords": values}
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    client.change_resource_record_sets(HostedZoneId=identifier, ChangeBatch=change)
    with pytest.raises(PermanentError, match="has several records"):
        run("dns.point", context, name=NAME, value="192.0.2.3")


def test_who_it_is_is_the_zone_with_each_name(context: FakeContext, zone: tuple[Any, str]) -> None:
    assert identify(context.target, "dns").marks == (f"zone {zone[1]} {NAME}",)
    assert context.target.dns is not None
    other = replace(context.target.dns, records=("app.other.example",))
    with pytest.raises(UnknownIdentity, match=r"is no name in the zone shop\.example"):
        identify(replace(context.target, dns=other), "dns")


@pytest.mark.usefixtures("zone")
def test_a_zone_that_is_not_there_is_said(context: FakeContext) -> None:
    assert context.target.dns is not None
    context.target = replace(context.target, dns=replace(context.target.dns, zone="ZNOWHERE"))
    with pytest.raises(PermanentError, match="Route 53 refuses: NoSuchHostedZone"):
        run("dns.read", context, name=NAME)


@pytest.mark.usefixtures("zone")
def test_nobody_there_is_said(context: FakeContext) -> None:
    assert context.target.dns is not None
    context.target = replace(context.target, dns=replace(context.target.dns, api="http://127.0.0.1:9"))
    with pytest.raises(StepError, match="Route 53 cannot be asked"):
        run("dns.read", context, name=NAME)
