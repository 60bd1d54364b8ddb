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
        # Nothing asks the reader whether they want news.
        settings = self.home / "config" / "labconfig"
        settings.mkdir(parents=True)
        quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (settings / "page_config.json").write_text(json.dumps(quiet))
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
                    # Nothing that asks the network.
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

    def __init__(self, page, errors):
        self.page = page
        self.errors = errors

    def index(self, name):
        return [*CELLS, "ask"].index(name)

    def cell(self, name):
        """The cell of a name, on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.index(name))

    def run(self, name):
        """Run the cell of a name, and wait until the kernel has done so."""
        self.page.evaluate(
            """async index => {
                const {commands, shell} = window.jupyterapp;
                shell.currentWidget.content.activeCellIndex = index;
                await commands.execute('notebook:run-cell');
            }""",
            self.index(name),
        )
        return self.cell(name)

    def ask(self, code):
        """What the kernel prints for a piece of code."""
        self.page.evaluate(
            """([index, code]) => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.widgets[index].model.sharedModel.setSource(code);
            }""",
            [self.index("ask"), code],
        )
        self.run("ask")
        outputs = self.page.evaluate(
            """index => window.jupyterapp.shell.currentWidget.content.widgets[index]
                .model.outputs.toJSON()""",
            self.index("ask"),
        )
        return "".join(output.get("text", str(output)) for output in outputs).strip()

    def active(self):
        """The number of the active cell."""
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
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.url()}lab/tree/live.ipynb?token={TOKEN}")
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status
            === 'idle'""",
        timeout=60_000,
    )
    yield Lab(page, errors)
    context.close()


def turn(lab, cell, label, presses):
    """Press an arrow key on a slider, and say what stands beside it then."""
    slider = cell.get_by_label(label, exact=True).first
    slider.focus()
    before = lab.active()
    for _ in range(presses):
        lab.page.keyboard.press("ArrowRight")
    assert lab.active() == before, "the key moved the notebook's selection"
    return slider.get_attribute("aria-valuetext")


def numbers(cell):
    """The first line of the table of numbers."""
    return cell.locator(".adam-numbers tbody tr").first.inner_text().split()


def test_the_explorer_shows_and_is_tied_to_python_both_ways(lab):
    cell = lab.run("explorer")
    expect(cell.locator(".adam-explorer canvas").first).to_be_visible()
    expect(cell.locator(".adam-numbers tbody tr")).to_have_count(1)
    # Python moves the slider and the numbers.
    lab.ask("explorer.learning_rate = 0.3; explorer.step = 300")
    slider = cell.get_by_label("Learning rate α", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "0.3")
    loss = float(lab.ask("print(float(explorer.paths()['Adam'].loss[-1]))"))
    expect(cell.locator(".adam-time .adam-step")).to_have_text("step 300 of 300")
    name, _, _, shown, step = numbers(cell)
    assert (name, step) == ("Adam", "300")
    assert float(shown.replace("−", "-")) == pytest.approx(loss, rel=1e-3)
    # The slider moves Python.
    said = turn(lab, cell, "Learning rate α", 5)
    assert said != "0.3"
    expect(slider).to_have_attribute("aria-valuetext", said)
    assert float(lab.ask("print(explorer.learning_rate)")) == pytest.approx(float(said), rel=0.01)


def test_two_views_of_one_explorer_stay_in_step(lab):
    first, second = lab.cell("explorer"), lab.run("again")
    expect(second.locator(".adam-explorer")).to_be_visible()
    said = turn(lab, second, "β₁", 7)
    expect(first.get_by_label("β₁", exact=True)).to_have_attribute("aria-valuetext", said)


def test_reset_in_the_notebook_keeps_the_start_that_was_given(lab):
    cell = lab.cell("explorer")
    lab.ask("explorer.start = [0.5, 0.5]; explorer.landscape = 'saddle'")
    expect(cell.get_by_label("Landscape", exact=True)).to_have_value("saddle")
    assert lab.ask("print(explorer.start)") == "[1.5, 0.001]"
    cell.get_by_role("button", name="Reset").click()
    expect(cell.get_by_label("Landscape", exact=True)).to_have_value("rosenbrock")
    assert lab.ask("print(explorer.landscape, explorer.start)") == "rosenbrock [-1.5, 2.0]"


def test_it_composes_with_ipywidgets(lab):
    cell = lab.run("composed")
    expect(cell.locator(".adam-explorer")).to_be_visible()
    lab.ask("slider.value = 0.5")
    expect(cell.get_by_label("Learning rate α", exact=True)).to_have_attribute(
        "aria-valuetext", "0.5"
    )
    turn(lab, cell, "Learning rate α", 3)
    linked, last, held = lab.ask("print(slider.value, seen[-1], explorer.learning_rate)").split()
    assert linked == last == held != "0.5"


def test_sliders_redraw_and_an_error_leaves_the_last_picture(lab):
    cell = lab.run("sliders")
    picture = cell.locator("img").first
    expect(picture).to_be_visible()
    before = picture.get_attribute("src")
    handle = cell.locator("[role=slider]").first
    handle.focus()
    lab.page.keyboard.press("ArrowUp")
    expect(picture).not_to_have_attribute("src", before)
    good = picture.get_attribute("src")
    lab.ask("turned.sliders['learning_rate'].value = 0.9")
    expect(cell.get_by_role("alert")).to_contain_text("the rate is too high for me")
    assert picture.get_attribute("src") == good
    lab.ask("turned.sliders['learning_rate'].value = 0.2")
    expect(cell.get_by_role("alert")).to_have_count(0)


def test_nothing_went_wrong_on_the_page(lab):
    assert lab.errors == []
