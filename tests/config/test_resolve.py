"""One environment made ready: references read, what is missing named, the sandbox kept to itself."""

from pathlib import Path

import pytest

from drx.config import (
    BucketStore,
    Config,
    DirectoryStore,
    HostTarget,
    MongoTarget,
    SandboxAddresses,
    Target,
    is_secret_name,
    read_config,
    resolve_target,
)
from drx.errors import ExitCode, UsageError
from drx.secrets import Secret
from drx.yaml_source import InvalidDocument

TEXT = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
environments:
  production:
    protected: true
    mongo: {uri: "${DATABASE_URL}", database: "${DATABASE}", replica_set_id: abc}
    uploads:
      bucket: shop-uploads
      endpoint: "https://${HOST}:9000"
      access_key_id: "${KEY}"
      secret_access_key: file:secrets/key
    host: {provider: local, directory: app}
    health_url: https://shop.example/healthz
  bare: {}
  sandbox: {sandbox: true}
backups:
  primary: {s3: {bucket: backups, region: eu-west-1, prefix: drx, access_key_id: A, secret_access_key: "${BACKUP_KEY}"}}
  copies: [{directory: offline}, {s3: {bucket: far, region: ap-south-1}}]
  retention: {within: 30d, daily: 30}
"""
ENVIRON = {
    "DATABASE_URL": "mongodb://drx:p%40ssw0rd@db1/",
    "DATABASE": "shop",
    "HOST": "minio.internal",
    "KEY": "AKIA1",
    "BACKUP_KEY": "backup-s3cret",
}
SANDBOX = SandboxAddresses(
    directory=Path("/sandbox"),
    mongo_uri="mongodb://127.0.0.1:5001/",
    database="pixelcraft",
    bucket="pixelcraft-uploads",
    region="us-east-1",
    endpoints={"us-east-1": "http://127.0.0.1:5002", "eu-west-1": "http://127.0.0.1:5003"},
    backup_buckets={"us-east-1": "pixelcraft-backups", "eu-west-1": "pixelcraft-backups-eu"},
    access_key_id="test",
    secret_access_key="test",
    app_url="http://127.0.0.1:5004",
    health_url="http://127.0.0.1:5004/healthz",
    host_directory=Path("/sandbox/host"),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A drx.yaml with every kind of reference."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("file-s3cret\n")
    return read_config(TEXT.encode(), "drx.yaml", tmp_path)


@pytest.fixture
def production(config: Config) -> Target:
    """Production, ready for use."""
    return resolve_target(config, "production", ENVIRON)


def test_references_are_read(production: Target, tmp_path: Path) -> None:
    assert production.mongo is not None
    assert production.mongo.uri.reveal() == ENVIRON["DATABASE_URL"]
    assert production.mongo.database == "shop"
    assert production.uploads is not None
    assert production.uploads.endpoint == "https://minio.internal:9000"
    assert production.uploads.secret_access_key == Secret("file-s3cret")
    assert isinstance(production.host, HostTarget)
    assert production.host.directory == tmp_path / "app"
    assert production.backups is not None
    primary = production.backups.primary
    assert isinstance(primary, BucketStore)
    assert (primary.bucket, primary.region, primary.prefix) == ("backups", "eu-west-1", "drx")
    assert primary.secret_access_key == Secret("backup-s3cret")
    assert production.backups.copies[0] == DirectoryStore(tmp_path / "offline")
    assert production.backups.retention.within.days == 30
    assert (production.backups.retention.daily, production.backups.retention.minimum) == (30, 3)


def test_no_secret_is_printed(production: Target) -> None:
    shown = repr(production) + str(production.expression_scope(reveal=False))
    assert "p%40ssw0rd" not in shown
    assert "s3cret" not in shown
    hidden = set(production.secrets())
    assert {ENVIRON["DATABASE_URL"], "p%40ssw0rd", "p@ssw0rd", "file-s3cret", "backup-s3cret"} == hidden


def test_what_expressions_see(production: Target) -> None:
    scope = production.expression_scope(reveal=True)
    assert scope["mongo"] == {"uri": ENVIRON["DATABASE_URL"], "database": "shop", "replica_set_id": "abc"}
    assert scope["health_url"] == "https://shop.example/healthz"
    assert "app_url" not in scope
    assert "backups" not in scope
    assert scope["protected"] is True


def test_which_names_are_secret() -> None:
    assert is_secret_name("target.mongo.uri")
    assert is_secret_name("target.uploads.secret_access_key")
    assert not is_secret_name("target.mongo.database")
    assert not is_secret_name("target.health_url")


def test_everything_missing_is_said_at_once(config: Config) -> None:
    (config.directory / "secrets" / "key").unlink()
    with pytest.raises(InvalidDocument) as caught:
        resolve_target(config, "production", {"DATABASE": "", "HOST": "h"})
    found = [str(problem) for problem in caught.value.problems]
    assert found == [
        "drx.yaml:6:18: the variable DATABASE_URL is not set. Set it, for example: export DATABASE_URL=...",
        "drx.yaml:6:47: the variable DATABASE is empty. Set it, for example: export DATABASE=...",
        "drx.yaml:10:22: the variable KEY is not set. Set it, for example: export KEY=...",
        f"drx.yaml:11:26: the file {config.directory}/secrets/key cannot be read: No such file or directory. "
        "Put the value there, and nothing else",
        "drx.yaml:17:104: the variable BACKUP_KEY is not set. Set it, for example: export BACKUP_KEY=...",
    ]
    assert caught.value.exit_code is ExitCode.INVALID


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "is empty"), (b"\xff\xfe", "is not UTF-8 text"), (b"x" * 70_000, "is too long")]
)
def test_a_file_that_holds_no_secret_is_said(config: Config, content: bytes, expected: str) -> None:
    (config.directory / "secrets" / "key").write_bytes(content)
    with pytest.raises(InvalidDocument, match=expected):
        resolve_target(config, "production", ENVIRON)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgres://u:hunter22@h", "this is no address of a MongoDB server"),
        ("mongodb://u:12/hunter22@h", "a password holds a sign that ends it. Write %2F for a slash in it"),
        ("mongodb+srv://u:1//hunter22@h/x?w=1", "a password holds a sign that ends it"),
        ("mongodb://u:12#hunter22@h/x", "a password holds a sign that ends it"),
    ],
)
def test_a_value_that_cannot_be_used_is_said_without_it(config: Config, address: str, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        resolve_target(config, "production", {**ENVIRON, "DATABASE_URL": address})
    assert f"drx.yaml:6:18: 'uri': {said}" in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_an_address_with_an_at_sign_among_its_options_is_one(config: Config) -> None:
    address = "mongodb://u:hunter22@h:27017/x?appName=me@home"
    target = resolve_target(config, "production", {**ENVIRON, "DATABASE_URL": address})
    assert target.mongo == MongoTarget(Secret(address), "shop", "abc")


def test_an_environment_may_state_nothing(config: Config) -> None:
    bare = resolve_target(config, "bare", ENVIRON)
    assert (bare.mongo, bare.uploads, bare.host) == (None, None, None)
    assert bare.expression_scope(reveal=False) == {
        "name": "bare", "service": "shop-bare", "protected": False, "sandbox": False,
    }  # fmt: skip


def test_an_unknown_environment_is_a_usage_error(config: Config) -> None:
    with pytest.raises(UsageError, match="Did you mean 'production'"):
        resolve_target(config, "productoin", ENVIRON)


def test_the_sandbox_must_run(config: Config) -> None:
    with pytest.raises(UsageError, match="drx sandbox up"):
        resolve_target(config, "sandbox", {})


def test_the_sandbox_needs_no_variable_and_reaches_no_real_store(config: Config) -> None:
    sandbox = resolve_target(config, "sandbox", {}, SANDBOX)
    assert sandbox.sandbox
    assert not sandbox.protected
    assert sandbox.mongo is not None
    assert sandbox.mongo.uri == Secret("mongodb://127.0.0.1:5001/")
    assert sandbox.uploads is not None
    assert sandbox.uploads.endpoint == "http://127.0.0.1:5002"
    assert sandbox.backups is not None
    stores = (sandbox.backups.primary, *sandbox.backups.copies)
    assert [getattr(store, "endpoint", None) for store in stores] == [
        "http://127.0.0.1:5003",
        None,
        "http://127.0.0.1:5002",
    ]
    assert [getattr(store, "bucket", None) for store in stores] == ["pixelcraft-backups-eu", None, "pixelcraft-backups"]
    assert stores[1] == DirectoryStore(Path("/sandbox/stores/copy-1"))
    assert sandbox.backups.retention.daily == 30
    assert list(sandbox.secrets()) == []
    assert "backups" not in {getattr(store, "bucket", "") for store in stores}


def test_other_environments_never_share_backups_with_production(config: Config, production: Target) -> None:
    assert production.service == "shop"
    assert resolve_target(config, "bare", ENVIRON).service == "shop-bare"
