"""Draw the README's pictures from real runs, in a sandbox of their own: what a terminal showed is kept as SVG."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from drx.errors import ExitCode
from tests.terminal import CTRL_C, DRX, ROOT, Size, Terminal, drx

HERE = Path(__file__).parent
WIDTH = 96
TALL: Size = (WIDTH, 80)
PLAN_LINES, PLAN_WIDTH = 45, 130
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""rich asks for web fonts; a picture in a repository needs no network."""
WORKED_ON = ("drx.yaml", "drx.trust.yaml", "runbooks", "drills")


def draw(name: str, command: str, shown: Text, width: int = WIDTH) -> None:
    """Write docs/pictures/<name>.svg."""
    console = Console(record=True, width=width, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.assemble(f"$ {command}\n", shown))
    svg = console.export_svg(title=command, unique_id=f"drx-{name}")
    (HERE / f"{name}.svg").write_text(FONT_FACE.sub("", svg))


def shown_on(terminal: Terminal) -> Text:
    """What stands on the screen, colours included, without the empty lines below."""
    lines = []
    for number in range(terminal.screen.lines):
        line = Text()
        for column in range(terminal.screen.columns):
            cell = terminal.screen.buffer[number][column]
            colour = "" if cell.fg == "default" else f" {'yellow' if cell.fg == 'brown' else cell.fg}"
            style = f"{'bold ' if cell.bold else ''}{'reverse ' if cell.reverse else ''}{colour}".strip()
            line.append(cell.data, style)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


@contextmanager
def project() -> Iterator[Path]:
    """A copy of this repository's runbooks, with a sandbox that is taken down again."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pixelcraft"
        folder.mkdir()
        for name in WORKED_ON:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("records"))
            elif source.exists():
                shutil.copy(source, folder)
        try:
            yield folder
        finally:
            drx(folder, "sandbox", "down", patience=120).end()


def finished(folder: Path, *arguments: str, wanted: int | None = 0) -> Terminal:
    """Run a command to its end, on a screen that holds all of it; `wanted` is its exit code, None any."""
    terminal = drx(folder, *arguments, size=TALL, term="xterm-256color", patience=300)
    code = terminal.end()
    if wanted is not None and code != wanted:
        raise SystemExit(f"drx {' '.join(arguments)} ended with {code}:\n{terminal.text}")
    return terminal


def incident(folder: Path) -> None:
    """Walk through db-drop as a person does: its beginning, and the restore under way, which is left there."""
    finished(folder, "sandbox", "up")
    lose_images(folder)
    command = ("run", "db-drop", "--env", "sandbox")
    title = f"drx {' '.join(command)}"
    terminal = drx(folder, *command, size=TALL, term="xterm-256color", patience=300)
    terminal.see("? When did it start")
    terminal.type(moment_of(folder), "\r")
    terminal.choose("Yes - this counts")
    for label in ("The incident is declared", "Nothing writes to the database", "this is the accident"):
        terminal.see(label, "Done - the run goes on")
        if label == "The incident is declared":
            draw("incident", title, shown_on(terminal))
        terminal.choose("Done - the run goes on")
    terminal.see("> restore", "/s  00:")
    draw("restore", title, shown_on(terminal))
    terminal.type(CTRL_C)
    terminal.see("Interrupted.")
    terminal.type(CTRL_C)
    code = terminal.end()
    if code != ExitCode.INTERRUPTED:
        raise SystemExit(f"{title} ended with {code}:\n{terminal.text}")


def plan(folder: Path) -> None:
    """Print the plan's beginning, where its tables have room."""
    command = f"drx plan | fold -sw {PLAN_WIDTH} | head -{PLAN_LINES}"
    environ = {**os.environ, "PATH": f"{DRX.parent}:{os.environ['PATH']}"}
    printed = subprocess.check_output(command, cwd=folder, shell=True, text=True, env=environ)
    draw("plan", command, Text(printed), PLAN_WIDTH)


def lose_images(folder: Path) -> None:
    """Run `practise`, and type the names of what it drops."""
    terminal = drx(folder, "run", "practise", "--env", "sandbox", size=TALL, term="xterm-256color", patience=300)
    for name in ("pixelcraft_recovered", "pixelcraft.images"):
        terminal.see(f"would destroy {name}")
        terminal.choose("Type its name")
        terminal.answer("(Enter: back)", name)
    code = terminal.end()
    if code != 0:
        raise SystemExit(f"practise ended with {code}:\n{terminal.text}")


def moment_of(folder: Path) -> str:
    """When the images were lost, to a moment before it: the record of `practise` knows when its last step began."""
    (lost,) = (folder / "drills" / "records").glob("*-practise-*")
    lines = (lost / "journal.jsonl").read_text().splitlines()
    return str([json.loads(line)["at"] for line in lines if '"type":"StepStarted"' in line][-1])


def drill(folder: Path) -> None:
    """Drill db-drop."""
    draw("drill", "drx drill db-drop", shown_on(finished(folder, "drill", "db-drop", "--env", "sandbox")))


def status(folder: Path) -> None:
    """Ask how ready we are, after a backup; what other hosts recorded is in a bucket that is not there."""
    config = folder / "drx.yaml"
    config.write_text(re.sub(r"^records:.*\n", "", config.read_text(), flags=re.MULTILINE))
    finished(folder, "sandbox", "up")
    finished(folder, "run", "nightly-backup", "--env", "sandbox", "--unattended")
    draw("status", "drx status --env sandbox", shown_on(finished(folder, "status", "--env", "sandbox", wanted=None)))


def main() -> None:
    """Draw every picture, or those of the parts that are named: `incident`, `drill`, `status`, `plan`."""
    parts = {"incident": incident, "drill": drill, "status": status, "plan": plan}
    for name in sys.argv[1:] or parts:
        with project() as folder:
            parts[name](folder)


if __name__ == "__main__":
    main()
