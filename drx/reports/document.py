"""Write report.json, and the JSON Schema of its shape. Pure: values in, text out."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import from_json, to_json
from pydantic_core.core_schema import TimedeltaSchema

from drx.engine.terms import Mode
from drx.reports.shapes import RunFacts, Word
from drx.reports.trend import NO_HISTORY, History, Past, Trend

SCHEMA: Literal["drx-report/1"] = "drx-report/1"


@dataclass(frozen=True)
class ReportDocument:
    """The report of one run. Durations are seconds, moments UTC in ISO 8601."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", ser_json_timedelta="float", use_attribute_docstrings=True
    )

    schema: Literal["drx-report/1"]
    """Version of this shape: the number grows when a field changes its meaning or goes."""
    run: RunFacts
    history: History = NO_HISTORY
    """What was known of the runbook when the run ended."""


@cache
def _adapter() -> TypeAdapter[ReportDocument]:
    return TypeAdapter(ReportDocument)


def report_json(facts: RunFacts, history: History = NO_HISTORY) -> str:
    """Write the figures of a run as JSON; same figures, same bytes. It needs no schema, which takes long to build."""
    return to_json(ReportDocument(SCHEMA, facts, history), indent=2, timedelta_mode="float").decode() + "\n"


def trend_json(trend: Trend) -> str:
    """Write the drills of a runbook as JSON."""
    return to_json(trend, indent=2, timedelta_mode="float").decode() + "\n"


def read_report(text: str | bytes) -> RunFacts:
    """Read report.json back. Raises ValueError where it has another shape."""
    return _adapter().validate_json(text).run


def read_history(text: str | bytes) -> History:
    """Read out of report.json what came before the run; nothing where it says nothing of it.

    Raises ValueError where it has another shape.
    """
    match from_json(text):
        case {"history": found}:
            return TypeAdapter(History).validate_python(found)
        case {}:
            return History()
        case _:
            raise ValueError("this is no report")


def read_past(text: str | bytes) -> Past | None:
    """Read out of report.json what others compare themselves with; None where it is not about a finished drill.

    Raises ValueError where it has another shape.
    """
    match from_json(text):
        case {"run": {"mode": Mode.DRILL.value, "outcome": str()} as run}:
            drill = _PastDrill.model_validate(run)
        case _:
            return None
    return Past(
        drill.run, drill.drill, drill.environment, drill.started, drill.verdict.word, drill.rto.actual, drill.rpo.actual
    )


class _Measured(BaseModel):
    actual: timedelta | None


class _PastVerdict(BaseModel):
    word: Word


class _PastDrill(BaseModel):
    """As much of a report as a trend needs, whatever else later versions say."""

    run: str
    drill: str
    environment: str
    started: datetime
    verdict: _PastVerdict
    rto: _Measured
    rpo: _Measured


class _InSeconds(GenerateJsonSchema):
    """Describe durations as they are written, which pydantic does for those of the outermost model alone."""

    def timedelta_schema(self, schema: TimedeltaSchema) -> dict[str, Any]:
        return {"type": "number"}


def report_schema() -> str:
    """Write the JSON Schema of report.json."""
    schema: dict[str, Any] = _adapter().json_schema(mode="serialization", schema_generator=_InSeconds)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "drx report"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
