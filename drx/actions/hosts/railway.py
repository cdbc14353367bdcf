"""Railway's public GraphQL API: deployments and variables of one service. https://docs.railway.com/integrations/api"""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import Field

from drx.actions.hosts.railway_api import New, RailwayApi
from drx.actions.providers.api import Answer, Waiter
from drx.actions.providers.polling import poll
from drx.config import RailwayTarget
from drx.errors import PermanentError, StepError
from drx.values import Json

_EVERY = timedelta(seconds=3)
_LISTED = 20
_GOOD = frozenset(("SUCCESS", "SLEEPING"))
_BAD = frozenset(("FAILED", "CRASHED", "REMOVED", "REMOVING", "SKIPPED"))
_RAN = frozenset(("SUCCESS", "SLEEPING", "REMOVED"))
"""States of a deployment that once ran: an older one is removed when the next takes over."""

_DEPLOYMENTS = """query deployments($input: DeploymentListInput!, $first: Int) {
  deployments(input: $input, first: $first) { edges { node { id status createdAt canRollback meta } } } }"""
_DEPLOYMENT = "query deployment($id: String!) { deployment(id: $id) { id status createdAt canRollback meta } }"
_INSTANCE = """query serviceInstance($serviceId: String!, $environmentId: String!) {
  serviceInstance(serviceId: $serviceId, environmentId: $environmentId) { id serviceName } }"""
_VARIABLES = """query variables($projectId: String!, $environmentId: String!, $serviceId: String) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) }"""
_LOGS = """query deploymentLogs($deploymentId: String!, $limit: Int) {
  deploymentLogs(deploymentId: $deploymentId, limit: $limit) { timestamp message } }"""
_REDEPLOY = "mutation deploymentRedeploy($id: String!) { deploymentRedeploy(id: $id) { id } }"
_RESTART = "mutation deploymentRestart($id: String!) { deploymentRestart(id: $id) }"
_ROLL_BACK = "mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) }"
_DEPLOY = """mutation deploy($serviceId: String!, $environmentId: String!, $commitSha: String) {
  serviceInstanceDeployV2(serviceId: $serviceId, environmentId: $environmentId, commitSha: $commitSha) }"""
_SET = "mutation variableUpsert($input: VariableUpsertInput!) { variableUpsert(input: $input) }"


class Deployment(Answer):
    """One deployment of the service."""

    id: str
    status: str
    created_at: str = Field(default="", alias="createdAt")
    can_roll_back: bool = Field(default=False, alias="canRollback")
    meta: dict[str, object] | None = None

    @property
    def version(self) -> str:
        """The commit that it was built from; its id, where there is none."""
        commit = (self.meta or {}).get("commitHash")
        return commit if isinstance(commit, str) and commit else self.id

    @property
    def has_ended(self) -> bool:
        """Whether its state changes no more by itself."""
        return self.status in _GOOD or self.status in _BAD


class _Edge(Answer):
    node: Deployment


class _Edges(Answer):
    edges: tuple[_Edge, ...]


class _Deployments(Answer):
    deployments: _Edges


class _One(Answer):
    deployment: Deployment


class _Instance(Answer):
    id: str = Field(min_length=1)


class _Instances(Answer):
    instance: _Instance = Field(alias="serviceInstance")


class _Variables(Answer):
    variables: dict[str, str | None]


class _Line(Answer):
    timestamp: str = ""
    message: str = ""


class _Lines(Answer):
    lines: tuple[_Line, ...] = Field(alias="deploymentLogs")


class _Redeployed(Answer):
    deployment: New = Field(alias="deploymentRedeploy")


class _Restarted(Answer):
    done: bool = Field(alias="deploymentRestart")


class _RolledBack(Answer):
    done: bool = Field(alias="deploymentRollback")


class _Deployed(Answer):
    id: str = Field(alias="serviceInstanceDeployV2", min_length=1)


class _Set(Answer):
    done: bool = Field(alias="variableUpsert")


class RailwayService:
    """See `Host`: one service in one environment of a project."""

    patience = 1200.0

    def __init__(self, target: RailwayTarget, waiter: Waiter) -> None:
        self._target = target
        self._waiter = waiter
        self._ask = RailwayApi(target, waiter).ask

    def set_variable(self, name: str, value: str, within: float) -> bool:
        place: dict[str, Json] = {"projectId": self._target.project, **self._instance()}
        if self._ask(_VARIABLES, place, _Variables).variables.get(name) == value:
            return False
        known = self._deployments()
        self._do(_SET, {"input": {**place, "name": name, "value": value}}, _Set, f"set {name}")
        self._next(known, within)  # which Railway begins by itself
        return True

    def version(self) -> str:
        return self._running(self._deployments()).version

    def restart(self, within: float) -> str:
        running = self._running(self._deployments())
        self._do(_RESTART, {"id": running.id}, _Restarted, "restart")
        return self._wait(running.id, within).version

    def deploy(self, version: str | None, within: float) -> str:
        if version is None:
            running = self._running(self._deployments())
            new = self._ask(_REDEPLOY, {"id": running.id}, _Redeployed, repeatable=False).deployment.id
            return self._wait(new, within).version
        variables: dict[str, Json] = {**self._instance(), "commitSha": version}
        new = self._ask(_DEPLOY, variables, _Deployed, repeatable=False).id
        self._wait(new, within)
        return version

    def roll_back(self, within: float) -> str:
        known = self._deployments()
        current = next((number for number, each in enumerate(known) if each.status in _GOOD), 0)
        earlier = [each for each in known[current + 1 :] if each.can_roll_back and each.status in _RAN]
        if not earlier:
            message = f"Railway keeps no earlier deployment to go back to, among the last {_LISTED}"
            raise PermanentError(message, "Deploy a commit that was good")
        self._do(_ROLL_BACK, {"id": earlier[0].id}, _RolledBack, "roll back")
        self._next(known, within)
        return earlier[0].version

    def logs(self, lines: int) -> Sequence[str]:
        known = self._deployments()
        if not known:
            return []
        found = self._ask(_LOGS, {"deploymentId": known[0].id, "limit": lines}, _Lines)
        return [f"{line.timestamp} {line.message}".strip() for line in found.lines[-lines:]]

    def _running(self, known: tuple[Deployment, ...]) -> Deployment:
        running = next((each for each in known if each.status in _GOOD), None)
        if running is None:
            raise StepError("no deployment runs at Railway", "Deploy a commit, or roll back")
        return running

    def identity(self) -> str:
        """Read the id that Railway gives the service in this environment."""
        return f"railway {self._ask(_INSTANCE, self._instance(), _Instances).instance.id}"

    def _instance(self) -> dict[str, Json]:
        return {"serviceId": self._target.service, "environmentId": self._target.environment}

    def _deployments(self) -> tuple[Deployment, ...]:
        place: Json = {"projectId": self._target.project, **self._instance()}
        found = self._ask(_DEPLOYMENTS, {"input": place, "first": _LISTED}, _Deployments)
        nodes = [edge.node for edge in found.deployments.edges]
        return tuple(sorted(nodes, key=lambda node: node.created_at, reverse=True))

    def _wait(self, identifier: str, within: float) -> Deployment:
        def look() -> Deployment:
            return self._ask(_DEPLOYMENT, {"id": identifier}, _One).deployment

        what = f"deployment {identifier} at Railway"
        ended = poll(self._waiter, what, look, lambda each: each.has_ended, timedelta(seconds=within), _EVERY)
        if ended.status not in _GOOD:
            raise StepError(f"{what} ended as {ended.status}", "Read its logs: action host.logs")
        return ended

    def _next(self, known: tuple[Deployment, ...], within: float) -> Deployment:
        """Wait for the deployment that a change brings about: the newest that was not there before."""
        before = {each.id for each in known}

        def look() -> Deployment | None:
            return next((each for each in self._deployments() if each.id not in before), None)

        what = "the new deployment at Railway"
        found = poll(self._waiter, what, look, lambda each: each is not None, timedelta(seconds=within), _EVERY)
        assert found is not None
        return self._wait(found.id, within)

    def _do(
        self, document: str, variables: dict[str, Json], shape: type[_Restarted | _RolledBack | _Set], what: str
    ) -> None:
        if not self._ask(document, variables, shape, repeatable=False).done:
            raise StepError(f"Railway did not {what}: it answered false", "Look at the service at Railway")
