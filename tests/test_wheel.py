"""What pip installs: complete, nothing more, and working without the repository."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "adam_course"
# Tests that use much of the package: every rule, the widgets with their JavaScript.
TESTS = ("test_optimizers.py", "test_widgets.py")
# What those import, and what holds for all tests.
HELP = ("conftest.py", "oracles.py")
# Python runs this when it starts: an editable install has put a repository on the path.
FORGET = """
import sys
from pathlib import Path

def has_another_copy(entry):
    return Path(entry) != Path({installed!r}) and (Path(entry) / "adam_course").is_dir()

sys.path[:] = [entry for entry in sys.path if not has_another_copy(entry)]
"""
# A plug-in of pytest: nothing of the package may have come from elsewhere.
GUARD = """
import sys
from pathlib import Path

def pytest_sessionfinish(session):
    installed = Path({installed!r})
    files = [Path(module.__file__) for name, module in list(sys.modules.items())
             if name.split(".")[0] == "adam_course" and getattr(module, "__file__", None)]
    assert files, "the package was not imported"
    strange = [str(file) for file in files if not file.is_relative_to(installed)]
    assert not strange, strange
    print(f"{{len(files)}} modules of the installed copy")
"""


def run(*command, cwd, **environment):
    """Run a command outside of the repository; its output, once it has ended well."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_git():
    """The package's files, as git has them or would have them."""
    listed = run(
        *("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", PACKAGE), cwd=ROOT
    )
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def build(source, target):
    """The wheel of a source folder, as pip builds it, with the pinned backend."""
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--no-index", "--wheel-dir", target, source),
        cwd=target,
    )
    (wheel,) = target.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder into which the wheel is installed, alone."""
    target = tmp_path_factory.mktemp("installed")
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
        *("--target", target, wheel),
        cwd=target,
    )
    return target


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == in_git()
    assert {Path(name).suffix for name in names - about} >= {".py", ".js", ".css"}
    assert {Path(name).name for name in about} == {"METADATA", "WHEEL", "RECORD", "LICENSE"}
    assert not [name for name in names if "test" in Path(name).name]


def test_the_sdist_makes_the_same_wheel(wheel, tmp_path):
    """What is in the archive of sources suffices to build from."""
    code = f"import flit_core.buildapi as b; print(b.build_sdist({str(tmp_path)!r}))"
    name = run(sys.executable, "-c", code, cwd=ROOT).split()[-1]
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / name.removesuffix(".tar.gz")
    assert {"LICENSE", "README.md", "pyproject.toml"} <= {path.name for path in source.iterdir()}
    again = build(source, tmp_path)
    assert again.name == wheel.name
    one, other = zipfile.ZipFile(wheel), zipfile.ZipFile(again)
    assert one.namelist() == other.namelist()
    assert all(one.read(name) == other.read(name) for name in one.namelist())


@pytest.fixture(scope="module")
def elsewhere(installed, tmp_path_factory):
    """A folder far from the repository, with some of its tests; and what leads to the wheel."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in (*TESTS, *HELP):
        shutil.copy(ROOT / "tests" / name, folder)
    for name, code in (("sitecustomize", FORGET), ("guard", GUARD)):
        text = code.format(installed=str(installed))
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return {"cwd": folder, "PYTHONPATH": f"{installed}{os.pathsep}{folder}"}


def test_the_wheel_asks_for_what_the_project_asks_for(installed, elsewhere):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (about,) = installed.glob("*.dist-info/METADATA")
    text = about.read_text(encoding="utf-8")
    for line in project["dependencies"]:
        assert f"Requires-Dist: {line}\n" in text
    for extra in project["optional-dependencies"]:
        assert f"Provides-Extra: {extra}\n" in text
    code = f"import {PACKAGE}; print({PACKAGE}.__version__)"
    version = run(sys.executable, "-c", code, **elsewhere).strip()
    assert f"Version: {version}\n" in text


def test_the_tests_pass_with_it_away_from_the_repository(installed, elsewhere):
    """Its own doctests, and tests of every rule and of the widgets."""
    output = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "guard", "-p", "no:cacheprovider"),
        *("-p", "no:nbval", "-W", "error", "--rootdir", elsewhere["cwd"]),
        *("--doctest-modules", installed / PACKAGE, *TESTS),
        **elsewhere,
    )
    assert "modules of the installed copy" in output
    assert re.search(r"\b\d{3,} passed", output)
    assert "skipped" not in output


# What needs more of the package than its Python files, or makes data.
USE = """
import adam_course
from adam_course import Adam, digits, minimize, reviews, rosenbrock
from adam_course.widgets import Explorer, Microscope, Quiz
from adam_course.widgets.assets import page_script, style

print(adam_course.__file__)
print(minimize(rosenbrock, Adam(0.1), start=(-1.5, 2), steps=1000).first_below(1e-3))
print(digits(size=16, test=100))
print(reviews(train=100, test=10))
for widget in (Explorer, Microscope, Quiz):
    assert "export default" in widget._esm and "render" in widget._esm, widget
assert "rosenbrock" in page_script()
assert "beale" in Explorer(landscape="beale").to_html()
assert ".adam-explorer" in style()
"""


def test_its_data_its_javascript_and_its_style_are_found(installed, elsewhere):
    output = run(sys.executable, "-c", USE, **elsewhere)
    place, steps, images, texts = output.splitlines()
    assert Path(place) == installed / PACKAGE / "__init__.py"
    assert steps == "638"
    assert images == "<Images 'digits': 1697 to train on, 100 to test on, 16 x 16>"
    assert texts.startswith("<Texts 'reviews': 100 to train on, 10 to test on")
