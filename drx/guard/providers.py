"""Ask a provider whose servers it is about to change. Reads by the provider's own API; writes nothing."""

import time

from drx.actions.hosts.railway import RailwayService
from drx.actions.hosts.systemd import SystemdUnit
from drx.actions.providers.api import Refusal
from drx.actions.providers.atlas import AtlasClient, Cluster
from drx.actions.providers.dns import open_zone
from drx.config import AtlasTarget, DnsTarget, RailwayTarget, SystemdTarget
from drx.errors import Cancelled, StepError
from drx.guard.identity import Identity, UnknownIdentity

_SECONDS = 15.0


class Patience:
    """Waits as the guard does: for some seconds, and nobody can cancel it."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        if self.remaining() <= 0:
            raise Cancelled(f"no answer within {self._seconds:g}s")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, max(self.remaining(), 0.0)))
        self.check()

    def remaining(self) -> float:
        return self._deadline - time.monotonic()


def identify_atlas(target: AtlasTarget) -> Identity:
    """Read the ids of the cluster and of those that may be restored into: a name can be given to another one.

    Raises UnknownIdentity where there is no such cluster, or the credentials do not suffice.
    """
    client = AtlasClient(target, Patience())
    try:
        own = client.cluster(target.cluster)
        others = [found for name in target.restore_into if (found := _other(client, name))]
    except StepError as error:
        raise UnknownIdentity(error.message, error.remedy) from None
    marks = dict.fromkeys(f"cluster {cluster.id}" for cluster in (own, *others))
    return Identity("atlas", tuple(marks), "Atlas, get one cluster")


def identify_dns(target: DnsTarget) -> Identity:
    """Read the zone's id: each name that may be changed is a mark, since a zone may hold names of production too.

    Raises UnknownIdentity where it does not tell.
    """
    try:
        return Identity("dns", open_zone(target, Patience()).identity(), "the zone's id")
    except StepError as error:
        raise UnknownIdentity(error.message, error.remedy) from None


def identify_host(target: RailwayTarget | SystemdTarget) -> Identity:
    """Ask the provider whose application this is.

    Raises UnknownIdentity where it does not tell.
    """
    try:
        match target:
            case RailwayTarget():
                return Identity("host", (RailwayService(target, Patience()).identity(),), "Railway, service instance")
            case SystemdTarget():
                return Identity("host", (SystemdUnit(target, Patience()).identity(),), "/etc/machine-id")
    except StepError as error:
        raise UnknownIdentity(error.message, error.remedy) from None


def _other(client: AtlasClient, name: str) -> Cluster | None:
    """Look up a cluster to restore into; it may not be there yet."""
    project, _, cluster = name.rpartition("/")
    try:
        return client.cluster(cluster, project or None)
    except Refusal as error:
        if error.status == 404:
            return None
        raise
