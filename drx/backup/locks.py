"""Keep others, on any host, from the same work meanwhile: a lock is an object in the store, written on a condition.

Creation is `If-None-Match: *`, everything after it `If-Match`. Expiry is judged by the store's clock, not by a host's.
A holder that stood still for too long learns of it at its next `check`, even before the store refuses it. What it did
between two checks has to be harmless: a base and a slice count by a manifest under a name of their own.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AwareDatetime, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from drx.backup.stores.base import Found, Store
from drx.errors import Cancelled, LockedByAnother, PermanentError, StepError, StoreError

LockName = Literal["base", "slice", "uploads", "retention"]
"""One for bases and all that removes or copies them, one for slices: a long base never starves the slices.

One for the uploads in each store: what an inventory is about to name is not deleted meanwhile. One for whoever prunes a
store; those who restore from it have one each (`noticed`): both take their own, then look for the other's."""

_RESTORE = "restore-"
_MOST_RESTORES = 100  # at a time; past them a restore says that it is not kept from retention
_WORDS = {"base": "bases", "slice": "slices", "uploads": "uploads", "retention": "retention"}
SECONDS = 120.0
"""How long a lock outlives a holder that died."""
_RENEWALS = 4  # so many while one lasts
_TICK = timedelta(seconds=1)  # stores tell times in whole seconds
_SUFFIX = ".json"
_NO_VERSION = '"00000000000000000000000000000000"'
_STRICT = ConfigDict(extra="forbid", strict=True)
_HELD_HERE: set[str] = set()
"""The tokens of the locks that threads of this process hold, or are about to."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who does the work."""

    __pydantic_config__ = _STRICT

    user: str
    host: str
    pid: int
    run: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid}, run {self.run})"


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock object says; the times are by its holder's clock, for people to read."""

    __pydantic_config__ = _STRICT

    service: str
    name: Annotated[str, StringConstraints(pattern=rf"^({'|'.join(_WORDS)}|{_RESTORE}\d+)$")]
    token: str
    holder: Holder
    taken_at: AwareDatetime
    expires_at: AwareDatetime
    seconds: float
    released: bool = False
    format: Literal[1] = 1

    def is_left_behind(self, holder: Holder) -> bool:
        """Whether it is the run's own, of a process that is gone, or whose release did not get through."""
        return self.holder.run == holder.run and not self.is_held_here(holder)

    def is_held_here(self, holder: Holder) -> bool:
        """Whether another thread of the same process has it."""
        return self.holder == holder and self.token in _HELD_HERE

    @property
    def what(self) -> str:
        """What it locks, in words."""
        return f"{_WORDS.get(self.name, 'restores')} of {self.service}"

    def left(self, found: Found, now: datetime) -> timedelta:
        """How long it still holds, by the store's clock where it has one, else by this host's: none or less if it is
        free, or of a time still to come: the store's clock was set back, and a living holder has written since. Pure.
        """
        lasts = timedelta(seconds=self.seconds)
        if self.released or (found.age is not None and found.age < -lasts):
            return timedelta()
        return self.expires_at - now if found.age is None else lasts + _TICK - found.age


class LockedHere(LockedByAnother):
    """Another thread of the same run and process holds it."""


@contextmanager
def holding(
    store: Store, service: str, name: LockName, holder: Holder, *, seconds: float = SECONDS
) -> Iterator["Held"]:
    """Hold a service's lock while the block runs, and renew it in the background.

    Pass `lost` on as a reason to stop, or call `check` often. Raises LockedByAnother that names the holder;
    PermanentError for a store that cannot lock; StepError at the end where the lock was lost meanwhile.
    """
    with _kept(_acquire(store, service, name, holder, seconds)) as held:
        try:
            yield held
        except Cancelled:
            held.check()
            raise
        held.check()


@contextmanager
def noticed(store: Store, service: str, holder: Holder) -> Iterator[None]:
    """Hold a lock of whoever restores, for others to see: the first that is free, so that few objects remain.

    Raises as `holding`, but not where it was lost.
    """
    taken: LockedByAnother | None = None
    for number in range(1, _MOST_RESTORES + 1):
        try:
            held = _acquire(store, service, f"{_RESTORE}{number}", holder, SECONDS)
        except LockedByAnother as error:
            taken = error
        else:
            with _kept(held):
                yield
            return
    assert taken, "there is at least one"
    raise taken


def restorer_of(store: Store, service: str) -> Holder | None:
    """Tell who restores from a store now, the first of them; None where nobody does."""
    keys = (entry.key for entry in store.list(_key(service, _RESTORE).removesuffix(_SUFFIX)))
    return next((holder for key in keys if (holder := _holder(store, key))), None)


def holder_of(store: Store, service: str, name: LockName) -> Holder | None:
    """Tell who holds a lock now; None where nobody does."""
    return _holder(store, _key(service, name))


def _holder(store: Store, key: str) -> Holder | None:
    found = store.find(key)
    lock = _from_json(found.data, f"{store.describe()}/{key}") if found else None
    return lock.holder if found and lock and lock.left(found, datetime.now(UTC)) > timedelta() else None


@contextmanager
def _kept(held: "Held") -> Iterator["Held"]:
    held.begin()
    try:
        yield held
    finally:
        held.release()


class Held:
    """A lock that this process holds, until it is released or lost."""

    def __init__(self, store: Store, key: str, lock: Lock, version: str, since: float) -> None:
        self._store, self._key, self._lock, self._version = store, key, lock, version
        self._renewed = since
        self._refused = self._problem = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lock-{lock.name}", daemon=True)

    def begin(self) -> None:
        """Start to renew it."""
        self._thread.start()

    def lost(self) -> bool:
        """Whether somebody else may hold it by now."""
        return bool(self._refused) or _uptime() - self._renewed >= self._lock.seconds

    def check(self) -> None:
        """Raise StepError once it is lost."""
        if self.lost():
            why = self._refused or self._problem or "this process stood still"
            raise StepError(
                f"the lock of the {self._lock.what} in {self._store.describe()} was lost: {why}",
                "Try again: what was begun does not count",
            )

    def release(self) -> None:
        """Let it go; where the store does not answer, it expires by itself."""
        self._ended.set()
        self._thread.join(self._lock.seconds)
        try:
            if not self.lost():
                with suppress(StoreError):
                    self._write(replace(self._lock, released=True))
        finally:
            _HELD_HERE.discard(self._lock.token)

    def _keep(self) -> None:
        while not self._ended.wait(self._lock.seconds / _RENEWALS) and not self._refused:
            began = _uptime()
            try:
                renewed = replace(self._lock, expires_at=_expiry(self._lock.seconds))
                if self._write(renewed):
                    self._renewed = began
                else:
                    self._refused = f"{_who(self._store, self._key)} took it over"
            except StoreError as error:
                self._problem = error.message  # asked again soon; `lost` knows when that was too late

    def _write(self, lock: Lock) -> bool:
        """Write over what this process wrote last; False when it is no longer there."""
        data = _to_json(lock)
        version = self._store.replace(self._key, data, self._version)
        if version is None:
            found = self._store.find(self._key)
            version = found.version if found and found.data == data else None  # it was written, the reply was lost
        self._version = version or self._version
        return version is not None


def _acquire(store: Store, service: str, name: str, holder: Holder, seconds: float) -> Held:
    now = datetime.now(UTC)
    lock = Lock(service, name, uuid4().hex, holder, now, _expiry(seconds), seconds)
    _HELD_HERE.add(lock.token)
    try:
        return _taken(store, _key(service, name), lock, now)
    except BaseException:
        _HELD_HERE.discard(lock.token)
        raise


def _taken(store: Store, key: str, lock: Lock, now: datetime) -> Held:
    since, holder, data = _uptime(), lock.holder, _to_json(lock)
    if store.create(key, data) and store.create(key, data):
        raise _unable(store, "If-None-Match: *")
    found = store.find(key)
    if found and found.data != data:
        current = _from_json(found.data, f"{store.describe()}/{key}")
        left = current.left(found, now)
        if left > timedelta() and not current.is_left_behind(holder):
            raise _locked(store, current, now + left, here=current.is_held_here(holder))
        store.replace(key, data, found.version)
        found = store.find(key)
    if found is None or found.data != data:
        raise LockedByAnother(f"{_who(store, key)} took the lock of the {lock.what} just now", "Try again later")
    if store.replace(key, data, _NO_VERSION) is not None:
        raise _unable(store, "If-Match")
    return Held(store, key, lock, found.version, since)


def _key(service: str, name: str) -> str:
    return f"{service}/locks/{name}{_SUFFIX}"


def _locked(store: Store, lock: Lock, until: datetime, *, here: bool) -> LockedByAnother:
    return (LockedHere if here else LockedByAnother)(
        f"the {lock.what} in {store.describe()} are locked by {lock.holder} "
        f"since {lock.taken_at:%Y-%m-%d %H:%M:%S} UTC, until {until:%H:%M:%S} UTC unless it goes on",
        "Wait until it is done; if it died, its lock ends by itself then",
    )


def _unable(store: Store, condition: str) -> PermanentError:
    return PermanentError(
        f"{store.describe()} cannot lock: it wrote in spite of '{condition}'",
        "Use a store that honours conditional writes as the primary one",
    )


def _who(store: Store, key: str) -> str:
    found = store.find(key)
    return str(_from_json(found.data, f"{store.describe()}/{key}").holder) if found else "somebody"


def _expiry(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # it counts the time that the host was asleep


def _to_json(lock: Lock) -> bytes:
    return _ADAPTER.dump_json(lock, indent=1) + b"\n"


def _from_json(data: bytes, name: str) -> Lock:
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError:
        raise StoreError(f"{name} is no lock that drx can read", "Delete it while no drx runs") from None


_ADAPTER = TypeAdapter(Lock)
