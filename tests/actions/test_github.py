"""`github.*` against a service that speaks the documented requests and answers of the REST API."""

from datetime import timedelta
from typing import Any

import pytest

from drx.actions import github
from drx.config import GithubTarget, Target
from drx.errors import PermanentError, StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.service import Asked, Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
REPO = "/repos/pixelcraft/shop"
WORKFLOW = f"{REPO}/actions/workflows/deploy.yml"
SHA = "0" * 39 + "a"


@pytest.fixture
def hub(service: Service, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> Service:
    """GitHub with one workflow that may be started."""
    monkeypatch.setattr(github, "_LOOK", timedelta(milliseconds=1))
    target = GithubTarget("pixelcraft/shop", Secret("github-token"), ("deploy.yml",), service.url)
    context.target = Target(name="staging", service="shop", github=target)
    return service


def workflow_run(number: int, status: str = "completed", conclusion: str | None = "success", **more: Any) -> Any:
    """A run as GitHub shows it."""
    url = f"https://github.example/runs/{number}"
    return {"id": number, "status": status, "conclusion": conclusion, "head_sha": SHA, "html_url": url, **more}


def test_the_newest_commit_of_a_branch(hub: Service, context: FakeContext) -> None:
    commit = {"message": "Fix it\n\nWith care.", "committer": {"date": "2026-11-21T08:00:00Z", "name": "A"}}
    hub.routes[f"GET {REPO}/commits/release%2F1"] = [Said(value={"sha": SHA, "commit": commit, "files": []})]
    result = run("github.commit", context, branch="release/1")
    assert result.outputs == {"commit": SHA, "at": "2026-11-21T08:00:00.000Z", "title": "Fix it"}
    headers = hub.asked[0].headers
    assert (headers["authorization"], headers["x-github-api-version"]) == ("Bearer github-token", "2022-11-28")


def test_a_workflow_is_started_and_its_run_is_told(hub: Service, context: FakeContext) -> None:
    hub.routes[f"GET {WORKFLOW}/runs"] = [Said(value={"total_count": 0, "workflow_runs": []})]
    hub.routes[f"POST {WORKFLOW}/dispatches"] = [Said(200, {"workflow_run_id": 7, "run_url": "", "html_url": ""})]
    running = [Said(value=workflow_run(7, status, None)) for status in ("queued", "in_progress")]
    hub.routes[f"GET {REPO}/actions/runs/7"] = [*running, Said(value=workflow_run(7))]
    outputs = run("github.workflow", context, workflow="deploy.yml", inputs={"commit": SHA}, every="1ms").outputs
    assert {**outputs, "seconds": 0} == {"run": 7, "url": "https://github.example/runs/7", "commit": SHA, "seconds": 0}
    assert hub.calls(f"POST {WORKFLOW}/dispatches")[0].body == {
        "ref": "main",
        "inputs": {"commit": SHA},
        "return_run_details": True,
    }


def older(hub: Service, appear: list[Any]) -> None:
    """Behave as servers did before they told the run: refuse the question, answer 204, and list the run a bit later."""

    def dispatch(asked: Asked) -> Said:
        if "return_run_details" in asked.body:
            return Said(422, {"message": 'Invalid request. "return_run_details" is not a permitted key.'})
        started.append(asked)
        return Said(204)

    def listed(_: Asked) -> Said:
        if started:
            looks.append(1)
        return Said(value={"workflow_runs": [*(appear if len(looks) > 1 else []), workflow_run(3)]})

    started: list[Asked] = []
    looks: list[int] = []
    hub.routes |= {f"POST {WORKFLOW}/dispatches": dispatch, f"GET {WORKFLOW}/runs": listed}


def test_an_older_server_does_not_tell_the_run_and_it_is_found(hub: Service, context: FakeContext) -> None:
    older(hub, [workflow_run(8)])
    hub.routes[f"GET {REPO}/actions/runs/8"] = [Said(value=workflow_run(8))]
    assert run("github.workflow", context, workflow="deploy.yml", every="1ms").outputs["run"] == 8
    assert "event=workflow_dispatch" in hub.calls(f"GET {WORKFLOW}/runs")[0].path


def test_of_two_new_runs_none_is_guessed(hub: Service, context: FakeContext) -> None:
    older(hub, [workflow_run(8), workflow_run(9)])
    with pytest.raises(StepError, match="runs 8, 9 may all be this one") as caught:
        run("github.workflow", context, workflow="deploy.yml", every="1ms")
    assert "mark_input" in caught.value.remedy


def test_a_mark_tells_the_own_run_from_others(hub: Service, context: FakeContext) -> None:
    runs = [workflow_run(8), workflow_run(9)]
    older(hub, runs)
    refuse = hub.routes[f"POST {WORKFLOW}/dispatches"]
    assert callable(refuse)

    def dispatch(asked: Asked) -> Said:
        runs[1]["display_title"] = f"Deploy for {asked.body['inputs']['mark']}"
        return refuse(asked)

    hub.routes[f"POST {WORKFLOW}/dispatches"] = dispatch
    hub.routes[f"GET {REPO}/actions/runs/9"] = [Said(value=workflow_run(9))]
    assert run("github.workflow", context, workflow="deploy.yml", mark_input="mark", every="1ms").outputs["run"] == 9


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "skipped", "timed_out", "neutral", None])
def test_any_other_conclusion_is_a_failure(hub: Service, context: FakeContext, conclusion: str | None) -> None:
    hub.routes[f"GET {REPO}/actions/runs/7"] = [Said(value=workflow_run(7, "completed", conclusion))]
    with pytest.raises(StepError, match=f"run 7 at GitHub ended with '{conclusion}'"):
        run("github.wait", context, run=7)


def test_a_run_that_never_ends_is_left_after_a_time(hub: Service, context: FakeContext) -> None:
    hub.routes[f"GET {REPO}/actions/runs/7"] = [Said(value=workflow_run(7, "waiting", None))]
    with pytest.raises(StepError, match="run 7 at GitHub had not ended within "):
        run("github.wait", context, run=7, within="30ms", every="5ms")


def test_only_listed_workflows_are_started(hub: Service, context: FakeContext) -> None:
    with pytest.raises(PermanentError, match=r"'deploy-production.yml' is not among") as caught:
        run("github.workflow", context, workflow="deploy-production.yml")
    assert "github.workflows of 'staging'" in caught.value.remedy
    assert not hub.asked


def test_a_workflow_that_cannot_be_started_by_hand_is_said(hub: Service, context: FakeContext) -> None:
    hub.routes[f"GET {WORKFLOW}/runs"] = [Said(value={"workflow_runs": []})]
    said = {"message": "Workflow does not have 'workflow_dispatch' trigger"}
    hub.routes[f"POST {WORKFLOW}/dispatches"] = [Said(422, said)]
    with pytest.raises(PermanentError, match="does not have 'workflow_dispatch' trigger"):
        run("github.workflow", context, workflow="deploy.yml")
    assert len(hub.calls(f"POST {WORKFLOW}/dispatches")) == 1


def test_a_server_error_at_the_start_is_not_repeated(hub: Service, context: FakeContext) -> None:
    hub.routes[f"GET {WORKFLOW}/runs"] = [Said(value={"workflow_runs": []})]
    hub.routes[f"POST {WORKFLOW}/dispatches"] = [Said(502)]
    with pytest.raises(StepError, match="502"):
        run("github.workflow", context, workflow="deploy.yml")
    assert len(hub.calls(f"POST {WORKFLOW}/dispatches")) == 1


def test_a_slash_in_a_name_does_not_leave_the_path(hub: Service, context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="404"):
        run("github.commit", context, branch="../../user")
    assert hub.asked[0].path == f"{REPO}/commits/..%2F..%2Fuser"
