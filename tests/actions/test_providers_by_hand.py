"""The commands by hand for Railway and Cloudflare ask what the provider's API takes; with real curl and jq."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drx.actions.dns import functions_by_hand
from drx.actions.hosts.by_hand import Commands
from drx.config.model import Environment
from tests.actions.context import params_of, registered
from tests.actions.service import Asked, Said, Service

pytestmark = [
    pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed") for tool in ("curl", "jq")
]
NAME = "app.shop.example"
VARIABLES = {
    "RAILWAY_PROJECT": "p1", "RAILWAY_ENVIRONMENT": "e1", "RAILWAY_SERVICE": "s1", "RAILWAY_TOKEN": "t1",
    "CLOUDFLARE_TOKEN": "t2", "DNS_ZONE": "z1", "MONGO_URI": "mongodb://me:p%40w@h1,h2/shop?retryWrites=true",
}  # fmt: skip
DEPLOYMENTS = [
    {"id": "d1", "status": "REMOVED", "createdAt": "2026-11-01", "canRollback": True, "meta": {"commitHash": "c1"}},
    {"id": "d3", "status": "CRASHED", "createdAt": "2026-11-03", "canRollback": False, "meta": {"commitHash": "c3"}},
    {"id": "d2", "status": "SUCCESS", "createdAt": "2026-11-02", "canRollback": True, "meta": {"commitHash": "c2"}},
]


def command(name: str, environment: Environment, /, **parameters: object) -> str:
    """The command by hand of an action in an environment."""
    by_hand = registered(name).by_hand
    assert by_hand is not None
    return by_hand(params_of(name, **parameters), environment)


def types(environment: Environment, typed: str, directory: Path) -> str:
    """Type it after the plan's first block."""
    functions = (*Commands(environment).functions(), *functions_by_hand(environment.dns))
    script = "\n".join(("set -euo pipefail", *functions, typed))
    return subprocess.check_output(
        ["bash", "-c", script], cwd=directory, env=os.environ | VARIABLES, text=True, timeout=30
    )


@pytest.fixture
def railway(service: Service) -> Environment:
    """An environment at Railway, which answers what the query asks for."""

    def answer(asked: Asked) -> Said:
        query: str = asked.body["query"]
        if "deploymentLogs" in query:
            return Said(value={"data": {"deploymentLogs": [{"timestamp": "12:00", "message": "up"}]}})
        return Said(value={"data": {"deployments": {"edges": [{"node": node} for node in DEPLOYMENTS]}}})

    service.routes["POST /graphql/v2"] = answer
    ids: dict[str, Any] = {"project": "p1", "environment": "e1", "service": "s1", "project_token": "${RAILWAY_TOKEN}"}
    return Environment.model_validate({"host": {"provider": "railway", **ids, "api": service.url}})


@pytest.mark.parametrize(
    ("name", "parameters", "asked"),
    [
        ("host.restart", {}, 'mutation { deploymentRestart(id: "d2") }'),
        ("host.deploy", {}, 'mutation { deploymentRedeploy(id: "d2") { id } }'),
        ("host.deploy", {"version": "c9"},
         'mutation { serviceInstanceDeployV2(serviceId: "s1", environmentId: "e1", commitSha: "c9") }'),
        ("host.roll_back", {}, 'mutation { deploymentRollback(id: "d1") }'),
        ("host.logs", {"lines": 3}, 'query { deploymentLogs(deploymentId: "d3", limit: 3) { timestamp message } }'),
        ("host.set_variable", {"name": "A", "value": "it's \"x\" $Y"},
         'mutation { variableUpsert(input: {projectId: "p1", environmentId: "e1", serviceId: "s1", '
         'name: "A", value: "it\'s \\"x\\" $Y"}) }'),
        ("host.set_variable", {"name": "A", "mongo_database": "other"},
         'mutation { variableUpsert(input: {projectId: "p1", environmentId: "e1", serviceId: "s1", '
         'name: "A", value: "mongodb://me:p%40w@h1,h2/other?retryWrites=true"}) }'),
    ],
)  # fmt: skip
def test_railway_is_asked(
    railway: Environment, service: Service, name: str, parameters: dict[str, object], asked: str, tmp_path: Path
) -> None:
    types(railway, command(name, railway, **parameters), tmp_path)
    assert service.asked[-1].body == {"query": asked}
    assert service.asked[-1].headers["project-access-token"] == "t1"


def test_railway_is_asked_for_a_new_service(railway: Environment, service: Service, tmp_path: Path) -> None:
    ids = {"environmentCreate": {"id": "e2"}, "serviceCreate": {"id": "s2"}, "serviceDomainCreate": {"domain": "d"}}
    service.routes["POST /graphql/v2"] = [Said(value={"data": ids})]
    assert railway.host is not None
    new = {"service": 'it\'s "new" $Y', "repository": "shop/shop", "environment": "recovery"}
    stated = railway.host.model_dump() | {"provision": new}
    anew = Environment.model_validate({"host": stated})
    types(anew, command("host.provision", anew), tmp_path)
    assert [each.body["query"] for each in service.asked] == [
        'mutation { environmentCreate(input: {projectId: "p1", name: "recovery"}) { id } }',
        'mutation { serviceCreate(input: {projectId: "p1", environmentId: "e2", name: "it\'s \\"new\\" $Y", '
        'source: {repo: "shop/shop"}, branch: "main"}) { id } }',
        'mutation { serviceDomainCreate(input: {environmentId: "e2", serviceId: "s2"}) { domain } }',
    ]


def test_railway_tells_the_version_that_runs(railway: Environment, tmp_path: Path) -> None:
    assert types(railway, command("host.version", railway), tmp_path) == "c2\n"


def test_cloudflare_is_asked(service: Service, tmp_path: Path) -> None:
    zone = "/client/v4/zones/z1/dns_records"
    service.routes[f"GET {zone}"] = [Said(value={"result": [{"id": "r1", "content": "192.0.2.1"}]})]
    service.routes[f"PATCH {zone}/r1"] = [Said(value={"success": True})]
    dns = {"provider": "cloudflare", "zone": "z1", "records": [NAME], "token": "${T}", "api": service.url}
    environment = Environment.model_validate({"dns": dns})

    shown = types(environment, command("dns.read", environment, name=NAME), tmp_path)
    assert json.loads(shown) == [{"id": "r1", "content": "192.0.2.1"}]
    assert service.asked[-1].path.endswith(f"?name={NAME}")

    types(environment, command("dns.point", environment, name=NAME, value="192.0.2.2"), tmp_path)
    (changed,) = service.calls(f"PATCH {zone}/r1")
    assert changed.body == {"type": "A", "name": NAME, "content": "192.0.2.2", "ttl": 60}
    assert changed.headers["authorization"] == "Bearer t2"


def test_what_drx_yaml_does_not_name_is_said() -> None:
    bare = Environment()
    systemd = Environment.model_validate({"host": {"provider": "systemd", "ssh": "me@web", "unit": "shop.service"}})
    assert "drx.yaml names no host" in command("host.restart", bare)
    assert "drx.yaml names no dns" in command("dns.point", bare, name=NAME, value="192.0.2.2")
    assert "drx.yaml names no host.deploy" in command("host.deploy", systemd, version="c1")
    assert command("host.restart", systemd).startswith('ssh "$HOST" sudo systemctl restart')
