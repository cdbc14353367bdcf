"""Every fact survives the way to JSON and back; what does not fit is refused, and secrets are masked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.engine.events import Answered, Author, Event, Fact, NoteAdded, StepFailed, StepSucceeded
from drx.engine.terms import Choice, Part, QuestionKind
from drx.journal.codec import as_json, decode_fact, encode, masked
from drx.journal.line import GENESIS, read_line, write_line
from drx.secrets import Masker
from drx.values import Json

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(str, TEXT)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def _facts(kind: type[Fact]) -> st.SearchStrategy[Fact]:
    special: dict[str, st.SearchStrategy[object]] = {}
    for name, annotation in kind.__annotations__.items():
        if annotation == Json:
            special[name] = VALUES
        elif annotation == Mapping[str, Json]:
            special[name] = st.dictionaries(TEXT, VALUES, max_size=3)
    return st.builds(kind, **special)


@pytest.mark.parametrize("kind", get_args(Fact), ids=lambda kind: kind.__name__)
def test_every_fact_survives_its_line(kind: type[Fact]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(_facts(kind), TEXT)
    def survives(fact: Fact, user: str) -> None:
        event = Event(7, datetime(2026, 11, 21, 8, tzinfo=UTC), 1.5, Author(user, 'h"},"type":"X', 1), fact)
        line, digest = write_line(event, GENESIS)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert read_line(line[:-1], 7, GENESIS) == (event, digest)

    survives()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Imagined", "{}"),
        ("NoteAdded", "{}"),
        ("NoteAdded", '{"text":"a","more":1}'),
        ("NoteAdded", '{"text":1}'),
        ("NoteAdded", '["text"]'),
        ("NoteAdded", "not json"),
        ("StepCancelled", '{"step":"a","visit":"1","attempt":1,"part":"work"}'),
        ("StepCancelled", '{"step":"a","visit":1,"attempt":1,"part":"play"}'),
        ("ClockDiverged", '{"seconds":NaN}'),
    ],
)
def test_what_is_no_fact_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_fact(kind, text)


def test_secrets_are_masked_in_free_text_and_nowhere_else() -> None:
    mask = Masker(["hunter22"]).mask
    failed = StepFailed(
        "hunter22", 1, 1, Part.WORK, "cannot log in with hunter22", "not hunter22", lines=("pw=hunter22",)
    )
    assert masked(failed, mask) == StepFailed(
        "hunter22", 1, 1, Part.WORK, "cannot log in with ***", "not ***", lines=("pw=***",)
    )
    succeeded = StepSucceeded("a", 1, 1, Part.WORK, {"hunter22": ["hunter22", {"deep": "x hunter22"}]})
    assert masked(succeeded, mask) == StepSucceeded("a", 1, 1, Part.WORK, {"hunter22": ["***", {"deep": "x ***"}]})
    answered = Answered("a", 1, QuestionKind.STEP, Choice.ANSWER, "hunter22", reason="hunter22")
    assert masked(answered, mask) == Answered("a", 1, QuestionKind.STEP, Choice.ANSWER, "***", reason="***")


def test_values_become_plain_json() -> None:
    moment = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert as_json({"at": moment, "pair": (1, "a"), 3: True}) == {
        "at": "2026-11-21T08:00:00.000Z", "pair": [1, "a"], "3": True,
    }  # fmt: skip
    assert as_json("half a \udce9 character") == "half a ? character"


def _nested(depth: int) -> Json:
    value: Json = "core"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**63, -(2**63) - 1, {1, 2}, b"bytes", object(), _nested(33)]
)
def test_what_no_reader_could_read_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        as_json({"a": value})


def test_the_deepest_allowed_nesting_can_be_read_again() -> None:
    outputs = as_json({"deep": _nested(31)})
    assert isinstance(outputs, dict)
    fact = StepSucceeded("a", 1, 1, Part.WORK, outputs)
    assert decode_fact("StepSucceeded", encode(fact)) == fact


def test_a_note_may_say_anything() -> None:
    note = NoteAdded('{"text"}\n\x00\x1b[2J\u2028')
    assert decode_fact("NoteAdded", encode(note)) == note
