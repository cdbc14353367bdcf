"""What a run reads of its environment, and what one step of it sees: what is declared, and nothing else."""

from pathlib import Path

import pytest

from drx.config import PARTS, MongoTarget, Target, narrowed, read_config, resolve_target
from drx.errors import PermanentError
from drx.secrets import Secret
from drx.yaml_source import InvalidDocument

TEXT = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
environments:
  production:
    protected: true
    mongo: {uri: "${DATABASE_URL}", database: shop}
    uploads: {bucket: "${UPLOADS}"}
    github: {repository: a/b, token: "${GITHUB_TOKEN}"}
    dns:
      provider: cloudflare
      zone: "${ZONE}"
      records: [Shop.example., "${NAME}"]
      token: "${DNS_TOKEN}"
      resolver: "127.0.0.1:53"
    health_url: "${HEALTH}"
backups: {primary: {s3: {bucket: b, access_key_id: "${KEY}", secret_access_key: "${SECRET}"}}}
"""
ENVIRON = {
    "DATABASE_URL": "mongodb://db",
    "UPLOADS": "images",
    "GITHUB_TOKEN": "t",
    "ZONE": "z",
    "DNS_TOKEN": "d",
    "NAME": "www.shop.example",
    "HEALTH": "https://shop.example",
    "KEY": "k",
    "SECRET": "s",
}
NEEDS = {
    "mongo": {"DATABASE_URL"},
    "uploads": {"UPLOADS"},
    "store": {"KEY", "SECRET"},
    "dns": {"ZONE", "DNS_TOKEN", "NAME"},
    "resolver": {"NAME"},
    "github": {"GITHUB_TOKEN"},
    "health_url": {"HEALTH"},
}


@pytest.mark.parametrize("part", NEEDS)
def test_a_part_is_read_from_its_own_variables_and_needs_all_of_them(part: str, tmp_path: Path) -> None:
    config = read_config(TEXT.encode(), "drx.yaml", tmp_path)
    own = {name: ENVIRON[name] for name in NEEDS[part]}
    assert resolve_target(config, "production", own, parts=(part,)).parts == {part}
    for name in own:
        without = {each: value for each, value in ENVIRON.items() if each != name}
        with pytest.raises(InvalidDocument, match=f"the variable {name} is not set"):
            resolve_target(config, "production", without, parts=(part,))


def test_everything_is_read_where_nothing_else_is_said(tmp_path: Path) -> None:
    config = read_config(TEXT.encode(), "drx.yaml", tmp_path)
    target = resolve_target(config, "production", ENVIRON)
    assert target.parts == set(NEEDS)
    assert target.resolver is not None
    assert target.resolver.names == ("shop.example", "www.shop.example")


def test_a_step_sees_the_parts_that_its_action_declares() -> None:
    mongo = MongoTarget(Secret("mongodb://db"), "shop")
    whole = Target("production", "shop", protected=True, mongo=mongo, health_url="https://shop.example")
    seen = narrowed(whole, {"mongo", "store"}, "backup.base")
    assert (seen.name, seen.service, seen.protected, seen.mongo, seen.backups) == (
        "production", "shop", True, mongo, None,
    )  # fmt: skip
    for part in set(PARTS) - {"mongo", "store"}:
        with pytest.raises(PermanentError, match=f"backup.base reaches for {part} of 'production'"):
            getattr(seen, part)
