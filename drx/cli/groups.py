"""Help pages as people need them: commands grouped by what somebody is doing. Draws nothing by itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

GROUPS: Mapping[str, tuple[str, ...]] = {
    "In an incident": ("run", "resume", "show", "approve", "note", "review"),
    "Practise": ("drill", "sandbox"),
    "Backups": ("backups", "mongo"),
    "Write and check": ("init", "check", "actions", "schema", "trust"),
    "Evidence": ("status", "runs", "report", "plan", "audit", "export", "sign"),
    "By itself": ("schedule", "notify"),
}
"""Commands by what a person is doing, in this order."""


class HelpingGroup(TyperGroup):
    """A command group that shows its help where nothing is asked of it."""

    def parse_args(self, context: "Context", arguments: list[str]) -> list[str]:
        """Take no arguments for a wish to see what there is."""
        return super().parse_args(context, arguments or ["--help"])


class GroupedCommands(HelpingGroup):
    """A command group whose help lists its commands under GROUPS."""

    def format_commands(self, context: "Context", formatter: "HelpFormatter") -> None:
        """Write one section per group of commands."""
        width = max(map(len, self.commands), default=0)
        for title, names in GROUPS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(60))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def exit_codes(*codes: int) -> str:
    """The exit codes that a command's help ends with."""
    return "Exit codes: " + " · ".join(f"{code} {MEANINGS[code]}" for code in codes)


MEANINGS: Mapping[int, str] = {
    0: "ok",
    1: "a bug in drx",
    2: "usage",
    3: "invalid runbook, drill or config",
    4: "the run failed or was aborted",
    5: "recovered, but an objective was missed",
    6: "locked by another run",
    7: "refused by the guard",
    8: "a human was needed",
    9: "a committed document is stale",
    10: "paused",
    130: "interrupted",
}
"""What each exit code means, in the words of the help pages."""
