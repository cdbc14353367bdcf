"""`atlas.*` against a service that speaks the documented requests and answers of the Administration API."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drx.config import AtlasTarget, Target
from drx.errors import PermanentError, StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, params_of, registered, run
from tests.actions.service import Asked, Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
PROJECT, OTHER = "5f1b2c3d4e5f6a7b8c9d0e1f", "aaaaaaaaaaaaaaaaaaaaaaaa"
SECRET, ACCESS = "client-secret-value", "access-token-value"
BASE = f"/api/atlas/v2/groups/{PROJECT}/clusters/prod"
JOBS = f"{BASE}/backup/restoreJobs"
SNAPSHOTS = f"{BASE}/backup/snapshots"
JOB = {"id": "job1", "deliveryType": "pointInTime", "cancelled": False, "expired": False, "failed": False}
DONE = {**JOB, "finishedAt": "2026-11-21T08:20:00Z", "snapshotId": "snap1"}
QUICK = {"every": "1ms", "within": "20s"}


@pytest.fixture
def atlas(service: Service, context: FakeContext) -> Service:
    """Atlas with a service account, and a cluster to restore into."""
    target = AtlasTarget(PROJECT, "prod", ("fresh", f"{OTHER}/fresh"), "client-id", Secret(SECRET), True, service.url)
    context.target = Target(name="staging", service="shop", atlas=target)
    service.routes["POST /api/oauth/token"] = [Said(value={"access_token": ACCESS, "token_type": "Bearer"})]
    for path in (f"{PROJECT}/clusters/fresh", f"{PROJECT}/clusters/prod", f"{OTHER}/clusters/fresh"):
        name = path.rpartition("/")[2]
        addresses = {"standard": f"mongodb://{name}-00-00.ab1cd.mongodb.net:27017", "standardSrv": address_of(name)}
        cluster = {"id": path, "name": name, "stateName": "IDLE", "connectionStrings": addresses}
        service.routes[f"GET /api/atlas/v2/groups/{path}"] = [Said(value=cluster)]
    return service


def address_of(cluster: str) -> str:
    """Where Atlas says that a cluster answers."""
    return f"mongodb+srv://{cluster}.ab1cd.mongodb.net"


def test_a_service_account_gets_one_token_and_asks_by_version(atlas: Service, context: FakeContext) -> None:
    atlas.routes[f"GET {SNAPSHOTS}"] = [Said(value={"results": [snapshot("a", 8), snapshot("b", 9)]})]
    result = run("atlas.snapshots", context)
    assert result.outputs == {
        "count": 2,
        "id": "b",
        "at": "2026-11-21T09:00:00.000Z",
        "oldest_at": "2026-11-21T08:00:00.000Z",
    }
    token, asked = atlas.asked
    assert token.raw == b"grant_type=client_credentials"
    assert token.headers["authorization"] == "Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQtdmFsdWU="
    assert asked.headers["authorization"] == f"Bearer {ACCESS}"
    assert asked.headers["accept"] == "application/vnd.atlas.2023-01-01+json"


def snapshot(identifier: str, hour: int, status: str = "completed") -> dict[str, Any]:
    """A snapshot as Atlas lists it."""
    return {
        "id": identifier,
        "status": status,
        "createdAt": f"2026-11-21T{hour:02}:00:00Z",
        "snapshotType": "scheduled",
        "storageSizeBytes": 1234,
        "links": [],
    }


@pytest.mark.parametrize(
    ("found", "asked", "message"),
    [
        ([], {}, "there is no complete snapshot"),
        ([snapshot("a", 8, "inProgress")], {}, "there is no complete snapshot"),
        ([snapshot("a", 8)], {"before": "2026-11-21T07:00:00Z"}, "no complete snapshot before 2026-11-21T07"),
        ([snapshot("a", 8)], {"max_age": "1h"}, "too old"),
    ],
)
def test_no_good_snapshot_is_a_failure(
    atlas: Service, context: FakeContext, found: list[object], asked: dict[str, object], message: str
) -> None:
    atlas.routes[f"GET {SNAPSHOTS}"] = [Said(value={"results": found})]
    with pytest.raises(StepError, match=message):
        run("atlas.snapshots", context, **asked)


def test_a_snapshot_is_taken_and_waited_for(atlas: Service, context: FakeContext) -> None:
    atlas.routes[f"POST {SNAPSHOTS}"] = [Said(202, snapshot("new", 8, "queued"))]
    states = ("queued", "inProgress", "completed")
    atlas.routes[f"GET {SNAPSHOTS}/new"] = [Said(value=snapshot("new", 8, state)) for state in states]
    assert run("atlas.snapshot", context, every="1ms").outputs["size_bytes"] == 1234
    assert atlas.calls(f"POST {SNAPSHOTS}")[0].body == {"description": "on demand by drx", "retentionInDays": 7}
    assert len(atlas.calls("POST /api/oauth/token")) == 1


def test_a_failed_snapshot_is_a_failure(atlas: Service, context: FakeContext) -> None:
    atlas.routes[f"POST {SNAPSHOTS}"] = [Said(202, snapshot("new", 8, "queued"))]
    atlas.routes[f"GET {SNAPSHOTS}/new"] = [Said(value=snapshot("new", 8, "failed"))]
    with pytest.raises(StepError, match="snapshot new at Atlas failed"):
        run("atlas.snapshot", context, every="1ms")


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        (
            {"into": "fresh", "at": "2026-11-21T08:00:00.900Z"},
            {
                "deliveryType": "pointInTime",
                "pointInTimeUTCSeconds": 1795248000,
                "targetClusterName": "fresh",
                "targetGroupId": PROJECT,
            },
        ),
        (
            {"into": "fresh", "into_project": OTHER, "snapshot": "snap1"},
            {
                "deliveryType": "automated",
                "snapshotId": "snap1",
                "targetClusterName": "fresh",
                "targetGroupId": OTHER,
            },
        ),
    ],
)
def test_a_restore_is_started_and_waited_for(
    atlas: Service, context: FakeContext, asked: dict[str, object], body: dict[str, object]
) -> None:
    atlas.routes[f"POST {JOBS}"] = [Said(200, JOB)]
    atlas.routes[f"GET {JOBS}/job1"] = [Said(value=JOB), Said(503), Said(value=JOB), Said(value=DONE)]
    result = run("atlas.restore", context, **QUICK, **asked)
    assert result.outputs == {
        "job": "job1",
        "snapshot": "snap1",
        "finished_at": "2026-11-21T08:20:00.000Z",
        "address": address_of("fresh"),
    }
    assert atlas.calls(f"POST {JOBS}")[0].body == body


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
@pytest.mark.parametrize("finished", [{}, {"finishedAt": "2026-11-21T08:20:00Z"}])
def test_a_job_that_ends_badly_is_a_failure_even_if_it_is_finished(
    atlas: Service, context: FakeContext, end: str, finished: dict[str, str]
) -> None:
    atlas.routes[f"POST {JOBS}"] = [Said(200, JOB)]
    atlas.routes[f"GET {JOBS}/job1"] = [Said(value={**JOB, **finished, end: True})]
    with pytest.raises(StepError, match=f"restore job job1 at Atlas (was )?{end}"):
        run("atlas.restore", context, into="fresh", snapshot="snap1", **QUICK)


def test_a_job_that_never_ends_is_left_after_a_time(atlas: Service, context: FakeContext) -> None:
    atlas.routes[f"POST {JOBS}"] = [Said(200, JOB)]
    atlas.routes[f"GET {JOBS}/job1"] = [Said(value=JOB)]
    with pytest.raises(StepError, match="restore job job1 at Atlas had not ended within ") as caught:
        run("atlas.restore", context, into="fresh", snapshot="snap1", every="5ms", within="50ms")
    assert "before you start another" in caught.value.remedy


def test_nothing_else_is_wiped(atlas: Service, context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="'precious' is not among the clusters"):
        run("atlas.restore", context, into="precious", snapshot="snap1")
    with pytest.raises(PermanentError, match=f"'{OTHER}/prod' is not among"):
        run("atlas.restore", context, into="prod", into_project=OTHER, snapshot="snap1")
    assert not atlas.asked


def test_a_cluster_that_is_busy_is_left_alone(atlas: Service, context: FakeContext) -> None:
    busy = {"id": "x", "name": "fresh", "stateName": "UPDATING"}
    atlas.routes[f"GET /api/atlas/v2/groups/{PROJECT}/clusters/fresh"] = [Said(value=busy)]
    with pytest.raises(StepError, match="'fresh' is UPDATING"):
        run("atlas.restore", context, into="fresh", snapshot="snap1")
    assert not atlas.calls(f"POST {JOBS}")


@pytest.mark.parametrize(
    ("asked", "resource"),
    [({}, "fresh"), ({"into_project": PROJECT}, "fresh"), ({"into_project": OTHER}, f"{OTHER}/fresh")],
)
@pytest.mark.usefixtures("atlas")
def test_the_guard_judges_the_cluster_that_is_wiped(context: FakeContext, asked: dict[str, str], resource: str) -> None:
    action = registered("atlas.restore")
    assert action.spec.effect == "destroy"
    assert action.resource is not None
    params = params_of("atlas.restore", into="fresh", snapshot="s", **asked)
    assert action.resource(params, context.target) == resource


def test_addresses_of_a_download_stand_in_their_file_alone(
    atlas: Service, context: FakeContext, tmp_path: Path
) -> None:
    urls = ["https://restore.example/a?signature=1", "https://restore.example/b?signature=2"]
    atlas.routes[f"POST {JOBS}"] = [Said(200, JOB)]
    atlas.routes[f"GET {JOBS}/job1"] = [Said(value=JOB), Said(value={**JOB, "deliveryUrl": urls})]
    file = tmp_path / "urls"
    result = run("atlas.download", context, snapshot="snap1", urls_to=str(file), **QUICK)
    assert file.read_text().split() == urls
    assert file.stat().st_mode & 0o777 == 0o600
    assert "restore.example" not in f"{result}"


def test_an_expired_token_is_replaced(atlas: Service, context: FakeContext) -> None:
    def answer(asked: Asked) -> Said:
        fresh = asked.headers["authorization"] == "Bearer second"
        return Said(value={"results": [snapshot("a", 8)]}) if fresh else Said(401, {"detail": "token expired"})

    tokens = [Said(value={"access_token": name}) for name in ("first", "second")]
    atlas.routes |= {"POST /api/oauth/token": tokens, f"GET {SNAPSHOTS}": answer}
    assert run("atlas.snapshots", context).outputs["id"] == "a"


@pytest.mark.parametrize("path", ["POST /api/oauth/token", f"GET {SNAPSHOTS}"])
def test_refused_credentials_are_said_without_them(atlas: Service, context: FakeContext, path: str) -> None:
    atlas.routes[path] = [Said(401, {"detail": f"no: {SECRET} {ACCESS}", "error": 401})]
    with pytest.raises(PermanentError, match="401") as caught:
        run("atlas.snapshots", context)
    assert SECRET not in str(caught.value)
    assert ACCESS not in str(caught.value) or path == "POST /api/oauth/token"


def test_a_token_that_cannot_be_had_leaves_nothing_in_doubt(atlas: Service, context: FakeContext) -> None:
    atlas.routes["POST /api/oauth/token"] = [Said(503)]
    with pytest.raises(StepError, match="/api/oauth/token with 503"):
        run("atlas.snapshot", context)
    assert not atlas.calls(f"POST {SNAPSHOTS}")


def digest_checked(service: Service, route: str, said: Said) -> None:
    """Let a route ask for a digest (RFC 7616) and check it with arithmetic of its own."""
    method, _, _ = route.partition(" ")

    def answer(asked: Asked) -> Said:
        sent = dict(re.findall(r'(\w+)="?([^",]+)"?', asked.headers.get("authorization", "")))
        ha1 = hashlib.md5(b"public:MMS Public API:private-key").hexdigest()
        ha2 = hashlib.md5(f"{method}:{asked.path}".encode()).hexdigest()
        parts = (ha1, "nonce1", sent.get("nc", ""), sent.get("cnonce", ""), "auth", ha2)
        if sent.get("response") == hashlib.md5(":".join(parts).encode()).hexdigest():
            return said
        challenge = 'Digest realm="MMS Public API", domain="", nonce="nonce1", algorithm=MD5, qop="auth", stale=false'
        return Said(401, {"detail": "who are you?"}, {"WWW-Authenticate": challenge})

    service.routes[route] = answer


def keyed(context: FakeContext, private: str) -> None:
    """Use an API key instead of a service account."""
    assert context.target.atlas is not None
    atlas = replace(context.target.atlas, identifier="public", secret=Secret(private), service_account=False)
    context.target = replace(context.target, atlas=atlas)


def test_an_api_key_answers_the_challenge(atlas: Service, context: FakeContext) -> None:
    keyed(context, "private-key")
    digest_checked(atlas, f"GET {SNAPSHOTS}", Said(value={"results": [snapshot("a", 8)]}))
    digest_checked(atlas, f"POST {SNAPSHOTS}", Said(202, snapshot("new", 8, "queued")))
    digest_checked(atlas, f"GET {SNAPSHOTS}/new", Said(value=snapshot("new", 8)))
    assert run("atlas.snapshots", context).outputs["id"] == "a"
    assert run("atlas.snapshot", context, every="1ms").outputs["id"] == "new"
    assert not atlas.calls("POST /api/oauth/token")


def test_a_wrong_api_key_is_refused(atlas: Service, context: FakeContext) -> None:
    keyed(context, "wrong-private-key")
    digest_checked(atlas, f"GET {SNAPSHOTS}", Said())
    with pytest.raises(PermanentError, match="401") as caught:
        run("atlas.snapshots", context)
    assert "wrong-private-key" not in str(caught.value)
    assert len(atlas.asked) == 2


@pytest.mark.parametrize("asked", ["", 'Basic realm="x"', 'Digest realm="x", nonce="n", algorithm=X'])
def test_another_challenge_is_not_answered(atlas: Service, context: FakeContext, asked: str) -> None:
    keyed(context, "private-key")
    atlas.routes[f"GET {SNAPSHOTS}"] = [Said(401, {}, {"WWW-Authenticate": asked})]
    with pytest.raises(PermanentError, match="another kind of proof"):
        run("atlas.snapshots", context)


def test_an_environment_without_atlas_is_said(context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="has no atlas"):
        run("atlas.snapshots", context)
