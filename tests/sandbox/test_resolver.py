"""The sandbox's names: a real DNS server that answers as Route 53 has it, and actions that look names up there."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest

from drx.config import Target
from drx.errors import StepError
from drx.sandbox import servers
from drx.sandbox.resolver import answer
from drx.sandbox.state import APP_NAME, RESOLVER, SandboxState
from drx.sandbox.zone import connect_route53, records_of
from tests.actions.context import FakeContext, run


def record_set(name: str, kind: str, value: str) -> dict[str, Any]:
    return {"Name": f"{name}.pixelcraft.test.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}


RECORDS = [
    record_set("app", "A", "127.0.0.2"),
    record_set("www", "CNAME", "app.pixelcraft.test."),
    record_set("loop", "CNAME", "loop.pixelcraft.test."),
    {"Name": "alias.pixelcraft.test.", "Type": "A", "AliasTarget": {"DNSName": "elsewhere."}},
]


@pytest.mark.parametrize(
    ("name", "kind", "code", "values"),
    [
        ("app.pixelcraft.test", "A", dns.rcode.NOERROR, ["127.0.0.2"]),
        ("APP.PixelCraft.test", "A", dns.rcode.NOERROR, ["127.0.0.2"]),
        ("app.pixelcraft.test", "AAAA", dns.rcode.NOERROR, []),
        ("www.pixelcraft.test", "A", dns.rcode.NOERROR, ["app.pixelcraft.test.", "127.0.0.2"]),
        ("nosuch.pixelcraft.test", "A", dns.rcode.NXDOMAIN, []),
        ("alias.pixelcraft.test", "A", dns.rcode.NXDOMAIN, []),
        ("example.com", "A", dns.rcode.REFUSED, []),
    ],
)
def test_a_question_is_answered_as_the_zone_has_it(name: str, kind: str, code: int, values: list[str]) -> None:
    reply = answer(dns.message.make_query(name, kind), RECORDS)
    assert reply.rcode() == code
    assert [record.to_text() for found in reply.answer for record in found] == values


def test_a_name_that_leads_to_itself_ends() -> None:
    reply = answer(dns.message.make_query("loop.pixelcraft.test", "A"), RECORDS)
    assert reply.rcode() == dns.rcode.NOERROR


@pytest.fixture
def context(running: SandboxState, tmp_path: Path) -> FakeContext:
    """A context with the sandbox's names."""
    own = running.addresses
    target = Target("sandbox", "pixelcraft", sandbox=True, dns=own.dns, resolver=own.resolver)
    return FakeContext(tmp_path / "artifacts", target)


@pytest.fixture
def restored(running: SandboxState, context: FakeContext) -> Iterator[None]:
    """The name leads to the application again after the test."""
    yield
    run("dns.point", context, name=APP_NAME, value=running.member("app").address)


def test_udp_and_tcp_give_the_same_answer_and_garbage_none(running: SandboxState) -> None:
    port = running.member(RESOLVER).port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as garbage:
        garbage.sendto(b"\xff" * 40, ("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port)) as broken:
        broken.sendall(b"\x00\x40half")
    query = dns.message.make_query(APP_NAME, "A")
    by_udp = dns.query.udp(query, "127.0.0.1", port=port, timeout=5)
    assert by_udp.answer == dns.query.tcp(query, "127.0.0.1", port=port, timeout=5).answer
    assert [record.to_text() for record in by_udp.answer[0]] == ["127.0.0.1"]


@pytest.mark.usefixtures("restored")
def test_a_name_that_is_pointed_elsewhere_leads_there_at_once(running: SandboxState, context: FakeContext) -> None:
    url = running.addresses.health_url
    assert run("dns.resolve", context, name=APP_NAME).outputs == {"address": "127.0.0.1", "addresses": ["127.0.0.1"]}
    assert run("http.check", context, url=url, status=[200, 503]).outputs["status"] in (200, 503)

    assert run("dns.point", context, name=APP_NAME, value="127.0.0.9").outputs["before"] == "127.0.0.1"
    assert run("dns.resolve", context, name=APP_NAME, value="127.0.0.9").outputs["address"] == "127.0.0.9"
    with pytest.raises(
        StepError, match=r"not within 0\.1s: app\.pixelcraft\.test leads to 127\.0\.0\.9, not to 127\.0\.0\.1"
    ):
        run("dns.resolve", context, name=APP_NAME, value="127.0.0.1", within="100ms")
    with pytest.raises(StepError, match="cannot be reached"):
        run("http.check", context, url=url)
    with closing(connect_route53(running.route53)) as client:
        values = [
            each["ResourceRecords"][0]["Value"] for each in records_of(client, running.zone) if each["Type"] == "A"
        ]
    assert values == ["127.0.0.9"]


def test_a_name_or_a_resolver_that_is_not_there_is_said(context: FakeContext) -> None:
    with pytest.raises(StepError, match=r"there is no name nosuch\.pixelcraft\.test"):
        run("dns.resolve", context, name="nosuch.pixelcraft.test", within="1s")
    context.seconds = 0.2
    with pytest.raises(StepError, match="stopped"):
        run("dns.resolve", context, name="nosuch.pixelcraft.test")


@pytest.mark.usefixtures("restored")
def test_a_name_that_an_earlier_drill_left_behind_leads_home_at_the_next_start(
    running: SandboxState, context: FakeContext
) -> None:
    run("dns.point", context, name=APP_NAME, value="127.0.0.9")
    servers.up(running.directory, point_name=False)
    assert run("dns.resolve", context, name=APP_NAME).outputs["address"] == "127.0.0.9"
    servers.up(running.directory)
    assert run("dns.resolve", context, name=APP_NAME).outputs["address"] == running.member("app").address
