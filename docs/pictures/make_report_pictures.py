"""Photograph a report.html as a phone, a laptop and a printer show it, light and dark, to be looked at.

Run `python docs/pictures/make_report_pictures.py drills/records/RUN/report.html [FOLDER]`. It needs chromium, and for
the printed pages pdftoppm (poppler-utils).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE, LAPTOP = 390, 1280
DARK = "--blink-settings=preferredColorScheme=0"
_NARROWEST = 500
"""No window of the browser is narrower: a phone is a frame inside of one."""


def main() -> int:
    """Give the exit code: 2 where something is missing that takes pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--height", type=int, default=1400, help="how much of the page is shown; 6000 shows most")
    arguments = parser.parse_args()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None or shutil.which("pdftoppm") is None:
        print("chromium and pdftoppm are needed: apt install chromium poppler-utils", file=sys.stderr)
        return 2
    report = arguments.report.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        frame = Path(scratch) / "phone.html"
        style = f"display: block; width: {PHONE}px; height: {arguments.height}px; margin: auto; border: 0"
        body = f'<iframe src="{report.as_uri()}" style="{style}"></iframe>'
        frame.write_text(f'<body style="margin: 0; background: #888">{body}</body>')
        size, folder = f",{arguments.height}", arguments.folder
        photograph(browser, report, f"{LAPTOP}{size}", folder / "report-laptop.png")
        photograph(browser, report, f"{LAPTOP}{size}", folder / "report-dark.png", DARK)
        photograph(browser, frame, f"{_NARROWEST}{size}", folder / "report-phone.png", "--allow-file-access-from-files")
        pdf = Path(scratch) / "report.pdf"
        chromium(browser, report, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
        subprocess.run(["pdftoppm", "-png", "-r", "60", str(pdf), str(folder / "report-print")], check=True)
    return 0


def photograph(browser: str, page: Path, size: str, picture: Path, *options: str) -> None:
    """Take one picture of a page, from its top."""
    chromium(browser, page, f"--window-size={size}", f"--screenshot={picture.resolve()}", *options)


def chromium(browser: str, page: Path, *options: str) -> None:
    """Let the browser do one thing without a window."""
    fixed = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    subprocess.run([browser, *fixed, *options, page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
