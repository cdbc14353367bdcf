"""What stands on the main branch, and workflows that deploy it. Changes no code."""

import shlex
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.config import GithubTarget
from drx.errors import PermanentError, StepError
from drx.fields import Duration, Name, Text
from drx.units import show_time
from drx.values import Json

if TYPE_CHECKING:
    from drx.actions.providers.github import GithubClient, WorkflowRun

_CURL = (
    'curl --fail --silent --show-error --header "Authorization: Bearer $GITHUB_TOKEN"'
    " --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28'"
)
_URL = '"https://api.github.com/repos/$GITHUB_REPOSITORY/'
_APPEARS = timedelta(minutes=2)
_LOOK = timedelta(seconds=2)


class FindCommit(Params):
    branch: Text = "main"
    """Name of the branch."""


def _commit_by_hand(params: FindCommit) -> str:
    return f'{_CURL} {_URL}commits/{params.branch}" | jq -r .sha'


@action(
    "github.commit",
    effect="read",
    repeatable=True,
    targets=("github",),
    by_hand=_commit_by_hand,
    outputs={"commit": "The commit's hash.", "at": "When it was committed.", "title": "First line of its message."},
)
def commit(params: FindCommit, context: Context) -> Result:
    """Find out which commit a branch is at: what a deployment from it would put in place."""
    found = _client(context).commit(params.branch)
    at = found.commit.committer.date if found.commit.committer else None
    title = found.commit.message.partition("\n")[0][:200]
    outputs: dict[str, Json] = {"commit": found.sha, "at": show_time(at) if at else None, "title": title}
    return Result(outputs, (f"{params.branch} is at {found.sha[:12]}: {title}",))


class StartWorkflow(Params):
    workflow: Text
    """File name of the workflow, such as deploy.yml; drx.yaml lists it in `github.workflows`."""
    ref: Text = "main"
    """Branch or tag that it runs on."""
    inputs: dict[Name, str] = Field(default_factory=dict, max_length=25)
    """The workflow's inputs. They stand in the open at GitHub: no secrets."""
    mark_input: Name | None = None
    """An input that is given a mark of this step, and that the workflow's `run-name` shows. Needed only where the
    server does not tell which run it started, and others may start the same workflow at the same time."""
    within: Duration = Field(default="30m", validate_default=True)
    """Give up waiting after this long."""
    every: Duration = Field(default="5s", validate_default=True)
    """Pause between two looks."""


def _start_by_hand(params: StartWorkflow) -> str:
    from json import dumps

    body = dumps({"ref": params.ref, "inputs": dict(params.inputs)})
    start = f'{_CURL} --data {shlex.quote(body)} {_URL}actions/workflows/{params.workflow}/dispatches"'
    return f'{start}\n# then until its conclusion is success:\n{_CURL} {_URL}actions/workflows/{params.workflow}/runs"'


_RUN_OUTPUTS = {
    "run": "Id of the workflow's run.",
    "url": "Where to look at it.",
    "commit": "The commit that it ran on.",
    "seconds": "How long the step waited.",
}


@action("github.workflow", effect="write", targets=("github",), by_hand=_start_by_hand, outputs=_RUN_OUTPUTS)
def workflow(params: StartWorkflow, context: Context) -> Result:
    """Start a workflow, find its run, and wait until it has succeeded.

    Any other conclusion is a failure. When the step is stopped, the workflow goes on at GitHub.
    """
    began = time.monotonic()
    target = _target(context)
    if params.workflow not in target.workflows:
        message = f"the workflow '{params.workflow}' is not among those that may be started here"
        raise PermanentError(message, f"Add it to github.workflows of '{context.target.name}' in drx.yaml")
    client = _client(context)
    before = frozenset(run.id for run in client.runs(params.workflow))
    mark = f"{context.run_id} {context.step_id} {time.time_ns():x}" if params.mark_input else None
    marked = {params.mark_input: mark} if params.mark_input and mark else {}
    identifier = client.dispatch(params.workflow, params.ref, {**params.inputs, **marked})
    if identifier is None:
        identifier = _find(client, params.workflow, before, mark, context)
    return _wait(client, identifier, params.within, params.every, began, context)


class WaitForRun(Params):
    run: int = Field(gt=0)
    """Id of the run."""
    within: Duration = Field(default="30m", validate_default=True)
    """Give up waiting after this long."""
    every: Duration = Field(default="5s", validate_default=True)
    """Pause between two looks."""


def _wait_by_hand(params: WaitForRun) -> str:
    return f'{_CURL} {_URL}actions/runs/{params.run}"'


@action(
    "github.wait",
    effect="read",
    repeatable=True,
    targets=("github",),
    by_hand=_wait_by_hand,
    outputs=_RUN_OUTPUTS,
)
def wait_for_run(params: WaitForRun, context: Context) -> Result:
    """Wait until a run of a workflow that is under way has succeeded."""
    return _wait(_client(context), params.run, params.within, params.every, time.monotonic(), context)


def _find(client: "GithubClient", workflow: str, before: frozenset[int], mark: str | None, context: Context) -> int:
    """Find the run that a dispatch without an answer has started."""
    from drx.actions.providers.github import new_run
    from drx.actions.providers.polling import poll

    def look() -> "WorkflowRun | None":
        return new_run(before, client.runs(workflow), mark)

    what = f"the run of {workflow} that was started"
    found = poll(context, what, look, lambda run: run is not None, _APPEARS, _LOOK)
    assert found is not None
    return found.id


def _wait(
    client: "GithubClient", identifier: int, within: timedelta, every: timedelta, began: float, context: Context
) -> Result:
    from drx.actions.providers.polling import poll

    what = f"run {identifier} at GitHub"
    done = poll(context, what, lambda: client.run(identifier), lambda run: run.status == "completed", within, every)
    if done.conclusion != "success":
        raise StepError(f"{what} ended with '{done.conclusion}'", f"Read its log: {done.html_url}")
    seconds = round(time.monotonic() - began, 3)
    outputs: dict[str, Json] = {"run": done.id, "url": done.html_url, "commit": done.head_sha, "seconds": seconds}
    return Result(outputs, (f"{what} succeeded",))


def _client(context: Context) -> "GithubClient":
    from drx.actions.providers.github import GithubClient

    return GithubClient(_target(context), context)


def _target(context: Context) -> GithubTarget:
    if context.target.github is None:
        raise PermanentError(f"'{context.target.name}' has no github", "State github of this environment in drx.yaml")
    return context.target.github
