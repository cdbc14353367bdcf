"""Send a run's trace to an OpenTelemetry collector, where one is named by OpenTelemetry's own variables.

Like every message, it is sent once the run has ended, within bounded time, and what goes wrong changes nothing of the
run. Raises nothing.
"""

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from drx import __version__
from drx.engine.events import Event, NotificationFailed, NotificationSent
from drx.engine.plan import Plan
from drx.notify.tell import within
from drx.reports.facts import gather
from drx.reports.trace import Stretch, trace_of
from drx.secrets import Masker

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

ABOUT = "the run's trace"
INSTALL = "the extra is not installed: pip install 'drx[otel]'"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_REFUSED = re.compile(r"code: (\w+), reason: (.*)")
_SHARE = 0.8
"""How much of the time the exporter has, so that there is some left to say why it failed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tracer:
    """Knows where traces go, if anywhere."""

    service: str
    environ: Mapping[str, str]
    """OpenTelemetry reads its own variables from the process; this says whether there are any."""
    seconds: float
    """How long a collector may take."""

    def send(self, plan: Plan, events: Sequence[Event]) -> Sequence[NotificationSent | NotificationFailed]:
        """Send the trace of a run that has ended; nothing happens where no collector is named."""
        endpoint = _endpoint(self.environ)
        if not endpoint:
            return ()
        channel = f"OpenTelemetry {_host(endpoint)}".rstrip()
        problem = _protocol_problem(self.environ)
        if not problem:
            stretches = trace_of(plan, self.service, gather(plan, events), events)
            run = str(stretches[0].attributes["drx.run"])
            problem = within(self.seconds, lambda: _export(run, stretches, self.seconds))
        if problem:
            return (NotificationFailed(ABOUT, channel, Masker(tracing_secrets(self.environ)).mask(problem)),)
        return (NotificationSent(ABOUT, channel),)


def tracing_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """List what OpenTelemetry's variables hold that nobody may see: the values of headers, a password in an address."""
    for name in _HEADERS:
        for pair in environ.get(name, "").split(","):
            value = pair.partition("=")[2].strip()
            yield from filter(None, (value, unquote(value)))
    for name in _ENDPOINTS:
        try:
            password = urlsplit(environ.get(name, "")).password
        except ValueError:
            password = None
        if password:
            yield password


def _endpoint(environ: Mapping[str, str]) -> str:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return ""
    return next((environ[name] for name in _ENDPOINTS if environ.get(name)), "")


def _host(endpoint: str) -> str:
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""


def _protocol_problem(environ: Mapping[str, str]) -> str:
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if protocol == "http/protobuf":
        return ""
    return f"drx speaks http/protobuf, not {protocol}: set {_PROTOCOLS[0]}=http/protobuf and that port's address"


def _export(run: str, stretches: Sequence[Stretch], seconds: float) -> str:
    """Send spans, and give why that failed; it may take longer than `seconds`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        return INSTALL
    with _said() as said:
        exporter = OTLPSpanExporter(timeout=seconds * _SHARE)
        try:
            result = exporter.export(tuple(_spans(run, stretches)))
        finally:
            exporter.shutdown()  # type: ignore[no-untyped-call]
    if result is SpanExportResult.SUCCESS:
        return ""
    return _why(said)


def _why(said: Sequence[str]) -> str:
    """Say in a few words what the exporter logged, as far as its words are known."""
    last = said[-1] if said else "it did not take it"
    refused = _REFUSED.search(last)
    if refused and refused[1] != "None":
        return f"it answered {refused[1]} {refused[2]}"
    tried_again = any("Transient error" in line or "due to timeout, max retries" in line for line in said)
    return "it cannot be reached, or is too busy" if tried_again else last


class _Said(logging.Handler):
    """Keeps what the exporter logs, in the place of printing it: the reason why an export failed is only there."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


@contextmanager
def _said() -> Iterator[list[str]]:
    log, handler = logging.getLogger("opentelemetry"), _Said()
    log.addHandler(handler)
    log.propagate = False
    try:
        yield handler.lines
    finally:
        log.removeHandler(handler)


def _spans(run: str, stretches: Sequence[Stretch]) -> "Iterator[ReadableSpan]":
    """Make the spans of the SDK. Their ids follow from the run's, so that a trace which is sent again is the same."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import Event as SpanEvent
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(position: int) -> SpanContext:
        span = _number(f"{run}/{position}", 8)
        return SpanContext(_number(run, 16), span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    own = Resource({"service.name": "drx", "service.version": __version__})
    resource, scope = own.merge(OTELResourceDetector().detect()), InstrumentationScope("drx", __version__)
    for position, each in enumerate(stretches):
        yield ReadableSpan(
            each.name,
            context(position),
            None if each.parent is None else context(each.parent),
            resource,
            each.attributes,
            [SpanEvent(one.name, one.attributes, _nanoseconds(one.at)) for one in each.moments],
            status=Status() if each.error is None else Status(StatusCode.ERROR, each.error),
            start_time=_nanoseconds(each.began),
            end_time=_nanoseconds(each.ended),
            instrumentation_scope=scope,
        )


def _number(text: str, size_bytes: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size_bytes], "big")


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
