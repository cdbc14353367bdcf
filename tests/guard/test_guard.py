"""The guard lets a run in where it belongs, and nowhere else; tested on real servers."""

import time
from dataclasses import replace

import pytest

from drx.config import Settings, Target
from drx.engine.terms import Mode
from drx.errors import ExitCode, RefusedError
from drx.fields import Model
from drx.guard import (
    Guard,
    NameNeeded,
    Trust,
    UnknownIdentity,
    identify_bucket,
    identify_mongo,
)
from drx.runbook.catalogue import ActionSpec, Effect
from tests import servers
from tests.drills.harness import silent
from tests.guard.targets import bucket_target, mongo_target, port_of
from tests.proxy import proxied

SETTINGS = Settings.model_validate(
    {
        "service": "shop",
        "objectives": {"rto": "2h", "rpo": "1h"},
        "environments": {
            "production": {
                "protected": True,
                "mongo": {"uri": "${P}", "database": "shop"},
                "uploads": {"bucket": "shop-uploads"},
            },
            "staging": {"mongo": {"uri": "${S}", "database": "shop"}, "uploads": {"bucket": "shop-uploads"}},
        },
    }
)


def spec(effect: Effect, *targets: str) -> ActionSpec:
    """Describe an action."""
    return ActionSpec("test.act", "Act.", "", effect, False, targets, Model, {}, True)


def test_productions_bucket_is_recognised_under_another_address(s3_server: str, bucket: str) -> None:
    trust = Trust().with_identities("production", (identify_bucket(bucket_target(s3_server, bucket)),))
    alias = bucket_target(s3_server.replace("127.0.0.1", "localhost"), bucket)
    drill = Guard(Target("staging", "shop", uploads=alias), SETTINGS, trust, Mode.DRILL)
    with pytest.raises(RefusedError, match="uploads of 'staging' is a server of 'production'"):
        drill.check_drill()
    with pytest.raises(RefusedError, match="uploads of 'staging' is a server of 'production'"):
        drill.check(spec("destroy", "uploads"), None, "fault")


def guard(uri: str, environment: str, trust: Trust, mode: Mode = Mode.DRILL) -> Guard:
    """The guard of a run whose environment's address leads to that server."""
    protected = environment == "production"
    target = Target(environment, "shop", protected, sandbox=environment == "sandbox", mongo=mongo_target(uri))
    return Guard(target, SETTINGS, trust, mode)


@pytest.fixture
def trust(mongo_server: str, other_server: str) -> Trust:
    """The first server is production, the second one staging."""
    production, staging = identify_mongo(mongo_target(mongo_server)), identify_mongo(mongo_target(other_server))
    return Trust().with_identities("production", (production,)).with_identities("staging", (staging,))


def test_a_drill_is_let_in_where_it_belongs(other_server: str, trust: Trust) -> None:
    drill = guard(other_server, "staging", trust)
    assert [identity.kind for identity in drill.check_drill()] == ["mongo"]
    assert drill.check(spec("destroy", "mongo"), "shop.images", "fault") == ()


def test_a_drill_against_production_is_refused_before_anything(trust: Trust) -> None:
    nobody = f"mongodb://127.0.0.1:{servers.free_port()}/"
    started = time.monotonic()
    with pytest.raises(RefusedError, match="'production' is protected"):
        guard(nobody, "production", trust).check_drill()
    assert time.monotonic() - started < 1, "no server has to be asked for that"


@pytest.mark.parametrize("environment", ["staging", "sandbox"])
def test_production_is_recognised_under_another_name(mongo_server: str, trust: Trust, environment: str) -> None:
    alias = mongo_server.replace("127.0.0.1", "localhost")
    drill = guard(alias, environment, trust)
    with pytest.raises(RefusedError, match=f"mongo of '{environment}' is a server of 'production'") as caught:
        drill.check_drill()
    assert caught.value.exit_code is ExitCode.REFUSED
    with pytest.raises(RefusedError, match="a server of 'production'"):
        drill.check(spec("destroy", "mongo"), "shop", "fault")


def test_an_unknown_server_is_refused(other_server: str) -> None:
    with pytest.raises(RefusedError, match="nobody has trusted mongo of 'production' yet"):
        guard(other_server, "staging", Trust()).check_drill()
    with pytest.raises(RefusedError, match="nobody has trusted mongo of 'staging' yet"):
        guard(other_server, "staging", Trust(), Mode.OPERATION).check(spec("write", "mongo"), "shop", "runbook")


def test_a_server_is_said_once(other_server: str, trust: Trust) -> None:
    operation = guard(other_server, "staging", trust, Mode.OPERATION)
    assert operation.check(spec("read", "mongo"), None, "runbook") == ()
    assert len(operation.check(spec("write", "mongo"), "shop", "runbook")) == 1
    assert operation.check(spec("write", "mongo"), "shop", "runbook") == ()


@pytest.mark.parametrize("effect", ["write", "destroy"])
def test_who_answers_at_an_address_is_asked_when_it_counts(
    mongo_server: str, other_server: str, trust: Trust, effect: Effect
) -> None:
    """Another server takes the place of staging's after the drill was let in; and, to destroy, after a first write."""
    with proxied(port_of(other_server)) as proxy:
        drill = guard(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", "staging", trust)
        drill.check_drill()
        if effect == "destroy":
            drill.check(spec("write", "mongo"), "shop", "setup")
        proxy.lead_to(port_of(mongo_server))
        with pytest.raises(RefusedError, match="a server of 'production'"):
            drill.check(spec(effect, "mongo"), "shop", "runbook")


def test_every_host_of_an_address_is_asked(mongo_server: str, other_server: str, trust: Trust) -> None:
    """Two servers that know nothing of each other: which of them a driver takes is chance."""
    both = f"mongodb://127.0.0.1:{port_of(other_server)},127.0.0.1:{port_of(mongo_server)}/"
    for _ in range(4):
        with pytest.raises(RefusedError, match="a server of 'production'"):
            guard(both, "staging", trust).check_drill()
    with silent(answers=False) as nobody, pytest.raises(UnknownIdentity, match=f"127.0.0.1:{nobody} does not answer"):
        guard(f"mongodb://127.0.0.1:{port_of(other_server)},127.0.0.1:{nobody}/", "staging", trust).check_drill()


def test_a_person_names_what_is_destroyed(other_server: str, trust: Trust) -> None:
    operation = guard(other_server, "staging", trust, Mode.OPERATION)
    with pytest.raises(NameNeeded, match="would be destroyed") as caught:
        operation.check(spec("destroy", "mongo"), "shop", "runbook")
    assert caught.value.resource == "shop"
    operation.check(spec("destroy", "mongo"), "shop", "runbook", named="shop")
    operation.check(spec("destroy", "mongo"), "shop.a", "runbook", created=frozenset({("mongo", "shop")}))


def test_what_the_run_lost_is_passed_on(other_server: str, trust: Trust) -> None:
    lost = frozenset({("mongo", "shop")})
    with pytest.raises(RefusedError, match="was declared lost"):
        guard(other_server, "staging", trust).check(spec("write", "mongo"), "shop", "runbook", lost=lost)


def test_the_id_in_drx_yaml_settles_whose_server_it_is(other_server: str, trust: Trust) -> None:
    target = Target("staging", "shop", mongo=replace(mongo_target(other_server), replica_set_id="65f0"))
    operation = Guard(target, SETTINGS, trust, Mode.OPERATION)
    with pytest.raises(RefusedError, match="is not the trusted server"):
        operation.check(spec("write", "mongo"), "shop", "runbook")


def test_a_production_known_by_drx_yaml_alone_is_protected(other_server: str) -> None:
    data = SETTINGS.model_dump(exclude_unset=True)
    data["objectives"] = {"rto": "2h", "rpo": "1h"}
    data["environments"]["production"]["mongo"]["replica_set_id"] = "65f0"
    staging = identify_mongo(mongo_target(other_server))
    trust = Trust().with_identities("staging", (staging,))
    target = Target("staging", "shop", mongo=mongo_target(other_server))
    assert Guard(target, Settings.model_validate(data), trust, Mode.DRILL).check_drill() == (staging,)


def test_a_part_that_is_not_stated_is_refused(other_server: str, trust: Trust) -> None:
    with pytest.raises(RefusedError, match="uploads of 'staging' did not say whose server it is"):
        guard(other_server, "staging", trust, Mode.OPERATION).check(spec("write", "uploads"), "shop-uploads", "runbook")
