"""A shell sees the variables of a command wherever they stand."""

import subprocess

import pytest

from drx.cli.plan.quotes import opened


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("printf %s 'a $NAME b'", "a its value b"),
        ("printf %s '$NAME'", "its value"),
        ('printf %s "in $NAME"', "in its value"),
        ("printf %s 'a $NAMES $OTHER'", "a $NAMES $OTHER"),
        ('printf %s "it\'s $NAME"', "it's its value"),
        ("# what's $NAME\nprintf %s '$NAME'", "its value"),
        ("printf %s \\''$NAME'", "'its value"),
        ("printf %s 'a ${OTHER_ONE:-$NAME}'", "a its value"),
    ],
)
def test_variables_are_seen(command: str, printed: str) -> None:
    typed = opened(command, ["NAME", "OTHER_ONE"])
    shown = subprocess.check_output(["bash", "-c", typed], env={"NAME": "its value"}, text=True)
    assert shown == printed


def test_without_variables_a_command_stays_as_it_is() -> None:
    assert opened("printf '$NAME'", []) == "printf '$NAME'"
