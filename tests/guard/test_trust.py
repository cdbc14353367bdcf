"""drx.trust.yaml: written whole, read back, and clear about what is wrong in it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drx.errors import InvalidInput
from drx.guard import Identity, Trust, read_trust, write_trust
from drx.guard.identity import KINDS
from drx.yaml_source import InvalidDocument

MARKS = st.lists(st.text("abc: #'\"é-1", min_size=1), min_size=1, max_size=3).map(tuple)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
IDENTITIES = st.builds(Identity, st.sampled_from(["mongo", "uploads"]), MARKS, st.just("somehow"))


def test_without_a_file_nothing_is_trusted(tmp_path: Path) -> None:
    assert read_trust(tmp_path).marks("production", "mongo") == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.tuples(NAMES, IDENTITIES), max_size=5))
def test_what_is_written_is_read_back(tmp_path: Path, entries: list[tuple[str, Identity]]) -> None:
    trust = Trust()
    for environment, identity in entries:
        trust = trust.with_identities(environment, (identity,))
    write_trust(tmp_path, trust)
    again = read_trust(tmp_path)
    for environment, _ in entries:
        for kind in KINDS:
            assert again.marks(environment, kind) == trust.marks(environment, kind)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = write_trust(tmp_path, Trust().with_identities("staging", (Identity("mongo", ("oplog.rs:1",), "x"),)))
    assert path.read_text() == (
        "# The servers of each environment, as they identified themselves when a person trusted them.\n"
        "# Written by `drx trust ENVIRONMENT`. Commit it; to forget an environment, remove its lines. "
        "Lines that were edited, or\n# given to another environment, are not believed.\n"
        "environments:\n  staging:\n    mongo:\n    - oplog.rs:1\n    sum: sha256:28307d1f92b8855b\n"
    )


def test_trusting_a_part_anew_keeps_the_others() -> None:
    trust = Trust().with_identities("staging", (Identity("uploads", ("b",), "x"), Identity("mongo", ("a",), "x")))
    trust = trust.with_identities("staging", (Identity("mongo", ("c",), "x"),))
    assert (trust.marks("staging", "mongo"), trust.marks("staging", "uploads")) == (("c",), ("b",))


KNOWN = (
    Trust()
    .with_identities("production", (Identity("mongo", ("oplog.rs:1",), "x"),), protected=True)
    .with_identities("staging", (Identity("mongo", ("oplog.rs:2",), "x"),))
)


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        ("oplog.rs:1", "oplog.rs:3", {"production"}),
        ("    protected: true\n", "", {"production"}),
        ("  staging:", "  stage:", {"stage"}),
        ("- oplog.rs:2", "- oplog.rs:2\n    - oplog.rs:1", {"staging"}),
        ("sum: sha256:", "sum: sha257:", {"production", "staging"}),
    ],
)
def test_an_entry_that_was_edited_is_noticed(tmp_path: Path, before: str, after: str, edited: set[str]) -> None:
    path = write_trust(tmp_path, KNOWN)
    assert read_trust(tmp_path) == replace(KNOWN, environments=read_trust(tmp_path).environments)
    path.write_text(path.read_text().replace(before, after))
    found = read_trust(tmp_path)
    assert found.edited == edited
    write_trust(tmp_path, found.with_identities("third", (Identity("mongo", ("oplog.rs:4",), "x"),)))
    assert read_trust(tmp_path).edited == edited, "trusting another environment does not make it believed"
    for name in edited:
        found = found.with_identities(name, (Identity("mongo", ("oplog.rs:5",), "x"),))
    assert not found.edited


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("environments: {staging: {mongo: oplog}}", "drx.trust.yaml:1:33: 'mongo' must be a list"),
        ("environments: {staging: {mongodb: [a]}}", "Did you mean 'mongo'?"),
        ("environments: [", "drx.trust.yaml:2:1: "),
    ],
)
def test_a_damaged_file_trusts_nothing(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "drx.trust.yaml").write_text(text)
    with pytest.raises(InvalidDocument) as caught:
        read_trust(tmp_path)
    assert expected in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "drx.trust.yaml").mkdir()
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_trust(tmp_path)
