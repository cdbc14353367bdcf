"""Ask MongoDB Atlas what it keeps of an environment's cluster, for readiness. Writes nothing."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from drx.cli.project import Project
from drx.cli.status import readings
from drx.cli.status.readings import aside, unreadable
from drx.config.target import Target
from drx.errors import DrxError
from drx.reports.atlas import AtlasBackup, judge_atlas, judge_rpo_at_atlas
from drx.reports.readiness import Line

_TO_TELL_SECONDS = 1.0
"""It gives up this much earlier than whoever waits for it, so that the reason is told."""


def ask_atlas(project: Project, name: str, now: datetime) -> Callable[[], Iterator[Line]]:
    """Ask beside everything else; nothing is said where the environment has no cluster at Atlas."""
    settings = project.config.settings
    if settings.environments[name].atlas is None:
        return lambda: iter(())
    rpo = settings.objectives.rpo

    def judged(found: AtlasBackup) -> Iterator[Line]:
        yield judge_rpo_at_atlas(found, rpo, now) if rests_on_atlas(project, name) else judge_atlas(found, rpo, now)

    try:
        target = project.resolve(project.config, name, ("atlas",))
    except DrxError as error:
        problem, remedy = unreadable(error)
        return lambda: judged(AtlasBackup(problem=problem, remedy=remedy))
    asked = aside(lambda: read_atlas(target), lambda problem: AtlasBackup(problem=problem))
    return lambda: judged(asked())


def rests_on_atlas(project: Project, name: str) -> bool:
    """Whether drx takes no backups, and Atlas does."""
    settings = project.config.settings
    return settings.backups is None and settings.environments[name].atlas is not None


def read_atlas(target: Target) -> AtlasBackup:
    """Ask Atlas what it keeps of the cluster; raises StepError."""
    from drx.actions.providers.atlas import AtlasClient
    from drx.guard.providers import Patience

    assert target.atlas
    client = AtlasClient(target.atlas, Patience(readings.PATIENCE_SECONDS - _TO_TELL_SECONDS))
    cluster, snapshots = client.cluster(target.atlas.cluster), client.snapshots()
    complete = [each.created_at for each in snapshots if each.status == "completed" and each.created_at]
    failed = max((each.created_at for each in snapshots if each.status == "failed" and each.created_at), default=None)
    newest = max(complete, default=None)
    return AtlasBackup(
        cluster.backed_up,
        min(complete, default=None),
        newest,
        failed if failed and (newest is None or failed > newest) else None,
        timedelta(days=client.window_days()) if cluster.continuously else None,
    )
