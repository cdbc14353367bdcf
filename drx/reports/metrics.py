"""Write readiness as text that Prometheus reads: one sample a line, grouped by metric, each with its help. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drx.reports.readiness import Due, Line, Objective, Readiness

PREFIX = "drx_"

HELP: Mapping[str, str] = {
    "status_timestamp_seconds": "When drx looked.",
    "readiness_level": "0 ready, 1 to be looked at, 2 not ready, 3 not known.",
    "rpo_target_seconds": "At most this much of the newest data may be lost.",
    "rpo_actual_seconds": "What would be lost with the server now.",
    "rto_target_seconds": "The service has to be back within this time.",
    "rta_last_seconds": "How long the recovery took in the drill that is recorded last.",
    "runbook_verified": "1 where a drill has proven the runbook as it is now.",
    "restore_window_start_timestamp_seconds": "From here on any second can be restored.",
    "restore_window_end_timestamp_seconds": "The newest moment that can be restored.",
    "restore_window_gaps": "Pieces of time before that which nothing restores.",
    "atlas_snapshot_timestamp_seconds": "When the newest complete snapshot at Atlas was begun.",
    "atlas_window_start_timestamp_seconds": "From here on Atlas restores any second, by its own word.",
    "stored_bytes": "What backups and slices take in the primary store.",
    "copies": "Copies of the data, the live database among them.",
    "copies_sound": "1 where the rule 3-2-1 is kept and every copy is whole.",
    "job_last_success_timestamp_seconds": "When the newest run of the job began that succeeded.",
    "job_last_start_timestamp_seconds": "When the newest run of the job began.",
    "job_last_duration_seconds": "How long the newest run of the job took that has ended.",
    "job_failed": "1 where the newest run of the job failed, was aborted or never ended.",
    "job_missed": "1 where the job should have begun, and has not.",
}
"""Every metric and what it means, in the order of the file."""


@dataclass(frozen=True)
class Sample:
    """A value of a metric."""

    metric: str
    labels: Mapping[str, str]
    value: float


def metrics_text(readiness: Readiness) -> str:
    """Write all samples. What is not known has none: a rule that asks for it with `absent` finds out."""
    everywhere = {"service": readiness.service, "environment": readiness.environment}
    samples = list(_samples(readiness))
    lines: list[str] = []
    for metric, meaning in HELP.items():
        mine = [sample for sample in samples if sample.metric == metric]
        if mine:
            lines += [f"# HELP {PREFIX}{metric} {meaning}", f"# TYPE {PREFIX}{metric} gauge"]
        for sample in mine:
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in {**everywhere, **sample.labels}.items())
            lines.append(f"{PREFIX}{metric}{{{labels}}} {sample.value!r}")
    return "\n".join(lines) + "\n"


def _samples(readiness: Readiness) -> Iterator[Sample]:
    yield Sample("status_timestamp_seconds", {}, readiness.at.timestamp())
    yield Sample("readiness_level", {}, float(readiness.level))
    for line in readiness.lines:
        yield from (Sample(name, {}, value) for name, value in line.values.items())
        yield from _of_objective(line)
    yield from _unique(sample for job in readiness.jobs for sample in _of_job(job))


def _of_objective(line: Line) -> Iterator[Sample]:
    if not isinstance(line, Objective):
        return
    if line.subject == "RPO":
        yield Sample("rpo_target_seconds", {}, line.target.total_seconds())
        if line.actual is not None:
            yield Sample("rpo_actual_seconds", {}, line.actual.total_seconds())
        return
    runbook = {"runbook": line.subject.removeprefix("RTO ")}
    yield Sample("rto_target_seconds", runbook, line.target.total_seconds())
    yield Sample("runbook_verified", runbook, float(line.state == "VERIFIED"))
    if line.actual is not None:
        yield Sample("rta_last_seconds", runbook, line.actual.total_seconds())


def _of_job(job: Due) -> Iterator[Sample]:
    """Give the figures of a job that has left a record, or should have."""
    labels = {"job": job.command.split()[-1]}
    if job.environment:
        labels["environment"] = job.environment
    if job.last_began is not None or job.missed:
        yield Sample("job_missed", labels, float(job.missed))
    if job.last_began is None:
        return
    yield Sample("job_last_start_timestamp_seconds", labels, job.last_began.timestamp())
    yield Sample("job_failed", labels, float(job.failed))
    if job.last_success is not None:
        yield Sample("job_last_success_timestamp_seconds", labels, job.last_success.timestamp())
    if job.last_seconds is not None:
        yield Sample("job_last_duration_seconds", labels, job.last_seconds)


def _unique(samples: Iterable[Sample]) -> Iterator[Sample]:
    """A job with two schedules is one job: Prometheus refuses a file that has a sample twice. The worst counts."""
    found: dict[tuple[str, ...], Sample] = {}
    for sample in samples:
        key = (sample.metric, *sample.labels.values())
        if key not in found or sample.value > found[key].value:
            found[key] = sample
    yield from found.values()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
