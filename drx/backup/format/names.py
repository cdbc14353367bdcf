"""Collection names as file names of the stock dump format, and back. Pure.

Source: mongo-tools, common/util/namespaces.go and mongorestore's filepath.go; see also its `EscapeCollectionName`.
"""

from base64 import urlsafe_b64encode
from hashlib import sha1
from urllib.parse import quote_plus, unquote_to_bytes

from drx.errors import StoreError

_LONGEST = 238  # with .metadata.json.gz a file name stays within 255 bytes
_KEPT = 208
_CUT_MARK = "%24"  # an escaped $, which no dumped name holds


def is_dumped(name: str) -> bool:
    """Tell a collection of the data from one of the server's own, which no dump holds."""
    return not name.startswith("system.") or name == "system.js"


def escape(name: str) -> str:
    """Give the file name, without extension, of a collection; a long one is cut and hashed."""
    escaped = quote_plus(name, safe="")
    if len(escaped) <= _LONGEST:
        return escaped
    digest = urlsafe_b64encode(sha1(name.encode(), usedforsecurity=False).digest()).decode().rstrip("=")
    return escaped[:_KEPT] + _CUT_MARK + digest


def unescape(stem: str, collection_name: str | None = None) -> str:
    """Give the collection of a file name without extension; its metadata's `collectionName`, where known, decides.

    Raises StoreError when the file name was cut and the metadata do not tell, or when both disagree.
    """
    if collection_name is not None:
        if stem not in (escape(collection_name), collection_name):
            raise StoreError(
                f"the file {stem} says it holds the collection {collection_name}", "It was renamed by hand"
            )
        return collection_name
    if len(stem) == _LONGEST and stem[_KEPT : _KEPT + len(_CUT_MARK)] == _CUT_MARK:
        raise StoreError(f"the file {stem} does not tell its collection's whole name", "Its metadata file is missing")
    try:
        return unquote_to_bytes(stem.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise StoreError(f"the file {stem} is not an escaped collection name", "Rename it") from None
