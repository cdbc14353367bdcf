"""Cloudflare's REST API v4: records of one zone. https://developers.cloudflare.com/api/resources/dns"""

from urllib.parse import quote

from pydantic import Field

from drx.actions.providers.api import Answer, Api, Method, Refusal, Waiter, bearer
from drx.actions.providers.dns import Record, RecordType
from drx.config import DnsTarget
from drx.errors import PermanentError
from drx.secrets import Masker
from drx.values import Json

_POINTING = ("A", "AAAA", "CNAME")
_AUTOMATIC = 1
_API = "https://api.cloudflare.com"


class _Record(Answer):
    id: str
    type: str
    content: str
    ttl: int = _AUTOMATIC
    proxied: bool = False


class _Error(Answer):
    message: str = ""


class _Records(Answer):
    success: bool
    errors: tuple[_Error, ...] | None = ()
    result: tuple[_Record, ...] | None = None


class _Changed(Answer):
    success: bool
    errors: tuple[_Error, ...] | None = ()
    result: _Record | None = None


class _ZoneData(Answer):
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)


class _Zone(Answer):
    success: bool
    errors: tuple[_Error, ...] | None = ()
    result: _ZoneData | None = None


class CloudflareZone:
    """See `Zone`."""

    def __init__(self, target: DnsTarget, waiter: Waiter) -> None:
        self._target = target
        self._waiter = waiter
        self._path = f"/client/v4/zones/{quote(target.zone, safe='')}"
        token = target.token.reveal() if target.token else ""
        rights = "Zone: Read and DNS: Edit for this zone"
        self._api = Api("Cloudflare", target.api or _API, bearer(token), rights, masker=Masker([token]))

    def read(self, name: str) -> Record | None:
        found = self._find(name)
        return Record(found.type, found.content, found.ttl) if found else None

    def point(self, name: str, kind: RecordType, value: str, ttl: int) -> None:
        found = self._find(name)
        body: dict[str, Json] = {"type": kind, "name": name, "content": value, "ttl": ttl}
        if found is None:
            self._change("POST", f"{self._path}/dns_records", body)
            return
        if found.type != kind:
            remedy = f"Delete it at Cloudflare, or point with type {found.type}"
            raise PermanentError(f"{name} is a record of type {found.type}: its type cannot be changed", remedy)
        if found.proxied:
            body["ttl"] = _AUTOMATIC  # Cloudflare takes no other for a name that it stands in front of
        self._change("PATCH", f"{self._path}/dns_records/{quote(found.id, safe='')}", body)

    def identity(self) -> tuple[str, ...]:
        answer = self._api.ask(self._waiter, "GET", self._path, _Zone)
        self._refuse(answer.success, answer.errors)
        if answer.result is None:
            raise PermanentError("Cloudflare does not tell which zone this is", "Check dns.zone in drx.yaml")
        zone = answer.result
        outside = [each for each in self._target.records if not f".{each}".endswith(f".{zone.name}")]
        if outside:
            raise PermanentError(f"{outside[0]} is no name in the zone {zone.name}", "Correct dns.records in drx.yaml")
        return tuple(f"zone {zone.id} {name}" for name in self._target.records)

    def _find(self, name: str) -> _Record | None:
        query: dict[str, str | int] = {"name": name, "per_page": 100}
        answer = self._api.ask(self._waiter, "GET", f"{self._path}/dns_records", _Records, query=query)
        self._refuse(answer.success, answer.errors)
        found = [each for each in answer.result or () if each.type in _POINTING]
        if len(found) > 1:
            values = ", ".join(each.content for each in found)
            raise PermanentError(f"{name} has {len(found)} records: {values}", "Change them at Cloudflare by hand")
        return found[0] if found else None

    def _change(self, method: Method, path: str, body: dict[str, Json]) -> None:
        repeatable = method == "PATCH"  # which says what the record is to be
        answer = self._api.ask(self._waiter, method, path, _Changed, body=body, repeatable=repeatable)
        self._refuse(answer.success, answer.errors)

    def _refuse(self, success: bool, errors: tuple[_Error, ...] | None) -> None:
        if not success:
            said = self._api.masker.mask("; ".join(each.message for each in errors or ()))[:300]
            raise Refusal(f"Cloudflare refuses: {said}", "Check zone and token in drx.yaml", 200)
