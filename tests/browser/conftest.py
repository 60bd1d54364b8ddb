"""A real browser, which may talk to this machine only."""

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from built import HTML
from playwright.sync_api import sync_playwright

from tools.browser import FLAGS, MISSING, find_chromium


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def served():
    """The address of the built book, served on this machine."""
    handler = functools.partial(Quiet, directory=HTML)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Visit:
    """An open page, with all that went wrong on it."""

    def __init__(self, page):
        self.page = page
        self.outside = []
        self.errors = []

    def refuse_the_world(self, home):
        def judge(route):
            url = route.request.url
            if url.startswith((home, "file:", "data:", "blob:")):
                route.continue_()
            else:
                self.outside.append(url)
                route.abort()

        self.page.route("**/*", judge)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.errors.append(f"{message.text} ({message.location['url']})")
                if message.type == "error"
                else None
            ),
        )


@pytest.fixture
def visit(chromium, served):
    """Open an address in a new window: visit(url, width=..., dark=...)."""
    contexts = []

    def open_page(url, width=1280, height=900, dark=False, **settings):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            **settings,
        )
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.refuse_the_world(served)
        visit.page.goto(url, wait_until="load")
        return visit

    yield open_page
    for context in contexts:
        context.close()
