"""Print a document with Chromium, twice: what page something is on is known after the first."""

import io
import os
from contextlib import contextmanager

from playwright.sync_api import sync_playwright
from pypdf import PdfReader

from tools.browser import FLAGS, MISSING, find_chromium

PATIENCE = 180_000  # milliseconds, for thousands of formulas on a slow machine

SETTLED = """async () => {
  await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
FILL = """(pages) => {
  for (const place of document.querySelectorAll(".page-of")) {
    place.textContent = pages[place.dataset.of] ?? "?";
  }
}"""


class PrintingError(RuntimeError):
    """The document could not be printed as it should be."""


@contextmanager
def launched():
    """The browser of this machine."""
    path = find_chromium()
    if path is None:
        raise PrintingError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(document, browser):
    """The document, which may read files of this machine, and nothing else.

    Raises
    ------
    PrintingError
        In the end, if the page asked for something outside, or had an error.
    """
    wrong = []

    def judge(route):
        if route.request.url.startswith(("file:", "data:", "blob:")):
            return route.continue_()
        wrong.append(f"asked for {route.request.url}")
        return route.abort()

    # Twice the dots of a screen, for what explorers draw; as wide as the text is printed.
    page = browser.new_page(viewport={"width": 690, "height": 1000}, device_scale_factor=2)
    try:
        page.set_default_timeout(PATIENCE)
        page.route("**/*", judge)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(document.as_uri(), wait_until="load")
        yield page
    finally:
        page.close()
    if wrong:
        raise PrintingError("; ".join(wrong))


def pages_of(pdf):
    """The page on which each thing is that something leads to, by its id."""
    reader = PdfReader(io.BytesIO(pdf))
    return {
        name.lstrip("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


def print_document(document, target, browser, told=lambda words: None):
    """Print an HTML file to a PDF, which is put in place when it is whole.

    Parameters
    ----------
    document, target : Path
    browser : playwright Browser
        From `launched`.
    told : function
        Called with what is done now, in words.

    Raises
    ------
    PrintingError
        If the document asks for something outside, or the numbers of its pages do not come
        to rest.
    """
    beside = target.with_name(f".{target.name}.unfinished")
    try:
        with opened(document, browser) as page:
            told("typesetting the formulas")
            page.evaluate(SETTLED)
            options = {"prefer_css_page_size": True, "tagged": True, "outline": True}
            told("printing, to learn what is on which page")
            pages = pages_of(page.pdf(**options))
            page.evaluate(FILL, pages)
            told(f"printing {max(pages.values())} pages")
            pdf = page.pdf(**options, path=beside)
            if pages_of(pdf) != pages:
                raise PrintingError("with its numbers filled in the document has other pages")
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
