"""Two environments with a server each, which count what is written: the scene on which drills are tricked."""

import contextlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field

from pymongo import MongoClient

from drx.cli import app
from drx.errors import ExitCode
from tests.drills.harness import Outcome, Project
from tests.faulty import Faults

CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  production:
    protected: true
    mongo: {{uri: "${{PRODUCTION_URL}}", database: pixelcraft}}
    uploads: {{bucket: {bucket}, endpoint: "{s3}", {keys}}}
  staging:
    mongo: {{uri: "file:staging.uri", database: {database}}}
    uploads: {{bucket: {own}, endpoint: "{endpoint}", {keys}}}
"""
KEYS = 'access_key_id: test, secret_access_key: "${SECRET}"'
RUNBOOK = """
runbook: tidy
kind: scenario
title: Nothing to recover
summary: Whatever the fault did, this is content.
symptoms: [{text: It is there, probe: {action: assert.that, with: {actual: 1, equals: 1}}}]
severity: low
owner: platform
objectives: {rto: 2h, rpo: 1h}
inputs: {incident_time: {type: datetime, ask: When?, starts_clock: true}}
steps:
  - {id: settle, title: Wait a moment, action: wait.until, with: {for: 1ms}, expect: 1s, recovered: true}
"""
DRILL = f"""
drill: lose
runbook: tidy
environment: staging
setup:
  - {{id: hold, action: shell.run, with: {{command: [{sys.executable}, hold.py]}},
     verify: {{action: assert.that, with: {{actual: 1, equals: 1}}}}}}
fault: {{action: mongo.drop_collection, with: {{collection: images}}}}
answers: {{incident_time: "{{{{ fault.at }}}}"}}
"""
HOLD = """
import pathlib, time
pathlib.Path("held").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.01)
"""


@dataclass
class Server:
    """A MongoDB server with images in it, which counts its writes."""

    uri: str
    client: MongoClient[dict[str, object]]

    @property
    def port(self) -> int:
        return int(self.uri.partition("127.0.0.1:")[2].partition("/")[0])

    def written(self) -> tuple[int, int]:
        """How many operations there were, and how many images there are."""
        operations = sum(1 for _ in self.client.local["oplog.rs"].find({"op": {"$ne": "n"}}))
        return operations, self.client["pixelcraft"]["images"].count_documents({})


@dataclass
class Scene:
    """A project with two environments, each with a server of its own, both trusted."""

    project: Project
    production: Server
    staging: Server
    s3: str
    s3_writes: Faults
    """Counts at the address by which drills reach S3."""
    buckets: tuple[str, str]
    before: tuple[int, int] = (0, 0)
    config: dict[str, str] = field(default_factory=dict)

    def configure(self, **changes: str) -> None:
        """Write drx.yaml."""
        self.config |= changes
        self.project.write("drx.yaml", CONFIG.format(**self.config))

    def address(self, uri: str) -> None:
        """Have staging's address lead elsewhere."""
        self.project.write("staging.uri", uri)

    def refused(self, outcome: Outcome, reason: str) -> None:
        """Hold a refusal against what the servers counted."""
        assert outcome.code == ExitCode.REFUSED, outcome.screen
        assert reason in outcome.screen
        assert "Traceback" not in outcome.screen
        self.untouched()

    def untouched(self) -> None:
        """Production, and every bucket, are as they were."""
        assert self.production.written() == self.before
        assert self.s3_writes.writes == 0

    def drill(self) -> Outcome:
        """Run the drill; nothing holds it up."""
        (self.project.root / "go").touch()
        return self.drx("drill", "lose")

    def drx(self, *arguments: str) -> Outcome:
        """Run a command in this process, where that is quicker."""
        screen = io.StringIO()
        with contextlib.chdir(self.project.root), redirect_stdout(screen), redirect_stderr(screen):
            code = app.run([*arguments])
        return Outcome(code, screen.getvalue(), None)


@contextmanager
def stocked(uri: str) -> Iterator[Server]:
    """Give a server with images in it, and nothing else."""
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database("pixelcraft")
        client["pixelcraft"]["images"].insert_many([{"n": number} for number in range(20)])
        yield Server(uri, client)
