"""Loading runbooks and drills, and finding them in a binder."""

import json
import string
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drx.errors import InvalidInput
from drx.runbook.load import DRILLS, RUNBOOKS, Binder, load_drill, load_runbook
from drx.yaml_source import InvalidDocument

RUNBOOK = b"runbook: db-drop\ntitle: Dropped\nsteps:\n  - {id: a, action: mongo.find, expect: 1s}\n"
DRILL = b"drill: db-drop\nrunbook: db-drop\nenvironment: sandbox\nfault: {action: mongo.drop}\n"


def test_a_runbook_and_a_drill_are_read() -> None:
    runbook, problems = load_runbook(RUNBOOK, "db-drop.yaml")
    assert not problems
    assert runbook is not None
    assert runbook.title == "Dropped"
    drill, problems = load_drill(DRILL, "db-drop.yaml")
    assert not problems
    assert drill is not None
    assert drill.fault.action == "mongo.drop"


@pytest.mark.parametrize("data", [b"[", b"runbook: 3\n", b""])
def test_what_cannot_be_read_is_none_with_problems(data: bytes) -> None:
    for load in (load_runbook, load_drill):
        read, problems = load(data, "x.yaml")
        assert read is None
        assert problems


FILES = {"runbooks/db-drop.yaml": RUNBOOK, "drills/db-drop.yaml": DRILL, "runbooks/bad.yaml": b"runbook: [",
         "runbooks/notes.txt": b"", "elsewhere/mine.yaml": RUNBOOK}  # fmt: skip


def test_a_library_finds_by_id_and_by_path() -> None:
    binder = Binder(FILES)
    assert binder.runbook("db-drop") is binder.runbook("runbooks/db-drop.yaml")
    assert binder.runbook("elsewhere/mine.yaml").runbook == "db-drop"
    assert binder.drill("db-drop").drill == "db-drop"
    assert binder.ids(RUNBOOKS) == ["bad", "db-drop"]
    assert binder.ids(DRILLS) == ["db-drop"]
    assert binder.loaded_runbook("db-drop").document.where(("steps", 0, "id")) == (4, 10)


def test_a_library_says_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=r"there is no runbook 'db-dorp'\. Did you mean 'db-drop'\?"):
        Binder(FILES).runbook("db-dorp")
    with pytest.raises(InvalidInput, match=r"Make drills/x\.yaml"):
        Binder({}).drill("x")


def test_problems_in_a_library_name_the_file_as_the_reader_sees_it() -> None:
    with pytest.raises(InvalidDocument) as caught:
        Binder(FILES, "../").runbook("bad")
    assert str(caught.value).startswith("../runbooks/bad.yaml:2:1: ")


identifiers = st.text(string.ascii_lowercase, min_size=1, max_size=6)
words = st.text(string.ascii_letters + " ':{}#-ü!", min_size=1, max_size=12)
durations = st.integers(1, 9999).map(lambda seconds: f"{seconds}s")
common = st.fixed_dictionaries(
    {"id": identifiers},
    optional={"title": words, "expect": durations, "timeout": durations, "recovered": st.booleans(),
              "on_failure": st.sampled_from(["ask", "abort", "continue", {"goto": "x"}])},
)  # fmt: skip
call = st.fixed_dictionaries({"action": words}, optional={"with": st.dictionaries(identifiers, words | st.integers())})
human = st.fixed_dictionaries(
    {}, optional={"unattended": st.sampled_from(["fail", "skip"]) | call.map(lambda c: {"probe": c})}
)


Fields = Mapping[str, object]


def with_kind(*kinds: st.SearchStrategy[Fields]) -> st.SearchStrategy[Fields]:
    return st.tuples(common, *kinds).map(lambda parts: {key: value for part in parts for key, value in part.items()})


leaf = (
    with_kind(call, st.fixed_dictionaries({}, optional={"verify": call, "rollback": call}))
    | with_kind(words.map(lambda text: {"confirm": text}), human)
    | with_kind(words.map(lambda text: {"ask": text, "choices": [text]}), human)
    | with_kind(words.map(lambda text: {"approve": text, "approvers": {"min": 2}}), human)
    | with_kind(identifiers.map(lambda name: {"runbook": name, "inputs": {name: 1}}))
)
step = st.recursive(
    leaf, lambda inner: with_kind(st.dictionaries(identifiers, st.lists(inner, max_size=2), min_size=1, max_size=2)
                                  .map(lambda branches: {"parallel": branches})), max_leaves=4,
)  # fmt: skip
runbooks = st.fixed_dictionaries(
    {"runbook": identifiers, "title": words, "steps": st.lists(step, min_size=1, max_size=4)},
    optional={"kind": st.sampled_from(["scenario", "operation"]), "cleanup": st.lists(step, max_size=2),
              "objectives": st.just({"rto": "2h", "rpo": "1h"}), "review": st.lists(words, max_size=2)},
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runbooks)
def test_a_valid_runbook_loads_to_itself(data: Mapping[str, object]) -> None:
    runbook, problems = load_runbook(json.dumps(data, ensure_ascii=False).encode(), "x.yaml")
    assert not problems
    assert runbook is not None
    written = runbook.model_dump_json(by_alias=True, exclude_unset=True).encode()
    again, problems = load_runbook(written, "x.yaml")
    assert not problems
    assert again == runbook


@settings(deadline=None)
@given(runbooks, st.data())
def test_a_misspelt_key_is_found_wherever_it_stands(data: dict[str, object], draw: st.DataObject) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    keys = [position for position in range(len(text)) if text.startswith('"id":', position)]
    position = draw.draw(st.sampled_from(keys))
    runbook, problems = load_runbook((text[:position] + '"idd":' + text[position + 5 :]).encode(), "x.yaml")
    assert runbook is None
    line = text.count("\n", 0, position) + 1
    assert (line, "unknown key 'idd'", "Did you mean 'id'?") in [
        (problem.line, problem.message, problem.remedy) for problem in problems
    ]
