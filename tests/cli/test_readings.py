"""What is read aside is waited for only so long; what fails there is said where the answer is asked for."""

import threading

import pytest

from drx.cli.status import readings
from drx.cli.status.readings import aside
from drx.errors import StoreError


def test_an_answer_a_failure_and_a_bug() -> None:
    def fail() -> str:
        raise StoreError("the store is gone", "Bring it back")

    def break_down() -> str:
        raise KeyError("bug")

    assert aside(lambda: "read", str.upper)() == "read"
    assert aside(fail, str.upper)() == "THE STORE IS GONE"
    broken = aside(break_down, str.upper)
    with pytest.raises(KeyError, match="bug"):
        broken()


def test_who_does_not_answer_is_left_behind_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(readings, "PATIENCE_SECONDS", 0.05)
    released, ended = threading.Event(), threading.Event()

    def late() -> str:
        released.wait(60)
        ended.set()
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    assert aside(late, str)() == "no answer within 0.05s"
    released.set()
    assert ended.wait(60)
    assert "Traceback" not in capfd.readouterr().err
