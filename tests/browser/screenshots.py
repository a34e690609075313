"""Takes the pictures of ``report.html`` that docs/ keeps: two widths, both colour schemes.

    python tests/browser/screenshots.py docs
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pages import a_page
from playwright.sync_api import sync_playwright

SIZES = {"wide": (1280, 900), "narrow": (420, 900)}


def main(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        url = a_page(Path(folder)).as_uri()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(url)
                page.screenshot(path=str(out / f"report-{name}-{scheme}.png"))
                if name == "wide":
                    page.click("a.mark.fail")
                    page.screenshot(path=str(out / f"report-case-{scheme}.png"))
                page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
