"""Draw the README's pictures from real runs: runs drx at a terminal of 96 columns, and keeps what it showed as SVG."""

import os
import re
import sys
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

WIDTH = 96
HERE = Path(__file__).parent
DRX = Path(sys.executable).with_name("drx")
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""rich asks for web fonts; a picture in a repository needs no network."""


def show(arguments: list[str]) -> str:
    """Run drx at a terminal and give what it showed, colours included."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "50"}
    child = pexpect.spawn(
        str(DRX), arguments, dimensions=(50, WIDTH), env=environment, encoding="utf-8", timeout=300, cwd=HERE.parents[1]
    )
    child.expect(pexpect.EOF)
    child.close()
    shown = str(child.before)
    if child.exitstatus != 0:
        raise SystemExit(f"drx {' '.join(arguments)} ended with {child.exitstatus}:\n{shown}")
    return shown.replace("\r\n", "\n").rstrip()


def draw(name: str, command: str, shown: str) -> None:
    """Write docs/pictures/<name>.svg."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi(f"$ {command}\n{shown}"))
    svg = console.export_svg(title=command, unique_id=f"drx-{name}")
    (HERE / f"{name}.svg").write_text(FONT_FACE.sub("", svg))


def main() -> None:
    """Draw every picture."""
    draw("drill", "make drill", show(["drill", "db-drop", "--env", "sandbox"]))


if __name__ == "__main__":
    main()
