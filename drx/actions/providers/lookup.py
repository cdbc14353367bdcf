"""Look a name up as its users do: by a resolver, over the network. Changes nothing; dnspython is imported in use."""

import socket
import time
from typing import TYPE_CHECKING

from drx.errors import StepError

if TYPE_CHECKING:
    from dns.rdatatype import RdataType
    from dns.resolver import Answer, Resolver

_AGAIN = "Wait until resolvers have forgotten the older answer, or point the name with dns.point"


def addresses_of(name: str, resolver: str | None, seconds: float) -> tuple[str, ...]:
    """Give the addresses that a name leads to, IPv4 first; never empty.

    `resolver` is HOST:PORT; without it, the resolvers of this machine are asked. Raises StepError where there is no
    such name, it has no address, or nobody answers in time.
    """
    from dns.exception import DNSException, Timeout
    from dns.rdatatype import RdataType
    from dns.resolver import NXDOMAIN, NoAnswer, Resolver

    asked = Resolver(configure=resolver is None)
    if resolver is not None:
        host, _, port = resolver.rpartition(":")
        asked.nameservers, asked.port = [_address(host.strip("[]"))], int(port)
    deadline = time.monotonic() + seconds
    found: list[str] = []
    try:
        for kind in (RdataType.A, RdataType.AAAA):
            try:
                found += [record.to_text() for record in _ask(asked, name, kind, deadline)]
            except NoAnswer:
                continue
    except NXDOMAIN:
        raise StepError(f"there is no name {name}", _AGAIN) from None
    except Timeout:
        who = f"the resolver {resolver}" if resolver else "the resolver of this machine"
        raise StepError(f"{who} did not answer about {name} within {seconds:g}s", "Check that it runs") from None
    except (DNSException, OSError) as error:
        raise StepError(f"{name} cannot be looked up: {error}", "Ask by hand, with `dig`, to see more") from None
    if not found:
        raise StepError(f"{name} leads to no address", _AGAIN)
    return tuple(found)


def _ask(asked: "Resolver", name: str, kind: "RdataType", deadline: float) -> "Answer":
    return asked.resolve(name, kind, search=False, lifetime=max(deadline - time.monotonic(), 0.1))


def _address(host: str) -> str:
    """A resolver is asked at its address; its own name is looked up as any other."""
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError as error:
        raise StepError(f"the resolver {host} cannot be looked up: {error.strerror or error}", "Name its IP") from None
