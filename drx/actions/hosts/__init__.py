"""Where the application runs, behind one interface: one file for each provider."""

from drx.actions.base import Context
from drx.actions.hosts.base import Host
from drx.errors import StepError


def open_host(context: Context) -> Host:
    """Give the host of the run's environment.

    Raises StepError where drx.yaml states none.
    """
    target = context.target.host
    if target is None:
        raise StepError(f"'{context.target.name}' has no host", "State host of this environment in drx.yaml")
    match target.provider:
        case "local":
            from drx.actions.hosts.local import LocalHost

            return LocalHost(target.directory, context)
        case other:
            raise StepError(f"the host provider '{other}' is not known", "Use `local`, or a shell.run step")
