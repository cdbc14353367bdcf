"""Changes that PixelCraft's users make to documents: each as an update and as what it does to a document. Pure."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import cast

from bson import Int64

from drx.sandbox.pixelcraft import IMAGES, USERS, Document

Update = dict[str, Document]


@dataclass(frozen=True)
class Change:
    """An update for the server, and the document that must come out of it."""

    update: Update
    after: Document


def change(random: Random, collection: str, document: Document, now: datetime) -> Change:
    """Pick a change for a document of this collection.

    Fields keep their places and new ones go last, as the server does it, so that the bytes can be foretold.
    """
    after = deepcopy(document)
    update = random.choice(_CHANGES[collection])(random, after, now)
    return Change(update, after)


def _view(random: Random, document: Document, now: datetime) -> Update:
    more = random.randint(1, 100)
    document["views"] = Int64(cast(int, document["views"]) + more)
    document["seen_at"] = now
    return {"$inc": {"views": Int64(more)}, "$set": {"seen_at": now}}


def _retitle(random: Random, document: Document, now: datetime) -> Update:
    document["title"] = title = f"{document['title']} {random.randint(0, 9)}"[-60:]
    return {"$set": {"title": title}}


def _correct_exif(random: Random, document: Document, now: datetime) -> Update:
    iso = random.choice((50, 3200, 12_800))
    cast(Document, document["exif"])["iso"] = iso
    return {"$set": {"exif.iso": iso}}


def _tag(random: Random, document: Document, now: datetime) -> Update:
    tag = f"tag{random.randint(0, 999)}"
    cast(list[str], document["tags"]).append(tag)
    return {"$push": {"tags": cast(object, tag)}}


def _publish(random: Random, document: Document, now: datetime) -> Update:
    cast(Document, document["flags"]).pop("nsfw", None)
    cast(Document, document["flags"])["public"] = public = random.random() < 0.5
    return {"$unset": {"flags.nsfw": ""}, "$set": {"flags.public": public}}


def _upload(random: Random, document: Document, now: datetime) -> Update:
    document["uploads"] = cast(int, document["uploads"]) + 1
    document["seen_at"] = now
    return {"$inc": {"uploads": 1}, "$set": {"seen_at": now}}


def _change_plan(random: Random, document: Document, now: datetime) -> Update:
    document["plan"] = plan = random.choice(("free", "pro", "studio", "team"))
    return {"$set": {"plan": plan}}


_Changer = Callable[[Random, Document, datetime], Update]
_CHANGES: dict[str, tuple[_Changer, ...]] = {
    IMAGES: (_view, _retitle, _correct_exif, _tag, _publish),
    USERS: (_upload, _change_plan),
}
