"""GitHub's REST API: commits, and runs of workflows. https://docs.github.com/rest"""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from drx.actions.providers.api import Answer, Api, Refusal, Waiter, bearer
from drx.config import GithubTarget
from drx.errors import PermanentError
from drx.secrets import Masker
from drx.values import Json

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_LISTED = 50


class Repository(Answer):
    """A repository."""

    full_name: str


class _Person(Answer):
    date: datetime | None = None


class _CommitData(Answer):
    message: str = ""
    committer: _Person | None = None


class Commit(Answer):
    """A commit."""

    sha: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    commit: _CommitData


class WorkflowRun(Answer):
    """A run of a workflow."""

    id: int
    status: str | None = None
    conclusion: str | None = None
    head_sha: str = ""
    html_url: str = ""
    display_title: str = ""


class _Runs(Answer):
    workflow_runs: tuple[WorkflowRun, ...]


class _Dispatched(Answer):
    workflow_run_id: int | None = None


class GithubClient:
    """Asks about one repository, with the environment's token."""

    def __init__(self, target: GithubTarget, waiter: Waiter) -> None:
        self._waiter = waiter
        owner, _, name = target.repository.partition("/")
        self._path = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        token = target.token.reveal()
        rights = "read access to Contents, and write access to Actions where workflows are started"
        self._api = Api("GitHub", target.api, bearer(token), rights, _HEADERS, Masker([token]))

    def repository(self) -> Repository:
        """Look up the repository itself."""
        return self._api.ask(self._waiter, "GET", self._path, Repository)

    def commit(self, branch: str) -> Commit:
        """Look up the newest commit of a branch, or of a tag."""
        return self._api.ask(self._waiter, "GET", f"{self._path}/commits/{quote(branch, safe='')}", Commit)

    def run(self, identifier: int) -> WorkflowRun:
        """Look up a run."""
        return self._api.ask(self._waiter, "GET", f"{self._path}/actions/runs/{identifier}", WorkflowRun)

    def runs(self, workflow: str, event: Literal["workflow_dispatch"] = "workflow_dispatch") -> tuple[WorkflowRun, ...]:
        """List the newest runs of a workflow that somebody started."""
        path = f"{self._workflow(workflow)}/runs"
        query: dict[str, str | int] = {"event": event, "per_page": _LISTED}
        return self._api.ask(self._waiter, "GET", path, _Runs, query=query).workflow_runs

    def dispatch(self, workflow: str, ref: str, inputs: dict[str, str]) -> int | None:
        """Start a workflow; gives the id of the run where the server tells it, as GitHub does since 2026."""
        path = f"{self._workflow(workflow)}/dispatches"
        body: dict[str, Json] = {"ref": ref, "inputs": dict(inputs)}
        try:
            asked: Json = {**body, "return_run_details": True}
            return self._api.ask(self._waiter, "POST", path, _Dispatched, body=asked).workflow_run_id
        except Refusal as error:
            if error.status != 422 or "return_run_details" not in error.message:
                raise
        return self._api.ask(self._waiter, "POST", path, _Dispatched, body=body).workflow_run_id

    def _workflow(self, workflow: str) -> str:
        return f"{self._path}/actions/workflows/{quote(workflow, safe='')}"


def new_run(before: frozenset[int], runs: tuple[WorkflowRun, ...], mark: str | None) -> WorkflowRun | None:
    """Pick the run that was started: one that was not there before, and carries the mark in its name if there is one.

    None where it has not appeared yet. Raises PermanentError where several could be it.
    """
    fresh = [run for run in runs if run.id not in before and (mark is None or mark in run.display_title)]
    if len(fresh) > 1:
        numbers = ", ".join(str(run.id) for run in fresh)
        remedy = "Give the workflow an input for `mark_input` and put it into its run-name"
        raise PermanentError(f"somebody else started the same workflow: runs {numbers} may all be this one", remedy)
    return fresh[0] if fresh else None
