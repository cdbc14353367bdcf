"""A context to call actions with: what the runner gives, without a run."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drx.actions.base import Action, Params, Result
from drx.actions.registry import catalogue, find_action
from drx.config import Target, narrowed
from drx.errors import Cancelled
from drx.runbook.needs import parts_in
from drx.secrets import Masker


@dataclass
class FakeContext:
    """Real in all but the run: artifacts on disk, a deadline, a cancel button, calls of other actions."""

    directory: Path
    target: Target = field(default_factory=lambda: Target(name="sandbox", service="pixelcraft", sandbox=True))
    masker: Masker = field(default_factory=Masker)
    seconds: float | None = None
    run_id: str = "2026-11-21T0800Z-test-0000"
    step_id: str = "step"
    created: frozenset[tuple[str, str]] = frozenset()
    lost: list[tuple[str, str]] = field(default_factory=list)
    progressed: list[tuple[int, int | None, str]] = field(default_factory=list)
    answer: Callable[[str, Mapping[str, object]], Result] | None = None

    def __post_init__(self) -> None:
        self._cancel = threading.Event()
        self._began = time.monotonic()

    @property
    def artifacts(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        return self.directory

    def cancel(self) -> None:
        """What the runner does when the step has to stop."""
        self._cancel.set()

    def progress(self, done: int, total: int | None, unit: str) -> None:
        self.progressed.append((done, total, unit))

    def cancelled(self) -> bool:
        left = self.remaining()
        return self._cancel.is_set() or (left is not None and left <= 0)

    def check(self) -> None:
        if self.cancelled():
            raise Cancelled("stopped")

    def sleep(self, seconds: float) -> None:
        left = self.remaining()
        self._cancel.wait(seconds if left is None else min(seconds, max(left, 0)))
        self.check()

    def remaining(self) -> float | None:
        return None if self.seconds is None else self._began + self.seconds - time.monotonic()

    def mask(self, text: str) -> str:
        return self.masker.mask(text)

    def created_resource(self, target: str, resource: str) -> None:
        self.created |= {(target, resource)}

    def lost_resource(self, target: str, resource: str) -> None:
        self.lost.append((target, resource))

    def call(self, action: str, parameters: Mapping[str, object]) -> Result:
        if self.answer is not None:
            return self.answer(action, parameters)
        return run(action, self, **parameters)


def registered(name: str) -> Action:
    """The action of this name, which has to be there."""
    found = find_action(name)
    assert found is not None, name
    return found


def params_of(name: str, /, **parameters: object) -> Params:
    """The parameters as the runner reads them."""
    read = registered(name).spec.parameters.model_validate(parameters)
    assert isinstance(read, Params)
    return read


def run(name: str, context: FakeContext, /, **parameters: object) -> Result:
    """Run an action as the runner does: parameters read by its model, the target narrowed to what it declares."""
    whole = context.target
    if type(whole) is Target:
        context.target = narrowed(whole, parts_in({"action": name, "with": parameters}, catalogue), name)
    try:
        return registered(name).run(params_of(name, **parameters), context)
    finally:
        context.target = whole
