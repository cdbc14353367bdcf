"""`host.provision` where it needs no other machine: by a command here, and at Railway by its documented mutations."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drx.config import HostTarget, NewService, RailwayTarget, Target
from drx.errors import PermanentError, StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.service import Asked, Said, Service

NEW = NewService("shop-anew", "shop/shop", "main", "recovery", (("TOKEN", Secret("t0ken")),))


def local(directory: Path, *lines: str) -> Target:
    """A host that is gone, and a command that makes it anew and says these lines."""
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir(); print(*sys.argv[2:], sep=chr(10))"
    return Target(
        "lab", "shop", host=HostTarget("local", directory, (sys.executable, "-c", code, str(directory), *lines))
    )


def test_a_command_makes_the_host_and_tells_its_address(context: FakeContext, tmp_path: Path) -> None:
    context.target = local(tmp_path / "host", "working", "192.0.2.7")
    assert run("host.provision", context).outputs == {"address": "192.0.2.7", "made": ["the host"], "ids": []}
    assert (tmp_path / "host").is_dir()
    with pytest.raises(StepError, match="ended with exit code 1"):  # it is there already: the command refuses
        run("host.provision", context)


@pytest.mark.parametrize("lines", [(), ("all is well",)])
def test_a_command_that_tells_no_address_is_a_failure(
    context: FakeContext, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    context.target = local(tmp_path / "host", *lines)
    with pytest.raises(StepError, match="did not tell the address"):
        run("host.provision", context)


def test_what_is_not_stated_is_said(context: FakeContext, tmp_path: Path) -> None:
    context.target = Target("lab", "shop", host=HostTarget("local", tmp_path))
    with pytest.raises(PermanentError, match="does not say what a host of 'lab' is made from"):
        run("host.provision", context)


class Railway:
    """A project that has one environment with one service."""

    def __init__(self) -> None:
        self.environments = {"production": "e1"}
        self.services = {"e1": {"shop": "s1"}}
        self.domains: dict[tuple[str, str], str] = {}
        self.made: list[tuple[str, Any]] = []

    def __call__(self, asked: Asked) -> Said:
        query, variables = asked.body["query"], asked.body["variables"]
        name = query.split("(", maxsplit=1)[0].split()[1]
        if query.startswith("mutation"):
            self.made.append((name, variables["input"]))
        return Said(value={"data": self.data(name, variables.get("input", variables))})

    def data(self, name: str, given: Any) -> Any:
        """What Railway does and answers."""
        match name:
            case "project":
                nodes = [{"node": {"id": each, "name": called}} for called, each in self.environments.items()]
                return {"project": {"environments": {"edges": nodes}}}
            case "environment":
                found = self.services.get(given["id"], {}).items()
                nodes = [{"node": {"serviceId": each, "serviceName": called}} for called, each in found]
                return {"environment": {"serviceInstances": {"edges": nodes}}}
            case "domains":
                domain = self.domains.get((given["environmentId"], given["serviceId"]))
                return {"domains": {"serviceDomains": [{"domain": domain}] if domain else []}}
            case "environmentCreate":
                self.environments[given["name"]] = "e2"
                return {"environmentCreate": {"id": "e2"}}
            case "serviceCreate":
                self.services.setdefault(given["environmentId"], {})[given["name"]] = "s2"
                return {"serviceCreate": {"id": "s2"}}
            case "serviceDomainCreate":
                self.domains[given["environmentId"], given["serviceId"]] = "shop-anew.up.railway.app"
                return {"serviceDomainCreate": {"domain": "shop-anew.up.railway.app"}}
            case other:
                raise AssertionError(other)


@pytest.fixture
def cloud(service: Service, context: FakeContext, no_pause: None) -> Railway:
    """Railway, reached with a token of a workspace."""
    host = RailwayTarget("p1", "e1", "s1", Secret("tok-1"), False, service.url, NEW)
    context.target = Target("staging", "shop", host=host)
    cloud = Railway()
    service.routes["POST /graphql/v2"] = cloud
    return cloud


def test_environment_service_and_address_are_made(cloud: Railway, context: FakeContext) -> None:
    result = run("host.provision", context)
    assert result.outputs == {
        "address": "shop-anew.up.railway.app",
        "made": ["environment e2", "service s2", "domain shop-anew.up.railway.app"],
        "ids": ["environment e2", "service s2"],
    }
    source = {"source": {"repo": "shop/shop"}, "branch": "main", "variables": {"TOKEN": "t0ken"}}
    assert cloud.made == [
        ("environmentCreate", {"projectId": "p1", "name": "recovery"}),
        ("serviceCreate", {"projectId": "p1", "environmentId": "e2", "name": "shop-anew", **source}),
        ("serviceDomainCreate", {"environmentId": "e2", "serviceId": "s2"}),
    ]
    assert "t0ken" not in f"{result}"


def test_what_is_there_by_its_name_is_used(cloud: Railway, context: FakeContext) -> None:
    first = run("host.provision", context)
    cloud.made.clear()
    again = run("host.provision", context)
    assert not cloud.made
    assert again.outputs == {**first.outputs, "made": []}


def test_without_an_environment_it_is_made_in_the_own_one(cloud: Railway, context: FakeContext) -> None:
    assert isinstance(context.target.host, RailwayTarget)
    new = replace(NEW, environment=None)
    context.target = replace(context.target, host=replace(context.target.host, provision=new))
    assert run("host.provision", context).outputs["ids"] == ["environment e1", "service s2"]
    assert [name for name, _ in cloud.made] == ["serviceCreate", "serviceDomainCreate"]


def test_a_service_that_may_have_been_made_is_not_made_again_unasked(
    cloud: Railway, context: FakeContext, service: Service
) -> None:
    """The answer is lost, yet it was made: the step fails and says so, and the next attempt finds it by its name."""

    def loses(asked: Asked) -> Said:
        said = cloud(asked)
        return Said(502) if asked.body["query"].startswith("mutation serviceCreate") else said

    service.routes["POST /graphql/v2"] = loses
    with pytest.raises(StepError, match="502") as caught:
        run("host.provision", context)
    assert "whether it was done" in caught.value.remedy
    service.routes["POST /graphql/v2"] = cloud
    assert run("host.provision", context).outputs["ids"] == ["environment e2", "service s2"]
    assert [name for name, _ in cloud.made] == ["environmentCreate", "serviceCreate", "serviceDomainCreate"]


def test_a_token_of_one_environment_is_refused_before_anything_is_asked(
    cloud: Railway, context: FakeContext, service: Service
) -> None:
    assert isinstance(context.target.host, RailwayTarget)
    context.target = replace(context.target, host=replace(context.target.host, is_project_token=True))
    with pytest.raises(PermanentError, match="a project token makes no service"):
        run("host.provision", context)
    assert not service.asked
    assert not cloud.made
