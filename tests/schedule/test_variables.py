"""Which variables a job is handed: those of what it uses. With these alone it can begin, and with none of them less."""

from pathlib import Path
from typing import Any

import pytest

from drx.cli.project import Project
from drx.cli.schedule.jobs import read_jobs
from drx.config import load_config, resolve_target
from drx.config.model import Schedule, Settings
from drx.schedule.variables import variables_of
from drx.yaml_source import InvalidDocument

ROOT = Path(__file__).resolve().parents[2]
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
EXAMPLE: dict[str, Any] = {
    "service": "shop",
    "objectives": {"rto": "2h", "rpo": "1h"},
    "environments": {
        "production": {
            "mongo": {"uri": "${DATABASE_URL}", "database": "shop"},
            "uploads": {"bucket": "uploads"},
            "github": {"repository": "a/b", "token": "${GITHUB_TOKEN}"},
            "dns": {
                "provider": "route53", "zone": "${ZONE}", "records": ["${NAME}"], "resolver": "1.1.1.1:53",
            },
        },
        "practice": {"sandbox": True},
    },
    "backups": {"primary": {"s3": {"bucket": "b", "access_key_id": "${KEY}", "secret_access_key": "${SECRET}"}}},
    "notify": {
        "on_failure": ["${HOOK}"],
        "channels": [
            {"url": "${SHOP_CHANNEL}", "environments": ["production"]},
            {"url": "${OTHER_CHANNEL}", "environments": ["practice"]},
            {"url": "${MISSED_CHANNEL}", "on": ["missed"]},
        ],
        "report_url": "https://${RECORDS_HOST}/{run}",
    },
}  # fmt: skip
TOLD = ("HOOK", "RECORDS_HOST", "SHOP_CHANNEL")


@pytest.mark.parametrize(
    ("parts", "ping", "handed"),
    [
        ({"mongo"}, "https://hc.example/1", True),
        ({"github"}, "https://hc.example/1", False),
        (set(), "secret:ping", True),
    ],
)
def test_a_job_that_asks_for_a_secret_is_handed_what_the_command_needs(
    parts: set[str], ping: str, handed: bool
) -> None:
    github = {"repository": "a/b", "token": "${T}"}
    here = {"production": {"mongo": {"uri": "secret:db", "database": "shop"}, "github": github}}
    needs = {"secret_command": ["vault", "get"], "secret_variables": ["VAULT_TOKEN"]}
    stated = {**EXAMPLE, "environments": here, **needs}
    schedule = Schedule.model_validate({"run": "job", "cron": "0 3 * * *", "ping": ping})
    found = variables_of(Settings.model_validate(stated), "production", schedule, frozenset(parts))
    assert ("VAULT_TOKEN" in found) is handed


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (set(), ()),
        ({"mongo"}, ("DATABASE_URL",)),
        ({"store", "mongo"}, ("DATABASE_URL", "KEY", "SECRET")),
        ({"uploads"}, AWS),
        ({"github"}, ("GITHUB_TOKEN",)),
        ({"resolver"}, ("NAME",)),
        ({"dns"}, (*AWS, "NAME", "ZONE")),
    ],
)
def test_a_job_is_handed_the_variables_of_what_it_uses(parts: set[str], wanted: tuple[str, ...]) -> None:
    settings = Settings.model_validate(EXAMPLE)
    schedule = Schedule.model_validate({"run": "job", "cron": "0 3 * * *", "ping": "https://hc.example/${PING}"})
    found = variables_of(settings, "production", schedule, frozenset(parts))
    assert found == tuple(sorted({*wanted, *TOLD, "PING"}))


def test_a_sandbox_needs_none_but_those_of_whoever_hears_of_it() -> None:
    settings = Settings.model_validate(EXAMPLE)
    schedule = Schedule.model_validate({"drill": "db-drop", "cron": "0 3 * * *"})
    assert variables_of(settings, "practice", schedule, frozenset({"mongo", "uploads", "store"})) == (
        "OTHER_CHANNEL",
        "RECORDS_HOST",
    )


def test_the_jobs_of_this_repository_can_begin_with_their_variables_alone() -> None:
    from drx.actions.registry import catalogue
    from drx.runbook.needs import needed_parts

    project = Project(ROOT, load_config(ROOT / "drx.yaml"), ROOT / ".drx" / "none")
    binder = project.binder("")
    jobs = read_jobs(project)
    assert {"RAILWAY_TOKEN", "CLOUDFLARE_TOKEN"}.isdisjoint(name for job in jobs for name in job.variables)
    for job in jobs:
        kind, name = job.arguments[:2]
        drill = name if kind == "drill" else None
        parts = needed_parts(binder, catalogue, binder.drill(name).runbook if drill else name, drill)
        environ = dict.fromkeys(job.variables, "mongodb://x")
        assert resolve_target(project.config, job.environment, environ, parts=parts).mongo
        address = "STAGING_URL" if job.environment == "staging" else "DATABASE_URL"
        with pytest.raises(InvalidDocument, match=f"the variable {address} is not set"):
            resolve_target(project.config, job.environment, {}, parts=parts)
