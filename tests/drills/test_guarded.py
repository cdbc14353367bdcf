"""A drill against a protected server, under whatever name, is refused with exit 7 before anything is written."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import MongoClient

from drx.errors import ExitCode
from tests.drills.harness import Outcome, Project, silent

CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  production:
    protected: true
    mongo: {{uri: "${{PRODUCTION_URL}}", database: pixelcraft}}
    uploads: {uploads}
  staging:
    mongo: {{uri: "${{STAGING_URL}}", database: pixelcraft}}
    uploads: {uploads}
    health_url: http://127.0.0.1:9/healthz
    app_url: http://127.0.0.1:9
  sandbox: {{sandbox: true}}
backups:
  primary: {{directory: store}}
contacts: {{channel: "#ops"}}
"""
DRILL = """
drill: db-drop
runbook: db-drop
environment: staging
setup:
  - {id: backup, action: backup.base}
  - {id: mark, action: shell.run, with: {command: [/usr/bin/touch, marked]}}
fault: {action: mongo.drop_collection, with: {collection: images}}
answers: {incident_time: "{{ fault.at }}", approve-switch: approve}
"""


@dataclass(frozen=True)
class Production:
    """A project whose staging is production under another name, and production's servers."""

    project: Project
    client: MongoClient[dict[str, object]]
    bucket: str

    def state(self) -> tuple[object, ...]:
        """Everything that a drill could change."""
        newest = self.client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
        databases = sorted(self.client.list_database_names())
        collections = sorted(self.client["pixelcraft"].list_collection_names())
        return newest, databases, collections, self.client["pixelcraft"]["images"].count_documents({})

    def refused(self, outcome: Outcome, before: tuple[object, ...], reason: str) -> None:
        """Hold a refused drill against what it may not have touched: servers, store, folder."""
        root = self.project.root
        assert outcome.code == ExitCode.REFUSED, outcome.screen
        assert reason in outcome.screen
        assert "Traceback" not in outcome.screen
        assert self.state() == before
        assert outcome.record is None
        assert not self.project.records.exists() or not list(self.project.records.iterdir())
        assert not (root / "store").exists()
        assert not (root / "marked").exists()


@pytest.fixture
def production(
    tmp_path: Path, mongo_server: str, mongo_client: MongoClient[dict[str, object]], s3_server: str, bucket: str
) -> Production:
    """One real server, which staging's address reaches under another name."""
    mongo_client.drop_database("pixelcraft")
    mongo_client["pixelcraft"]["images"].insert_many([{"n": number} for number in range(20)])
    environ = {
        "PRODUCTION_URL": mongo_server,
        "STAGING_URL": mongo_server.replace("127.0.0.1", "localhost"),
        "SECRET": "test",
    }
    project = Project(tmp_path, tmp_path / "no-sandbox", environ)
    keys = 'access_key_id: test, secret_access_key: "${SECRET}"'
    uploads = f"{{bucket: {bucket}, endpoint: '{s3_server}', {keys}}}"
    project.write("drx.yaml", CONFIG.format(uploads=uploads))
    project.write("drills/db-drop.yaml", DRILL)
    return Production(project, mongo_client, bucket)


def test_a_protected_environment(production: Production) -> None:
    before = production.state()
    outcome = production.project.drx("drill", "db-drop", "--env", "production")
    production.refused(outcome, before, "'production' is protected")


@pytest.mark.slow
def test_a_protected_server_under_another_name(production: Production) -> None:
    trusted = production.project.drx("trust", "production", "--yes")
    assert trusted.code == ExitCode.OK, trusted.screen
    before = production.state()
    outcome = production.project.drx("drill", "db-drop", "--env", "staging")
    production.refused(outcome, before, "mongo of 'staging' is a server of 'production', which is protected")


@pytest.mark.slow
def test_a_protected_bucket_under_another_name(production: Production, mongo_server: str) -> None:
    """Only the uploads are production's; that is enough."""
    trusted = production.project.drx("trust", "production", "--yes")
    assert trusted.code == ExitCode.OK, trusted.screen
    text = (production.project.root / "drx.yaml").read_text()
    mine = '    mongo: {uri: "${STAGING_URL}", database: pixelcraft}\n'
    assert mine in text
    production.project.write("drx.yaml", text.replace(mine, ""))
    production.project.write("drills/db-drop.yaml", DRILL)
    before = production.state()
    outcome = production.project.drx("drill", "db-drop", "--env", "staging")
    production.refused(outcome, before, "uploads of 'staging' is a server of 'production', which is protected")


def test_a_server_that_may_be_the_protected_one(production: Production) -> None:
    """Nobody has said who production is, so that any server may be it."""
    before = production.state()
    outcome = production.project.drx("drill", "db-drop", "--env", "staging")
    production.refused(outcome, before, "so this server may be it")


def test_a_protected_server_cannot_be_trusted_as_staging(production: Production) -> None:
    assert production.project.drx("trust", "production", "--yes").code == ExitCode.OK
    trust_file = {path: path.read_bytes() for path in production.project.root.glob("*trust*")}
    outcome = production.project.drx("trust", "staging", "--yes")
    assert outcome.code == ExitCode.REFUSED, outcome.screen
    assert {path: path.read_bytes() for path in production.project.root.glob("*trust*")} == trust_file


@pytest.mark.slow
@pytest.mark.parametrize("answers", [True, False], ids=["listening", "closed"])
def test_a_server_that_does_not_say_who_it_is(production: Production, answers: bool) -> None:
    """It takes the connection and is silent, or takes none; nothing is known of it, so nothing is done to it."""
    assert production.project.drx("trust", "production", "--yes").code == ExitCode.OK
    with silent(answers=answers) as port:
        production.project.environ["STAGING_URL"] = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        before = production.state()
        outcome = production.project.drx("drill", "db-drop", "--env", "staging")
    production.refused(outcome, before, "does not answer")
