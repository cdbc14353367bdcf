"""`drx notify`: see whether messages arrive, before somebody depends on them."""

from typing import TYPE_CHECKING, Annotated

import typer

from drx.cli.groups import HelpingGroup, exit_codes
from drx.errors import ExitCode

if TYPE_CHECKING:
    from drx.reports.notices import Notice


_REMEDY = "Check its address under `notify:` in drx.yaml, and whether this host may reach it"


def register(app: typer.Typer) -> None:
    """Add `drx notify` and its command."""
    group = typer.Typer(cls=HelpingGroup, help="See whether messages arrive.")
    group.callback()(lambda: None)
    group.command("test", epilog=exit_codes(0, 2, 3, 4))(send_test)
    app.add_typer(group, name="notify")


def send_test(
    only: Annotated[str | None, typer.Argument(metavar="NAME", help="Part of a channel's name; else all.")] = None,
) -> int:
    """Send a message to every channel of drx.yaml, and say what came of it.

    A dead man's switch gets none: it would take the test for a sign of life.

    Example: drx notify test
    """
    import os

    from drx.cli.project import load_project
    from drx.engine.events import NotificationFailed
    from drx.errors import UsageError
    from drx.notify.destinations import every_channel
    from drx.notify.tell import send

    config = load_project().config
    channels = [each for each in every_channel(config, os.environ) if (only or "") in each.name]
    if not channels:
        found = f"drx.yaml names no channel like '{only}'" if only else "drx.yaml names no channel"
        raise UsageError(found, "Add one, such as notify: {channels: [{url: '${SLACK_WEBHOOK}'}]}")
    sent = send(channels, _notice(config.settings.service), config.settings.notify.timeout.total_seconds())
    for fact in sent:
        if isinstance(fact, NotificationFailed):
            print(f"failed   {fact.channel}: {fact.error}")
            print(f"{'':9}{_REMEDY}")
        else:
            print(f"sent     {fact.channel}")
    return ExitCode.FAILED if any(isinstance(fact, NotificationFailed) for fact in sent) else ExitCode.OK


def _notice(service: str) -> "Notice":
    import socket
    from datetime import UTC, datetime

    from drx.config.model import About
    from drx.reports.notices import Notice

    what = ("This is only a test, sent by drx notify test.", f"Host: {socket.gethostname()}")
    return Notice(About.START, "", "", f"{service}: a test of notifications", what, "", datetime.now(UTC))
