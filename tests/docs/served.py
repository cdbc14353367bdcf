"""What pages show of drx that needs servers, or what a run left: in the order in which it can be typed, and how.

`{run}` is the drill that was run, `{base}` a backup of production's. Where a page leaves out the environment, which a
person would be asked for, it is named here.
"""

_UNATTENDED = "--env production --unattended"

SERVED = {
    "drx trust production": "drx trust production --yes",
    "drx trust staging": "drx trust staging --yes",
    "drx run nightly-backup --env production --unattended": None,
    "drx run hourly-incremental --env production --unattended": None,
    "drx run nightly-backup --env staging": "drx run nightly-backup --env staging --unattended",
    "drx run --json": f"drx run hourly-incremental --json {_UNATTENDED}",
    "drx run restore-test": f"drx run restore-test {_UNATTENDED} --input minimum_images=100",
    "drx backups list": "drx backups list --env production",
    "drx backups show ID": "drx backups show {base} --env production",
    "drx backups window": "drx backups window --env production",
    "drx backups window --env production": None,
    "drx backups window --env staging": None,
    "drx backups events": "drx backups events --env production",
    "drx backups events --env production": None,
    "drx backups copies": "drx backups copies --env production",
    "drx backups verify": f"drx backups verify {_UNATTENDED}",
    "drx backups verify --all": f"drx backups verify --all {_UNATTENDED}",
    "drx backups prune --dry-run": "drx backups prune --dry-run --env production",
    "drx backups prune": f"drx backups prune {_UNATTENDED}",
    "drx mongo restore PATH": "drx mongo restore {dump} --into another --env staging --unattended",
    "drx mongo restore dump/ --env staging --into check": (
        "drx mongo restore {dump} --env staging --into check --unattended"
    ),
    "drx sandbox up": None,
    "drx drill db-drop --junit drill.xml": "drx drill db-drop --env sandbox --junit drill.xml --record",
    "drx drill db-drop --record": "grep -q {run} drills/verified.json",
    "drx run db-drop --env sandbox --dry-run": None,
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
    "drx note": "drx note {run} 'Told marketing.'",
    "drx show --follow": "drx show {run} --follow",
    "drx show RUN --follow": "drx show {run} --follow",
    "drx sign": "ssh-keygen -q -t ed25519 -N '' -f key && drx sign {run} --key key",
    "drx audit": "drx audit {run}",
    "drx audit RUN": "drx audit {run}",
    "drx export": "drx export {run} another.tar.gz",
    "drx export RUN FILE.tar.gz": "drx export {run} evidence.tar.gz && drx audit evidence.tar.gz",
    "drx status": None,
    "drx status --json": None,
    "drx status --prometheus FILE": "drx status --prometheus drx.prom",
    "drx status --env production --prometheus /var/lib/prometheus/node-exporter/drx.prom": (
        "drx status --env production --prometheus drx.prom"
    ),
    "drx init --sandbox-only": "mkdir new && cd new && drx init --sandbox-only",
}
"""Each line as a page shows it, and as it is typed, or what shows that it did its work; None: the same."""
