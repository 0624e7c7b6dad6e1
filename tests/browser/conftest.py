"""A browser for the tests of the page: Chromium as it is installed, driven by playwright."""

from __future__ import annotations

import os
import shutil

import pytest

from analyzer import CONVENTIONS
from analyzer.report.page import to_html

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Visit:
    """A page that is open: playwright's, with words for what is on it."""

    def __init__(self, page):
        self.page = page

    def __getattr__(self, name):
        return getattr(self.page, name)

    def box(self, label):
        """The drawn box of that label."""
        return self.page.locator(f'#graph [aria-label^="{label},"]').first

    def row(self, label):
        """The line of the list with that label."""
        return self.page.locator("#tree .row", has=self.page.locator(f'b:text-is("{label}")')).first

    def labels(self):
        """All labels in the list."""
        return self.page.locator("#tree .row b").all_text_contents()

    def selected(self):
        """What the details are about."""
        return self.page.locator("#details h2").text_content()

    def costs(self):
        """Title -> cells of the details' table."""
        rows = self.page.locator("#details table tr").all()[1:]
        return {row.locator("th").text_content(): row.locator("td").all_text_contents() for row in rows}

    def steady(self):
        """Until no layout is under way and what was asked for is drawn."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_selector("#busy", state="hidden")
        self.page.wait_for_timeout(350)


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: install Debian's chromium, or name one in the variable CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Write the page of an analysis, open it, and fail at the end if it said or asked for anything."""
    complaints = []

    def open_page(analysis, fragment="", changes=None, **options):
        file = tmp_path / "page.html"
        file.write_text(to_html(analysis, CONVENTIONS["flops"], changes), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1400, "height": 900}, **options)
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
        page.on("request", lambda request: None if is_its_own(request.url, file) else complaints.append(request.url))
        page.goto(f"{file.as_uri()}{fragment}")
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        pages.append(page)
        return Visit(page)

    pages = []
    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def is_its_own(url, file):
    """The page itself, its worker and its pictures; nothing that leaves it."""
    return url.partition("#")[0] == file.as_uri() or url.startswith("blob:")
