"""`drx actions` and docs/actions.md."""

import json
from pathlib import Path

import pytest
import yaml

from drx.actions.registry import all_actions
from drx.cli.actions import REFERENCE, actions, check_reference, reference, write_reference
from drx.cli.parameters import example_of, parameters_of
from drx.errors import StaleError, UsageError

PAGE = """\
wait.until

Wait until a moment, or for a while.

It only reads. After an interruption it can run again.

Parameters
  at  time
      Wait until this moment, in UTC; one in the past is over at once.
  for  duration
      Wait this long.

Example
  - id: until
    action: wait.until
    with: {for: 30s}
    expect: 1m
"""


def test_the_list_names_every_action_and_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert actions() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {each.spec.name for each in all_actions()} <= {line.split()[0] for line in lines if line.strip()}
    assert "  mongo.drop [destroy]" in lines
    assert max(map(len, lines)) <= 80


def test_a_family_is_listed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert actions("wait") == 0
    said = capsys.readouterr().out
    assert "wait.until" in said
    assert "mongo" not in said


def test_a_page_explains_one_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert actions("wait.until") == 0
    assert capsys.readouterr().out == PAGE


def test_machines_read_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert actions("mongo.restore", as_json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "mongo.restore"
    assert found["parameters"]["required"] == ["into"]
    assert "restored_to" in found["outputs"]
    assert actions(as_json=True) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(all_actions())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("mongo.restor", "Did you mean 'mongo.restore'?"),
        ("restore", "Did you mean 's3.restore'?"),
        ("mogno", "Did you mean 'mongo'?"),
        ("xyzzy", "`drx actions` lists them all"),
        ("", "`drx actions` lists them all"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest(name: str, remedy: str) -> None:
    with pytest.raises(UsageError) as raised:
        actions(name)
    assert raised.value.remedy == remedy


def test_every_example_is_valid() -> None:
    for each in all_actions():
        (step,) = yaml.safe_load(example_of(each.spec))
        assert step["action"] == each.spec.name
        given = {
            name: "2026-11-21T08:00:00Z" if isinstance(value, str) and value.startswith("{{") else value
            for name, value in step.get("with", {}).items()
        }
        each.spec.parameters.model_validate(given)


def test_every_parameter_has_a_type_in_words() -> None:
    unclear = {
        f"{each.spec.name}: {parameter.name}"
        for each in all_actions()
        for parameter in parameters_of(each.spec.parameters)
        if "any value" in parameter.type or not parameter.meaning
    }
    assert unclear == {"assert.that: actual", "assert.that: equals", "assert.that: differs_from"}


def test_the_committed_reference_is_fresh() -> None:
    check_reference(Path(__file__).parents[2] / REFERENCE)


def test_a_stale_reference_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "actions.md"
    with pytest.raises(StaleError, match="is not what drx would write"):
        check_reference(path)
    write_reference(path)
    check_reference(path)
    path.write_text(path.read_text().replace("drop", "drip", 1))
    with pytest.raises(StaleError):
        check_reference(path)


def test_the_reference_holds_every_action_of_drx() -> None:
    text = reference()
    for each in all_actions():
        assert f"### `{each.spec.name}`\n" in text
        assert all(f"| `{name}` |" in text for name in each.spec.outputs)
