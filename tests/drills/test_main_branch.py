"""full-infra-loss deploys what GitHub says the main branch is; where GitHub does not say, a person is asked."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from drx.errors import ExitCode
from drx.sandbox import servers
from drx.sandbox.host import RELEASES as VERSIONS
from drx.sandbox.state import DATABASE, SandboxState, host_directory
from tests.actions.service import Said, Service, serving
from tests.drills.harness import ROOT, Outcome, Project

pytestmark = pytest.mark.slow
COMMIT = "4f" * 20
MAIN = "GET /repos/pixelcraft/shop/commits/main"
STEPS = ("commit", "named", "deploy")
CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  staging:
    mongo: {{uri: "${{DATABASE_URL}}", database: pixelcraft}}
    host: {{provider: local, directory: {host}}}
    github: {{repository: pixelcraft/shop, token: "${{GITHUB}}", api: "{api}"}}
contacts: {{channel: "#ops"}}
"""


@pytest.fixture
def github() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def releases(sandbox: SandboxState) -> Path:
    """The host's releases, of which one is a commit that is not deployed."""
    servers.deploy(sandbox.directory, DATABASE)
    found = host_directory(sandbox.directory) / "releases"
    copytree(found / VERSIONS[-1], found / COMMIT, dirs_exist_ok=True)
    return found


@pytest.fixture
def staging(project: Project, github: Service, releases: Path, sandbox: SandboxState) -> Project:
    """A staging environment with the shipped runbook's own steps about the main branch."""
    project.write("drx.yaml", CONFIG.format(host=releases.parent, api=github.url))
    shipped = yaml.safe_load((ROOT / "runbooks" / "full-infra-loss.yaml").read_text())["steps"]
    steps = [step for step in shipped if step["id"] in STEPS]
    assert len(steps) == len(STEPS)
    runbook = {"runbook": "main-branch", "kind": "operation", "title": "Deploy main", "steps": steps}
    project.write("runbooks/main-branch.yaml", yaml.safe_dump(runbook, sort_keys=False))
    for name in ("runbooks/db-drop.yaml", "drills/db-drop.yaml"):
        (project.root / name).unlink()
    project.environ |= {"DATABASE_URL": sandbox.mongo_uri, "GITHUB": "s3cret-of-github"}
    trusted = project.drx("trust", "staging", "--yes")
    assert trusted.code == ExitCode.OK, trusted.screen
    return project


def deploy_main(staging: Project) -> Outcome:
    outcome = staging.drx("run", "main-branch", "--env", "staging", "--unattended")
    assert "s3cret-of-github" not in outcome.everything_written
    return outcome


def deployed(releases: Path) -> str:
    return os.readlink(releases.parent / "current").rpartition("/")[2]


def test_the_commit_of_the_main_branch_is_deployed_and_nobody_is_asked(
    staging: Project, github: Service, releases: Path
) -> None:
    github.routes[MAIN] = [Said(value={"sha": COMMIT, "commit": {"message": "Serve images"}})]
    assert deployed(releases) != COMMIT
    outcome = deploy_main(staging)
    assert outcome.code == ExitCode.OK, outcome.screen
    assert deployed(releases) == COMMIT
    assert "named            skipped" in outcome.screen, outcome.screen
    assert len(github.calls(MAIN)) == 1


@pytest.mark.parametrize("answer", [Said(401, {"message": "Bad credentials"}), Said(200, {"sha": "main"})])
def test_where_github_does_not_say_a_person_is_asked_and_nothing_is_deployed(
    staging: Project, github: Service, releases: Path, answer: Said
) -> None:
    github.routes[MAIN] = [answer]
    before = deployed(releases)
    outcome = deploy_main(staging)
    assert outcome.code == ExitCode.HUMAN_NEEDED, outcome.screen
    assert "commit" in outcome.failures, outcome.screen
    assert deployed(releases) == before
