"""Actions are found by name, and only what is asked for is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from drx.actions import registry
from drx.actions.base import Context, Params, Result, action
from drx.cli.texts import field_texts
from drx.errors import InvalidInput


def test_an_action_is_found_by_name() -> None:
    found = registry.find_action("shell.run")
    assert found is not None
    assert found.spec is registry.catalogue("shell.run")
    assert found.spec.summary == "Run a command."


@pytest.mark.parametrize("name", ["", "shell", "shell.", ".run", "shell.walk", "nosuch.run", "shell.run.more"])
def test_other_names_give_none(name: str) -> None:
    assert registry.find_action(name) is None


def test_every_action_is_documented() -> None:
    actions = registry.all_actions()
    names = [found.spec.name for found in actions]
    assert names == sorted(set(names))
    assert {"shell.run", "http.wait", "wait.for", "assert.that"} <= set(names)
    for found in actions:
        texts = field_texts(found.spec.parameters)
        assert texts.keys() == found.spec.parameters.model_fields.keys(), found.spec.name
        assert all(texts.values()), found.spec.name
        assert found.spec.summary.endswith("."), found.spec.name
        assert all(found.spec.outputs.values()), found.spec.name
        assert found.spec.has_by_hand or found.spec.name.startswith("sandbox."), found.spec.name


def test_a_family_is_loaded_alone_and_without_heavy_libraries() -> None:
    heavy = ["pymongo", "bson", "boto3", "botocore", "isal", "rich", "questionary", "http.client", "concurrent.futures"]
    for family, modules in registry._FAMILIES.items():
        others = [other for others in registry._FAMILIES.values() if others != modules for other in others]
        program = (
            f"import sys; from drx.actions.registry import find_action; find_action('{family}.x');"
            f"assert not set({modules}) - set(sys.modules);"
            f"print([name for name in {heavy + others} if name in sys.modules])"
        )
        assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]", family


PLUGIN = '''
"""A family of somebody else."""
from drx.actions.base import Context, Params, Result, action

class Greet(Params):
    name: str
    """Whom."""

@action("greet.somebody", effect="read")
def greet(params: Greet, context: Context) -> Result:
    """Greet somebody."""
    return Result({"said": params.name})
'''


def test_a_third_party_adds_a_family_by_an_entry_point(tmp_path: Path) -> None:
    (tmp_path / "greetings.py").write_text(PLUGIN)
    metadata = tmp_path / "greetings-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: greetings\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[drx.actions]\ngreet = greetings\nbroken = no_such_module\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from drx.actions.registry import find_action\n"
        "print(find_action('greet.somebody').spec.summary)\n"
        "try: find_action('broken.x')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True).splitlines()
    assert said[0] == "Greet somebody."
    assert said[1].startswith(f"{InvalidInput.__name__} the actions broken.* cannot be loaded from no_such_module")


def test_an_action_needs_documentation_and_typed_parameters() -> None:
    def undocumented(params: Params, context: Context) -> Result:
        return Result()

    def untyped(params: int, context: Context) -> Result:
        """Do it."""
        return Result()

    with pytest.raises(TypeError, match="no docstring"):
        action("x.y", effect="read")(undocumented)
    with pytest.raises(TypeError, match="subclass of Params"):
        action("x.y", effect="read")(untyped)
