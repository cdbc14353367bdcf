"""Snapshots and restores at MongoDB Atlas, by its Administration API. Reads and writes no documents itself."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from drx.actions.base import Context, Params, Result, action
from drx.config import AtlasTarget, Target
from drx.errors import PermanentError, StepError
from drx.fields import Duration, Moment, Text
from drx.units import show_time
from drx.values import Json

if TYPE_CHECKING:
    from drx.actions.providers.atlas import AtlasClient, RestoreJob, Snapshot

_CURL = (
    'curl --fail --silent --show-error --digest --user "$ATLAS_PUBLIC_KEY:$ATLAS_PRIVATE_KEY"'
    " --header 'Accept: application/vnd.atlas.2023-01-01+json' --header 'Content-Type: application/json'"
)
_URL = '"https://cloud.mongodb.com/api/atlas/v2/groups/$ATLAS_PROJECT/clusters/$ATLAS_CLUSTER/backup/'


class ListSnapshots(Params):
    before: Moment | None = None
    """Only snapshots that were begun before this moment."""
    max_age: Duration | None = None
    """Fail where the newest one is older than this."""


@action(
    "atlas.snapshots",
    effect="read",
    repeatable=True,
    targets=("atlas",),
    by_hand=lambda _: f'{_CURL} {_URL}snapshots?itemsPerPage=500"',
    outputs={
        "count": "How many complete snapshots there are.",
        "id": "The newest of them.",
        "at": "When it was begun.",
        "oldest_at": "When the oldest was begun.",
    },
)
def snapshots(params: ListSnapshots, context: Context) -> Result:
    """Find the newest complete snapshot of the cluster.

    Fails where there is none. Only the newest 500 snapshots are looked at.
    """
    found = [(each.created_at, each) for each in _client(context).snapshots() if each.status == "completed"]
    dated = sorted((at, each.id) for at, each in found if at and (params.before is None or at < params.before))
    if not dated:
        when = f" before {show_time(params.before)}" if params.before else ""
        raise StepError(f"there is no complete snapshot{when}", "Turn on cloud backups of the cluster, or take one now")
    at, identifier = dated[-1]
    if params.max_age is not None and datetime.now(UTC) - at > params.max_age:
        raise StepError(f"the newest snapshot is of {show_time(at)}: too old", "Look at the cluster's backup policy")
    outputs: dict[str, Json] = {"count": len(dated), "id": identifier, "at": show_time(at)}
    return Result(
        {**outputs, "oldest_at": show_time(dated[0][0])}, (f"{len(dated)} snapshots, newest {show_time(at)}",)
    )


class TakeSnapshot(Params):
    description: Text = "on demand by drx"
    """What the snapshot is called at Atlas."""
    keep_days: int = Field(default=7, ge=1, le=365)
    """After how many days Atlas deletes it."""
    within: Duration = Field(default="1h", validate_default=True)
    """Give up waiting after this long."""
    every: Duration = Field(default="10s", validate_default=True)
    """Pause between two looks."""


def _take_by_hand(params: TakeSnapshot) -> str:
    body = f'{{"description": "{params.description}", "retentionInDays": {params.keep_days}}}'
    return f'{_CURL} --data {shlex.quote(body)} {_URL}snapshots"'


@action(
    "atlas.snapshot",
    effect="write",
    targets=("atlas",),
    by_hand=_take_by_hand,
    outputs={"id": "Id of the snapshot.", "at": "When it was begun.", "size_bytes": "Its size, where Atlas tells it."},
)
def snapshot(params: TakeSnapshot, context: Context) -> Result:
    """Take a snapshot of the cluster now, and wait until it is complete.

    Atlas takes one at a time: where another is under way, it says so and the step fails.
    """
    from drx.actions.providers.polling import poll

    client = _client(context)
    begun = client.take_snapshot(params.description, params.keep_days)

    def ended(each: "Snapshot") -> bool:
        return each.status in ("completed", "failed")

    what = f"snapshot {begun.id} at Atlas"
    done = poll(context, what, lambda: client.snapshot(begun.id), ended, params.within, params.every)
    if done.status == "failed":
        raise StepError(f"{what} failed", "Look at the cluster's activity feed at Atlas")
    at = show_time(done.created_at) if done.created_at else None
    return Result({"id": done.id, "at": at, "size_bytes": done.size_bytes}, (f"{what} is complete",))


class Restore(Params):
    into: Text
    """The cluster that is wiped and filled. It exists already; drx.yaml lists it in `atlas.restore_into`, unless it is
    the environment's own."""
    into_project: Text | None = None
    """Id of that cluster's project, where it is another one."""
    at: Moment | None = None
    """Restore to this second; needs continuous cloud backup."""
    snapshot: Text | None = None
    """Instead of `at`: restore this snapshot."""
    within: Duration = Field(default="2h", validate_default=True)
    """Give up waiting after this long."""
    every: Duration = Field(default="10s", validate_default=True)
    """Pause between two looks."""

    @model_validator(mode="after")
    def _one_source(self) -> "Restore":
        if (self.at is None) == (self.snapshot is None):
            raise ValueError("say either `at`, a moment, or `snapshot`, the id of one")
        return self

    def place(self, project: str) -> dict[str, Json]:
        """Where Atlas is to restore."""
        return {"targetClusterName": self.into, "targetGroupId": self.into_project or project}

    def body(self, project: str) -> dict[str, Json]:
        """What Atlas is asked for."""
        target = self.place(project)
        if self.at is not None:
            return {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": int(self.at.timestamp()), **target}
        return {"deliveryType": "automated", "snapshotId": self.snapshot, **target}


def _restore_by_hand(params: Restore) -> str:
    from json import dumps

    at = show_time(params.at) if isinstance(params.at, datetime) else str(params.at)
    moment = {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": "SECONDS"}
    snapshot = {"deliveryType": "automated", "snapshotId": params.snapshot}
    body = dumps({**(snapshot if params.at is None else moment), **params.place("PROJECT_ID")})
    body = body.replace("PROJECT_ID", "'\"$ATLAS_PROJECT\"'")
    body = body.replace('"SECONDS"', f'\'"$(date --utc --date="{at}" +%s)"\'')
    start = f"{_CURL} --data '{body}' {_URL}restoreJobs\""
    until = "# until finishedAt is set, and failed, cancelled and expired are not:"
    return f'{start}\n{until}\n{_CURL} {_URL}restoreJobs/JOB_ID"'


def _into(params: Restore, target: Target) -> str:
    own = params.into_project is None or (target.atlas is not None and params.into_project == target.atlas.project)
    return params.into if own else f"{params.into_project}/{params.into}"


_JOB_OUTPUTS = {"job": "Id of the restore job.", "snapshot": "The snapshot it began with, where Atlas tells it."}


@action(
    "atlas.restore",
    effect="destroy",
    targets=("atlas",),
    resource=_into,
    by_hand=_restore_by_hand,
    outputs={
        **_JOB_OUTPUTS,
        "finished_at": "When it ended, by Atlas's clock.",
        "address": "Where the restored cluster answers, without user and password; null where Atlas does not tell.",
    },
)
def restore(params: Restore, context: Context) -> Result:
    """Restore the cluster's backup into a cluster, and wait for the end. Atlas wipes the target first.

    Restore beside the damaged cluster where you can: into another one that drx.yaml lists. The target has to be idle.
    When the step is stopped, the job goes on at Atlas.
    """
    client = _client(context)
    name = _into(params, context.target)
    if name != client.target.cluster and name not in client.target.restore_into:
        message = f"'{name}' is not among the clusters that may be restored into"
        raise PermanentError(message, f"Add it to atlas.restore_into of '{context.target.name}' in drx.yaml")
    cluster = client.cluster(params.into, params.into_project)
    if cluster.state != "IDLE":
        raise StepError(
            f"cluster '{name}' is {cluster.state}, not IDLE", "Wait until Atlas has ended what it does there"
        )
    job = _ended(client.restore(params.body(client.target.project)), False, client, params, context)
    at = show_time(job.finished_at) if job.finished_at else None
    outputs: dict[str, Json] = {"job": job.id, "snapshot": job.snapshot_id, "finished_at": at}
    return Result({**outputs, "address": cluster.addresses.srv}, (f"'{name}' is restored",))


class Download(Params):
    snapshot: Text
    """Id of the snapshot."""
    urls_to: Text
    """File for the addresses, relative to the current directory; only its owner can read it. Whoever has an address
    can fetch the data, for some hours."""
    within: Duration = Field(default="1h", validate_default=True)
    """Give up waiting after this long."""
    every: Duration = Field(default="10s", validate_default=True)
    """Pause between two looks."""


def _download_by_hand(params: Download) -> str:
    body = f'{{"deliveryType": "download", "snapshotId": "{params.snapshot}"}}'
    start = f'{_CURL} --data {shlex.quote(body)} {_URL}restoreJobs"'
    return f'{start}\n# until deliveryUrl is there:\n{_CURL} {_URL}restoreJobs/JOB_ID"'


@action(
    "atlas.download",
    effect="write",
    targets=("atlas",),
    by_hand=_download_by_hand,
    outputs={**_JOB_OUTPUTS, "files": "How many files there are to fetch."},
)
def download(params: Download, context: Context) -> Result:
    """Have a snapshot packed for download, and write the addresses to a file.

    They stand in no journal and no report. Fetch them soon with `curl --remote-name`; a step `shell.run` can do it.
    """
    from drx.files import write_atomically

    client = _client(context)
    body: dict[str, Json] = {"deliveryType": "download", "snapshotId": params.snapshot}
    job = _ended(client.restore(body), True, client, params, context)
    path = Path(params.urls_to)
    try:
        write_atomically(path, "".join(f"{url}\n" for url in job.delivery_url).encode(), mode=0o600)
    except OSError as error:
        raise StepError(
            f"{path} cannot be written: {error.strerror}", "Name a file in a directory that exists"
        ) from None
    return Result({"job": job.id, "snapshot": job.snapshot_id, "files": len(job.delivery_url)})


def _ended(
    job: "RestoreJob", download: bool, client: "AtlasClient", params: Restore | Download, context: Context
) -> "RestoreJob":
    """Wait for the end of a job; a job that did not succeed is a failure."""
    from drx.actions.providers.polling import poll

    what = f"restore job {job.id} at Atlas"

    def ended(each: "RestoreJob") -> bool:
        return bool(each.failure) or each.is_ready(download)

    done = poll(context, what, lambda: client.job(job.id), ended, params.within, params.every)
    if done.failure:
        raise StepError(f"{what} {done.failure}", "Look at the cluster's activity feed at Atlas")
    return done


def _client(context: Context) -> "AtlasClient":
    from drx.actions.providers.atlas import AtlasClient

    return AtlasClient(_target(context), context)


def _target(context: Context) -> AtlasTarget:
    if context.target.atlas is None:
        raise PermanentError(f"'{context.target.name}' has no atlas", "State atlas of this environment in drx.yaml")
    return context.target.atlas
