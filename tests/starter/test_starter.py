"""Whatever is answered, the project that comes of it is whole, and asks for nothing that is not there."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.actions.registry import catalogue
from drx.cli.init import shipped
from drx.runbook.load import RUNBOOKS, Binder
from drx.starter import (
    Answers,
    Atlas,
    Bucket,
    Directory,
    Host,
    LocalHost,
    Production,
    RailwayHost,
    Starter,
    SystemdHost,
    Zone,
    read_answers,
    sandbox_answers,
)
from drx.starter.config import slice_schedule, write_config
from drx.starter.fitting import NEEDS, Part, missing_parts
from drx.starter.reading import (
    read_bucket,
    read_database,
    read_line,
    read_place,
    read_service,
    read_span,
    read_ssh,
    read_unit,
    read_url,
    read_variable,
    suggest_service,
)
from tests.starter.projects import COPIES, HOSTS, UPLOADS, all_answers, answers, config_of, errors_of, starter_of

SOME = (
    sandbox_answers("shop"),
    answers(),
    answers(HOSTS[1], UPLOADS[1], COPIES[1]),
    answers(None, UPLOADS[1], COPIES[2], rto="15m", rpo="5m"),
    answers(HOSTS[3], None, None, rto="3d", rpo="26h", endpoint="https://s3.shop.example"),
    replace(
        answers(
            HOSTS[2], UPLOADS[1], COPIES[1], repository="shop/shop", atlas=Atlas("5f1b2c3d4e5f6a7b8c9d0e1f", "shop-eu"),
            zone=Zone("cloudflare", "0123", "shop.example"),
        ),
        staging_variable="STAGING_URL",
    ),
)  # fmt: skip
_IDS = ("sandbox", "least", "most", "people", "systemd", "providers")


@pytest.mark.parametrize("given_answers", SOME, ids=_IDS)
def test_a_project_has_no_errors(given_answers: Answers) -> None:
    assert errors_of(starter_of(given_answers)) == []


@pytest.mark.parametrize(
    ("name", "given_answers"),
    [
        ("sandbox", SOME[0]),
        ("providers", SOME[5]),
        ("production", answers(HOSTS[2], UPLOADS[1], None, endpoint="https://s3.shop.example")),
    ],
)
def test_drx_yaml_explains_itself(name: str, given_answers: Answers, golden: Callable[[str, str], None]) -> None:
    golden(f"starter/{name}.yaml", write_config(given_answers))


@pytest.mark.slow
def test_no_combination_of_answers_has_errors() -> None:
    found = {str(each): errors_of(starter_of(each)) for each in all_answers()}
    assert len(found) == 48
    assert [problems for problems in found.values() if problems] == []


@pytest.mark.parametrize("given_answers", SOME, ids=_IDS)
def test_no_step_needs_what_is_not_there(given_answers: Answers) -> None:
    """Held against the catalogue of actions, not against the table that decided."""
    starter, missing = starter_of(given_answers), {*missing_parts(given_answers), *_NEVER_ASKED}
    binder = Binder({name: text.encode() for name, text in starter.files.items()})
    unmet = []
    for name in binder.ids(RUNBOOKS):
        for block in starter.files[f"runbooks/{name}.yaml"].split("\n\n"):
            actions = re.findall(r"\baction: ([a-z0-9_.]+)", block)
            touched = {part for action in actions for part in _spec_targets(action)}
            in_sandbox = "when: target.sandbox" in block or any(action.startswith("sandbox.") for action in actions)
            lacked = {part for part in touched & missing if f"target.{part} is defined" not in block}
            by_choice = lacked <= _NEVER_ASKED and "when: inputs." in block
            if lacked and not in_sandbox and not by_choice:
                unmet.append((name, actions))
    assert unmet == []


_NEVER_ASKED = frozenset({"dns", "atlas", "github"})
"""What a runbook may use where drx.yaml has it, or where a person chooses a way that needs it."""


def _spec_targets(action: str) -> set[str]:
    spec = catalogue(action)
    assert spec, action
    return {*spec.targets, *({"uploads"} if action.startswith("s3.") else set())}


def test_every_shipped_runbook_fits_somewhere_and_every_need_is_of_one() -> None:
    names = set(Binder(shipped()).ids(RUNBOOKS))
    assert set(NEEDS) <= names
    everything = starter_of(answers(HOSTS[1], UPLOADS[1], COPIES[1]))
    assert {name for name in everything.files if name.startswith("runbooks/")} == {f"runbooks/{n}.yaml" for n in names}
    assert everything.left_out == {}
    assert set(starter_of(sandbox_answers("shop")).files) == set(everything.files)


@pytest.mark.parametrize(
    ("given_answers", "left_out"),
    [
        (answers(HOSTS[1], UPLOADS[1]), {"full-infra-loss", "rebuild-database", "rebuild-uploads"}),
        (answers(HOSTS[1], None, COPIES[1]), {"full-infra-loss", "rebuild-database", "rebuild-uploads", "s3-loss"}),
        (answers(), {"full-infra-loss", "rebuild-database", "rebuild-uploads", "s3-loss", "server-failure"}),
    ],
)
def test_runbooks_and_drills_that_do_not_fit_are_left_out(given_answers: Answers, left_out: set[str]) -> None:
    starter = starter_of(given_answers)
    assert set(starter.left_out) == left_out
    assert not any(f"runbooks/{name}.yaml" in starter.files for name in left_out)
    binder = Binder({name: text.encode() for name, text in starter.files.items()})
    drills = [name for name in starter.files if name.startswith("drills/")]
    assert "drills/db-drop.yaml" in drills
    assert {binder.drill(name).runbook for name in drills} & left_out == set()
    assert starter.left_out["full-infra-loss"] == missing_parts(given_answers) & set(Part)


def test_where_drx_knows_no_host_a_person_is_asked_but_in_the_sandbox() -> None:
    starter = starter_of(answers())
    binder = Binder({name: text.encode() for name, text in starter.files.items()})
    steps = {step.id: step for step in binder.runbook("db-drop").steps}
    shipped_steps = {step.id: step for step in Binder(shipped()).runbook("db-drop").steps}
    also = f" and ({shipped_steps['switch'].when})" if shipped_steps["switch"].when else ""
    assert steps["switch"].when == f"target.sandbox{also}"
    assert steps["switch-by-hand"].when == f"not target.sandbox{also}"
    assert 'mongo_database: "{{ steps.restore.outputs.database }}"' in starter.files["runbooks/db-drop.yaml"]
    assert binder.drill("db-drop").answers["switch-by-hand"] == "done"
    assert "by-hand" not in starter_of(answers(HOSTS[1])).files["runbooks/db-drop.yaml"]


def test_texts_are_of_the_service_and_restore_tests_ask_what_any_database_can_answer() -> None:
    starter = starter_of(answers(HOSTS[1], UPLOADS[1], COPIES[1], rto="90m"))
    assert "shop is\n" in starter.files["runbooks/full-infra-loss.yaml"]
    assert not any("PixelCraft" in text or "yaml-language-server" in text for text in starter.files.values())
    test = starter.files["runbooks/restore-test.yaml"]
    assert "collection:" not in test
    assert "minimum_images" not in test
    assert "default: 90m\n" in test
    assert "mongo.verify" in test


def test_the_rto_of_drx_yaml_holds_where_the_steps_fit_into_it() -> None:
    slow, quick = starter_of(answers(rto="10m")), starter_of(answers(rto="3h"))
    assert slow.too_slow == ("runbooks/db-drop.yaml",)
    assert "objectives: {rto: 2h, rpo: 1h}" in slow.files["runbooks/db-drop.yaml"]
    assert quick.too_slow == ()
    assert "objectives:" not in quick.files["runbooks/db-drop.yaml"]


def test_lines_about_the_examples_data_are_named() -> None:
    starter = starter_of(answers())
    numbers = starter.example_lines["runbooks/db-drop.yaml"]
    lines = starter.files["runbooks/db-drop.yaml"].splitlines()
    assert any("collection: images" in lines[number - 1] for number in numbers)
    assert all("image" in lines[number - 1] for number in numbers)


@pytest.mark.parametrize(
    ("rpo", "cron"),
    [
        (timedelta(minutes=5), "*/5 * * * *"),
        (timedelta(minutes=30), "*/5 * * * *"),
        (timedelta(minutes=40), "5,20,35,50 * * * *"),
        (timedelta(hours=1), "5,35 * * * *"),
        (timedelta(hours=2), "5 * * * *"),
        (timedelta(days=1), "5 */12 * * *"),
    ],
)
def test_the_oplog_is_archived_as_often_as_the_rpo_asks(rpo: timedelta, cron: str) -> None:
    assert slice_schedule(rpo) == cron


def _accepted(read: object) -> st.SearchStrategy[str]:
    def holds(text: str) -> bool:
        try:
            read(text)  # type: ignore[operator]  # each of the readers
        except ValueError:
            return False
        return True

    words = st.sampled_from(
        ["no", "null", "1e3", "0x1", "1:30", "- a", "a: b", "#x", "'", '"', "{{ x }}", "%", "ü~", "a\\b"]
    )
    return (words | st.text(min_size=1, max_size=20)).filter(holds)


@settings(max_examples=60)
@given(
    _accepted(read_line), _accepted(read_database), st.from_regex(r"[a-z]{1,4}(-[a-z0-9]{1,8})?", fullmatch=True),
    _accepted(read_ssh), st.sampled_from(["30s", "5m", "1h30m", "7d"]),
)  # fmt: skip
def test_drx_yaml_says_what_was_answered(channel: str, database: str, service: str, ssh: str, span: str) -> None:
    path = f"/srv/{channel}"
    production = Production("X", database, "https://x.example/", Bucket("abc"), SystemdHost(ssh, "x.service"))
    given_answers = Answers(service, span, span, channel, Directory(path), None, production)
    settings_ = config_of(Starter({"drx.yaml": write_config(given_answers)}, {}, ())).settings
    stated = settings_.environments["production"]
    assert (settings_.service, settings_.contacts["channel"]) == (service, channel)
    assert stated.protected
    assert stated.mongo
    assert (stated.mongo.uri, stated.mongo.database) == ("${X}", database)
    assert stated.host
    assert stated.host.model_dump()["ssh"] == ssh
    assert settings_.backups
    assert settings_.backups.primary.directory == path


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_service, "My Shop", "small letters"),
        (read_service, "a" * 65, "small letters"),
        (read_span, "0s", "no time at all"),
        (read_span, "soon", "Write it like"),
        (read_database, "a.b", "without spaces"),
        (read_database, "admin", "cannot be"),
        (read_bucket, "No_Bucket", "my-shop-uploads@eu-west-1"),
        (read_place, "~/backups", "Write the whole path"),
        (read_url, "shop.example", "https://"),
        (read_url, "https://ann:pw@shop.example/", "holds a password"),
        (read_ssh, "-oProxyCommand=x", "USER@HOST"),
        (read_unit, "my unit", "shop.service"),
        (read_line, "a ${b}", "Leave out"),
        (read_line, "file:x", "Leave out"),
        (read_line, "a\nb", "Leave out"),
    ],
)
def test_what_cannot_be_written_down_is_refused_with_the_way_to_write_it(read: object, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        read(text)  # type: ignore[operator]  # each of the readers


@pytest.mark.parametrize("typed", ["DATABASE_URL", "$DATABASE_URL", "${DATABASE_URL}"])
def test_a_variable_is_named_in_any_way(typed: str) -> None:
    assert read_variable(typed) == "DATABASE_URL"


def test_a_secret_in_place_of_a_name_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="Secrets are not typed here") as caught:
        read_variable("mongodb://ann:hunter2@db")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "name"), [("My Shop", "my-shop"), ("2nd_shop", "nd-shop"), ("---", "service"), ("a" * 80, "a" * 64)]
)
def test_the_folder_suggests_a_name(folder: str, name: str) -> None:
    assert suggest_service(folder) == name
    assert read_service(name) == name


def test_places_are_told_apart_by_a_slash() -> None:
    assert read_place("shop-backups@eu-west-1") == Bucket("shop-backups", "eu-west-1")
    assert read_place("s3://shop-backups/") == Bucket("shop-backups")
    assert read_place("./backups") == Directory("./backups")
    assert LocalHost("app") in HOSTS


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("systemd:ops@shop.example/shop.service", SystemdHost("ops@shop.example", "shop.service")),
        ("railway:0af1/prod/7", RailwayHost("0af1", "prod", "7", "RAILWAY_TOKEN")),
        ("directory:../app", LocalHost("../app")),
    ],
)
def test_answers_by_name_are_those_of_the_questions(given: str, host: Host) -> None:
    health = "https://shop.example/healthz"
    values = {"health": health, "host": given, "dns": "route53:Z1", "copy": "shop-copy@eu-west-1", "staging": "$STAGE"}
    found = read_answers(values, "shop", {})
    assert found == replace(
        answers(host, copy=Bucket("shop-copy", "eu-west-1"), zone=Zone("route53", "Z1", "shop.example")),
        channel="#ops-alerts",
        staging_variable="STAGE",
    )
    assert errors_of(starter_of(found)) == []
