"""What `drx init` tries: each server once, and told in words; on real servers."""

from dataclasses import replace
from pathlib import Path

import pytest

from drx.cli.trying import Tried, try_all
from drx.config import read_config
from drx.starter import Answers, Bucket, Directory, LocalHost, Production, RailwayHost
from tests import servers
from tests.actions.service import Said, serving
from tests.servers import free_port
from tests.starter.projects import answers, config_of, starter_of


def _try(given: Answers, **environ: str) -> dict[str, Tried]:
    found = try_all(config_of(starter_of(given)), given, environ)
    return {tried.name: tried for tried in found}


def test_what_answers_is_ok(
    tmp_path: Path, mongo_server: str, s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    health = f"{s3_server}/_ministack/health"
    production = Production("URI", "shop", health, Bucket(bucket), LocalHost(str(tmp_path)), s3_server)
    given = replace(answers(primary=Bucket(bucket), copy=Directory(str(tmp_path))), production=production)
    found = _try(replace(given, staging_variable="STAGING"), URI=mongo_server, STAGING=mongo_server)
    assert list(found) == ["database", "uploads", "backups", "copy-1", "application", "health page", "staging"]
    assert [tried for tried in found.values() if not tried.good] == []
    assert "; its oplog reaches back " in found["database"].told
    assert found["staging"].told.partition(";")[0] == found["database"].told.partition(";")[0]
    assert bucket in found["uploads"].told
    assert found["health page"].told == f"{health} answers 200"


@pytest.mark.slow
def test_what_does_not_answer_is_told_with_the_remedy_and_no_secret(
    tmp_path: Path, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    gone = tmp_path / "gone"
    production = Production(
        "URI", "shop", f"{s3_server}/no-such-bucket/x", Bucket("no-such-bucket"), LocalHost(str(gone)), s3_server
    )
    given = replace(answers(primary=Bucket("no-such-store"), copy=Directory(str(gone))), production=production)
    nobody = f"mongodb://ann:hunter2@127.0.0.1:{free_port()}/"
    found = _try(replace(given, staging_variable="STAGING"), URI=nobody, STAGING=nobody)
    assert [tried.name for tried in found.values() if tried.good] == []
    assert all(tried.remedy for tried in found.values())
    assert "hunter2" not in str(found)
    assert "does not answer" in found["database"].told
    assert "does not answer" in found["staging"].told
    assert "no-such-bucket at" in found["uploads"].told
    assert "no-such-store at" in found["backups"].told
    assert found["copy-1"].told == found["application"].told == f"there is no directory {gone}"
    assert found["health page"].told.endswith("answers 404")


@pytest.mark.slow
def test_a_server_that_is_no_replica_set_is_found_before_the_first_backup(tmp_path: Path) -> None:
    with servers.mongo(tmp_path, "--standalone") as uri:
        found = _try(replace(answers(), production=Production("URI", "shop", "http://127.0.0.1:1/")), URI=uri)
    assert not found["database"].good
    assert "local" in found["database"].remedy, "this one does not even say who it is"


def test_a_variable_that_is_not_set_ends_no_other_try(tmp_path: Path) -> None:
    token = RailwayHost("1", "2", "3", "TOKEN")
    production = Production("URI", "shop", f"http://127.0.0.1:{free_port()}/", host=token)
    found = _try(replace(answers(primary=Directory(str(tmp_path))), production=production), TOKEN="")
    assert found["database"] == Tried("database", False, "the variable URI is not set now", "Set it: export URI=...")
    assert found["application"].told == "the variable TOKEN is not set now"
    assert found["backups"].good
    assert "cannot be reached" in found["health page"].told


@pytest.mark.parametrize(
    ("said", "told", "remedy"),
    [
        (Said(value={"full_name": "shop/shop"}), "shop/shop may be read", ""),
        (Said(404, {"message": "Not Found"}), "Not Found", "read access to Contents"),
        (Said(401, {"message": "Bad credentials"}), "Bad credentials", "not expired"),
    ],
)
def test_a_repository_is_looked_up_as_runbooks_will(said: Said, told: str, remedy: str, tmp_path: Path) -> None:
    production = Production("URI", "shop", f"http://127.0.0.1:{free_port()}/", repository="shop/shop")
    given = replace(answers(primary=Directory(str(tmp_path))), production=production)
    with serving() as service:
        service.routes["GET /repos/shop/shop"] = [said]
        config = starter_of(given).files["drx.yaml"].replace("repository:", f"api: '{service.url}', repository:")
        read = read_config(config.encode(), "drx.yaml", tmp_path)
        found = {tried.name: tried for tried in try_all(read, given, {"GITHUB_TOKEN": "hunter2"})}
    github = found["GitHub"]
    assert github.good is (said.status == 200)
    assert told in github.told
    assert remedy in github.remedy
    assert "hunter2" not in str(github)
    assert [asked.headers["authorization"] for asked in service.asked] == ["Bearer hunter2"]
