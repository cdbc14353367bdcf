"""What the oplog makes of a base: the collections at a target time, and the net change of their documents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bson import decode
from bson.json_util import dumps

from drx.backup.format.identity import id_key
from drx.backup.format.manifest import CANONICAL, PLAIN
from drx.backup.oplog.condense import condensed
from drx.backup.oplog.diffs import apply_update, is_replacement
from drx.backup.oplog.effects import UNTOUCHED, Budget, Chain, Effect, Effects, Untouched
from drx.backup.oplog.entry import timestamp_of
from drx.errors import PermanentError


@dataclass(frozen=True, slots=True)
class BaseCollection:
    """A collection or view as the base holds it; `type` is None, `view` or `timeseries`."""

    name: str
    uuid: bytes | None
    options: Mapping[str, object]
    indexes: tuple[Mapping[str, object], ...]
    type: str | None = None


class Changes:
    """The net effect of the oplog on one collection, by `_id`.

    While folding: `insert`, `update`, `delete`. Then every document of the base goes once through `apply`, from any
    thread, and what the base never held comes out of `born`, in the order in which it was inserted. A document that
    was inserted within the oplog is always born, even where the base caught it too.
    """

    def __init__(self, namespace: str, consistent_from: int, budget: Budget | None = None) -> None:
        self.namespace = namespace
        self._consistent_from = consistent_from
        self._effects = Effects(budget or Budget())

    def insert(self, document: bytes) -> None:
        """Take a whole document; one that is already there gives way."""
        self._effects.put(id_key(document), document)

    def update(self, identity: bytes, update: bytes, position: int) -> None:
        """Take an update of the document with this `_id` element.

        Raises PermanentError where the document cannot be there.
        """
        effect = self._effects.recent(identity)
        if isinstance(effect, bytes):
            self._effects.put(identity, apply_update(effect, update))
        elif effect is None:
            self._refuse_missing(identity, position)
        elif isinstance(effect, Chain) and not is_replacement(update):
            self._effects.grow(_lengthen(effect, update, position))
        else:
            self._effects.put(identity, Chain([update], position))

    def delete(self, identity: bytes) -> None:
        """Take a delete; a document that is not there is no damage."""
        self._effects.put(identity, None)

    def net(self) -> Iterator[tuple[bytes, Effect]]:
        """Give the net effect on each document that the oplog named, in the order in which they began."""
        for identity, effects in self._effects.items():
            effect = self._net(identity, effects)
            if not isinstance(effect, Untouched):
                yield identity, effect

    def apply(self, document: bytes) -> bytes | None:
        """Bring a document of the base to its final state: None when it is gone, the same object when untouched.

        Raises PermanentError where an update after the base's end met a document that was deleted before.
        """
        if not self._effects:
            return document
        identity = id_key(document)
        effect = self._net(identity, self._effects.get(identity))
        if isinstance(effect, Untouched):
            return document
        if not isinstance(effect, Chain):
            return None
        self._effects.see(identity, effect)
        return _updated(document, effect)

    def born(self) -> Iterator[bytes]:
        """Give the documents inserted since the base; call it after the whole base went through `apply`.

        Raises PermanentError where an update after the base's end met a document that neither base nor oplog holds.
        """
        for identity, effects in self._effects.items():
            effect = self._net(identity, effects)
            if isinstance(effect, bytes):
                yield effect
            elif isinstance(effect, Chain) and not effect.seen:
                self._refuse_missing(identity, effect.last)

    def _net(self, identity: bytes, effects: Sequence[Effect]) -> Effect | Untouched:
        """Put together what was kept piece by piece."""
        net: Effect | Untouched = UNTOUCHED
        for effect in effects:
            if not isinstance(effect, Chain) or isinstance(net, Untouched):
                net = effect
            elif isinstance(net, Chain):
                net = Chain(net.updates + effect.updates, effect.last, effect.seen)
            elif net is None:
                self._refuse_missing(identity, effect.last)
            else:
                net = _updated(net, effect)
        return net

    def _refuse_missing(self, identity: bytes, position: int) -> None:
        if position <= self._consistent_from:
            return  # deleted before the dump reached it
        at = timestamp_of(position)
        raise PermanentError(
            f"the oplog updates {self.namespace} {show_id(identity)} at {at.time}.{at.inc}, "
            "but neither the base nor the oplog before it holds that document",
            "The base or the archived oplog is damaged: restore from an earlier base",
        )


def _lengthen(chain: Chain, update: bytes, position: int) -> int:
    """Add an update to a chain; return by how many bytes it grew, or shrank."""
    chain.updates.append(update)
    chain.last = position
    if len(chain.updates) < chain.too_many:
        return len(update)
    before = sum(map(len, chain.updates[:-1]))
    chain.updates = condensed(chain.updates)
    chain.too_many = max(chain.too_many, 2 * len(chain.updates))
    return sum(map(len, chain.updates)) - before


def _updated(document: bytes, chain: Chain) -> bytes:
    for update in chain.updates:
        document = apply_update(document, update)
    return document


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """One collection that exists at the target: `origin` names the base's collection that streams through `changes`.

    `uuid` is the one by which the oplog knew it last; `open` says that it may get another one unsaid.
    """

    name: str
    options: Mapping[str, object]
    indexes: tuple[Mapping[str, object], ...]
    type: str | None
    origin: str | None
    changes: Changes
    uuid: bytes | None = None
    open: bool = False


def show_id(identity: bytes) -> str:
    """Write an `_id` element (type byte and value) as canonical Extended JSON."""
    size = len(identity) + 9
    raw = size.to_bytes(4, "little") + identity[:1] + b"_id\0" + identity[1:] + b"\0"
    return dumps(decode(raw, PLAIN), json_options=CANONICAL)
