"""The rules of the guard, as a table and as properties."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.engine.terms import Mode
from drx.guard import (
    AccessRequest,
    Allowed,
    Decision,
    Identity,
    NeedsName,
    Phase,
    Refused,
    Trust,
    decide_access,
)
from drx.runbook.catalogue import Effect

PRODUCTION = Identity("mongo", ("oplog.rs:production",), "UUID of local.oplog.rs")
STAGING = Identity("mongo", ("oplog.rs:staging",), "UUID of local.oplog.rs")
STRANGER = Identity("mongo", ("oplog.rs:stranger",), "UUID of local.oplog.rs")
TRUST = Trust({"production": {"mongo": PRODUCTION.marks}, "staging": {"mongo": STAGING.marks}})

ON_STAGING = AccessRequest(
    mode=Mode.DRILL,
    phase="runbook",
    environment="staging",
    effect="write",
    target="mongo",
    resource="shop_recovered",
    protected_environments=frozenset({"production"}),
)
ON_PRODUCTION = replace(ON_STAGING, mode=Mode.INCIDENT, environment="production", protected=True)
IN_SANDBOX = replace(ON_STAGING, environment="sandbox", sandbox=True)


def word(decision: Decision) -> str:
    """Give a decision in a word, a refusal with its reason."""
    match decision:
        case Allowed():
            return "allowed"
        case NeedsName():
            return f"name {decision.resource}"
        case Refused():
            assert decision.remedy
            return decision.reason


@pytest.mark.parametrize(
    ("request_", "identity", "expected"),
    [
        (ON_STAGING, STAGING, "allowed"),
        (replace(ON_STAGING, effect="destroy"), STAGING, "allowed"),
        (replace(ON_STAGING, effect="read"), None, "allowed"),
        (replace(ON_STAGING, effect="read"), PRODUCTION, "allowed"),
        (ON_STAGING, None, "mongo of 'staging' did not say whose server it is"),
        (ON_STAGING, STRANGER, "mongo of 'staging' is not the trusted server: this one is another one"),
        (ON_STAGING, PRODUCTION, "mongo of 'staging' is a server of 'production', which is protected"),
        (
            replace(ON_STAGING, mode=Mode.OPERATION),
            PRODUCTION,
            "mongo of 'staging' is not the trusted server: this one belongs to 'production'",
        ),
        (replace(ON_PRODUCTION, mode=Mode.DRILL), PRODUCTION, "'production' is protected: no drill runs there"),
        (replace(ON_STAGING, mode=Mode.TABLETOP), STAGING, "a tabletop touches nothing"),
        (replace(ON_PRODUCTION, phase="fault"), PRODUCTION, "only a drill has a fault"),
        (ON_PRODUCTION, PRODUCTION, "allowed"),
        (ON_PRODUCTION, STAGING, "mongo of 'production' is not the trusted server: this one belongs to 'staging'"),
        (replace(ON_PRODUCTION, effect="destroy"), PRODUCTION, "name shop_recovered"),
        (replace(ON_PRODUCTION, effect="destroy", resource=None), PRODUCTION, "name production"),
        (replace(ON_PRODUCTION, effect="destroy", named="shop_recovered"), PRODUCTION, "allowed"),
        (replace(ON_PRODUCTION, effect="destroy", named="shop"), PRODUCTION, "name shop_recovered"),
        (
            replace(ON_PRODUCTION, effect="destroy", created=frozenset({("mongo", "shop_recovered")})),
            PRODUCTION,
            "allowed",
        ),
        (
            replace(
                ON_PRODUCTION, effect="destroy", resource="scratch.images", created=frozenset({("mongo", "scratch")})
            ),
            PRODUCTION,
            "allowed",
        ),
        (
            replace(ON_PRODUCTION, effect="destroy", resource="scratch", created=frozenset({("mongo", "scratch.a")})),
            PRODUCTION,
            "name scratch",
        ),
        (
            replace(ON_PRODUCTION, effect="destroy", created=frozenset({("uploads", "shop_recovered")})),
            PRODUCTION,
            "name shop_recovered",
        ),
        (replace(ON_PRODUCTION, effect="destroy", target="store", resource=None), None, "allowed"),
        (replace(ON_PRODUCTION, effect="destroy", target="store", resource="base/1"), None, "name base/1"),
        (
            replace(ON_STAGING, effect="destroy", target="store", resource=None),
            None,
            "the backup stores of 'staging' are those of production too: a drill destroys none",
        ),
        (replace(IN_SANDBOX, effect="destroy", target="store", resource=None), None, "allowed"),
        (IN_SANDBOX, STRANGER, "allowed"),
        (replace(IN_SANDBOX, phase="fault", effect="destroy"), STRANGER, "allowed"),
        (IN_SANDBOX, PRODUCTION, "mongo of 'sandbox' is a server of 'production', which is protected"),
        (IN_SANDBOX, None, "mongo of 'sandbox' did not say whose server it is"),
        (replace(IN_SANDBOX, mode=Mode.INCIDENT, effect="destroy"), STRANGER, "name shop_recovered"),
        (
            replace(ON_STAGING, resource="shop.images", lost=frozenset({("mongo", "shop")})),
            STAGING,
            "mongo 'shop' was declared lost: nothing is written there again",
        ),
        (
            replace(ON_STAGING, resource="shop", lost=frozenset({("mongo", "shop.images")})),
            STAGING,
            "mongo 'shop.images' was declared lost: nothing is written there again",
        ),
        (replace(ON_STAGING, resource="shop_recovered", lost=frozenset({("mongo", "shop")})), STAGING, "allowed"),
        (replace(ON_STAGING, resource="shop", lost=frozenset({("uploads", "shop")})), STAGING, "allowed"),
        (
            replace(
                ON_PRODUCTION, effect="destroy", resource="shop", named="shop", lost=frozenset({("mongo", "shop")})
            ),
            PRODUCTION,
            "mongo 'shop' was declared lost: nothing is written there again",
        ),
        (replace(ON_STAGING, target="host", resource=None), None, "allowed"),
    ],
)
def test_the_rules(request_: AccessRequest, identity: Identity | None, expected: str) -> None:
    assert word(decide_access(request_, identity, TRUST)) == expected


def test_without_trust_nothing_is_written() -> None:
    assert word(decide_access(ON_PRODUCTION, PRODUCTION, Trust())) == "nobody has trusted mongo of 'production' yet"


def test_a_drill_waits_until_production_is_known() -> None:
    trust = Trust({"staging": {"mongo": STAGING.marks}})
    expected = "nobody has trusted mongo of 'production' yet, so this server may be it"
    assert word(decide_access(ON_STAGING, STAGING, trust)) == expected
    assert word(decide_access(replace(ON_STAGING, mode=Mode.OPERATION), STAGING, trust)) == "allowed"


def test_the_sandbox_needs_no_trust_at_all() -> None:
    assert word(decide_access(IN_SANDBOX, STRANGER, Trust())) == "allowed"


@pytest.mark.parametrize("name", ["production", "staging"])
def test_marks_that_were_edited_count_for_nothing(name: str) -> None:
    trust = replace(TRUST, edited=frozenset({name}))
    assert (
        word(decide_access(ON_STAGING, STAGING, trust))
        == f"what drx.trust.yaml says of '{name}' is not what `drx trust` wrote"
    )
    operation = word(decide_access(replace(ON_STAGING, mode=Mode.OPERATION), STAGING, trust))
    assert operation == ("allowed" if name == "production" else word(decide_access(ON_STAGING, STAGING, trust)))
    assert word(decide_access(IN_SANDBOX, STRANGER, trust)) == "allowed"


def test_what_was_protected_when_it_was_trusted_stays_so() -> None:
    """drx.yaml has lost production, or its `protected: true`."""
    trust = replace(TRUST, protected=frozenset({"production"}))
    lost = replace(ON_STAGING, protected_environments=frozenset())
    assert word(decide_access(lost, STAGING, trust)) == "allowed"
    assert (
        word(decide_access(lost, PRODUCTION, trust))
        == "mongo of 'staging' is a server of 'production', which is protected"
    )
    named = replace(lost, environment="production")
    expected = "'production' was protected when it was trusted, and drx.yaml no longer says so"
    assert word(decide_access(named, PRODUCTION, trust)) == expected


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (("aws/prod account 1",), ("aws/stage account 1",), "allowed"),
        (("aws/prod account 1",), ("aws/prod account unknown",), "is a server of 'production', which is protected"),
        (("h:1/up account 1",), ("other:2/up account 1",), "cannot be told apart from that of 'production'"),
        (
            ("h:1/up account 1", "up made 1"),
            ("other:2/up account 1",),
            "cannot be told apart from that of 'production'",
        ),
        (("h:1/up account 1", "up made 1"), ("other:2/up account 1", "up made 2"), "allowed"),
        (("h:1/up account 1", "up made 1"), ("other:2/up account 2", "up made 1"), "is a server of 'production'"),
    ],
)
def test_buckets_that_cannot_be_told_apart(theirs: tuple[str, ...], ours: tuple[str, ...], expected: str) -> None:
    trust = Trust({"production": {"uploads": theirs}, "staging": {"uploads": ours}})
    asked = replace(ON_STAGING, target="uploads", resource=None)
    assert expected in word(decide_access(asked, Identity("uploads", ours, "HeadBucket"), trust))


RESOURCES = st.sampled_from(["shop", "shop.images", "shop_recovered", "other"])
TARGETS = st.sampled_from(["mongo", "uploads", "store", "host"])
PAIRS = st.frozensets(st.tuples(TARGETS, RESOURCES), max_size=3)
IDENTITIES = st.none() | st.builds(
    Identity,
    st.sampled_from(["mongo", "uploads"]),
    st.sampled_from([PRODUCTION.marks, STAGING.marks, STRANGER.marks, (*STRANGER.marks, *PRODUCTION.marks)]),
    st.just("somehow"),
)
MARKS = st.sampled_from([(), PRODUCTION.marks, STAGING.marks])
TRUSTS = st.dictionaries(
    st.sampled_from(["production", "staging", "sandbox"]),
    MARKS.flatmap(lambda mongo: MARKS.map(lambda uploads: {"mongo": mongo, "uploads": uploads})),
).map(Trust)  # type: ignore[arg-type]
REQUESTS = st.builds(
    AccessRequest,
    mode=st.sampled_from(Mode),
    phase=st.sampled_from(get_args(Phase)),
    environment=st.sampled_from(["production", "staging", "sandbox"]),
    effect=st.sampled_from(get_args(Effect)),
    target=TARGETS,
    resource=st.none() | RESOURCES,
    protected=st.booleans(),
    sandbox=st.booleans(),
    protected_environments=st.just(frozenset({"production"})),
    created=PAIRS,
    lost=PAIRS,
    named=st.none() | RESOURCES,
)


@given(REQUESTS, IDENTITIES, TRUSTS)
def test_a_drill_never_changes_what_is_protected(
    request: AccessRequest, identity: Identity | None, trust: Trust
) -> None:
    request = replace(request, mode=Mode.DRILL, effect="write" if request.effect == "read" else request.effect)
    decision = decide_access(request, identity, trust)
    if request.protected:
        assert isinstance(decision, Refused)
    if (
        request.target in ("mongo", "uploads")
        and identity
        and identity.is_one_of(trust.marks("production", identity.kind))
    ):
        assert isinstance(decision, Refused)


@given(REQUESTS, IDENTITIES, TRUSTS)
def test_a_server_is_changed_only_if_known(request: AccessRequest, identity: Identity | None, trust: Trust) -> None:
    decision = decide_access(request, identity, trust)
    if request.effect == "read" or request.target not in ("mongo", "uploads") or isinstance(decision, Refused):
        return
    assert identity is not None
    assert identity.kind == request.target
    assert request.sandbox or identity.is_one_of(trust.marks(request.environment, identity.kind))


@given(REQUESTS, IDENTITIES, TRUSTS)
def test_nothing_is_destroyed_unasked(request: AccessRequest, identity: Identity | None, trust: Trust) -> None:
    request = replace(request, effect="destroy")
    if not isinstance(decide_access(request, identity, trust), Allowed) or request.mode is Mode.DRILL:
        return
    name = request.resource or request.environment
    created = {resource for target, resource in request.created if target == request.target}
    by_retention = request.target == "store" and request.resource is None
    assert by_retention or request.named == name or name in created or name.partition(".")[0] in created


@given(REQUESTS, IDENTITIES, TRUSTS)
def test_what_is_lost_stays_untouched(request: AccessRequest, identity: Identity | None, trust: Trust) -> None:
    if request.effect != "read" and (request.target, request.resource) in request.lost:
        assert isinstance(decide_access(request, identity, trust), Refused)
