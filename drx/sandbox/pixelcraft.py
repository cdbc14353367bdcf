"""What PixelCraft's data look like: users, images, the objects they refer to. Pure; the same number, the same data."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from bson import Binary, Decimal128, Int64, ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

Document = dict[str, object]

USERS = "users"
IMAGES = "images"
INDEXES = {
    USERS: (
        IndexModel([("email", ASCENDING)], name="email", unique=True),
        IndexModel(
            [("trial_ends_at", ASCENDING)],
            name="trial",
            expireAfterSeconds=0,
            partialFilterExpression={"plan": "trial"},
        ),
    ),
    IMAGES: (IndexModel([("user_id", ASCENDING), ("created_at", DESCENDING)], name="of_user"),),
}


def lacking_indexes(found: Mapping[str, Iterable[Mapping[str, object]]]) -> tuple[str, ...]:
    """Say which indexes, by collection as the server describes them, are not there or are not the same."""
    return tuple(
        f"{collection} lacks the index {wanted.document['name']}"
        for collection, models in INDEXES.items()
        for wanted in models
        if not any(_is(wanted, index) for index in found.get(collection, ()))
    )


def _is(wanted: IndexModel, found: Mapping[str, object]) -> bool:
    keys = found.get("key")
    in_order = isinstance(keys, Mapping) and list(keys.items()) == list(wanted.document["key"].items())
    return in_order and all(found.get(name) == value for name, value in wanted.document.items())


_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_NEVER = datetime(2099, 1, 1, tzinfo=UTC)
_CAMERAS = ("Canon EOS R6", "Fujifilm X-T5", "Nikon Z 8", "Pixel 10 Pro", "iPhone 17", "scan")
_WORDS = ("dawn", "harbour", "Größe", "mountain", "夜景", "portrait", "rain", "street", "summer", "tram", "zebra")
_FLAGGED_EACH = 50
_TRIAL_EACH = 20
_LOCATED_EACH = 3


@dataclass(frozen=True)
class StoredObject:
    """An object in the uploads bucket."""

    key: str
    content: bytes
    sha256: str


class PixelCraft:
    """Makes documents and objects out of a number."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def objects(self, count: int) -> Iterator[StoredObject]:
        """Objects of 1 to 4 KiB that look like JPEG files to nobody but their first bytes."""
        for number in range(count):
            content = b"\xff\xd8\xff\xe0" + self._random.randbytes(self._random.randint(1020, 4092))
            key = f"uploads/{number % 64:02x}/{number:06d}.jpg"
            yield StoredObject(key, content, hashlib.sha256(content).hexdigest())

    def user(self, number: int) -> Document:
        """A user; `number` makes the address unique."""
        user: Document = {
            "_id": self._object_id(),
            "email": f"user{number}@pixelcraft.example",
            "name": f"{self._random.choice(_WORDS).title()} {number}",
            "created_at": self._moment(),
            "plan": self._random.choice(("free", "pro", "studio")),
            "uploads": 0,
            "quota": Int64(self._random.randint(1, 64) << 30),
            "paid": Decimal128(f"{self._random.randint(0, 9999)}.{self._random.randint(0, 99):02d}"),
            "settings": {"public": self._random.random() < 0.5, "theme": "dark", "mail": None},
        }
        return user | {"plan": "trial", "trial_ends_at": _NEVER} if number % _TRIAL_EACH == 0 else user

    def image(self, number: int, user_id: object, stored: StoredObject) -> Document:
        """An image of a user that refers to an object."""
        words = self._random.sample(_WORDS, 3)
        created = self._moment()
        image: Document = {
            "_id": self._object_id(),
            "user_id": user_id,
            "title": " ".join(words),
            "key": stored.key,
            "size": len(stored.content),
            "sha256": stored.sha256,
            "content_type": "image/jpeg",
            "created_at": created,
            "views": Int64(self._random.randint(0, 1 << 20)),
            "score": self._random.random(),
            "tags": words[:2],
            "exif": {"camera": self._random.choice(_CAMERAS), "iso": self._random.choice((100, 400, 1600))},
            "flags": {"public": True, "nsfw": None},
            "thumb": Binary(self._random.randbytes(8)),
            "status": "flagged" if number % _FLAGGED_EACH == 0 else "active",
        }
        if number % _LOCATED_EACH == 0:
            image["gps"] = [self._random.uniform(-180, 180), self._random.uniform(-90, 90)]
        return image

    def _object_id(self) -> ObjectId:
        seconds = int(self._moment().timestamp())
        return ObjectId(seconds.to_bytes(4, "big") + self._random.randbytes(8))

    def _moment(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self._random.randrange(320 * 86_400_000))
