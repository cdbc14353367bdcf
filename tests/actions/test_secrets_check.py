"""`secrets.check` finds what is missing or refused, says all of it, and shows no value."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from drx.config import AtlasTarget, BackupTarget, DirectoryStore, GithubTarget, MongoTarget, Retention, Target
from drx.errors import StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.service import Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
PROJECT = "5f1b2c3d4e5f6a7b8c9d0e1f"
CANARY = "canary-7f3a"


@pytest.fixture
def providers(service: Service, context: FakeContext, tmp_path: Path) -> Service:
    """An environment with Atlas, GitHub and a directory of backups, all of which accept the credentials."""
    from datetime import timedelta

    backups = BackupTarget(DirectoryStore(tmp_path), (), Retention(timedelta(days=1), 0, 0, 0, 0, 1))
    context.target = Target(
        name="staging",
        service="shop",
        atlas=AtlasTarget(PROJECT, "shop", (), "id", Secret(CANARY), True, service.url),
        github=GithubTarget("shop/shop", Secret(CANARY), (), service.url),
        backups=backups,
    )
    cluster = {"id": "c", "name": "shop", "stateName": "IDLE"}
    routes: Mapping[str, list[Said]] = {
        "POST /api/oauth/token": [Said(value={"access_token": CANARY})],
        f"GET /api/atlas/v2/groups/{PROJECT}/clusters/shop": [Said(value=cluster)],
        "GET /repos/shop/shop": [Said(value={"full_name": "shop/shop"})],
    }
    service.routes.update(routes)
    return service


@pytest.mark.usefixtures("providers")
def test_all_is_good(context: FakeContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PAGER_KEY", CANARY)
    (tmp_path / "key").write_text(CANARY)
    result = run("secrets.check", context, variables=["PAGER_KEY"], files=[str(tmp_path / "key")])
    assert result.outputs["count"] == 5
    assert CANARY not in f"{result}"


def test_all_that_is_wrong_is_said_at_once_and_no_value(
    providers: Service, context: FakeContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PAGER_KEY", raising=False)
    (tmp_path / "empty").write_text("")
    providers.routes["GET /repos/shop/shop"] = [Said(401, {"message": f"Bad credentials {CANARY}"})]
    with pytest.raises(StepError, match="4 of 6 secrets cannot be used: variable PAGER_KEY, file ") as caught:
        run(
            "secrets.check",
            context,
            variables=["PAGER_KEY"],
            files=[str(tmp_path / "empty"), str(tmp_path / "gone")],
        )
    lines = "\n".join(caught.value.lines)
    assert "variable PAGER_KEY: not set, or empty" in lines
    assert "empty: empty" in lines
    assert "gone: cannot be read: No such file or directory" in lines
    assert "github.token: GitHub answered" in lines
    assert CANARY not in f"{caught.value} {lines}"


@pytest.mark.usefixtures("providers")
def test_an_address_of_a_database_that_cannot_be_used_is_found(context: FakeContext) -> None:
    uri = Secret(f"mongodb://user:{CANARY}@shop:no-port/")
    context.target = replace(context.target, mongo=MongoTarget(uri, "shop"))
    with pytest.raises(StepError, match=r"1 of 4 secrets cannot be used: mongo\.uri") as caught:
        run("secrets.check", context)
    assert CANARY not in str(caught.value)


def test_nothing_to_check_is_no_success(context: FakeContext) -> None:
    with pytest.raises(StepError, match="nothing to check"):
        run("secrets.check", context)


@pytest.mark.usefixtures("providers")
def test_without_trying_only_what_is_named_is_looked_at(context: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    assert run("secrets.check", context, try_them=False, files=[str(tmp_path / "key")]).outputs["count"] == 1
