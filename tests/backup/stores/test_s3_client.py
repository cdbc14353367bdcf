"""What the clients of S3 do otherwise than botocore by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from drx import __version__
from drx.backup.stores.base import S3Address
from drx.backup.stores.s3 import S3Store
from drx.backup.stores.s3_client import read_time
from drx.errors import StoreError
from tests.weather import Handler, answering, at_fault, hanging_up


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2), max_value=datetime(2500, 1, 1)))
def test_a_time_of_a_listing_is_what_botocore_would_read(moment: datetime) -> None:
    for digits in ("seconds", "milliseconds", "microseconds"):
        text = moment.isoformat(timespec=digits).replace("+00:00", "Z")
        assert read_time(text) == parse_timestamp(text)
        assert read_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 21 Nov 2026 08:00:00 GMT",
        "2026-11-21T08:00:00+01:00",
        "1795248000",
        "Sat Nov 21 08:00:00 2026 Z",
        1795248000,
    ],
)
def test_other_forms_are_left_to_botocore(text: Any) -> None:
    assert read_time(text) == parse_timestamp(text)


def test_what_is_no_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        read_time("soonZ")


def test_a_server_is_told_who_asks() -> None:
    store = S3Store(S3Address("some", endpoint="http://127.0.0.1:1", access_key_id="a", secret_access_key="b"))
    asked: list[str] = []
    store.client.meta.events.register("before-sign.s3", lambda request, **_: asked.append(str(request.headers)))
    with pytest.raises(StoreError):
        store.get("any")
    assert asked
    assert all(f"User-Agent: drx/{__version__} Botocore/" in headers for headers in asked)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (hanging_up, "the store does not answer"),
        (answering(200, b"<html><body>Log in</body></html>", "text/html"), "the store answers as no S3 server does"),
        (answering(200), "the store answers as no S3 server does"),
        (answering(403), "403"),
    ],
)
def test_what_answers_and_is_no_store_is_never_taken_for_an_empty_one(fault: Handler, expected: str) -> None:
    with at_fault(fault) as port:
        address = S3Address("bucket", "", "us-east-1", f"http://127.0.0.1:{port}", None, "test", "test", hurried=True)
        store = S3Store(address)
        for ask in (lambda: list(store.list("")), lambda: store.put("a", b"a"), lambda: store.get("a")):
            with pytest.raises(StoreError) as caught:
                ask()
            assert f": {expected}" in caught.value.message
            assert caught.value.remedy
        store.client.close()


def test_a_page_that_somebody_keeps_in_a_store_is_read(s3_server: str, bucket: str) -> None:
    store = S3Store(S3Address(bucket, "", "us-east-1", s3_server, None, "test", "test"))
    store.put("page", b"<html></html>")
    assert store.get("page") == b"<html></html>"
    store.client.close()
