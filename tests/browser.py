"""The browser that tests show pages in, without a window."""

import shutil

import pytest

_FOUND = shutil.which("chromium") or shutil.which("google-chrome")
HEADLESS = (str(_FOUND), "--headless", "--no-sandbox", "--disable-gpu")
needs_browser = pytest.mark.skipif(_FOUND is None, reason="Chromium is not installed (Debian: chromium)")
