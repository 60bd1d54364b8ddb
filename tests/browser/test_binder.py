"""Binder's steps in a clean environment, and chapter 1 run there in a browser.

What Binder's image holds is read from repo2docker's own files, and the repository's two
scripts are run as its image would.  It needs an index of packages and most of a minute, so it
is done where CI is "true", and elsewhere if ADAM_COURSE_BINDER is set.
"""

import os
import socket
import subprocess

import nbformat
import pytest
from built import ROOT
from playwright.sync_api import expect

from tools.binder_try import TOKEN, Place, ask, has_extensions

PATIENCE = 60_000  # milliseconds

if os.environ.get("CI") != "true" and not os.environ.get("ADAM_COURSE_BINDER"):
    pytest.skip("set ADAM_COURSE_BINDER to install what Binder does", allow_module_level=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("binder"))
    place.prepare(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return place


@pytest.fixture(scope="module")
def home(place, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "output.txt"
    with log.open("w") as output:
        server = place.serve(
            port, "--expose-app-in-browser", stdout=output, stderr=subprocess.STDOUT
        )
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(30)


@pytest.fixture(scope="module")
def opened(chromium, home):
    """Chapter 1, where the button of its page leads."""
    ask(f"{home}/api")
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    # What Binder's own extensions ask for is not there; nothing else may be asked outside.
    page.route(lambda url: not url.startswith((home, "data:", "blob:")), lambda r: r.abort())
    page.goto(f"{home}/lab/tree/book/01_introduction.ipynb?token={TOKEN}")
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status
            === 'idle'""",
        timeout=PATIENCE,
    )
    yield page
    context.close()


def test_the_package_is_the_repositorys_own(place):
    asked = place.run(
        *("binder/start", "python", "-c", "import adam_course; print(adam_course.__file__)"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == str(place.repository / "adam_course" / "__init__.py")


def test_the_server_has_what_the_widgets_need(home):
    assert has_extensions(home)


def test_chapter_1_runs_there_from_top_to_bottom(opened):
    # Not awaited here: the browser may throw away a promise that only Playwright awaits.
    opened.evaluate(
        """() => {
            const {commands, shell} = window.jupyterapp;
            const {cells} = shell.currentWidget.content.model;
            commands.execute('notebook:run-all-cells').finally(() => {
                window.ran = [...cells].filter((cell) => cell.type === 'code').map((cell) => ({
                    count: cell.executionCount,
                    outputs: cell.outputs.toJSON(),
                }));
            });
        }"""
    )
    ran = opened.wait_for_function("() => window.ran", timeout=PATIENCE).json_value()
    assert [cell["count"] for cell in ran] == list(range(1, len(ran) + 1))
    outputs = [output for cell in ran for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    claims = [output for output in outputs if 'class="claim"' in str(output.get("data", {}))]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    stored = nbformat.read(ROOT / "book" / "01_introduction.ipynb", 4)
    held = [output for cell in stored.cells for output in cell.get("outputs", [])]
    assert len(claims) == len([o for o in held if 'class="claim"' in str(o.get("data", {}))]) > 0
    assert len(pictures) == len([o for o in held if "image/png" in o.get("data", {})]) > 0


def test_its_explorer_is_alive_there(opened):
    explorer = opened.locator(".jp-Notebook .adam-explorer").first
    explorer.scroll_into_view_if_needed()
    expect(explorer.locator("canvas").first).to_be_visible(timeout=PATIENCE)
    before = explorer.locator(".adam-step").inner_text()
    explorer.get_by_label("Step", exact=True).focus()
    opened.keyboard.press("ArrowLeft")
    expect(explorer.locator(".adam-step")).not_to_have_text(before, timeout=PATIENCE)
