"""Where the application runs, behind one interface: one file for each provider."""

from typing import assert_never

from drx.actions.base import Context
from drx.actions.hosts.base import Host, NewHost
from drx.config import HostTarget, RailwayTarget, SystemdTarget
from drx.errors import PermanentError, StepError


def open_host(context: Context) -> Host:
    """Give the host of the run's environment.

    Raises StepError where drx.yaml states none.
    """
    target = _stated(context)
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


def provision_host(context: Context) -> NewHost:
    """Make a host for the run's environment, where its own is gone.

    Raises StepError where drx.yaml states none, or not what it is made from.
    """
    target = _stated(context)
    if target.provision is None:
        message = f"drx.yaml does not say what a host of '{context.target.name}' is made from"
        raise PermanentError(message, "Make it by hand; afterwards, state host.provision in drx.yaml")
    match target:
        case HostTarget():
            from drx.actions.hosts.new_local import make_host

            return make_host(target.provision, context)
        case RailwayTarget():
            from drx.actions.hosts.new_railway import make_service

            return make_service(target, target.provision, context)
        case SystemdTarget():
            from drx.actions.hosts.new_systemd import make_unit

            return make_unit(target, target.provision, context)
        case _:
            assert_never(target)


def _stated(context: Context) -> HostTarget | RailwayTarget | SystemdTarget:
    target = context.target.host
    if target is None:
        raise StepError(f"'{context.target.name}' has no host", "State host of this environment in drx.yaml")
    return target
