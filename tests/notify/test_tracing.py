"""Traces to a real HTTP receiver, decoded as a collector does; and runs that do not care whether one answers."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from drx.cli.binder import read_binder
from drx.engine.events import NotificationFailed, NotificationSent
from drx.errors import ExitCode
from drx.notify.tracing import Tracer, tracing_secrets
from drx.runner.run import resume, run_runbook
from tests.notify.listening import Listener
from tests.runner.project import CONFIG, Project, steps_yaml

KEY = "c0llector-k3y"
SECRET = "hunter2-of-the-database"
CONFIG_WITH_SECRET = CONFIG.replace("  lab: {}", '  lab: {mongo: {uri: "${URI}", database: d}}')
SPEAKS = f"echo {SECRET}; echo {SECRET} >&2; exit 3"
PIECES = (
    f"{{id: say, action: shell.run, with: {{command: [sh, -c, '{SPEAKS}']}}, expect: 1s, on_failure: continue}}",
    "{id: both, parallel: {a: [{id: one, action: shell.run, with: {command: ['true']}, expect: 1s}],"
    " b: [{id: two, action: shell.run, with: {command: ['true']}, expect: 1s}]}}",
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    environ = {"URI": f"mongodb://drx:{SECRET}@127.0.0.1:9/d"}
    return Project(tmp_path, environ=environ).write(steps_yaml(*PIECES), config=CONFIG_WITH_SECRET)


def _run(
    project: Project, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, seconds: float = 10
) -> ExitCode:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    setting = replace(project.setting(), trace=Tracer("pixelcraft", environ, seconds).send)
    return run_runbook(read_binder(project.root), project.config, "story", "lab", setting, {})


def _received(listener: Listener) -> dict[str, Span]:
    (body,) = listener.bodies
    request = ExportTraceServiceRequest.FromString(body)
    return {span.name: span for each in request.resource_spans for part in each.scope_spans for span in part.spans}


def _attributes(span: Span) -> dict[str, object]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}


def test_a_collector_sees_the_run_and_its_steps(
    project: Project, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": listener.url, "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={KEY}"}
    assert _run(project, environ, monkeypatch) is ExitCode.OK
    assert listener.paths == ["/v1/traces"]
    spans = _received(listener)
    assert list(spans) == ["story", "say", "both", "one", "two"]
    root, failed, both = spans["story"], spans["say"], spans["both"]
    assert (root.parent_span_id, failed.parent_span_id, both.parent_span_id) == (b"", root.span_id, root.span_id)
    assert {spans[name].parent_span_id for name in ("one", "two")} == {both.span_id}
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    assert len({span.span_id for span in spans.values()}) == len(spans)
    assert root.status.code == Status.STATUS_CODE_UNSET
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert "exit code 3" in failed.status.message
    assert [event.name for event in failed.events] == ["attempt", "exception", "failure ignored"]
    assert all(
        root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
        for span in spans.values()
    )
    told = _attributes(root)
    assert (told["drx.run"], told["drx.outcome"], told["drx.service"]) == (
        project.record.name,
        "succeeded",
        "pixelcraft",
    )
    assert _attributes(failed)["drx.action"] == "shell.run"
    assert NotificationSent("the run's trace", "OpenTelemetry 127.0.0.1") in project.facts


def test_no_secret_is_in_a_trace_nor_said(
    project: Project, listener: Listener, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": listener.url.replace("//", f"//user:{KEY}@"),
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={KEY}",
    }
    _run(project, environ, monkeypatch)
    (body,) = listener.bodies
    assert b"exit code 3" in body
    assert SECRET.encode() not in body
    listener.status = 400
    failed = Tracer("x", environ, 5).send(project.plan(), project.events)
    assert isinstance(failed[0], NotificationFailed)
    assert failed[0].error == "it answered 400 Bad Request"
    record = b"".join(path.read_bytes() for path in project.record.rglob("*") if path.is_file())
    assert KEY not in repr(failed) + "".join(capfd.readouterr()) + project.shown + record.decode()
    assert set(tracing_secrets(environ)) == {KEY}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "it cannot be reached"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "no address"}, "no address"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "drx speaks http/protobuf, not grpc",
        ),
    ],
)
def test_a_collector_that_fails_changes_nothing_and_is_in_the_report(
    environ: Mapping[str, str], said: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _run(project, environ, monkeypatch, seconds=1) is ExitCode.OK
    (failed,) = [fact for fact in project.facts if isinstance(fact, NotificationFailed)]
    assert said in failed.error
    assert "did not get the message about the run's trace" in (project.record / "report.md").read_text()


def test_a_collector_that_never_answers_is_not_waited_for(
    project: Project, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.hangs = True
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": listener.url}
    assert _run(project, environ, monkeypatch, seconds=0.2) is ExitCode.OK
    assert not listener.over.is_set(), "the run has ended while the collector still said nothing"
    assert [fact.error for fact in project.facts if isinstance(fact, NotificationFailed)]


def test_without_the_extra_it_is_said_how_to_get_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    assert _run(project, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, monkeypatch) is ExitCode.OK
    (failed,) = [fact for fact in project.facts if isinstance(fact, NotificationFailed)]
    assert failed.error == "the extra is not installed: pip install 'drx[otel]'"


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {}])
def test_nothing_is_sent_where_nobody_asks_for_it(
    off: Mapping[str, str], project: Project, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": listener.url if off else "", **off}
    assert _run(project, environ, monkeypatch) is ExitCode.OK
    assert listener.came == []
    assert not [fact for fact in project.facts if isinstance(fact, NotificationSent | NotificationFailed)]


def test_a_run_that_is_looked_at_again_is_not_sent_again(
    project: Project, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": listener.url}
    _run(project, environ, monkeypatch)
    assert resume(project.record, replace(project.setting(), trace=Tracer("x", environ, 10).send)) is ExitCode.OK
    assert len(listener.came) == 1
