"""How a collection is read: many small documents side by side, documents as large as a reply one at a time."""

import bson
import pytest

from drx.backup.format.digest import Digest
from drx.backup.server.scan import describe, scan
from tests.backup.databases import Db

MEGABYTE = 1 << 20


@pytest.mark.parametrize(("document_bytes", "workers"), [(1000, 4), (3 * MEGABYTE, 4), (5 * MEGABYTE, 1)])
def test_the_largest_documents_are_read_one_at_a_time(database: Db, document_bytes: int, workers: int) -> None:
    database.images.insert_many({"_id": number} for number in range(100))
    (described,) = describe(database.client, database.name)
    planned = scan(database.client, database.name, described, 4, expected=Digest(100, 100 * document_bytes, 0))
    assert planned.workers(4) == workers
    assert len(planned.ranges) > 1 or document_bytes == 1000, "what is one range cannot be gone on with"
    read = [bson.decode(raw)["_id"] for part in planned.ranges for batch in planned.batches(part) for raw in batch]
    assert sorted(read) == list(range(100))
