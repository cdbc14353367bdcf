"""Write drx.yaml out of answers, so that it reads like prose. Pure."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import assert_never

from drx.starter.answers import (
    ATLAS_ID,
    ATLAS_SECRET,
    CLOUDFLARE_TOKEN,
    GITHUB_TOKEN,
    Answers,
    Bucket,
    Directory,
    Host,
    LocalHost,
    Place,
    Production,
    RailwayHost,
    SystemdHost,
)
from drx.units import parse_duration
from drx.yaml_source.scalars import read_scalar

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")
_SLICE_LIMIT = timedelta(minutes=25)
"""How long hourly-incremental may take, at most: its `timeout`."""
_SLICES = (
    (timedelta(hours=12), "5 */12 * * *"),
    (timedelta(hours=6), "5 */6 * * *"),
    (timedelta(hours=3), "5 */3 * * *"),
    (timedelta(hours=1), "5 * * * *"),
    (timedelta(minutes=30), "5,35 * * * *"),
    (timedelta(minutes=15), "5,20,35,50 * * * *"),
    (timedelta(minutes=5), "*/5 * * * *"),
)


def write_config(answers: Answers) -> str:
    """Give the text of drx.yaml."""
    return "\n".join(f"{section}\n" for section in _sections(answers))


def slice_schedule(rpo: timedelta) -> str:
    """Say when the oplog is archived, so that pause and work together stay within the RPO, where that can be."""
    fitting = (cron for pause, cron in _SLICES if pause + _SLICE_LIMIT <= rpo)
    return next(fitting, _SLICES[-1][1])


def _sections(answers: Answers) -> Iterator[str]:
    yield f"""\
# What {answers.service} runs on, what was promised, and where its backups go. `drx init` wrote this; now it is yours.
# `drx check` finds every mistake. ${{NAME}} stands for a variable of the environment: secrets are never written here.
service: {_text(answers.service)}"""
    yield f"""\
# RTO: the service is back within this time. RPO: at most this much of the newest data is lost.
# A runbook that states objectives of its own goes before these.
objectives: {{rto: {answers.rto}, rpo: {answers.rpo}}}"""
    yield "\n".join(("environments:", *_environments(answers)))
    yield "\n".join(_backups(answers))
    yield f"""\
# Runbooks use these as {{{{ contacts.channel }}}}. Add who is on call, and how to reach your vendors.
contacts:
  channel: {_text(answers.channel)}"""
    yield """\
# Who is told when a run fails: a web hook, or an address for mail or a pager (`drx notify --help`).
# notify: {on_failure: ["${SLACK_WEBHOOK}"]}"""
    if answers.production:
        yield "\n".join(_schedules(answers))


def _environments(answers: Answers) -> Iterator[str]:
    if answers.production:
        yield "  # What users depend on. `protected` means that no drill ever touches it."
        yield "  production:"
        yield "    protected: true"
        yield from _production(answers.production)
        yield ""
    if answers.production and answers.staging_variable:
        yield "  # A copy of production that drills may harm; docs/staging.md says what else it may have."
        yield "  staging:"
        yield f"    {_mongo(answers.staging_variable, answers.production.database)}"
        yield ""
    yield "  # Servers that drx starts on this machine, to practise on: `drx drill db-drop --env sandbox`"
    yield "  sandbox: {sandbox: true}"


def _production(production: Production) -> Iterator[str]:
    yield f"    {_mongo(production.mongo_variable, production.database)}"
    yield from _at_providers(production)
    if production.uploads:
        yield "    # The files that documents refer to. Keys are looked for where every AWS tool looks for them."
        yield f"    uploads: {_bucket(production.uploads, production.endpoint)}"
    if production.host:
        yield "    # Where the application runs: what restarts it, deploys it, and sets its variables."
        yield f"    host: {_host(production.host)}"
    yield "    # Answers 2xx only while the service works: this is what stops the clock of a recovery."
    yield f"    health_url: {_text(production.health_url)}"


def _mongo(variable: str, database: str) -> str:
    return f'mongo: {{uri: "${{{variable}}}", database: {_text(database)}}}'


def _at_providers(production: Production) -> Iterator[str]:
    atlas, zone = production.atlas, production.zone
    if atlas:
        yield "    # Its cluster at MongoDB Atlas: `drx run db-drop --input way=atlas` restores by Atlas's own backups."
        account = f'client_id: "${{{ATLAS_ID}}}", client_secret: "${{{ATLAS_SECRET}}}"'
        yield f"    atlas: {{project: {_text(atlas.project)}, cluster: {_text(atlas.cluster)}, {account}}}"
    if zone:
        yield "    # The name that a recovery points elsewhere, where the application has to move."
        token = f', token: "${{{CLOUDFLARE_TOKEN}}}"' if zone.provider == "cloudflare" else ""
        name = f"zone: {_text(zone.id)}, records: [{_text(zone.name)}]"
        yield f"    dns: {{provider: {zone.provider}, {name}{token}}}"
    if production.repository:
        yield "    # What is deployed comes from here; `workflows: [deploy.yml]` lists those that drx may start."
        yield f'    github: {{repository: {_text(production.repository)}, token: "${{{GITHUB_TOKEN}}}"}}'


def _host(host: Host) -> str:
    match host:
        case LocalHost():
            return f"{{provider: local, directory: {_text(host.directory)}}}"
        case RailwayHost():
            ids = f"project: {_text(host.project)}, environment: {_text(host.environment)}"
            return f'{{provider: railway, {ids}, service: {_text(host.service)}, token: "${{{host.token_variable}}}"}}'
        case SystemdHost():
            return f"{{provider: systemd, ssh: {_text(host.ssh)}, unit: {_text(host.unit)}}}"
        case _:
            assert_never(host)


def _backups(answers: Answers) -> Iterator[str]:
    endpoint = answers.production.endpoint if answers.production else None
    yield "# Every backup is written to `primary`, read back, and then copied."
    if not answers.production:
        yield "# A sandbox keeps them to itself; these names begin to count once there is a production."
    yield "backups:"
    yield f"  primary: {_store(answers.primary, endpoint)}"
    if answers.copy:
        yield "  # Out of reach of whatever may take the primary: another region, another account, another disk."
        yield f"  copies: [{_store(answers.copy, endpoint)}]"
    else:
        yield "  # There is no second copy yet: what takes the primary takes all. Add one that nothing else shares:"
        yield "  # copies: [{s3: {bucket: NAME, region: REGION}}]"
    yield "  # Any second of the last 7 days can be restored, then one backup of each day, week and month."
    yield "  retention: {within: 7d, daily: 30, weekly: 8, monthly: 12, minimum: 3}"


def _store(place: Place, endpoint: str | None) -> str:
    match place:
        case Bucket():
            return f"{{s3: {_bucket(place, endpoint)}}}"
        case Directory():
            return f"{{directory: {_text(place.path)}}}"
        case _:
            assert_never(place)


def _bucket(bucket: Bucket, endpoint: str | None) -> str:
    server = f", endpoint: {_text(endpoint)}" if endpoint else ""
    return f"{{bucket: {_text(bucket.name)}, region: {_text(bucket.region)}{server}}}"


def _schedules(answers: Answers) -> Iterator[str]:
    uploads = ", with the uploads" if answers.production and answers.production.uploads else ""
    cron = slice_schedule(parse_duration(answers.rpo))
    yield "# What runs by itself, in UTC. drx has no daemon: `drx schedule cron` (or systemd, github, kubernetes)"
    yield "# prints the files that make it so, and `drx schedule show` tells what comes next."
    yield "schedules:"
    yield f"  # A full backup every night{uploads}: read back, copied, and only then are old ones deleted."
    yield '  - {run: nightly-backup, environment: production, cron: "0 3 * * *"}'
    yield "  # What was written since, so often that no more than the RPO is lost."
    yield f'  - {{run: hourly-incremental, environment: production, cron: "{cron}"}}'
    yield "  # The newest backup is restored into a scratch database and compared: only then does it count as verified."
    yield '  - {run: restore-test, environment: production, cron: "0 5 * * *"}'
    yield "  # A real recovery every month, against the clock, on servers of drx's own with an example's data."
    yield "  # Once there is a staging of yours, drill there."
    yield '  - {drill: db-drop, environment: sandbox, cron: "0 4 1 * *"}'


def _text(value: str) -> str:
    """Write text so that YAML reads it as the same text."""
    plain = set(value) <= _PLAIN and value[:1].isalpha() and read_scalar(value) == (value, None)
    return value if plain else json.dumps(value, ensure_ascii=False)
