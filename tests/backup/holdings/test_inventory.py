"""What a store holds is listed in the order of the moments that it restores to."""

from dataclasses import replace

from bson import Timestamp

from drx.backup.format.catalog import list_bases
from drx.backup.format.manifest import to_json
from drx.backup.holdings.inventory import list_all
from drx.backup.stores.base import Store
from tests.backup.format.test_manifest import MANIFEST


def test_within_one_second_the_later_operation_is_the_newer_base_whatever_it_is_called(store: Store) -> None:
    for name, position in (("b", 1), ("a", 2)):
        found = replace(MANIFEST, id=name, start=Timestamp(1_800_000_000, 1), end=Timestamp(1_800_000_000, position))
        store.put(f"svc/base/{name}/manifest.json", to_json(found))
    assert [backup.id for backup in list_all(store, "svc")] == ["b", "a"]
    assert [base.id for base in list_bases(store, "svc")] == ["b", "a"]
