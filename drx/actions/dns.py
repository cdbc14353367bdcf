"""Point names at the servers that are to answer. Looks nothing up in the public DNS: `http.wait` does."""

import shlex
from ipaddress import ip_address

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.providers.dns import RecordType, Zone, open_zone
from drx.config import DnsTarget
from drx.errors import PermanentError, StepError
from drx.fields import Text
from drx.values import Json

_CURL = 'curl --fail --silent --show-error --header "Authorization: Bearer $CLOUDFLARE_TOKEN"'
_URL = '"https://api.cloudflare.com/client/v4/zones/$CLOUDFLARE_ZONE/dns_records'


class ReadRecord(Params):
    name: Text
    """The name, such as app.pixelcraft.example."""


class Point(Params):
    name: Text
    """The name; drx.yaml lists it in `dns.records`."""
    value: Text
    """Where it is to point: an address, or a name for a CNAME."""
    ttl: int = Field(default=60, ge=60, le=86400)
    """For how many seconds resolvers may keep the answer."""

    @property
    def kind(self) -> RecordType:
        """The type of record that the value needs."""
        try:
            return "A" if ip_address(self.value).version == 4 else "AAAA"
        except ValueError:
            return "CNAME"


_RECORD = {"value": "Where it points.", "type": "A, AAAA or CNAME.", "ttl": "For how many seconds it is kept."}


def _read_by_hand(params: ReadRecord) -> str:
    return f'{_CURL} {_URL}?name={params.name}"'


@action(
    "dns.read",
    effect="read",
    repeatable=True,
    targets=("dns",),
    outputs=_RECORD,
    by_hand=_read_by_hand,
)
def read(params: ReadRecord, context: Context) -> Result:
    """Tell where a name points, by what its provider holds: resolvers may still give an older answer."""
    found = _zone(context).read(_plain(params.name))
    if found is None:
        raise StepError(f"{params.name} points nowhere", "Point it with dns.point")
    outputs: dict[str, Json] = {"value": found.value, "type": found.kind, "ttl": found.ttl_seconds}
    return Result(outputs, (f"{params.name} points to {found.value}",))


def _point_by_hand(params: Point) -> str:
    from json import dumps

    body = dumps({"type": params.kind, "name": params.name, "content": params.value, "ttl": params.ttl})
    look = f'{_CURL} {_URL}?name={params.name}"   # tells RECORD_ID'
    json = "--header 'Content-Type: application/json'"
    return f'{look}\n{_CURL} --request PATCH {json} --data {shlex.quote(body)} {_URL}/RECORD_ID"'


@action(
    "dns.point",
    effect="write",
    repeatable=True,
    targets=("dns",),
    outputs={"before": "Where it pointed before; null where it did not.", "value": "Where it points now."},
    by_hand=_point_by_hand,
)
def point(params: Point, context: Context) -> Result:
    """Let a name point to another address, and read it back.

    Its rollback is the same action with the value before. A name with several records is left alone. Resolvers may give
    the older answer for as long as its old TTL says.
    """
    target, name = _target(context), _plain(params.name)
    if name not in target.records:
        message = f"'{name}' is not among the names that may be changed here"
        raise PermanentError(message, f"Add it to dns.records of '{context.target.name}' in drx.yaml")
    zone = _zone(context)
    before = zone.read(name)
    outputs: dict[str, Json] = {"before": before.value if before else None, "value": params.value}
    if before and _plain(before.value) == _plain(params.value):
        return Result(outputs, (f"{name} points to {params.value} already",))
    zone.point(name, params.kind, params.value, params.ttl)
    after = zone.read(name)
    if after is None or _plain(after.value) != _plain(params.value):
        raise StepError(f"{name} does not point to {params.value} after the change", "Look at the zone by hand")
    return Result(outputs, (f"{name} points to {params.value}",))


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _zone(context: Context) -> Zone:
    return open_zone(_target(context), context)


def _target(context: Context) -> DnsTarget:
    if context.target.dns is None:
        raise PermanentError(f"'{context.target.name}' has no dns", "State dns of this environment in drx.yaml")
    return context.target.dns
