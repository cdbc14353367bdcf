"""A small real DNS server for the sandbox's zone, over UDP and TCP: it answers as Route 53 has it at that moment.

It keeps nothing, so that a name that was pointed elsewhere leads there at once.
"""

import argparse
import signal
import socketserver
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3  # noqa: F401  # before the first question comes, not while somebody waits for the answer
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from drx.errors import DrxError
from drx.sandbox.state import LOOPBACK, ZONE, load_state
from drx.sandbox.zone import connect_route53, find_zone, records_of

_ZONE = dns.name.from_text(ZONE)
_LENGTH = struct.Struct("!H")
_TCP_SECONDS = 5.0
_ATTEMPTS = 20


def answer(query: dns.message.QueryMessage, record_sets: Iterable[dict[str, Any]]) -> dns.message.Message:
    """Answer a query out of the record sets of the zone, as Route 53 lists them. Pure.

    Names outside of the zone are refused: this is no resolver for anything else.
    """
    reply = dns.message.make_response(query)
    question = query.question[0]
    if not question.name.is_subdomain(_ZONE):
        reply.set_rcode(dns.rcode.REFUSED)
        return reply
    reply.flags |= dns.flags.AA
    sets = [_rrset(each) for each in record_sets if each.get("ResourceRecords")]
    name, known = question.name, {each.name for each in sets}
    for _ in known:  # a chain of aliases is no longer than there are names
        found = [each for each in sets if each.name == name and each.rdtype in (question.rdtype, dns.rdatatype.CNAME)]
        reply.answer += found
        if not found or found[0].rdtype != dns.rdatatype.CNAME:
            break
        name = found[0][0].target
    if question.name not in known:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


def _rrset(found: dict[str, Any]) -> dns.rrset.RRset:
    values = [str(each["Value"]) for each in found["ResourceRecords"]]
    return dns.rrset.from_text_list(str(found["Name"]), int(found.get("TTL", 0)), "IN", str(found["Type"]), values)


class _Zone:
    """Answers from the zone of one sandbox."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._client: tuple[str, Any] | None = None

    def reply(self, wire: bytes) -> bytes | None:
        """Answer one message; None for what is no query."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not isinstance(query, dns.message.QueryMessage) or len(query.question) != 1:
            return None
        try:
            return answer(query, self._records()).to_wire()
        except Exception as error:  # whatever Route 53 does: whoever asks is told, and the server goes on
            print(f"{query.question[0]}: {type(error).__name__}: {error}", flush=True)
            failed = dns.message.make_response(query)
            failed.set_rcode(dns.rcode.SERVFAIL)
            return failed.to_wire()

    def _records(self) -> Iterable[dict[str, Any]]:
        client = self._connected(load_state(self._directory).route53)
        zone = find_zone(client)
        if zone is None:
            raise DrxError(f"there is no zone {ZONE}", "Run 'drx sandbox up'")
        return records_of(client, zone)

    def _connected(self, endpoint: str) -> Any:
        """A client of Route 53; it may answer elsewhere after it was started anew."""
        if self._client is None or self._client[0] != endpoint:
            self._client = endpoint, connect_route53(endpoint)
        return self._client[1]


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        reply = self.server.zone.reply(wire)  # type: ignore[attr-defined]  # both servers below have one
        if reply:
            sock.sendto(reply, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    timeout = _TCP_SECONDS

    def handle(self) -> None:
        with suppress(OSError, struct.error):
            (length,) = _LENGTH.unpack(self.rfile.read(_LENGTH.size))
            reply = self.server.zone.reply(self.rfile.read(length))  # type: ignore[attr-defined]
            if reply:
                self.wfile.write(_LENGTH.pack(len(reply)) + reply)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve until SIGTERM, on one port by both protocols."""
    parser = argparse.ArgumentParser(description="The resolver of a sandbox")
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    options = parser.parse_args()
    udp, tcp = _listen(options.port, _Zone(options.directory))
    with udp, tcp:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=tcp.shutdown).start())
        threading.Thread(target=udp.serve_forever, daemon=True).start()
        tcp.serve_forever(poll_interval=0.05)


def _listen(port: int, zone: _Zone) -> tuple[_UdpServer, _TcpServer]:
    """Listen on one port by both protocols; one that the system chose may be free for one of them only."""
    for attempt in range(_ATTEMPTS):
        tcp = _TcpServer((LOOPBACK, port), _Tcp)
        try:
            udp = _UdpServer((LOOPBACK, tcp.server_address[1]), _Udp)
        except OSError:
            tcp.server_close()
            if port or attempt == _ATTEMPTS - 1:
                raise
            continue
        tcp.zone = udp.zone = zone  # type: ignore[attr-defined]
        return udp, tcp
    raise AssertionError


if __name__ == "__main__":
    main()
