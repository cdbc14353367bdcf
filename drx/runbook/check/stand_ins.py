"""What stands in for a part of a runbook or drill that does not fit, while the rest of it is checked."""

from drx.runbook.model import STEP_KINDS, ActionStep
from drx.yaml_source import Path

NOBODY = "unnamed"
"""A name that nothing has; whatever is found out about it lies in a gap, and is not reported."""
_CALL = {"action": NOBODY}
_STEP = {"id": NOBODY, "action": NOBODY, "expect": "1s"}
_NAMED = ("inputs", "outputs", "answers", "parallel")
"""What holds entries under names of the author's choice."""
_TEXT_LISTS = ("choices", "roles", "review")

_REQUIRED: dict[str, object] = {
    **dict.fromkeys(("id", "action", "confirm", "ask", "approve", "runbook", "drill", "environment", "goto"), NOBODY),
    **dict.fromkeys(("title", "text", "at"), NOBODY),
    **dict.fromkeys(("rto", "rpo", "within"), "1s"),
    **dict.fromkeys(("probe", "fault"), _CALL),
    "parallel": {NOBODY: []},
    "steps": [_STEP],
}
"""Values for the keys that cannot be left out."""


def stand_in(path: Path, value: object) -> object:
    """Give what may stand at `path`, so that steps keep their places; None where the key can be left out."""
    key = path[-1]
    if isinstance(key, str):
        return None if path[-2:-1] and path[-2] in _NAMED else _REQUIRED.get(key)
    if path[-2] in _TEXT_LISTS:
        return NOBODY
    if path[-2] == "symptoms":
        return {"text": NOBODY}
    if path[-2] == "surprises":
        return {"at": NOBODY, "text": NOBODY}
    return _step_like(value) if isinstance(value, dict) else _STEP


def _step_like(value: dict[str, object]) -> dict[str, object]:
    """Keep of a step whose kind is unclear what any action can have."""
    fields = {info.alias or name for name, info in ActionStep.model_fields.items()}
    kept = {key: entry for key, entry in value.items() if key in fields and key not in STEP_KINDS}
    return {"expect": "1s", **kept, **_CALL}
