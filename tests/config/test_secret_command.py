"""`secret:NAME` is read by the team's own command; tested with real ones."""

import os
from pathlib import Path

import pytest

from drx.config import Target, read_config, resolve_target, stray_secrets
from drx.config.commands import SecretCommand, UnreadSecret
from drx.yaml_source import InvalidDocument

ENVIRON = {"PATH": os.environ["PATH"]}
TEXT = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
secret_command: [./vault, get]
environments:
  staging:
    mongo: {uri: "secret:shop/db", database: shop}
    github: {repository: shop/shop, token: "secret:shop/github"}
  again:
    mongo: {uri: "secret:shop/db", database: shop}
    uploads: {bucket: a, access_key_id: b, secret_access_key: "secret:shop/db"}
"""
VAULT = """\
#!/bin/sh
echo "$@" >>asked
case "$2" in
shop/db) echo mongodb://user:canary-password@db/ ;;
shop/github) echo canary-token ;;
*) echo "no secret $2, but canary-in-error" >&2; exit 3 ;;
esac
"""


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A project with a vault of its own."""
    (tmp_path / "vault").write_text(VAULT)
    (tmp_path / "vault").chmod(0o755)
    return tmp_path


def resolved(text: str, directory: Path, environment: str = "staging") -> Target:
    """An environment ready for use."""
    return resolve_target(read_config(text.encode(), "drx.yaml", directory), environment, ENVIRON)


def test_secrets_are_read_once_each_and_hidden(vault: Path) -> None:
    target = resolved(TEXT, vault, "again")
    assert target.mongo is not None
    assert target.mongo.uri.reveal() == "mongodb://user:canary-password@db/"
    assert "canary-password" in set(target.secrets())
    assert "canary" not in repr(target)
    assert (vault / "asked").read_text() == "get shop/db\n"


def test_what_the_command_itself_needs_is_hidden(vault: Path) -> None:
    config = read_config(f"{TEXT}secret_variables: [VAULT_TOKEN, UNSET]\n".encode(), "drx.yaml", vault)
    assert list(stray_secrets(config, {"VAULT_TOKEN": "canary-token", "OTHER": "x"})) == ["canary-token"]


def test_tokens_are_secrets(vault: Path) -> None:
    target = resolved(TEXT, vault)
    assert target.github is not None
    assert "canary-token" in set(target.secrets())
    assert "canary" not in f"{target} {target.expression_scope(reveal=False)}"


def test_the_frozen_copy_holds_references_and_works_from_elsewhere(
    vault: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import json

    frozen = json.dumps(read_config(TEXT.encode(), "drx.yaml", vault).frozen(), ensure_ascii=False)
    assert "canary" not in frozen
    target = resolved(frozen, tmp_path_factory.mktemp("record"))
    assert target.mongo is not None
    assert "canary-password" in target.mongo.uri.reveal()


def test_a_secret_that_is_missing_is_said_where_it_is_wanted_without_what_was_printed(vault: Path) -> None:
    with pytest.raises(InvalidDocument) as caught:
        resolved(TEXT.replace("secret:shop/github", "secret:shop/gone"), vault)
    said = str(caught.value.problems[0])
    assert said.startswith("drx.yaml:7:")
    assert "./vault did not give 'shop/gone': it ended with 3. Try it by hand: ./vault get shop/gone" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("secret_command: [./vault, get]\n", ""), "nothing says how to read this secret"),
        (TEXT.replace('token: "secret:shop/github"', 'token: "secret:"'), "nothing says how to read this secret"),
        (TEXT.replace('token: "secret:shop/github"', "token: ghp_1234"), "'token' holds a secret"),
    ],
)
def test_what_cannot_work_is_said_at_load(vault: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        read_config(text.encode(), "drx.yaml", vault)
    assert any(message in str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("command", "name", "message"),
    [
        (("/no/such/program",), "a", "cannot be started: No such file or directory"),
        (("true",), "a", "is empty"),
        (("printf", "\\377"), "a", "is not UTF-8 text"),
        (("head", "-c", "70000"), "/dev/zero", "is too long"),
        (("echo",), "--help", "is no name of a secret"),
        (("echo",), "a\0b", "cannot be passed on"),
    ],
)
def test_a_command_that_gives_nothing_usable_is_said(
    tmp_path: Path, command: tuple[str, ...], name: str, message: str
) -> None:
    with pytest.raises(UnreadSecret, match=message):
        SecretCommand(command, tmp_path, ENVIRON).read(name)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    command = ("sh", "-c", "sleep 600 & wait")
    with pytest.raises(UnreadSecret, match=r"within 0\.2 s"):
        SecretCommand(command, tmp_path, ENVIRON, seconds=0.2).read("a")
