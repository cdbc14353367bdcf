"""Photograph pages as a phone, a laptop and a printer show them, light and dark, to be looked at before a commit.

Run `python -m docs.pictures.make_page_pictures [PAGE.html ...]`; without a page, it takes every kind that drx writes.
The pictures go to build/pages. It needs chromium, and for the printed pages pdftoppm (poppler-utils).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser import HEADLESS
from tests.reports.every_page import every_page

SIZES = {"phone": 390, "laptop": 1280}
SCHEMES = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",)}
_NARROWEST = 500
"""No window of the browser is narrower: a phone is a frame in the left of one."""


def main() -> int:
    """Give the exit code: 2 where something is missing that takes pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path, nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("build/pages"))
    parser.add_argument("--height", type=int, default=6000, help="how much of each page is shown, from its top")
    arguments = parser.parse_args()
    if not (shutil.which(HEADLESS[0]) and shutil.which("pdftoppm")):
        print("chromium and pdftoppm are needed: apt install chromium poppler-utils", file=sys.stderr)
        return 2
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for page in arguments.pages or _written(Path(scratch)):
            _photograph(page.resolve(), arguments.folder.resolve(), arguments.height)
            print(f"{arguments.folder}/{page.stem}-*.png", flush=True)
    return 0


def _written(folder: Path) -> list[Path]:
    pages = every_page()
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page)
    return [folder / f"{name}.html" for name in sorted(pages)]


def _photograph(page: Path, folder: Path, height: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for size, width in SIZES.items():
            frame = Path(scratch) / "frame.html"
            style = f"display: block; width: {width}px; height: {height}px; border: 0"
            frame.write_text(f'<body style="margin: 0"><iframe src="{page.as_uri()}" style="{style}"></iframe>')
            for scheme, options in SCHEMES.items():
                picture = folder / f"{page.stem}-{size}-{scheme}.png"
                window = f"--window-size={max(width, _NARROWEST)},{height}"
                _chromium(frame, window, f"--screenshot={picture}", "--allow-file-access-from-files", *options)
        pdf = Path(scratch) / "page.pdf"
        _chromium(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
        subprocess.run(["pdftoppm", "-png", "-r", "60", str(pdf), str(folder / f"{page.stem}-print")], check=True)


def _chromium(page: Path, *options: str) -> None:
    """Let the browser do one thing without a window."""
    subprocess.run([*HEADLESS, "--hide-scrollbars", *options, page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
