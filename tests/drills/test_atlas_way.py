"""db-drop by Atlas's own restore, as one run: a stand-in that speaks Atlas's API counts what it was asked."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox import servers
from drx.sandbox.host import variables_path
from drx.sandbox.seed import Sizes, seed
from drx.sandbox.state import APP, DATABASE, MONGO, SandboxState, host_directory
from tests.actions.service import Asked, Said, Service, serving
from tests.drills.harness import Outcome, Project

pytestmark = pytest.mark.slow
GROUP = "5f1b2c3d4e5f6a7b8c9d0e1f"
PROD = f"/api/atlas/v2/groups/{GROUP}/clusters/prod"
FRESH = f"/api/atlas/v2/groups/{GROUP}/clusters/fresh"
JOBS = f"{PROD}/backup/restoreJobs"
CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  staging:
    mongo: {{uri: "${{DATABASE_URL}}", database: pixelcraft}}
    host: {{provider: local, directory: {host}}}
    atlas:
      project: {group}
      cluster: prod
      restore_into: [fresh]
      client_id: me
      client_secret: "${{ATLAS}}"
      api: "{api}"
    health_url: "{app}/healthz"
    app_url: "{app}"
contacts: {{channel: "#ops"}}
"""
DRILL = """
drill: by-atlas
runbook: db-drop
environment: staging
setup:
  - {id: well, action: http.check, with: {url: "{{ target.health_url }}"}}
fault: {action: mongo.drop_collection, with: {collection: images}}
detect: {within: 1m}
answers:
  incident_time: "{{ fault.at }}"
  way: atlas
  moment: "{{ fault.at }}"
  cluster: fresh
  approve-cluster: approve
pass:
  - {id: count, action: mongo.count, with: {collection: images, equals: "{{ fault.count }}"}}
"""


@dataclass
class Atlas:
    """Two clusters: the damaged one, and an idle one, whose images come back when a restore is asked for."""

    service: Service
    port: int
    kept: list[RawBSONDocument]
    fails: bool = False
    jobs: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        routes = self.service.routes
        routes["POST /api/oauth/token"] = [Said(value={"access_token": "t", "token_type": "Bearer"})]
        for name, path in (("prod", PROD), ("fresh", FRESH)):
            addresses = {"standardSrv": f"mongodb://localhost:{self.port}"}
            routes[f"GET {path}"] = [
                Said(value={"id": name, "name": name, "stateName": "IDLE", "connectionStrings": addresses})
            ]
        taken = {"id": "s1", "status": "completed", "createdAt": "2020-01-01T00:00:00Z", "snapshotType": "scheduled"}
        routes[f"GET {PROD}/backup/snapshots"] = [Said(value={"results": [taken]})]
        routes[f"POST {JOBS}"] = self.restore
        routes[f"GET {JOBS}/job1"] = lambda _: Said(value=self.job(ended=True))

    def restore(self, asked: Asked) -> Said:
        """Begin a restore."""
        self.jobs.append(asked.body)
        if not self.fails:
            with MongoClient[RawBSONDocument](
                f"mongodb://127.0.0.1:{self.port}/?directConnection=true", document_class=RawBSONDocument
            ) as client:
                client[DATABASE]["images"].insert_many(self.kept)
        return Said(200, self.job(ended=False))

    def job(self, *, ended: bool) -> dict[str, Any]:
        """The restore job, as Atlas tells it: it has no status."""
        states = {"cancelled": False, "expired": False, "failed": ended and self.fails}
        return {"id": "job1", "deliveryType": "pointInTime", **states} | (
            {"finishedAt": "2026-11-21T08:20:00Z", "snapshotId": "s1"} if ended and not self.fails else {}
        )

    def changes(self) -> Counter[str]:
        """What was asked of it that changes something."""
        asked = (f"{each.method} {each.path}" for each in self.service.asked if each.method != "GET")
        return Counter(each for each in asked if "oauth" not in each)


@pytest.fixture
def atlas(sandbox: SandboxState) -> Iterator[Atlas]:
    seed(sandbox.directory, Sizes(20, 60, 10), 1, lambda *_: None)
    servers.deploy(sandbox.directory, DATABASE)
    with (
        MongoClient[RawBSONDocument](sandbox.mongo_uri, document_class=RawBSONDocument) as client,
        serving() as service,
    ):
        yield Atlas(service, sandbox.member(MONGO).port, list(client[DATABASE]["images"].find()))


@pytest.fixture
def staging(project: Project, atlas: Atlas, sandbox: SandboxState) -> Project:
    """A staging environment at the stand-in, whose servers are trusted."""
    application = sandbox.member(APP)
    project.write("drx.yaml", CONFIG.format(
        host=host_directory(sandbox.directory), group=GROUP, api=atlas.service.url,
        app=f"http://{application.address}:{application.port}",
    ))  # fmt: skip
    project.write("drills/by-atlas.yaml", DRILL)
    (project.root / "drills" / "db-drop.yaml").unlink()
    project.environ |= {"DATABASE_URL": sandbox.mongo_uri, "ATLAS": "s3cret-of-atlas"}
    trusted = project.drx("trust", "staging", "--yes")
    assert trusted.code == ExitCode.OK, trusted.screen
    return project


def drilled(staging: Project) -> Outcome:
    outcome = staging.drx("drill", "by-atlas", "--env", "staging")
    assert "s3cret-of-atlas" not in outcome.everything_written
    return outcome


def deployed(sandbox: SandboxState) -> str:
    return str(json.loads(variables_path(sandbox.directory).read_text())["DATABASE_URL"])


def test_atlas_restores_once_and_the_application_follows(staging: Project, atlas: Atlas, sandbox: SandboxState) -> None:
    outcome = drilled(staging)
    assert outcome.code == ExitCode.OBJECTIVE_MISSED, outcome.screen
    assert outcome.report.verdict.word is Word.FAILED
    assert outcome.report.verdict.reason == "the RPA was not measured", "Atlas's word is no proof; all else went well"
    assert not outcome.failures
    (asked,) = atlas.jobs
    assert asked.keys() == {"deliveryType", "pointInTimeUTCSeconds", "targetClusterName", "targetGroupId"}
    assert (asked["deliveryType"], asked["targetClusterName"]) == ("pointInTime", "fresh")
    assert atlas.changes() == {f"POST {JOBS}": 1}, "nothing else was changed at Atlas"
    assert deployed(sandbox) == f"mongodb://localhost:{atlas.port}/{DATABASE}", "the restored cluster's address"
    application = sandbox.member(APP)
    with closing(urlopen(f"http://{application.address}:{application.port}/healthz", timeout=20)) as answer:
        assert json.load(answer)["status"] == "ok"


def test_a_restore_that_fails_at_atlas_leaves_the_application_where_it_is(
    staging: Project, atlas: Atlas, sandbox: SandboxState
) -> None:
    atlas.fails = True
    before = deployed(sandbox)
    outcome = drilled(staging)
    assert outcome.code == ExitCode.FAILED, outcome.screen
    assert outcome.report.verdict.step == "restore-cluster"
    assert "failed" in outcome.report.verdict.reason
    assert atlas.changes() == {f"POST {JOBS}": 1}, "a restore is not begun twice"
    assert deployed(sandbox) == before
