"""Point names at the servers that are to answer, and see that users are told so."""

import json
import shlex
import time
from ipaddress import ip_address

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.providers.dns import RecordType, Zone, open_zone
from drx.config import DnsTarget
from drx.config.model import Environment
from drx.config.providers import Dns
from drx.errors import Cancelled, PermanentError, StepError
from drx.fields import Duration, Text
from drx.units import show_duration
from drx.values import Json

_LOOKUP_SECONDS = 5.0
_CLOUDFLARE = "https://api.cloudflare.com"
_NO_DNS = "# drx.yaml names no dns for this environment: change the record where the name is administered"


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
        if not _is_address(self.value):
            return "CNAME"
        return "A" if ip_address(self.value).version == 4 else "AAAA"


_TYPES = '# "CNAME" leads to a name. For an address, write "A" instead, or "AAAA" where it holds colons:\n'
_RECORD = {"value": "Where it points.", "type": "A, AAAA or CNAME.", "ttl": "For how many seconds it is kept."}


def _read_by_hand(params: ReadRecord, environment: Environment) -> str:
    if environment.dns is None:
        return f"dig +short {params.name}"
    if environment.dns.provider == "route53":
        chosen = f"ResourceRecordSets[?Name=='{_plain(params.name)}.']"
        return f'aws route53 list-resource-record-sets --hosted-zone-id "$DNS_ZONE" --query "{chosen}"'
    return f"cloudflare '?name={params.name}' | jq '.result'"


def functions_by_hand(dns: Dns | None) -> tuple[str, ...]:
    """Define, for a shell, what the commands by hand call."""
    if dns is None or dns.provider != "cloudflare":
        return ()
    curl = 'curl --fail --silent --show-error --header "Authorization: Bearer $CLOUDFLARE_TOKEN"'
    url = f'"{dns.api or _CLOUDFLARE}/client/v4/zones/$DNS_ZONE/dns_records$1"'
    return (
        "cloudflare() { # asks Cloudflare's API",
        f"  {curl} \\",
        f"    --header 'Content-Type: application/json' {url} \"${{@:2}}\"",
        "}",
    )


@action(
    "dns.read",
    effect="read",
    repeatable=True,
    targets=("dns",),
    outputs=_RECORD,
    by_hand_in=_read_by_hand,
)
def read(params: ReadRecord, context: Context) -> Result:
    """Tell where a name points, by what its provider holds: resolvers may still give an older answer."""
    found = _zone(context).read(_plain(params.name))
    if found is None:
        raise StepError(f"{params.name} points nowhere", "Point it with dns.point")
    outputs: dict[str, Json] = {"value": found.value, "type": found.kind, "ttl": found.ttl_seconds}
    return Result(outputs, (f"{params.name} points to {found.value}",))


def _point_by_hand(params: Point, environment: Environment) -> str:
    dns = environment.dns
    if dns is None:
        return _NO_DNS
    hint = _TYPES if "$" in params.value else ""
    if dns.provider == "route53":
        values = [{"Value": params.value}]
        record = {"Name": _plain(params.name), "Type": params.kind, "TTL": params.ttl, "ResourceRecords": values}
        batch = json.dumps({"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})
        change = f"--change-batch {shlex.quote(batch)}"
        return f'{hint}aws route53 change-resource-record-sets --hosted-zone-id "$DNS_ZONE" {change}'
    body = json.dumps({"type": params.kind, "name": params.name, "content": params.value, "ttl": params.ttl})
    look = f"id=$(cloudflare '?name={params.name}' | jq -r '.result[0].id')"
    return f'{hint}{look}\ncloudflare "/$id" --request PATCH --data {shlex.quote(body)}'


@action(
    "dns.point",
    effect="write",
    repeatable=True,
    targets=("dns",),
    outputs={"before": "Where it pointed before; null where it did not.", "value": "Where it points now."},
    by_hand_in=_point_by_hand,
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


class Resolve(Params):
    name: Text
    """The name, such as app.pixelcraft.example."""
    value: Text | None = None
    """Where it has to lead, and nowhere else: an address, or a name that leads there; without it, anywhere will do."""
    within: Duration = Field(default="5m", validate_default=True)
    """Give up after this long: an older answer may be kept for its TTL."""
    every: Duration = Field(default="2s", validate_default=True)
    """Pause between two look-ups."""


def _dig(params: Resolve) -> str:
    asked = f"dig +short {shlex.quote(params.name)}"
    return f"until {asked} | grep -qxF {shlex.quote(params.value)}; do sleep 2; done" if params.value else asked


@action(
    "dns.resolve",
    effect="read",
    repeatable=True,
    uses=("resolver",),
    outputs={"address": "Where the name leads.", "addresses": "All addresses, where there are several."},
    by_hand=_dig,
)
def resolve(params: Resolve, context: Context) -> Result:
    """Wait until a name leads to an address, asking a resolver as users do.

    Use it after dns.point: what the provider holds is not yet what users are told. It asks the resolver that
    `dns.resolver` names in drx.yaml, else the one of this machine; others may still keep an older answer.
    """
    resolver = context.target.resolver.address if context.target.resolver else None
    deadline = time.monotonic() + params.within.total_seconds()
    while True:
        left = deadline - time.monotonic()
        try:
            found = _looked_up(params, resolver, min(max(left, 0.1), _LOOKUP_SECONDS), context)
            return Result({"address": found[0], "addresses": list(found)}, (f"{params.name} leads to {found[0]}",))
        except Cancelled:
            raise
        except StepError as error:
            if left <= 0:
                raise StepError(f"not within {show_duration(params.within)}: {error.message}", error.remedy) from None
        context.sleep(min(params.every.total_seconds(), max(left, 0.0)))


def _looked_up(params: Resolve, resolver: str | None, seconds: float, context: Context) -> tuple[str, ...]:
    from drx.actions.providers.lookup import addresses_of

    def look(name: str) -> tuple[str, ...]:
        return call_blocking(context, lambda: addresses_of(name, resolver, seconds), lambda: None, seconds + 1)

    found = look(params.name)
    if params.value and not set(found) <= set((params.value,) if _is_address(params.value) else look(params.value)):
        raise StepError(f"{params.name} leads to {', '.join(found)}, not to {params.value}", "Point it with dns.point")
    return found


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _zone(context: Context) -> Zone:
    return open_zone(_target(context), context)


def _target(context: Context) -> DnsTarget:
    if context.target.dns is None:
        raise PermanentError(f"'{context.target.name}' has no dns", "State dns of this environment in drx.yaml")
    return context.target.dns
