"""A cluster at Atlas says who it is by its id, and a drill reaches no cluster of a protected environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.actions.providers import api
from drx.config import AtlasTarget, HostTarget, RailwayTarget, Settings, Target
from drx.engine.terms import Mode
from drx.errors import RefusedError
from drx.fields import Model
from drx.guard import Guard, NameNeeded, Trust, UnknownIdentity, identify, read_trust, write_trust
from drx.runbook.catalogue import ActionSpec
from drx.secrets import Secret
from tests.actions.service import Said, Service, serving

PROJECT, OTHER = "5f1b2c3d4e5f6a7b8c9d0e1f", "a" * 24
CREDENTIALS = {"client_id": "id", "client_secret": "${SECRET}"}
SETTINGS = Settings.model_validate(
    {
        "service": "shop",
        "objectives": {"rto": "2h", "rpo": "1h"},
        "environments": {
            "production": {"protected": True, "atlas": {"project": OTHER, "cluster": "prod", **CREDENTIALS}},
            "staging": {"atlas": {"project": PROJECT, "cluster": "stage", **CREDENTIALS}},
        },
    }
)
RESTORE = ActionSpec("atlas.restore", "Restore.", "", "destroy", False, ("atlas",), Model, {}, True)


@pytest.fixture
def atlas(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Two projects with a cluster each."""
    monkeypatch.setattr(api, "_FIRST_PAUSE", 0.001)
    with serving() as service:
        service.routes["POST /api/oauth/token"] = [Said(value={"access_token": "t"})]
        for project, name in ((PROJECT, "stage"), (OTHER, "prod")):
            cluster = {"id": f"id-of-{name}", "name": name, "stateName": "IDLE"}
            service.routes[f"GET /api/atlas/v2/groups/{project}/clusters/{name}"] = [Said(value=cluster)]
        yield service


def staging(service: Service, *restore_into: str, cluster: str = "stage") -> Target:
    """The environment that drills run in."""
    stated = AtlasTarget(PROJECT, cluster, restore_into, "id", Secret("secret"), True, service.url)
    return Target(name="staging", service="shop-staging", atlas=stated)


TRUST = Trust({"production": {"atlas": ("cluster id-of-prod",)}, "staging": {"atlas": ("cluster id-of-stage",)}})


def test_clusters_are_known_by_their_ids(atlas: Service) -> None:
    found = identify(staging(atlas, "not-made-yet", f"{OTHER}/prod"), "atlas")
    assert found.marks == ("cluster id-of-stage", "cluster id-of-prod")


def test_a_drill_never_restores_over_production(atlas: Service) -> None:
    guard = Guard(staging(atlas, f"{OTHER}/prod"), SETTINGS, TRUST, Mode.DRILL)
    with pytest.raises(RefusedError, match="is a server of 'production', which is protected"):
        guard.check(RESTORE, f"{OTHER}/prod", "runbook")


def test_a_drill_restores_over_its_own_cluster(atlas: Service) -> None:
    guard = Guard(staging(atlas), SETTINGS, TRUST, Mode.DRILL)
    assert [each.value for each in guard.check(RESTORE, "stage", "runbook")] == ["cluster id-of-stage"]


def test_outside_drills_a_person_names_what_is_wiped(atlas: Service) -> None:
    guard = Guard(staging(atlas), SETTINGS, TRUST, Mode.INCIDENT)
    with pytest.raises(NameNeeded, match="'stage' in atlas of 'staging' would be destroyed"):
        guard.check(RESTORE, "stage", "runbook")
    guard.check(RESTORE, "stage", "runbook", named="stage")


def test_an_untrusted_cluster_is_left_alone(atlas: Service) -> None:
    guard = Guard(staging(atlas), SETTINGS, Trust({"production": TRUST.environments["production"]}), Mode.INCIDENT)
    with pytest.raises(RefusedError, match="nobody has trusted atlas of 'staging' yet"):
        guard.check(RESTORE, "stage", "runbook")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_cluster_that_does_not_tell_is_unknown(atlas: Service, status: int) -> None:
    atlas.routes[f"GET /api/atlas/v2/groups/{PROJECT}/clusters/stage"] = [Said(status, {"detail": "no"})]
    with pytest.raises(UnknownIdentity, match=str(status)):
        identify(staging(atlas), "atlas")


def test_a_cluster_that_is_not_there_is_unknown(atlas: Service) -> None:
    with pytest.raises(UnknownIdentity, match="404"):
        identify(staging(atlas, cluster="gone"), "atlas")


HOSTS = Settings.model_validate(
    {
        "service": "shop",
        "objectives": {"rto": "2h", "rpo": "1h"},
        "environments": {
            "production": {
                "protected": True,
                "host": {"provider": "railway", "project": "p", "environment": "e", "service": "s", "token": "${T}"},
            },
            "staging": {"host": {"provider": "local", "directory": "."}},
        },
    }
)
DEPLOY = ActionSpec("host.deploy", "Deploy.", "", "write", False, ("host",), Model, {}, True)
COMMAND = ActionSpec("shell.run", "Run.", "", "write", False, (), Model, {}, True)


def railway(service: Service, instance: str) -> Target:
    """An application at Railway that says it is this one."""
    found = {"data": {"serviceInstance": {"id": instance}}}
    service.routes["POST /graphql/v2"] = [Said(value=found)]
    host = RailwayTarget("p", "e", "s", Secret("token"), False, service.url)
    return Target(name="staging", service="shop-staging", host=host)


HOST_TRUST = Trust({"production": {"host": ("railway prod",)}, "staging": {"host": ("railway stage",)}})


def test_a_drill_deploys_to_its_own_application_alone(atlas: Service) -> None:
    Guard(railway(atlas, "stage"), HOSTS, HOST_TRUST, Mode.DRILL).check(DEPLOY, None, "runbook")
    with pytest.raises(RefusedError, match="is a server of 'production', which is protected"):
        Guard(railway(atlas, "prod"), HOSTS, HOST_TRUST, Mode.DRILL).check(DEPLOY, None, "runbook")
    with pytest.raises(RefusedError, match="is not the trusted server: this one is another one"):
        Guard(railway(atlas, "other"), HOSTS, HOST_TRUST, Mode.DRILL).check(DEPLOY, None, "runbook")


def test_an_application_that_does_not_tell_is_left_alone(atlas: Service) -> None:
    target = railway(atlas, "")
    with pytest.raises(UnknownIdentity, match="form that drx does not know"):
        Guard(target, HOSTS, HOST_TRUST, Mode.INCIDENT).check(DEPLOY, None, "runbook")


def test_a_command_that_names_no_target_asks_no_provider(atlas: Service) -> None:
    Guard(railway(atlas, "stage"), HOSTS, Trust(), Mode.INCIDENT).check(COMMAND, None, "runbook")
    assert not atlas.asked


def test_a_host_on_this_machine_needs_no_trust(atlas: Service) -> None:
    target = Target(name="staging", service="shop-staging", host=HostTarget("local", Path()))
    Guard(target, HOSTS, Trust(), Mode.INCIDENT).check(DEPLOY, None, "runbook")
    assert not atlas.asked


def test_trust_is_kept(atlas: Service, tmp_path: Path) -> None:
    write_trust(tmp_path, Trust({}).with_identities("staging", (identify(staging(atlas), "atlas"),)))
    assert read_trust(tmp_path).marks("staging", "atlas") == ("cluster id-of-stage",)
