"""The widgets in a real JupyterLab, with a kernel behind them, used as a reader would."""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import expect

TOKEN = "a-token-for-tests"
PATIENCE = 20_000  # milliseconds, for what takes far less than one second on an idle machine

# The cells of the notebook; after them comes an empty one, in which the tests run Python.
CELLS = {
    "explorer": """
from adam_course.widgets import Explorer
explorer = Explorer(landscape="rosenbrock", rules=["Adam"], steps=300)
explorer""",
    "again": "explorer",
    "linked": """
import ipywidgets
from adam_course.widgets import Explorer
linked = Explorer(landscape="rosenbrock", rules=["Adam"], steps=300)
slider = ipywidgets.FloatSlider(min=0, max=1, step=0.001, readout_format=".3f")
link = ipywidgets.link((linked, "learning_rate"), (slider, "value"))
seen = []
linked.observe(lambda change: seen.append(change["new"]), names="learning_rate")
ipywidgets.VBox([slider, linked])""",
    "microscope": """
from adam_course.widgets import Microscope
microscope = Microscope(gradients=[1.0, 1.0, -1.0])
microscope""",
    "sliders": """
from adam_course import Adam, minimize, rosenbrock
from adam_course.widgets import sliders
def run(learning_rate=0.1):
    if learning_rate > 0.5:
        raise ArithmeticError("this rate is too high")
    return minimize(rosenbrock, Adam(learning_rate), steps=50)
turned = sliders(run, landscape=rosenbrock, learning_rate=(1e-4, 1))
turned""",
}
PLACES = [*CELLS, "python"]


class Server:
    """A JupyterLab server that reads and writes in a folder of its own."""

    def __init__(self, folder):
        self.work = folder / "work"
        self.runtime = folder / "runtime"
        self.log = folder / "output.txt"
        settings = folder / "config" / "labconfig"
        for path in (self.work, self.runtime, settings):
            path.mkdir(parents=True)
        # Else JupyterLab asks whether it may fetch news, in a box that covers the page.
        quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (settings / "page_config.json").write_text(json.dumps(quiet), encoding="utf-8")
        env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        env |= {
            "HOME": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
        }
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
                    return json.loads(path.read_text(encoding="utf-8"))["url"]
                except ValueError:
                    pass  # it is being written
            time.sleep(0.05)
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text(errors='replace')}")

    def stop(self):
        """End the server, which ends its kernels before itself."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Lab:
    """The notebook, open in JupyterLab, and all that went wrong there."""

    def __init__(self, page, home):
        self.page = page
        self.outside = []
        self.errors = []
        page.set_default_timeout(PATIENCE)
        page.route(lambda url: not url.startswith((home, "data:", "blob:")), self._refuse)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)

    def _refuse(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def _listen(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location['url']})")

    def cell(self, name):
        """The cell of a name, on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(PLACES.index(name))

    def run(self, name, code=None):
        """Run a cell, with new code if given, and return what it printed."""
        # Not awaited here: the browser may throw away a promise that only Playwright awaits.
        self.page.evaluate(
            """([index, code]) => {
                const {commands, shell} = window.jupyterapp;
                const notebook = shell.currentWidget.content;
                notebook.activeCellIndex = index;
                const {model} = notebook.activeCell;
                if (code !== null) model.sharedModel.setSource(code);
                window.outputs = null;
                commands.execute('notebook:run-cell').finally(() => {
                    window.outputs = model.outputs.toJSON();
                });
            }""",
            [PLACES.index(name), code],
        )
        outputs = self.page.wait_for_function("() => window.outputs").json_value()
        for output in outputs:
            assert output["output_type"] != "error", "\n".join(output["traceback"])
        return "".join(output.get("text", "") for output in outputs)

    def python(self, code):
        """Run code in the last cell."""
        return self.run("python", code)

    def ask(self, expression):
        """What an expression is in the kernel."""
        return json.loads(self.python(f"import json\nprint(json.dumps({expression}))"))

    def ask_until(self, expression, wanted):
        """Ask until it is so: the front end holds messages back while the kernel works."""
        deadline = time.monotonic() + PATIENCE / 1000
        while (got := self.ask(expression)) != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        assert got == wanted, expression

    def active(self):
        """The number of the active cell."""
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
        )


class Panel:
    """An Explorer or a Microscope on the page."""

    def __init__(self, cell):
        self.node = cell.locator(".adam-explorer, .adam-microscope")

    def input(self, label):
        return self.node.get_by_label(label, exact=True)

    def press(self, label, *keys):
        """Focus a control, then press keys."""
        self.input(label).focus()
        for key in keys:
            self.node.page.keyboard.press(key)

    def shows(self, label, text):
        """Wait until a slider stands at a number, for the ear and for the eye."""
        expect(self.input(label)).to_have_attribute("aria-valuetext", text, timeout=PATIENCE)
        row = self.node.locator(".adam-slider").filter(has=self.node.page.get_by_label(label))
        expect(row.locator(".adam-output")).to_have_text(text, timeout=PATIENCE)

    def says(self, text):
        """Wait until the marked step is given in these words."""
        expect(self.node.locator(".adam-step")).to_have_text(text, timeout=PATIENCE)

    def rows(self):
        """The texts of the table."""
        return [
            row.locator("th, td").all_inner_texts() for row in self.node.locator("tbody tr").all()
        ]


def number(text):
    return float(text.replace("−", "-"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def opened(chromium, server):
    codes = [code.strip() for code in [*CELLS.values(), ""]]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code) for code in codes],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, server.work / "live.ipynb")
    home = server.url()
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    lab = Lab(context.new_page(), home)
    lab.page.goto(f"{home}lab/tree/live.ipynb?token={TOKEN}")
    lab.page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status
            === 'idle'""",
        timeout=60_000,
    )
    yield lab
    context.close()


@pytest.fixture
def lab(opened):
    """The notebook; what goes wrong in the browser fails the test in which it does."""
    yield opened
    wrong = opened.errors + opened.outside
    opened.errors.clear()
    opened.outside.clear()
    assert wrong == []


@pytest.fixture(scope="module")
def shown(opened):
    """The Explorer, shown by a cell that was run as most readers run one."""
    opened.cell("explorer").locator(".cm-content").click()
    opened.page.keyboard.press("Shift+Enter")
    panel = Panel(opened.cell("explorer"))
    expect(panel.node).to_be_visible(timeout=PATIENCE)
    return panel


def test_explorer_is_shown(lab, shown):
    expect(shown.node.locator("canvas").first).to_be_visible()
    expect(shown.input("Adam")).to_be_checked()
    expect(shown.input("GradientDescent")).not_to_be_checked()
    assert shown.rows() == [["Adam", "−1.5", "2", "12.5", "0"]]


def test_python_moves_the_explorer(lab, shown):
    lab.python("explorer.learning_rate = 0.1\nexplorer.step = 300")
    shown.shows("Learning rate α", "0.1")
    shown.says("step 300 of 300")
    before = shown.rows()
    lab.python("explorer.learning_rate = 0.3")
    shown.shows("Learning rate α", "0.3")
    after = shown.rows()
    assert after != before
    computed = lab.ask(
        "[[*map(float, path.x[-1]), float(path.loss[-1])] for path in explorer.paths().values()]"
    )
    assert [(row[0], row[4]) for row in after] == [("Adam", "300")]
    for row, numbers in zip(after, computed, strict=True):
        assert [number(text) for text in row[1:4]] == [float(f"{n:.4g}") for n in numbers]


def test_the_keyboard_moves_the_explorer_and_python_sees_it(lab, shown):
    label = "Learning rate α"
    lab.python("explorer.learning_rate = 0.1")
    shown.shows(label, "0.1")
    shown.input(label).focus()
    before = lab.active()
    shown.press(label, *["ArrowRight"] * 5)
    shown.shows(label, "0.112")
    # With up and down one walks from cell to cell, but not from here.
    shown.press(label, "ArrowUp", "ArrowUp", "ArrowDown")
    shown.shows(label, "0.115")
    assert lab.active() == before == PLACES.index("explorer")
    expect(shown.input(label)).to_be_focused()
    lab.ask_until("explorer.learning_rate", 0.115)


def test_two_views_stay_in_step(lab, shown):
    lab.run("again")
    second = Panel(lab.cell("again"))
    lab.python("explorer.learning_rate = 0.2\nexplorer.step = 100")
    for panel in (shown, second):
        panel.shows("Learning rate α", "0.2")
        panel.says("step 100 of 300")
    assert second.rows() == shown.rows()
    second.press("Learning rate α", *["ArrowRight"] * 3)
    second.press("Step", "ArrowRight")
    for panel in (shown, second):
        panel.shows("Learning rate α", "0.214")
        panel.says("step 101 of 300")
    assert second.rows() == shown.rows()
    # The cell is run once more: its view is replaced, and the other is none the worse.
    lab.run("again")
    expect(second.node).to_have_count(1, timeout=PATIENCE)
    lab.python("explorer.learning_rate = 0.25")
    for panel in (shown, second):
        panel.shows("Learning rate α", "0.25")


def test_reset_keeps_the_start_that_was_given(lab, shown):
    lab.python("explorer.start = [0.5, 0.5]\nexplorer.landscape = 'saddle'")
    expect(shown.input("Landscape")).to_have_value("saddle", timeout=PATIENCE)
    assert lab.ask("explorer.start") == [1.5, 0.001]
    shown.node.get_by_role("button", name="Reset").click()
    expect(shown.input("Landscape")).to_have_value("rosenbrock", timeout=PATIENCE)
    lab.ask_until("[explorer.landscape, explorer.start]", ["rosenbrock", [-1.5, 2.0]])


def test_explorer_is_linked_to_another_widget(lab):
    lab.run("linked")
    cell = lab.cell("linked")
    panel = Panel(cell)
    readout = cell.locator(".widget-readout")
    panel.shows("Learning rate α", "0.1")
    expect(readout).to_have_text("0.100", timeout=PATIENCE)

    lab.python("slider.value = 0.42")
    panel.shows("Learning rate α", "0.42")
    lab.python("linked.learning_rate = 0.2")
    expect(readout).to_have_text("0.200", timeout=PATIENCE)
    panel.shows("Learning rate α", "0.2")
    # Compared with few digits: that slider answers with its own rounding of what it is set to.
    assert lab.ask("list(dict.fromkeys(round(rate, 6) for rate in seen))") == [0.42, 0.2]

    cell.locator(".noUi-handle").focus()
    lab.page.keyboard.press("ArrowRight")
    panel.shows("Learning rate α", "0.201")
    for shown in ("0.204", "0.209", "0.214"):
        # One after the other: its answer to one key would overwrite what the next one set.
        panel.press("Learning rate α", "ArrowRight")
        panel.shows("Learning rate α", shown)
        expect(readout).to_have_text(shown, timeout=PATIENCE)
    numbers = "[round(rate, 6) for rate in (linked.learning_rate, slider.value, seen[-1])]"
    lab.ask_until(numbers, [0.214] * 3)


def test_microscope_takes_what_is_typed(lab):
    lab.run("microscope")
    panel = Panel(lab.cell("microscope"))
    panel.says("step 1 of 3")
    label = "Your own, with commas"
    panel.input(label).focus()
    before = lab.active()
    # The letters are shortcuts too, which would cut and delete cells.
    keys = ["Control+a", *"1,-2", "x", "d", "d", *["Backspace"] * 3, "Enter"]
    panel.press(label, *keys)
    panel.says("step 1 of 2")
    panel.press("Step", "ArrowRight")
    panel.says("step 2 of 2")
    assert lab.active() == before
    expect(lab.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(PLACES))
    lab.ask_until("[microscope.gradients, microscope.step]", [[1.0, -2.0], 2])


def test_arrow_keys_on_what_scrolls_stay_there(lab):
    for name, part in (("microscope", ".adam-numbers"), ("explorer", ".adam-numbers")):
        lab.cell(name).locator(part).first.focus()
        before = lab.active()
        lab.page.keyboard.press("ArrowDown")
        lab.page.keyboard.press("ArrowUp")
        lab.page.keyboard.press("ArrowUp")
        assert lab.active() == before
        assert lab.cell(name).locator(part).first.evaluate("n => n === document.activeElement")


def test_sliders_redraw_and_an_error_leaves_the_last_picture(lab):
    lab.run("sliders")
    cell = lab.cell("sliders")
    picture = cell.locator("img")
    alert = cell.get_by_role("alert")
    handle = cell.locator(".noUi-handle")
    expect(cell).to_contain_text("learning_rate = 0.1;", timeout=PATIENCE)
    expect(picture).to_be_visible(timeout=PATIENCE)
    first = picture.get_attribute("src")
    handle.focus()
    lab.page.keyboard.press("ArrowRight")
    expect(cell).to_contain_text("learning_rate = 0.102;", timeout=PATIENCE)
    expect(picture).not_to_have_attribute("src", first, timeout=PATIENCE)
    second = picture.get_attribute("src")

    # To its end, where the function refuses.
    handle.focus()
    lab.page.keyboard.press("End")
    expect(alert).to_contain_text("ArithmeticError: this rate is too high", timeout=PATIENCE)
    expect(picture).to_be_visible()
    assert picture.get_attribute("src") == second
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")

    handle.focus()
    lab.page.keyboard.press("Home")
    expect(cell).to_contain_text("learning_rate = 0.0001;", timeout=PATIENCE)
    expect(alert).to_have_count(0, timeout=PATIENCE)
    expect(picture).not_to_have_attribute("src", second, timeout=PATIENCE)
    assert lab.ask("turned.values") == {"learning_rate": 0.0001}
