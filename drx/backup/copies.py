"""Bring copies of a store up to date, and read back what was copied. Deletes nothing, and writes to the copies only."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain

from drx.backup.format.pieces import (
    AREAS,
    Listed,
    Piece,
    PieceFile,
    list_backups,
    list_oplog,
    open_piece,
    paired,
    read_sha256,
)
from drx.backup.stores.base import Store
from drx.backup.workers import Meter, side_by_side
from drx.errors import DamagedError, StoreError

Progress = Callable[[int, int | None, str], None]
_NAMED = 20
_LOOK_AT_IT = "Look into the other copies: one of them may hold it whole"


@dataclass
class Outcome:
    """What came of bringing one copy up to date."""

    store: str
    files: int = 0
    """How many were copied."""
    size_bytes: int = 0
    mended: list[str] = field(default_factory=list)
    """Keys that had been copied and read back once, and were missing or altered now; they are right again."""
    lacking: int = 0
    """How many bases, differentials and slices it still lacks."""
    problems: list[str] = field(default_factory=list)
    """Why, for the first of these; names each."""

    @property
    def complete(self) -> bool:
        """Whether it holds all that the primary store holds."""
        return not self.lacking and not self.problems

    def counts(self, transfer: "_Transfer") -> None:
        """Note what one piece's transfer achieved, however it ended."""
        self.files += len(transfer.copied)
        self.size_bytes += sum(file.size_bytes for file in transfer.copied)
        self.mended += [file.key for file in transfer.copied if transfer.counted]

    def lacks(self, what: str) -> None:
        """Note one thing that it lacks, and why."""
        self.lacking += 1
        if len(self.problems) < _NAMED:
            self.problems.append(what)


def bring_up_to_date(
    primary: Store,
    copies: Sequence[Store],
    service: str,
    *,
    reread: bool = False,
    workers: int = 2,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> tuple[Outcome, ...]:
    """Copy what each copy lacks of a service: files first, then the manifest, all read back.

    The copies are served side by side, and one that fails does not stop the others. What is there and right is not
    copied again; with `reread`, all of it is read, not only what was copied now. Raises Cancelled.
    """
    meter = Meter(progress, None, "bytes")

    def serve(copy: Store) -> Outcome:
        return _Copying(primary, copy, service, reread, workers, meter, cancelled, Outcome(copy.describe())).run()

    with ThreadPoolExecutor(max(len(copies), 1)) as pool:
        return tuple(pool.map(serve, copies))


@dataclass(frozen=True)
class _Copying:
    primary: Store
    copy: Store
    service: str
    reread: bool
    workers: int
    meter: Meter
    cancelled: Callable[[], bool]
    outcome: Outcome

    def run(self) -> Outcome:
        """Copy piece after piece. Past the first failure that is not one object's own, only count what is lacking."""
        broken = False
        try:
            for area in AREAS:
                self.copy.abandon(f"{self.service}/{area}/")
            for ours, theirs in self._pairs():
                if broken:
                    self.outcome.lacking += bool(ours.lacking(theirs))
                    continue
                try:
                    if self.reread or ours.lacking(theirs) or self._is_another(ours, theirs):
                        self._bring(ours, theirs)
                except StoreError as error:
                    self.outcome.lacks(f"{ours.name.rstrip('/')}: {error.message}")
                    broken = not isinstance(error, DamagedError)
        except StoreError as error:
            self.outcome.problems.append(error.message)
        return self.outcome

    def _pairs(self) -> "chain[tuple[Listed, Listed]]":
        return chain.from_iterable(
            paired(every(self.primary, self.service), every(self.copy, self.service))
            for every in (list_backups, list_oplog)
        )

    def _is_another(self, ours: Listed, theirs: Listed) -> bool:
        """Whether the copy holds another backup of this name, though every size is the same; slices name their time."""
        key = ours.manifest_key
        return theirs.counts and not ours.is_slice and self.copy.get(key) != self.primary.get(key)

    def _bring(self, ours: Listed, theirs: Listed) -> None:
        piece = open_piece(self.primary, ours)
        counted = theirs.counts and self.copy.get(ours.manifest_key) == piece.data
        transfer = _Transfer(self, piece, theirs, counted)
        try:
            side_by_side(transfer.ensure, piece.files, self.workers, self.cancelled)
        finally:
            self.outcome.counts(transfer)
        if not counted:
            self.copy.put(ours.manifest_key, piece.data)
            if self.copy.get(ours.manifest_key) != piece.data:
                raise _not_as_written(self.copy, ours.manifest_key)
            self.outcome.mended += [ours.manifest_key] if theirs.counts else []


@dataclass(frozen=True)
class _Transfer:
    """The files of one piece on their way into one copy."""

    copying: _Copying
    piece: Piece
    theirs: Listed
    counted: bool
    """Whether the copy had been finished: each file was there and right once."""
    copied: list[PieceFile] = field(default_factory=list)

    def ensure(self, file: PieceFile, check: Callable[[], None]) -> None:
        """See to it that the copy holds one file, byte for byte."""
        check()
        if not self._is_there(file):
            self._copy(file, check)
            self.copied.append(file)

    def _is_there(self, file: PieceFile) -> bool:
        """Whether the copy holds it; what was not read back when it was finished, is read now."""
        if self.theirs.sizes.get(file.key) != file.size_bytes:
            return False
        if self.counted and not self.copying.reread:
            return True
        self.copying.meter.add(file.size_bytes)
        return read_sha256(self.copying.copy, file.key) == file.sha256

    def _copy(self, file: PieceFile, check: Callable[[], None]) -> None:
        primary, copy = self.copying.primary, self.copying.copy
        if self.piece.listed.sizes.get(file.key) != file.size_bytes:
            raise _not_as_written(primary, file.key)
        if copy.copy_from(primary, file.key):
            self.copying.meter.add(file.size_bytes)
        else:
            _stream(primary, copy, file, check, self.copying.meter)
        if read_sha256(copy, file.key) != file.sha256:
            raise _not_as_written(copy if read_sha256(primary, file.key) == file.sha256 else primary, file.key)


def _stream(primary: Store, copy: Store, file: PieceFile, check: Callable[[], None], meter: Meter) -> None:
    """Copy by way of this host, in bounded memory; nothing appears in the copy unless all of it was right."""
    checksum = sha256()
    with copy.upload(file.key) as upload:
        for data in primary.stream(file.key):
            check()
            checksum.update(data)
            upload.write(data)
            meter.add(len(data))
        if checksum.hexdigest() != file.sha256:
            raise _not_as_written(primary, file.key)
        upload.complete()


def _not_as_written(store: Store, key: str) -> DamagedError:
    return DamagedError(f"{store.describe()}/{key} is missing or not what its manifest says", _LOOK_AT_IT)
