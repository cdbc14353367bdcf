"""Read backups back and say what is damaged: `backup.verify`. Drivers are imported in use."""

from typing import TYPE_CHECKING

from pydantic import model_validator

from drx.actions.backup import BASE_OUTPUTS, describe_base
from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.by_hand.dump_tools import verify_base
from drx.actions.servers import backup_store
from drx.errors import PermanentError
from drx.fields import Text

if TYPE_CHECKING:
    from drx.backup.format.manifest import Manifest

_LINES = 20


class Verify(Params):
    base: Text | None = None
    """Id of the base; without it, the newest."""
    everything: bool = False
    """Read every base, differential, slice and point of the uploads, not only what the newest moment needs."""

    @model_validator(mode="after")
    def _one_or_all(self) -> "Verify":
        if self.everything and self.base:
            raise ValueError("'everything' includes the base: leave out 'base'")
        return self


@action(
    "backup.verify",
    effect="read",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs={**BASE_OUTPUTS, "reaches": "Timestamp up to which the slices after it can be restored."},
    by_hand=lambda _: verify_base(),
)
def verify(params: Verify, context: Context) -> Result:
    """Read a base and the slices after it back, and hold every byte against its checksum; or everything there is.

    It says that the store is whole, not that a restore works: that is what the restore test shows. Whatever is lost
    or altered is named, object by object.
    """

    def read() -> "tuple[Manifest, str, tuple[str, ...]]":
        return _everything(context) if params.everything else _one_base(params.base, context)

    manifest, reaches, lines = call_blocking(context, read, lambda: None)
    described = describe_base(manifest, lines)
    return Result({**described.outputs, "reaches": reaches}, described.lines)


def _one_base(base: str | None, context: Context) -> "tuple[Manifest, str, tuple[str, ...]]":
    from drx.actions.recovery.assemble import archived_end
    from drx.actions.recovery.bases import base_before, origin_of
    from drx.backup.format.catalog import load_manifest
    from drx.backup.verify import verify_base

    store, service = backup_store(context), context.target.service
    manifest = load_manifest(store, service, base) if base else base_before(store, origin_of(context), None)
    damaged = verify_base(store, manifest, progress=context.progress, cancelled=context.cancelled)
    _refuse(damaged, f"the base {manifest.id} is damaged")
    return manifest, archived_end(store, service, manifest, context), ()


def _everything(context: Context) -> "tuple[Manifest, str, tuple[str, ...]]":
    """Read all there is, and tell of the newest base."""
    from drx.actions.recovery.bases import base_before, origin_of
    from drx.backup.format.manifest import show_timestamp
    from drx.backup.oplog.slices import best_chain
    from drx.backup.uploads.verify import verify_points
    from drx.backup.verify import verify_everything

    store, service = backup_store(context), context.target.service
    found = verify_everything(store, service, progress=context.progress, cancelled=context.cancelled)
    points, lost = verify_points(store, service, context.progress, context.cancelled, context.check)
    _refuse((*found.damaged, *lost), f"backups of {service} are damaged")
    manifest = base_before(store, origin_of(context), None)
    reaches = show_timestamp(best_chain(manifest, found.slices, found.backups, None).end)
    read = f"read back whole: backups {len(found.backups):,}, slices of oplog {len(found.slices):,}"
    read += f", points of the uploads {points:,}" if points else ""
    return manifest, reaches, (read,)


def _refuse(damaged: tuple[str, ...], what: str) -> None:
    if damaged:
        more = f" (and {len(damaged) - 1:,} more)" if len(damaged) > 1 else ""
        raise PermanentError(f"{what}: {damaged[0]}{more}", "Use another copy", lines=damaged[:_LINES])
