"""A desk with a shell and the plan on it: for the commands that the plan gives for the day when drx is gone."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drx.cli.plan.plan import make_plan
from drx.cli.project import load_project
from drx.config import load_config
from drx.reports.plan.shapes import PlanRunbook, PlanStep, RecoveryPlan
from drx.sandbox.state import ACCESS_KEY, APP_NAME, SECRET_KEY, SandboxState, host_directory
from tests.actions.context import params_of, registered

ROOT = Path(__file__).parents[2]
MARKS = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")
        for tool in ("aws", "curl", "jq")
    ),
]
NEEDS_MONGOSH = pytest.mark.skipif(shutil.which("mongosh") is None, reason="npm install --global mongosh")
CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  production:
    mongo: {{uri: "{state.mongo_uri}", database: pixelcraft}}
    uploads: {{bucket: pixelcraft-uploads, endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{TEST}}"}}
    host: {{provider: local, directory: "{host}"}}
    health_url: "{state.app_url}/healthz"
    dns: {{provider: route53, zone: "{state.zone}", records: ["{name}"], api: "{state.route53}"}}
backups:
  primary:
    s3: {{bucket: pixelcraft-backups, prefix: "{prefix}", endpoint: "{endpoint}", access_key_id: test,
         secret_access_key: "${{TEST}}"}}
  copies: [{{directory: copy}}]
"""


@dataclass
class Desk:
    """A shell on somebody's desk, with the plan beside it."""

    plan: RecoveryPlan
    folder: Path
    state: SandboxState
    store: str

    def step(self, runbook: str, step: str) -> PlanStep:
        """The step as the plan shows it."""
        found: PlanRunbook = next(each for each in (*self.plan.scenarios, *self.plan.operations) if each.id == runbook)
        return next(each for each in flat((*found.prechecks, *found.steps)) if each.id == step)

    def command(self, name: str, /, **parameters: object) -> str:
        """What an action with these parameters says to type."""
        by_hand = registered(name).by_hand
        assert by_hand is not None
        return by_hand(
            params_of(name, **parameters), load_config(self.folder / "drx.yaml").settings.environments["production"]
        )

    def types(self, command: str, **exported: str) -> str:
        """Type a command as it stands, after the block of variables; what it prints."""
        variables = {name: value for name, value, _ in self.plan.exports} | {"MONGO_URI": self.state.mongo_uri}
        environment = {
            **os.environ, **variables, **exported, "AWS_ENDPOINT_URL_S3": self.state.s3["us-east-1"],
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "", "AWS_ENDPOINT_URL_ROUTE_53": self.state.route53,
        }  # fmt: skip
        script = "\n".join(("set -euo pipefail", *self.plan.functions, command))
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def flat(steps: tuple[PlanStep, ...]) -> Iterator[PlanStep]:
    """Every step, at any depth."""
    for step in steps:
        yield step
        for inner in (step.groups or {}).values():
            yield from flat(inner)


def lay(seeded: SandboxState, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The shipped runbooks with an environment that is the sandbox, and nobody's backups yet."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TEST", SECRET_KEY)
    prefix = f"by-hand-{uuid.uuid4().hex[:8]}"
    host = host_directory(seeded.directory)
    made = CONFIG.format(state=seeded, name=APP_NAME, endpoint=seeded.s3["us-east-1"], host=host, prefix=prefix)
    schedules = [
        f'  - {{run: {name}, environment: production, cron: "0 3 * * *"}}'
        for name in ("nightly-backup", "restore-test", "hourly-incremental")
    ]
    (folder / "drx.yaml").write_text("\n".join((made, "schedules:", *schedules)) + "\ncontacts: {channel: here}\n")
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    (folder / "copy").mkdir()
    return Desk(make_plan(load_project(), "production"), folder, seeded, f"{prefix}/pixelcraft-production")
