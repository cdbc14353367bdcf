"""What pages show of drx that needs servers, or what a run left: in the order in which it can be typed, and how.

`{run}` is the drill that was run, `{base}` a backup of production's. Where a page leaves out the environment, which a
person would be asked for, it is named here. What needs a run that waits for a person stands in `BESIDE`.
"""

_UNATTENDED = "--env production --unattended"
_HEALTH = "--input health=https://shop.example/healthz"
_STORE = "--input backups=shop-backups@eu-west-1"

SERVED = {
    "drx trust production": "drx trust production --yes",
    "drx trust staging": "drx trust staging --yes",
    "drx run nightly-backup --env production --unattended": None,
    "drx run hourly-incremental --env production --unattended": None,
    "drx run nightly-backup --env staging": "drx run nightly-backup --env staging --unattended",
    "drx run nightly-backup": f"drx run nightly-backup {_UNATTENDED}",
    "drx run nightly-backup --env production": f"drx run nightly-backup {_UNATTENDED}",
    "drx run hourly-incremental": f"drx run hourly-incremental {_UNATTENDED}",
    "drx run --json": f"drx run hourly-incremental --json {_UNATTENDED}",
    "drx run restore-test": f"drx run restore-test {_UNATTENDED} --input minimum_images=100",
    "drx run restore-test --env production": f"drx run restore-test {_UNATTENDED} --input minimum_images=100",
    "drx run restore-test --env production --unattended": (
        f"drx run restore-test {_UNATTENDED} --input minimum_images=100"
    ),
    "drx resume --unattended": (
        "drx run slow --env staging --unattended & until grep -qs StepStarted drills/records/*-slow-*/journal.jsonl; "
        "do sleep 0.1; done; kill -KILL $!; wait $!; drx resume --unattended"
    ),
    "drx run secrets-check --env staging": "drx run secrets-check --env staging --unattended",
    "drx run secrets-check --env production": f"drx run secrets-check {_UNATTENDED}",
    "drx run secrets-check": f"drx run secrets-check {_UNATTENDED}",
    "drx backups list": "drx backups list --env production",
    "drx backups list --env production --store copy": None,
    "drx backups show": "drx backups show {base} --env production",
    "drx backups show ID": "drx backups show {base} --env production",
    "drx backups show 7f3a.base --env production": "drx backups show {base} --env production",
    "drx backups window": "drx backups window --env production",
    "drx backups window --env production": None,
    "drx backups window --env staging": None,
    "drx backups events": "drx backups events --env production",
    "drx backups events --env production": None,
    "drx backups events --since 2h --kind drop --env production": None,
    "drx backups copies --env production": None,
    "drx backups copies": "drx backups copies --env production",
    "drx backups verify": f"drx backups verify {_UNATTENDED}",
    "drx backups verify --all": f"drx backups verify --all {_UNATTENDED}",
    "drx backups verify --all --env production --unattended": None,
    "drx backups prune --dry-run --env production": None,
    "drx backups prune --dry-run": "drx backups prune --dry-run --env production",
    "drx backups prune": f"drx backups prune {_UNATTENDED}",
    "drx mongo restore PATH": "drx mongo restore {dump} --into another --env staging --unattended",
    "drx mongo restore dump/ --env staging --into check": (
        "drx mongo restore {dump} --env staging --into check --unattended"
    ),
    "drx mongo restore dump/ --env staging --into pixelcraft_check": (
        "drx mongo restore {dump} --env staging --into pixelcraft_check --unattended"
    ),
    "drx sandbox up": None,
    "drx sandbox up --name mine": None,
    "drx sandbox status": None,
    "drx sandbox down --keep-data": "drx sandbox down --name mine --keep-data",
    "drx drill db-drop --junit drill.xml": "drx drill db-drop --env sandbox --junit drill.xml --record",
    "drx drill db-drop --record": "grep -q {run} drills/verified.json",
    "drx run db-drop --env sandbox --dry-run": None,
    "drx runs": None,
    "drx runs --limit 100": None,
    "drx runs --elsewhere": None,
    "drx report 7f3a": "drx report {run}",
    "drx report 7f3a --open": "drx report {run} --open",
    "drx report --open": "drx report {run} --open",
    "drx report RUN --open": "drx report {run} --open",
    "drx report 7f3a --format junit --output drill.xml": "drx report {run} --format junit --output drill.xml",
    "drx report RUN --format junit": "drx report {run} --format junit",
    "drx report --trend RUNBOOK": "drx report --trend db-drop",
    "drx report --trend db-drop": None,
    "drx report --trend db-drop --open": None,
    'drx review 7f3a --item "alert when slices are missing" --owner ben --due 14d': (
        'drx review {run} --item "alert when slices are missing" --owner ben --due 14d'
    ),
    'drx review 7f3a --close 1 --reason "the alert is live"': 'drx review {run} --close 1 --reason "the alert is live"',
    'drx review 7f3a --close 2 --reason "the alert is live"': (
        "drx review {run} --item 'another' --owner ben --due 14d && drx review {run} --close 2 --reason 'it is live'"
    ),
    "drx note": "drx note {run} 'Told marketing.'",
    "drx show": None,
    "drx show --follow": "drx show {run} --follow",
    "drx show RUN --follow": "drx show {run} --follow",
    "drx sign": "ssh-keygen -q -t ed25519 -N '' -f key && drx sign {run} --key key",
    "drx sign 7f3a --key ~/.ssh/id_ed25519": "drx sign {run} --key key",
    "drx audit": "drx audit {run}",
    "drx audit 7f3a": "drx audit {run}",
    "drx audit RUN": "drx audit {run}",
    "drx export": "drx export {run} another.tar.gz",
    "drx export RUN FILE.tar.gz": "drx export {run} evidence.tar.gz && drx audit evidence.tar.gz",
    "drx export 7f3a evidence.tar.gz": "drx export {run} evidence.tar.gz",
    "drx notify test": "drx notify test | grep -q '^sent '",
    "drx status": None,
    "drx status --json": None,
    "drx status --prometheus FILE": "drx status --prometheus drx.prom",
    "drx status --env production --prometheus /var/lib/prometheus/node-exporter/drx.prom": (
        "drx status --env production --prometheus drx.prom"
    ),
    "drx status --notify": None,
    "drx status --env production --notify --prometheus /var/lib/prometheus/node-exporter/drx.prom": (
        "drx status --env production --notify --prometheus drx.prom"
    ),
    "drx init --sandbox-only": "mkdir new && cd new && drx init --sandbox-only",
    f"drx init {_HEALTH} --input mongo=DATABASE_URL {_STORE}": (
        f"mkdir shop && cd shop && drx init {_HEALTH} --input mongo=DATABASE_URL {_STORE}"
    ),
    f"drx init {_HEALTH} {_STORE}": f"mkdir less && cd less && drx init {_HEALTH} {_STORE}",
    "drx actions NAME": "drx actions mongo.restore",
    "drx schedule github --check": "drx schedule github --write && drx schedule github --check",
    "drx schedule systemd --user drx --write": "drx schedule systemd --user drx --write --output units",
    "drx sandbox down": None,
}
"""Each line as a page shows it, and as it is typed, or what shows that it did its work; None: the same."""

BESIDE = {
    "drx approve": "drx approve {run} approve-switch",
    "drx approve RUN STEP": "drx approve {run} approve-switch",
    "drx approve 7f3a approve-switch": "drx approve {run} approve-switch",
    'drx note "customers see 502 since 14:20"': (
        'drx note "customers see 502 since 14:20" && drx approve {run} approve-switch'
    ),
}
"""What is typed at another terminal while a run, `{run}`, waits for a person; it goes on, and ends well."""
