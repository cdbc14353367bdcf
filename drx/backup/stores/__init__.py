"""Open the store that an address names; the only place that knows every kind."""

from typing import assert_never

from drx.backup.stores.base import DirectoryAddress, S3Address, Store


def open_store(address: S3Address | DirectoryAddress) -> Store:
    """Open a store. Nothing is read or written yet."""
    match address:
        case S3Address():
            from drx.backup.stores.s3 import S3Store

            return S3Store(address)
        case DirectoryAddress():
            from drx.backup.stores.directory import DirectoryStore

            return DirectoryStore(address)
        case _:
            assert_never(address)
