"""Where the application runs, behind one interface: one file for each provider."""

from typing import assert_never

from drx.actions.base import Context
from drx.actions.hosts.base import Host
from drx.config import HostTarget, RailwayTarget, SystemdTarget
from drx.errors import StepError


def open_host(context: Context) -> Host:
    """Give the host of the run's environment.

    Raises StepError where drx.yaml states none.
    """
    target = context.target.host
    if target is None:
        raise StepError(f"'{context.target.name}' has no host", "State host of this environment in drx.yaml")
    match target:
        case HostTarget():
            from drx.actions.hosts.local import LocalHost

            return LocalHost(target.directory, context)
        case RailwayTarget():
            from drx.actions.hosts.railway import RailwayService

            return RailwayService(target, context)
        case SystemdTarget():
            from drx.actions.hosts.systemd import SystemdUnit

            return SystemdUnit(target, context)
        case _:
            assert_never(target)
