"""The widgets in a real JupyterLab, with a kernel behind them, driven as a reader would."""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import expect

TOKEN = "a-token-for-tests"

# Each is a cell of the notebook; one empty cell follows, in which the tests run Python.
CELLS = {
    "explorer": """
from adam_course.widgets import Explorer
explorer = Explorer(landscape="rosenbrock", rules=["Adam"], steps=300)
explorer""",
    "again": "explorer",
    "composed": """
import ipywidgets
explorer = Explorer(landscape="rosenbrock", rules=["Adam"], steps=300)
seen = []
explorer.observe(lambda change: seen.append(change["new"]), names="learning_rate")
slider = ipywidgets.FloatSlider(min=0.01, max=1, step=0.01, description="linked")
link = ipywidgets.link((explorer, "learning_rate"), (slider, "value"))
ipywidgets.VBox([slider, explorer])""",
    "sliders": """
from adam_course import Adam, minimize, rosenbrock
from adam_course.widgets import sliders
def run(learning_rate=0.1):
    if learning_rate > 0.5:
        raise ArithmeticError("the rate is too high for me")
    return minimize(rosenbrock, Adam(learning_rate), steps=50)
turned = sliders(run, landscape=rosenbrock, learning_rate=(1e-4, 1))
turned""",
}


class Server:
    """A JupyterLab server in a folder of its own, and where it is."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.work = folder / "work"
        self.runtime = folder / "runtime"
        for path in (self.home, self.work, self.runtime):
            path.mkdir()
        # Nothing of the reader's own Jupyter is read or written.
        env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        env |= {
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
        }
        self.log = folder / "output.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"),
                    f"--ServerApp.root_dir={self.work}",
                    f"--IdentityProvider.token={TOKEN}",
                    "--expose-app-in-browser",
                    # Nothing that asks the network, or the reader.
                    "--LabApp.news_url=None",
                    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                    "--LabApp.extension_manager=readonly",
                ],
                env=env,
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def url(self):
        """The server's address, once it listens."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            for path in self.runtime.glob("jpserver-*.json"):
                try:
                    return json.loads(path.read_text())["url"]
                except ValueError:  # it is being written
                    pass
            time.sleep(0.05)
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text()}")

    def stop(self):
        """End the server, which ends its kernels."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Lab:
    """The notebook, open in JupyterLab."""

    def __init__(self, page):
        self.page = page

    def cell(self, name):
        """The cell of a name, on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth([*CELLS, "ask"].index(name))

    def run(self, name):
        """Run the cell of a name, and wait until the kernel has done so."""
        self.page.evaluate(
            """async index => {
                const {commands, shell} = window.jupyterapp;
                shell.currentWidget.content.activeCellIndex = index;
                await commands.execute('notebook:run-cell');
            }""",
            [*CELLS, "ask"].index(name),
        )
        return self.cell(name)

    def active(self):
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def lab(chromium, server):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code.strip()) for code in [*CELLS.values(), ""]],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, server.work / "live.ipynb")
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.on(
        "console",
        lambda m: print("CONSOLE", m.type, m.text[:300], m.location) if m.type != "log" else None,
    )
    page.on("pageerror", lambda m: print("PAGEERROR", m))
    page.on(
        "request",
        lambda r: (
            print("OUT", r.url) if not r.url.startswith((server.url(), "data:", "blob:")) else None
        ),
    )
    t = time.time()
    page.goto(f"{server.url()}lab/tree/live.ipynb?token={TOKEN}")
    print("goto", time.time() - t)
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status
            === 'idle'""",
        timeout=60_000,
    )
    print("idle", time.time() - t)
    yield Lab(page)
    context.close()


def test_explorer(lab):
    page = lab.page
    page.keyboard.press("Escape")
    cell = lab.run("sliders")
    expect(cell.locator("img")).to_be_visible()
    print(cell.locator(".jp-OutputArea-output").first.inner_html()[:3000])
    src = cell.locator("img").first.get_attribute("src")
    h = cell.locator("[role=slider]").first
    h.focus()
    print(lab.active(), h.get_attribute("aria-valuenow"))
    for key in ["ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "Home", "End"]:
        h.focus()
        page.keyboard.press(key)
        page.wait_for_timeout(700)
        print(
            key,
            lab.active(),
            h.get_attribute("aria-valuenow"),
            cell.locator("img").first.get_attribute("src") == src,
            cell.inner_text()[-300:],
        )
    page.screenshot(path="/tmp/lab2.png")
