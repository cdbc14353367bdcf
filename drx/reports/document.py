"""Write report.json, and the JSON Schema of its shape. Pure: values in, text out."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import to_json

from drx.reports.shapes import RunFacts

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


@cache
def _adapter() -> TypeAdapter[ReportDocument]:
    return TypeAdapter(ReportDocument)


def report_json(facts: RunFacts) -> str:
    """Write the figures of a run as JSON; same figures, same bytes. It needs no schema, which takes long to build."""
    return to_json(ReportDocument(SCHEMA, facts), indent=2, timedelta_mode="float").decode() + "\n"


def read_report(text: str | bytes) -> RunFacts:
    """Read report.json back. Raises ValueError where it has another shape."""
    return _adapter().validate_json(text).run


def report_schema() -> str:
    """Write the JSON Schema of report.json."""
    schema: dict[str, Any] = _adapter().json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "drx report"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
