"""`host.*` at Railway, against a service that speaks the documented queries and mutations of its GraphQL API."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drx.actions.hosts import railway
from drx.config import RailwayTarget, Target
from drx.errors import PermanentError, StepError
from drx.guard import identify
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.service import Asked, Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLACE = {"projectId": "p1", "environmentId": "e1", "serviceId": "s1"}


class Railway:
    """One service: its deployments, the newest first, and what happens when it is told something."""

    def __init__(self) -> None:
        self.deployments = [
            deployment("d3", "SUCCESS", 3),
            deployment("d2", "REMOVED", 2),
            deployment("d1", "REMOVED", 1),
        ]
        self.variables: dict[str, str | None] = {"DATABASE_URL": "mongodb://old/", "EMPTY": None}
        self.done: list[tuple[str, Any]] = []
        self.ends = ["BUILDING", "DEPLOYING", "SUCCESS"]
        self.error: str | None = None
        self.answer = True

    def __call__(self, asked: Asked) -> Said:
        query, variables = asked.body["query"], asked.body["variables"]
        if self.error:
            return Said(value={"errors": [{"message": self.error}], "data": None})
        if "mutation" in query:
            self.done.append((query.split("(")[0].removeprefix("mutation "), variables))
        return Said(value={"data": self.data(query, variables)})

    def data(self, query: str, variables: Any) -> Any:
        """What Railway does and answers."""
        match query.split("(", maxsplit=1)[0].split()[1]:
            case "deployments":
                assert variables["input"] == PLACE
                return {"deployments": {"edges": [{"node": each} for each in self.deployments]}}
            case "deployment":
                found = next(each for each in self.deployments if each["id"] == variables["id"])
                if found["id"] == "d4" and self.ends:
                    found["status"] = self.ends.pop(0)
                return {"deployment": found}
            case "variables":
                return {"variables": self.variables}
            case "serviceInstance":
                return {"serviceInstance": {"id": "instance-9", "serviceName": "app"}}
            case "deploymentLogs":
                return {"deploymentLogs": [{"timestamp": "t", "message": f"line {number}"} for number in range(5)]}
            case "deploymentRedeploy":
                self.begin()
                return {"deploymentRedeploy": {"id": "d4"}}
            case "deploymentRestart":
                return {"deploymentRestart": self.answer}
            case "deploy":
                self.begin()
                return {"serviceInstanceDeployV2": "d4"}
            case "deploymentRollback":
                self.begin()
                return {"deploymentRollback": self.answer}
            case "variableUpsert":
                self.begin()
                return {"variableUpsert": self.answer}
            case other:
                raise AssertionError(other)

    def begin(self) -> None:
        """Begin a deployment."""
        self.deployments.insert(0, deployment("d4", "QUEUED", 4))


def deployment(identifier: str, status: str, minute: int) -> dict[str, Any]:
    """A deployment as Railway lists it."""
    return {
        "id": identifier,
        "status": status,
        "createdAt": f"2026-11-21T08:0{minute}:00Z",
        "canRollback": minute == 1,
        "meta": {"commitHash": f"commit-{minute}"},
    }


@pytest.fixture
def cloud(service: Service, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> Railway:
    """Railway with one service, reached with a project token."""
    monkeypatch.setattr(railway, "_EVERY", timedelta(milliseconds=1))
    context.target = Target("staging", "shop", host=RailwayTarget("p1", "e1", "s1", Secret("tok-1"), True, service.url))
    cloud = Railway()
    service.routes["POST /graphql/v2"] = cloud
    return cloud


def test_a_commit_is_deployed_and_waited_for(cloud: Railway, context: FakeContext, service: Service) -> None:
    assert run("host.deploy", context, version=COMMIT).outputs == {"version": COMMIT}
    assert cloud.done == [("deploy", {"serviceId": "s1", "environmentId": "e1", "commitSha": COMMIT})]
    assert not cloud.ends
    assert service.asked[0].headers["project-access-token"] == "tok-1"
    assert "authorization" not in service.asked[0].headers


def test_a_token_of_an_account_is_a_bearer(cloud: Railway, context: FakeContext, service: Service) -> None:
    assert isinstance(context.target.host, RailwayTarget)
    context.target = replace(context.target, host=replace(context.target.host, is_project_token=False))
    run("host.logs", context)
    assert service.asked[0].headers["authorization"] == "Bearer tok-1"


@pytest.mark.parametrize("end", ["FAILED", "CRASHED", "SKIPPED", "REMOVED"])
def test_a_deployment_that_ends_otherwise_is_a_failure(cloud: Railway, context: FakeContext, end: str) -> None:
    cloud.ends = ["BUILDING", end]
    with pytest.raises(StepError, match=f"deployment d4 at Railway ended as {end}"):
        run("host.deploy", context, version=COMMIT)


def test_a_deployment_that_never_ends_is_left_after_a_time(cloud: Railway, context: FakeContext) -> None:
    cloud.ends = []
    with pytest.raises(StepError, match="deployment d4 at Railway had not ended within"):
        run("host.deploy", context, version=COMMIT, within="20ms")


def test_rolling_back_takes_the_newest_that_is_kept(cloud: Railway, context: FakeContext) -> None:
    run("host.roll_back", context)
    assert cloud.done == [("deploymentRollback", {"id": "d1"})]
    assert not cloud.ends, "the deployment that follows was waited for"


def test_nothing_to_go_back_to_is_said(cloud: Railway, context: FakeContext) -> None:
    cloud.deployments = cloud.deployments[:2]
    with pytest.raises(PermanentError, match="keeps no earlier deployment"):
        run("host.roll_back", context)
    assert not cloud.done


def test_the_running_deployment_is_restarted(cloud: Railway, context: FakeContext) -> None:
    cloud.deployments.insert(0, deployment("d5", "FAILED", 5))
    run("host.restart", context)
    assert cloud.done == [("deploymentRestart", {"id": "d3"})]


def test_nothing_that_runs_is_said(cloud: Railway, context: FakeContext) -> None:
    cloud.deployments = [deployment("d5", "CRASHED", 5)]
    with pytest.raises(StepError, match="no deployment runs"):
        run("host.restart", context)


def test_a_variable_is_set_and_the_deployment_waited_for(cloud: Railway, context: FakeContext) -> None:
    result = run("host.set_variable", context, name="DATABASE_URL", value="mongodb://new/")
    assert cloud.done == [("variableUpsert", {"input": {**PLACE, "name": "DATABASE_URL", "value": "mongodb://new/"}})]
    assert "mongodb" not in f"{result}"
    assert not cloud.ends


def test_a_variable_that_is_set_already_deploys_nothing(cloud: Railway, context: FakeContext) -> None:
    run("host.set_variable", context, name="DATABASE_URL", value="mongodb://old/")
    assert not cloud.done


@pytest.mark.parametrize("action", ["host.restart", "host.roll_back"])
def test_an_answer_of_false_is_a_failure(cloud: Railway, context: FakeContext, action: str) -> None:
    cloud.answer = False
    with pytest.raises(StepError, match="it answered false"):
        run(action, context)


def test_a_refusal_in_a_good_answer_is_a_refusal(cloud: Railway, context: FakeContext) -> None:
    cloud.error = "Not Authorized tok-1"
    with pytest.raises(PermanentError, match=r"Railway refuses: Not Authorized \*\*\*"):
        run("host.deploy", context, version=COMMIT)


def test_a_mutation_without_an_answer_is_not_repeated(cloud: Railway, context: FakeContext, service: Service) -> None:
    service.routes["POST /graphql/v2"] = [Said(502)]
    with pytest.raises(StepError, match="502") as caught:
        run("host.deploy", context, version=COMMIT)
    assert "whether it was done" in caught.value.remedy
    assert len(service.asked) == 1


@pytest.mark.parametrize("value", [None, {}, {"deployments": None}, {"deployments": {"edges": [{"node": 1}]}}])
@pytest.mark.usefixtures("cloud")
def test_another_form_is_a_failure(context: FakeContext, service: Service, value: object) -> None:
    service.routes["POST /graphql/v2"] = [Said(value={"data": value})]
    with pytest.raises(StepError, match="form that drx does not know"):
        run("host.restart", context)


@pytest.mark.usefixtures("cloud")
def test_logs_are_the_last_lines_without_secrets(context: FakeContext) -> None:
    context.masker.add("line 4")
    assert run("host.logs", context, lines=2).lines == ("t line 3", "t ***")


@pytest.mark.usefixtures("cloud")
def test_who_it_is_is_read_from_railway(context: FakeContext) -> None:
    assert identify(context.target, "host").marks == ("railway instance-9",)


def test_the_version_is_the_commit(cloud: Railway, context: FakeContext) -> None:
    assert run("host.version", context).outputs == {"version": "commit-3"}
    cloud.deployments[0]["meta"] = None
    assert run("host.version", context).outputs == {"version": "d3"}


def test_the_deployed_version_is_deployed_anew(cloud: Railway, context: FakeContext) -> None:
    assert run("host.deploy", context).outputs == {"version": "commit-4"}
    assert cloud.done == [("deploymentRedeploy", {"id": "d3"})]
