"""Actions that exist only in these tests, in the shape in which the check knows them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from drx.errors import InvalidInput
from drx.fields import Duration, Model
from drx.runbook.catalogue import ActionSpec, Effect
from drx.runbook.model import ActionCall


class Count(Model):
    collection: str
    at_least: int = Field(default=0, ge=0)


class Before(Model):
    before: str


class Restore(Model):
    into: str
    at: Before | Literal["newest"] = "newest"
    workers: int = 1


class Command(Model):
    command: tuple[str, ...]
    env: dict[str, str] = Field(default_factory=dict)


class Fetch(Model):
    url: str
    within: Duration


class Wait(Model):
    probes: tuple[ActionCall, ...]
    within: Duration


class Nothing(Model):
    pass


class OneOfTwo(Model):
    database: str = ""
    bucket: str = ""

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneOfTwo":
        if bool(self.database) == bool(self.bucket):
            raise ValueError("exactly one thing can be dropped. Say `database` or `bucket`")
        return self


def _spec(
    name: str,
    parameters: type[Model],
    effect: Effect = "read",
    outputs: Mapping[str, str] | None = None,
    *,
    repeatable: bool = True,
    has_by_hand: bool = True,
    accepts_probes: bool = False,
) -> ActionSpec:
    return ActionSpec(
        name, "Summary.", "", effect, repeatable, (), parameters, outputs or {}, has_by_hand, accepts_probes
    )


SPECS = {
    spec.name: spec
    for spec in (
        _spec("mongo.count", Count, outputs={"count": "How many."}),
        _spec("mongo.find", Nothing, outputs={"ts": "When.", "kind": "What."}),
        _spec("mongo.restore", Restore, "write", outputs={"database": "Where.", "uri": "Address."}, repeatable=False),
        _spec("mongo.drop", OneOfTwo, "destroy", outputs={"at": "When.", "namespace": "What."}),
        _spec("shell.run", Command, "write", outputs={"exit_code": "How it ended."}, repeatable=False),
        _spec("http.wait", Fetch),
        _spec("wait.for", Wait, accepts_probes=True),
        _spec("only.here", Nothing, has_by_hand=False),
    )
}


def catalogue(name: str) -> ActionSpec | None:
    """Look up an action; a family that cannot be loaded says so."""
    if name.startswith("broken."):
        raise InvalidInput("the actions broken.* cannot be loaded", "Install that package")
    return SPECS.get(name)
