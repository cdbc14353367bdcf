"""`dns.*` at Cloudflare, against a service that speaks the documented requests and answers of its REST API."""

import json
from typing import Any

import pytest

from drx.config import DnsTarget, Target
from drx.errors import PermanentError, StepError
from drx.guard import UnknownIdentity, identify
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.service import Asked, Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
NAME = "staging.shop.example"
ZONE = "/client/v4/zones/z1"
RECORDS = f"{ZONE}/dns_records"


@pytest.fixture
def records(service: Service, context: FakeContext) -> list[dict[str, Any]]:
    """The records of a zone, which may be listed, made and changed."""
    held: list[dict[str, Any]] = [record("r1", "A", "192.0.2.1")]

    def made(asked: Asked) -> Said:
        held.append({"id": "new", "proxied": False, **asked.body})
        return Said(value=answer(held[-1]))

    def changed(asked: Asked) -> Said:
        held[0].update(asked.body)
        return Said(value=answer(held[0]))

    context.target = Target("staging", "shop", dns=DnsTarget("cloudflare", "z1", (NAME,), Secret("cf-1"), service.url))
    service.routes[f"GET {RECORDS}"] = lambda _: Said(value=answer(held))
    service.routes[f"POST {RECORDS}"] = made
    service.routes[f"PATCH {RECORDS}/r1"] = changed
    service.routes[f"GET {ZONE}"] = [Said(value=answer({"id": "z1", "name": "shop.example"}))]
    return held


def record(identifier: str, kind: str, content: str, **more: Any) -> dict[str, Any]:
    """A record as Cloudflare lists it."""
    return {"id": identifier, "type": kind, "name": NAME, "content": content, "ttl": 60, "proxied": False, **more}


def answer(result: Any) -> dict[str, Any]:
    """An answer as Cloudflare wraps it, at the moment."""
    return {"success": True, "errors": [], "messages": [], "result": json.loads(json.dumps(result))}


def test_a_name_is_pointed_elsewhere(records: list[dict[str, Any]], context: FakeContext, service: Service) -> None:
    result = run("dns.point", context, name=f"{NAME.upper()}.", value="192.0.2.2")
    assert result.outputs == {"before": "192.0.2.1", "value": "192.0.2.2"}
    (sent,) = service.calls(f"PATCH {RECORDS}/r1")
    assert sent.body == {"type": "A", "name": NAME, "content": "192.0.2.2", "ttl": 60}
    assert sent.headers["authorization"] == "Bearer cf-1"
    assert records[0]["content"] == "192.0.2.2"


def test_what_points_there_already_is_not_written(
    records: list[dict[str, Any]], context: FakeContext, service: Service
) -> None:
    run("dns.point", context, name=NAME, value=records[0]["content"])
    assert {each.method for each in service.asked} == {"GET"}


@pytest.mark.parametrize(("value", "kind"), [("192.0.2.2", "A"), ("2001:db8::1", "AAAA"), ("app.example.", "CNAME")])
def test_a_name_that_points_nowhere_is_made(
    records: list[dict[str, Any]], context: FakeContext, value: str, kind: str
) -> None:
    records.clear()
    assert run("dns.point", context, name=NAME, value=value).outputs["before"] is None
    assert (records[0]["type"], records[0]["content"]) == (kind, value)


def test_a_name_behind_cloudflare_keeps_the_automatic_ttl(records: list[dict[str, Any]], context: FakeContext) -> None:
    records[0] |= {"proxied": True, "ttl": 1}
    run("dns.point", context, name=NAME, value="192.0.2.2", ttl=300)
    assert (records[0]["ttl"], records[0]["proxied"]) == (1, True)


def test_several_records_are_left_alone(records: list[dict[str, Any]], context: FakeContext, service: Service) -> None:
    records.append(record("r2", "A", "192.0.2.9"))
    with pytest.raises(PermanentError, match=r"has 2 records: 192\.0\.2\.1, 192\.0\.2\.9"):
        run("dns.point", context, name=NAME, value="192.0.2.2")
    assert {each.method for each in service.asked} == {"GET"}


def test_records_of_other_kinds_do_not_matter(records: list[dict[str, Any]], context: FakeContext) -> None:
    records.append(record("r2", "TXT", "v=spf1"))
    assert run("dns.read", context, name=NAME).outputs == {"value": "192.0.2.1", "type": "A", "ttl": 60}


@pytest.mark.usefixtures("records")
def test_another_type_is_refused(context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="its type cannot be changed"):
        run("dns.point", context, name=NAME, value="app.example")


@pytest.mark.usefixtures("records")
def test_only_listed_names_are_changed(context: FakeContext, service: Service) -> None:
    with pytest.raises(PermanentError, match=r"'www\.shop\.example' is not among"):
        run("dns.point", context, name="www.shop.example", value="192.0.2.2")
    assert not service.asked


@pytest.mark.usefixtures("records")
def test_a_change_that_is_not_kept_is_a_failure(context: FakeContext, service: Service) -> None:
    service.routes[f"PATCH {RECORDS}/r1"] = [Said(value=answer(record("r1", "A", "192.0.2.2")))]
    with pytest.raises(StepError, match="does not point to 192"):
        run("dns.point", context, name=NAME, value="192.0.2.2")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.usefixtures("records")
def test_a_refusal_is_said_without_the_token(context: FakeContext, service: Service, status: int) -> None:
    refused = {"success": False, "errors": [{"code": 9109, "message": "Invalid token cf-1"}], "result": None}
    service.routes[f"GET {RECORDS}"] = [Said(status, refused)]
    with pytest.raises(PermanentError, match=r"Invalid token \*\*\*"):
        run("dns.read", context, name=NAME)


def test_a_name_that_points_nowhere_is_said(records: list[dict[str, Any]], context: FakeContext) -> None:
    records.clear()
    with pytest.raises(StepError, match="points nowhere"):
        run("dns.read", context, name=NAME)


@pytest.mark.usefixtures("records")
def test_who_it_is_is_the_zone_with_each_name(context: FakeContext, service: Service) -> None:
    assert identify(context.target, "dns").marks == (f"zone z1 {NAME}",)
    service.routes[f"GET {ZONE}"] = [Said(value=answer({"id": "z1", "name": "other.example"}))]
    with pytest.raises(UnknownIdentity, match=r"is no name in the zone other\.example"):
        identify(context.target, "dns")
