"""More of what actions say to type by hand, typed against the sandbox's real servers: what no shipped plan shows."""

import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from drx.sandbox.buckets import connect_s3
from drx.sandbox.processes import wait_until
from drx.sandbox.state import ACCESS_KEY, APP_NAME, DATABASE, SECRET_KEY, UPLOADS_BUCKET
from drx.sandbox.zone import connect_route53, records_of
from tests.sandbox.conftest import get
from tests.sandbox.desk import MARKS, NEEDS_MONGOSH, Desk

pytestmark = MARKS


@NEEDS_MONGOSH
def test_some_documents_are_put_back_and_taken_out_again(desk: Desk) -> None:
    with MongoClient[Any](desk.state.mongo_uri) as client:
        live, good = client[DATABASE].images, client["good"].images
        client.drop_database("kept")
        good.drop()
        good.insert_many(live.find())
        first, second, third = (each["_id"] for each in live.find().sort("_id", 1).limit(3))
        live.delete_one({"_id": first})
        desk.types(desk.command("mongo.corrupt", collection="images", field="sha256", value="none",
                                filter={"_id": {"$in": [{"$oid": str(second)}]}}))  # fmt: skip
        assert live.count_documents({"sha256": "none"}) == 1
        live.update_one({"_id": third}, {"$set": {"title": "changed since then"}})
        broken = list(live.find().sort("_id", 1))

        chosen: dict[str, Any] = {"source": "good", "collection": "images", "damaged": {"sha256": "none"}}
        assert len(desk.types(desk.command("mongo.compare_documents", **chosen)).splitlines()) == 2
        desk.types(desk.command("mongo.copy_documents", **chosen, keep_in="kept"))
        assert live.find_one({"_id": first}) == good.find_one({"_id": first})
        assert live.find_one({"_id": second}) == good.find_one({"_id": second})
        assert live.count_documents({"_id": third, "title": "changed since then"}) == 1

        desk.types(desk.command("mongo.undo_copy", source="good", collection="images", keep_in="kept"))
        assert list(live.find().sort("_id", 1)) == broken


@NEEDS_MONGOSH
def test_what_is_dropped_by_name_is_gone_and_nothing_else(desk: Desk) -> None:
    with MongoClient[Any](desk.state.mongo_uri) as client:
        for name in ("drx_scratch_1", "other_1", "other_2"):
            client[name].x.insert_one({})
        desk.types(desk.command("mongo.drop_scratch"))
        desk.types(desk.command("mongo.drop", database="other_1"))
        assert not {"drx_scratch_1", "other_1"} & set(client.list_database_names())
        desk.types(desk.command("mongo.drop_created", database="other_2"))
        desk.types(desk.command("mongo.drop_collection", collection="images"))
        assert "other_2" not in client.list_database_names()
        assert "images" not in client[DATABASE].list_collection_names()
        assert "users" in client[DATABASE].list_collection_names()


def test_objects_are_counted_hidden_shown_again_and_taken_with_their_bucket(desk: Desk) -> None:
    with closing(connect_s3(desk.state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as s3:
        there = [each["Key"] for each in s3.list_objects_v2(Bucket=UPLOADS_BUCKET)["Contents"]]
        held = s3.get_object(Bucket=UPLOADS_BUCKET, Key=there[0])["Body"].read()
        shown = desk.types(desk.command("s3.check", key=there[0], sha256="0" * 64))
        assert shown.split()[0] == hashlib.sha256(held).hexdigest()
        count = desk.command("s3.count", at_least=1)
        assert int(desk.types(count)) == len(there)

        since = datetime.now(UTC).replace(microsecond=0)
        desk.types(desk.command("s3.delete_objects"))
        assert int(desk.types(f"({count}) || true")) == 0
        desk.types(desk.command("s3.undelete", since=since.isoformat()))
        assert int(desk.types(count)) == len(there)


def test_a_bucket_is_made_by_hand(desk: Desk) -> None:
    with closing(connect_s3(desk.state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as s3:
        desk.types(desk.command("s3.create_bucket"), UPLOADS="made-by-hand")
        assert s3.get_bucket_versioning(Bucket="made-by-hand")["Status"] == "Enabled"
        desk.types(desk.command("s3.delete_bucket"), UPLOADS="made-by-hand")
        assert "made-by-hand" not in {each["Name"] for each in s3.list_buckets()["Buckets"]}


def test_a_name_is_led_elsewhere_at_route_53(desk: Desk) -> None:
    with closing(connect_route53(desk.state.route53)) as client:

        def value() -> str:
            found = records_of(client, desk.state.zone)
            record = next(each for each in found if each["Name"].rstrip(".") == APP_NAME and each["Type"] == "A")
            return str(record["ResourceRecords"][0]["Value"])

        before = value()
        (shown,) = json.loads(desk.types(desk.command("dns.read", name=APP_NAME) + " --output json"))
        assert shown["ResourceRecords"] == [{"Value": before}]
        desk.types(desk.command("dns.point", name=APP_NAME, value="192.0.2.7"))
        assert value() == "192.0.2.7"
        desk.types(desk.command("dns.point", name=APP_NAME, value=before))
        assert value() == before


def test_the_application_is_struck_by_hand(desk: Desk) -> None:
    desk.types(desk.command("host.kill"))
    assert wait_until(lambda: not _answers(desk), 20)
    desk.types(desk.command("host.restart"))
    assert desk.types(desk.command("http.wait", url=f"{desk.state.app_url}/healthz", within="20s"))


def _answers(desk: Desk) -> bool:
    try:
        return get(desk.state, "/healthz").status == 200
    except OSError:
        return False
