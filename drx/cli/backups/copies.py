"""The copies of the backups: read every store, say what each holds, how far it lags, and whether 3-2-1 is kept."""

import json

import typer

from drx.cli.project import choose_environment, load_project
from drx.errors import ExitCode, UsageError


def copies(environment: str | None, as_json: bool, *, sandbox: str = "default") -> int:
    """Print the stores of an environment and the verdict; an exit code of 4 says that something is lacking.

    Raises UsageError where the environment has no database or no stores.
    """
    from drx.actions.servers import address_of
    from drx.backup.holdings.custody import sentence, shown, table
    from drx.backup.holdings.rule import explanation
    from drx.backup.holdings.survey import survey

    project = load_project(sandbox)
    name = choose_environment(project.config, environment, unattended=as_json)
    target = project.resolve(project.config, name, ("mongo", "store"))
    if target.mongo is None or target.backups is None:
        raise UsageError(f"'{name}' has no database or no backup stores", "State mongo and backups in drx.yaml")
    addresses = [address_of(store, hurried=True) for store in (target.backups.primary, *target.backups.copies)]
    custody = survey(addresses, target.service, target.mongo.database)
    if as_json:
        typer.echo(json.dumps(shown(custody), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join((*table(custody), "", f"3-2-1  {sentence(custody)}", *explanation(custody))))
    return ExitCode.OK if custody.sound else ExitCode.FAILED
