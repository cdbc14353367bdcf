"""`drx trust`: what it prints, what it asks, and what it refuses."""

import os
from pathlib import Path

import pytest

from drx.cli.trust import trust
from drx.errors import DrxError, ExitCode, HumanNeeded, RefusedError, UsageError
from drx.guard import Identity, Trust, read_trust, write_trust

TEXT = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
environments:
  production: {protected: true, mongo: {uri: "${PRODUCTION}", database: shop}}
  staging: {mongo: {uri: "${STAGING}", database: shop}}
  bare: {}
  sandbox: {sandbox: true}
"""
END_OF_INPUT = "\x04"


class Person:
    """Types the same answer to every question, and reads what is printed."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.read: list[str] = []

    def ask(self, question: str) -> str:
        """Answer a question."""
        self.asked.append(question)
        if self.answer == END_OF_INPUT:
            raise EOFError
        return self.answer

    def trust(self, environment: str, directory: Path, yes: bool = False) -> int:
        """Run `drx trust`."""
        return trust(environment, yes=yes, directory=directory, ask=self.ask, say=self.read.append)


@pytest.fixture
def project(tmp_path: Path, mongo_server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose production and staging lead to the same server."""
    (tmp_path / "drx.yaml").write_text(TEXT)
    monkeypatch.setenv("PRODUCTION", mongo_server)
    monkeypatch.setenv("STAGING", mongo_server.replace("127.0.0.1", "localhost"))
    return tmp_path


def test_typing_the_name_trusts_the_servers(project: Path) -> None:
    person = Person("production\n")
    assert person.trust("production", project) == ExitCode.OK
    (mark, *_) = read_trust(project).marks("production", "mongo")
    assert person.read[0] == "production (protected: no drill runs there)"
    assert mark in person.read[1]
    assert "after a failover, trust it again" in person.read[1]
    assert person.asked == ["Are these the servers of production? Type its name to trust them: "]
    assert os.environ["PRODUCTION"] not in "\n".join(person.read)


def test_what_is_trusted_already_is_not_asked_again(project: Path) -> None:
    Person("").trust("production", project, yes=True)
    person = Person("no")
    assert person.trust("production", project) == ExitCode.OK
    assert person.asked == []
    assert person.read[-1] == "These servers are trusted already."


@pytest.mark.parametrize("answer", ["", "yes", "staging", END_OF_INPUT])
def test_any_other_answer_trusts_nothing(project: Path, answer: str) -> None:
    with pytest.raises(RefusedError, match="nothing is trusted"):
        Person(answer).trust("production", project)
    assert not (project / "drx.trust.yaml").exists()


def test_production_is_not_trusted_as_staging(project: Path) -> None:
    Person("").trust("production", project, yes=True)
    with pytest.raises(RefusedError, match="this mongo is a server of 'production', which is protected"):
        Person("staging").trust("staging", project)
    assert read_trust(project).marks("staging", "mongo") == ()


def test_a_replaced_server_is_shown_beside_the_old_one(project: Path) -> None:
    old = Identity("mongo", ("oplog.rs:old",), "x"), Identity("uploads", ("kept",), "x")
    write_trust(project, Trust().with_identities("staging", old))
    person = Person("staging")
    person.trust("staging", project)
    assert any("until now: oplog.rs:old" in line for line in person.read)
    assert read_trust(project).marks("staging", "uploads") == ("kept",)


def test_without_a_person_nothing_is_trusted(project: Path) -> None:
    with pytest.raises(HumanNeeded, match="--yes"):
        trust("production", yes=False, directory=project, ask=None)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("sandbox", "need no trust"), ("bare", "has no server"), ("stagin", "Did you mean 'staging'")],
)
def test_where_there_is_nothing_to_trust(project: Path, environment: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        Person("").trust(environment, project, yes=True)


def test_a_missing_variable_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGING")
    with pytest.raises(DrxError, match="the variable STAGING is not set") as caught:
        Person("").trust("staging", project, yes=True)
    assert caught.value.exit_code is ExitCode.INVALID
