"""The shipped files, mutated: whatever is left out, doubled or of another type, the check tells, and nothing breaks."""

import copy
from pathlib import Path
from typing import Any, cast

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.actions.registry import all_actions, catalogue
from drx.config import read_config
from drx.runbook.check import Surroundings, check_document
from drx.runbook.load import Binder
from drx.yaml_source import InvalidDocument, Problem

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for path in sorted([*ROOT.glob("runbooks/*.yaml"), *ROOT.glob("drills/*.yaml")])
}
DOCUMENTS = {name: yaml.safe_load(data) for name, data in FILES.items()} | {
    "drx.yaml": yaml.safe_load((ROOT / "drx.yaml").read_bytes())
}
BINDER = Binder(FILES)
SURROUNDINGS = Surroundings(action_names=lambda: [action.spec.name for action in all_actions()])
STRANGE: st.SearchStrategy[object] = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, 10**30, float("nan"), "", "x", "1h", "no", "{{", "{{ steps.x }}", "é\u2028"),
        *([], {}, [[]], [{}], {"id": "a"}, {"action": "mongo.restore"}, {"": None}, {"a": {"b": ["c"]}}, ["a", 1]),
        "a" * 5_000,
    ]
)


def places(value: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every way to a value of a document but the top."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, entry in inner for place in ((*way, key), *places(entry, (*way, key)))]


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, str]:
    """A shipped file with up to three mutations."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(DOCUMENTS[name])
    for _ in range(draw(st.integers(1, 3))):
        if not (found := places(document)):
            break
        place: tuple[Any, ...] = draw(st.sampled_from(found))
        *way, key = place
        holder: Any = document
        for step in way:
            holder = holder[step]
        other = draw(st.sampled_from(found))
        match draw(st.sampled_from(["delete", "rename", "retype", "double", "move"])):
            case "delete":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case "move":
                entry: Any = document
                for step in cast("tuple[Any, ...]", other):
                    entry = entry[step] if isinstance(entry, dict | list) and _has(entry, step) else None
                holder[key] = copy.deepcopy(entry)
            case _:
                holder[key] = copy.deepcopy(draw(STRANGE))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    lines = text.splitlines(keepends=True)
    if draw(st.booleans()) and lines:  # a key twice, or a line that stands too far left or right
        at = draw(st.integers(0, len(lines) - 1))
        lines.insert(at, draw(st.sampled_from(["", " ", "  ", "\t"])) + lines[at])
    return name, "".join(lines)


def _has(holder: dict[str, object] | list[object], key: str | int) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder)


@settings(max_examples=150)
@given(mutants())
def test_a_mutated_file_is_checked_and_nothing_breaks(mutant: tuple[str, str]) -> None:
    name, text = mutant
    for problem in problems_of(name, text):
        assert problem.remedy
        assert problem.source == name
        assert 1 <= problem.line <= text.count("\n") + 2
        assert "\n" not in str(problem)


def test_the_files_as_they_are_hold_no_error() -> None:
    assert len(FILES) > 20
    binder = Binder(FILES)  # the other one remembers mutants
    for name, data in FILES.items():
        assert [one for one in problems_of(name, data.decode(), binder) if one.severity == "error"] == []


def test_thousands_of_unknown_names_are_all_told_and_the_first_ones_explained() -> None:
    """To look for the nearest name takes milliseconds: thousands of times that would be half a minute."""
    steps = "".join(f"  - {{id: s{n}, action: mongo.restor{n}, expect: 1s}}\n" for n in range(2_000))
    problems = problems_of("runbooks/x.yaml", f"runbook: x\nkind: operation\ntitle: X\nsteps:\n{steps}")
    unknown = [one for one in problems if "mongo.restor" in one.message]
    assert len(unknown) == 2_000
    guessed = [one for one in unknown if "mongo.restore" in one.remedy]
    assert guessed == unknown[: len(guessed)]
    assert 0 < len(guessed) <= 100
    assert all(one.remedy for one in unknown)


def problems_of(name: str, text: str, binder: Binder = BINDER) -> list[Problem]:
    """What the check says of one file."""
    if name == "drx.yaml":
        try:
            read_config(text.encode(), name, ROOT)
        except InvalidDocument as error:
            return list(error.problems)
        return []
    return check_document(text.encode(), name, catalogue, binder, SURROUNDINGS)


def test_an_unknown_name_of_many_lines_is_quoted_in_one() -> None:
    text = FILES["runbooks/differential.yaml"].decode()
    told = [str(problem) for problem in problems_of("x.yaml", text.replace("backup.slice", '"two\\n\\nlines"', 1))]
    assert any("there is no action 'two?" in one for one in told)
    assert not [one for one in told if "\n" in one]
