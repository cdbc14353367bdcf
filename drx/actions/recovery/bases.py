"""Choose the base that a recovery begins with. Reads stores only."""

from collections.abc import Sequence
from dataclasses import dataclass

from bson import Timestamp

from drx.actions.base import Context
from drx.actions.servers import mongo_target
from drx.backup.format.catalog import Skip, list_bases
from drx.backup.format.manifest import Manifest
from drx.backup.holdings.inventory import moment_of
from drx.backup.stores.base import Store
from drx.backup.verify import check_listed
from drx.errors import DamagedError, PermanentError


@dataclass(frozen=True)
class Origin:
    """Whose backups are read: the name under which they lie in the store, and the database they are of."""

    service: str
    database: str


def origin_of(context: Context, service: str | None = None, database: str | None = None) -> Origin:
    """Give the environment's own backups, or those of another service or database that is named."""
    return Origin(service or context.target.service, database or mongo_target(context).database)


def own_bases(store: Store, origin: Origin, skip: Skip | None = None) -> tuple[Manifest, ...]:
    """List the bases of one database, oldest first; those of another one are never restored.

    Raises PermanentError where there is none, naming the databases that there are bases of.
    """
    service, database = origin.service, origin.database
    bases = list_bases(store, service, skip)
    own = tuple(found for found in bases if found.database == database)
    if own:
        return own
    message = f"{store.describe()} holds no base of {service}"
    if bases:
        others = ", ".join(sorted({found.database for found in bases}))
        raise PermanentError(
            f"{message} with the database {database}, only of {others}",
            "Correct the database in drx.yaml, or look into a copy of the store",
        )
    raise PermanentError(message, "Look into a copy of the store; without any base, nothing can be restored")


def base_before(store: Store, origin: Origin, until: Timestamp | None, skip: Skip | None = None) -> Manifest:
    """Choose the newest base that is consistent before a moment, or the newest of all.

    `skip` is told of each one that is damaged or lacks an object, and the one before it is taken. Raises PermanentError
    where there is none, naming the oldest; DamagedError where none is whole.
    """
    service, bases = origin.service, own_bases(store, origin, skip)
    earlier = [found for found in bases if until is None or found.end < until]
    if not earlier:
        oldest = f"{moment_of(bases[0].end):%Y-%m-%d %H:%M:%S} UTC"
        raise PermanentError(
            f"the oldest base of {service} in {store.describe()} is from {oldest}, which is too late",
            "Choose a later moment, or look into a copy of the store",
        )
    return newest_whole(store, earlier, skip) if skip else earlier[-1]


def newest_whole(store: Store, bases: Sequence[Manifest], skip: Skip) -> Manifest:
    """Choose the newest base that lacks none of its objects; raises DamagedError where each one does."""
    for found in reversed(bases):
        try:
            check_listed(store, found)
        except DamagedError as error:
            if found is bases[0]:
                raise
            skip(error)
        else:
            return found
    raise AssertionError("there is a base to choose")
