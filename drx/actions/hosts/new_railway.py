"""Make a service at Railway, its environment where that is gone too, and its address. Deletes and changes nothing.

Queries and mutations as Railway's own command line sends them: https://github.com/railwayapp/cli.
"""

from pydantic import Field

from drx.actions.hosts.base import NewHost
from drx.actions.hosts.railway_api import New, RailwayApi
from drx.actions.providers.api import Answer, Waiter
from drx.config import NewService, RailwayTarget
from drx.errors import PermanentError
from drx.values import Json

_ENVIRONMENTS = "query project($id: String!) { project(id: $id) { environments { edges { node { id name } } } } }"
_SERVICES = """query environment($id: String!) {
  environment(id: $id) { serviceInstances { edges { node { serviceId serviceName } } } } }"""
_DOMAINS = """query domains($projectId: String!, $environmentId: String!, $serviceId: String!) {
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) {
    serviceDomains { domain } } }"""
_NEW_ENVIRONMENT = """mutation environmentCreate($input: EnvironmentCreateInput!) {
  environmentCreate(input: $input) { id } }"""
_NEW_SERVICE = "mutation serviceCreate($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_NEW_DOMAIN = """mutation serviceDomainCreate($input: ServiceDomainCreateInput!) {
  serviceDomainCreate(input: $input) { domain } }"""


class _Environment(Answer):
    id: str = Field(min_length=1)
    name: str


class _EnvironmentEdge(Answer):
    node: _Environment


class _EnvironmentEdges(Answer):
    edges: tuple[_EnvironmentEdge, ...]


class _Project(Answer):
    environments: _EnvironmentEdges


class _Projects(Answer):
    project: _Project


class _Instance(Answer):
    service: str = Field(alias="serviceId", min_length=1)
    name: str = Field(alias="serviceName")


class _InstanceEdge(Answer):
    node: _Instance


class _InstanceEdges(Answer):
    edges: tuple[_InstanceEdge, ...]


class _Instances(Answer):
    instances: _InstanceEdges = Field(alias="serviceInstances")


class _OneEnvironment(Answer):
    environment: _Instances


class _Domain(Answer):
    domain: str = Field(min_length=1)


class _ServiceDomains(Answer):
    domains: tuple[_Domain, ...] = Field(alias="serviceDomains")


class _Domains(Answer):
    domains: _ServiceDomains


class _EnvironmentCreated(Answer):
    new: New = Field(alias="environmentCreate")


class _ServiceCreated(Answer):
    new: New = Field(alias="serviceCreate")


class _DomainCreated(Answer):
    new: _Domain = Field(alias="serviceDomainCreate")


def make_service(target: RailwayTarget, new: NewService, waiter: Waiter) -> NewHost:
    """Make what is not there by its name; Railway begins to build the branch by itself.

    Raises PermanentError for a token that reaches one environment only, since nothing is made in a project with it.
    """
    if target.is_project_token:
        message = "a project token makes no service at Railway"
        raise PermanentError(message, "State host.token instead: a token of a workspace that holds this project alone")
    return _Maker(target, new, waiter).make()


class _Maker:
    def __init__(self, target: RailwayTarget, new: NewService, waiter: Waiter) -> None:
        self._target = target
        self._new = new
        self._ask = RailwayApi(target, waiter).ask
        self._made: list[str] = []

    def make(self) -> NewHost:
        environment = self._environment()
        service = self._service(environment)
        address = self._address(environment, service)
        return NewHost(address, tuple(self._made), (f"environment {environment}", f"service {service}"))

    def _environment(self) -> str:
        name = self._new.environment
        if name is None:
            return self._target.environment
        found = self._ask(_ENVIRONMENTS, {"id": self._target.project}, _Projects).project.environments.edges
        for edge in found:
            if edge.node.name == name:
                return edge.node.id
        given: Json = {"projectId": self._target.project, "name": name}
        made = self._ask(_NEW_ENVIRONMENT, {"input": given}, _EnvironmentCreated, repeatable=False).new.id
        self._made.append(f"environment {made}")
        return made

    def _service(self, environment: str) -> str:
        found = self._ask(_SERVICES, {"id": environment}, _OneEnvironment).environment.instances.edges
        for edge in found:
            if edge.node.name == self._new.name:
                return edge.node.service
        given: dict[str, Json] = {
            "projectId": self._target.project,
            "environmentId": environment,
            "name": self._new.name,
            "source": {"repo": self._new.repository},
            "branch": self._new.branch,
            "variables": {name: value.reveal() for name, value in self._new.variables},
        }
        made = self._ask(_NEW_SERVICE, {"input": given}, _ServiceCreated, repeatable=False).new.id
        self._made.append(f"service {made}")
        return made

    def _address(self, environment: str, service: str) -> str:
        place: dict[str, Json] = {"environmentId": environment, "serviceId": service}
        found = self._ask(_DOMAINS, {"projectId": self._target.project, **place}, _Domains).domains.domains
        if found:
            return found[0].domain
        made = self._ask(_NEW_DOMAIN, {"input": place}, _DomainCreated, repeatable=False).new.domain
        self._made.append(f"domain {made}")
        return made
