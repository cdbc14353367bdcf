"""What drx needs of a DNS provider. Shapes, and the choice of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from drx.config import DnsTarget

if TYPE_CHECKING:
    from drx.actions.providers.api import Waiter

RecordType = Literal["A", "AAAA", "CNAME"]


@dataclass(frozen=True)
class Record:
    """Where a name points."""

    kind: str
    value: str
    ttl_seconds: int


class Zone(Protocol):
    """One zone at a provider. Every call raises StepError where it did not succeed."""

    def read(self, name: str) -> Record | None:
        """Where a name points; None where it has no such record. Several records for it are a failure."""

    def point(self, name: str, kind: RecordType, value: str, ttl: int) -> None:
        """Let a name point there, and nowhere else; makes the record where there is none."""

    def identity(self) -> tuple[str, ...]:
        """Read from the provider which zone this is: a mark for each name that may be changed."""


def open_zone(target: DnsTarget, waiter: "Waiter") -> Zone:
    """Give the zone of an environment."""
    if target.provider == "route53":
        from drx.actions.providers.route53 import Route53Zone

        return Route53Zone(target, waiter)
    from drx.actions.providers.cloudflare import CloudflareZone

    return CloudflareZone(target, waiter)
