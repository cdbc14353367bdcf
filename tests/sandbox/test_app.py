"""The PixelCraft application tells the truth about its health, and outlives its backends' faults."""

import hashlib
import json
from contextlib import closing
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo import MongoClient

from drx.config import HostTarget, MongoTarget, Target
from drx.sandbox import servers
from drx.sandbox.buckets import connect_s3
from drx.sandbox.host import RELEASES
from drx.sandbox.state import ACCESS_KEY, DATABASE, SECRET_KEY, UPLOADS_BUCKET, SandboxState
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.sandbox.conftest import Ask

RECOVERED = "pixelcraft_recovered"


def test_serves_the_bytes_that_its_documents_describe(seeded: SandboxState, ask: Ask) -> None:
    assert ask("/healthz").json == {"status": "ok", "version": RELEASES[-1], "database": DATABASE}
    listed = ask("/images?limit=3").json
    assert isinstance(listed, list)
    assert len(listed) == 3
    answer = ask(f"/images/{listed[0]['id']}")
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        document = client[DATABASE]["images"].find_one({"_id": ObjectId(listed[0]["id"])})
    assert document is not None
    assert hashlib.sha256(answer.body).hexdigest() == document["sha256"]
    assert len(answer.body) == document["size"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/images/000000000000000000000000", 404),
        ("/images/nonsense", 404),
        ("/nowhere", 404),
        ("/images?limit=0", 400),
        ("/images?limit=-1", 400),
        ("/images?limit=x", 400),
    ],
)
def test_bad_requests(seeded: SandboxState, ask: Ask, path: str, status: int) -> None:
    assert ask(path).status == status


def test_unwell_without_its_collection_and_well_with_another_database(seeded: SandboxState, ask: Ask) -> None:
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        images = client[DATABASE]["images"]
        client[RECOVERED]["images"].insert_many(list(images.find()))
        images.drop()
        assert ask("/healthz").status == 503
        assert ask("/healthz").json == {"status": "unavailable", "reason": "there are no images"}

        variables = seeded.directory / "host" / "variables.json"
        content = json.loads(variables.read_text())
        variables.write_text(json.dumps(content | {"DATABASE_URL": seeded.database_url(RECOVERED), "OTHER": "kept"}))
        assert ask("/healthz").status == 503, "variables count only once they are deployed"
        servers.deploy(seeded.directory)
        assert ask("/healthz").json == {"status": "ok", "version": RELEASES[-1], "database": RECOVERED}
        assert servers.up(seeded.directory) == seeded, "the same process on the same port"
        assert json.loads(variables.read_text())["DATABASE_URL"] == seeded.database_url(RECOVERED)
        assert json.loads(variables.read_text())["OTHER"] == "kept"
        client.drop_database(RECOVERED)


def test_the_host_action_deploys_a_variable(seeded: SandboxState, ask: Ask, tmp_path: Path) -> None:
    target = Target(
        "sandbox",
        "pixelcraft",
        sandbox=True,
        mongo=MongoTarget(Secret(seeded.mongo_uri), DATABASE),
        host=HostTarget("local", seeded.addresses.host_directory),
    )
    context = FakeContext(tmp_path, target)
    assert ask("/healthz").status == 200
    run("host.set_variable", context, name="DATABASE_URL", mongo_database="elsewhere")
    assert ask("/healthz").json == {"status": "unavailable", "reason": "there are no images"}
    run("host.set_variable", context, name="DATABASE_URL", mongo_database=DATABASE)
    assert ask("/healthz").status == 200


def test_unwell_when_objects_are_gone_or_altered(seeded: SandboxState, ask: Ask) -> None:
    with closing(connect_s3(seeded.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=UPLOADS_BUCKET)["Contents"]]
        for key in keys:
            client.put_object(Bucket=UPLOADS_BUCKET, Key=key, Body=b"altered")
        answer = ask("/healthz")
        assert answer.status == 503
        assert b"is not the one on record" in answer.body
        for key in keys:
            client.delete_object(Bucket=UPLOADS_BUCKET, Key=key)
        answer = ask("/healthz")
        assert answer.status == 503
        assert b"NoSuchKey" in answer.body


@pytest.mark.slow
def test_outlives_a_database_that_does_not_answer(seeded: SandboxState, ask: Ask) -> None:
    variables = seeded.directory / "host" / "variables.json"
    before = variables.read_text()
    broken = json.loads(before) | {"DATABASE_URL": "mongodb://127.0.0.1:1/pixelcraft?directConnection=true"}
    variables.write_text(json.dumps(broken))
    servers.deploy(seeded.directory)
    answer = ask("/healthz")
    assert answer.status == 503
    assert b"ServerSelectionTimeoutError" in answer.body
    variables.write_text(before)
    servers.deploy(seeded.directory)
    assert ask("/healthz").status == 200
