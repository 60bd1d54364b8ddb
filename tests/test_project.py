"""The project's own papers agree: what is wanted and what is pinned, the README, the changelog."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import adam_course
from adam_course.claims import claims_of
from tools.notebooks import chapters

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = {".py", ".md", ".yml", ".toml", ".ipynb", ".txt", ".js", ".css", ".cfg"}
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")


def wanted():
    """Every direct requirement: the package's, its extras' and the build's.

    What only a benchmark compares with is not installed, and not pinned.
    """
    optional = PROJECT["project"]["optional-dependencies"]
    extras = [lines for extra, lines in optional.items() if extra != "benchmarks"]
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]
    return [Requirement(line) for line in lines]


def pinned():
    """name -> (version, marker or None), from requirements.txt."""
    pins = {}
    for line in LOCK.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"not pinned: {line}"
            pins[canonicalize_name(requirement.name)] = (specifier.version, requirement.marker)
    return pins


def here(pins):
    """The pins that this machine installs."""
    return {name for name, (_, marker) in pins.items() if marker is None or marker.evaluate()}


def public(version):
    """A version without its local part: torch's CPU build is 2.13.0+cpu."""
    return Version(version).public


class TestRequirements:
    def test_say_how_they_are_made(self):
        assert "make lock" in LOCK.splitlines()[1]

    def test_pin_every_wanted_package_within_its_range(self):
        pins = pinned()
        for requirement in wanted():
            version, _ = pins[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} but pinned {version}"

    def test_are_what_is_installed(self):
        pins = pinned()
        for name in here(pins):
            try:
                installed = distribution(name).version
            except PackageNotFoundError:
                pytest.fail(f"{name} is pinned but not installed")
            assert public(installed) == pins[name][0], name

    def test_are_complete_and_hold_nothing_else(self):
        """The pins are the closure of what is wanted, as the installed packages tell it."""
        needed, waiting = set(), [(r, frozenset(r.extras)) for r in wanted()]
        seen = set()
        while waiting:
            requirement, extras = waiting.pop()
            name = canonicalize_name(requirement.name)
            if (name, extras) in seen:
                continue
            seen.add((name, extras))
            needed.add(name)
            for line in distribution(name).requires or ():
                further = Requirement(line)
                environments = [{"extra": extra} for extra in (*extras, "")]
                marker = further.marker or Marker("python_version > '3'")
                if any(marker.evaluate(environment) for environment in environments):
                    waiting.append((further, frozenset(further.extras)))
        # torch's CUDA build asks for NVIDIA's libraries, its CPU build does not.
        needed = {n for n in needed if not n.startswith(("nvidia-", "cuda-")) and n != "triton"}
        assert needed == here(pinned())

    def test_keep_to_the_given_lines(self):
        pins = pinned()
        assert pins["jupyter-book"][0].startswith("1.0.")
        assert pins["torch"][0] == "2.13.0"


class TestReadme:
    def test_names_targets_that_exist(self):
        targets = set(
            re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
        )
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.M))
        assert named
        assert named <= targets
        assert {"book", "test", "lab", "serve", "notebooks", "help"} <= targets

    def test_maps_every_chapter_to_a_name_of_the_package_and_a_test(self):
        rows = re.findall(
            r"^\| \d+ [^|]+ \| \[.+?\]\((.+?)\) \| `(\w+)` \| `(.+?)` \|$", README, flags=re.M
        )
        assert {ROOT / chapter for chapter, _, _ in rows} == set(ROOT.glob("book/[0-9]*.ipynb"))
        for _, name, test in rows:
            assert callable(getattr(adam_course, name))
            assert (ROOT / test).is_file()

    def test_states_how_many_claims_there_are(self):
        stored = [
            claim
            for path in chapters()
            for claim in claims_of(json.loads(path.read_text(encoding="utf-8")))
        ]
        (stated,) = re.findall(r"hold (\d+) claims", README)
        assert int(stated) == len(stored) >= 150

    def test_links_to_files_that_are_there(self):
        for target in re.findall(r"\]\(([^):]+)\)", README):
            assert (ROOT / target).exists(), target

    def test_its_example_gives_what_it_says(self):
        code = re.search(r"```python\n(from adam_course import Adam, .+?)```", README, flags=re.S)[
            1
        ]
        said = re.search(r"# (\d+)", code)[1]
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == said


def test_the_version_is_the_changelogs():
    newest = re.search(
        r"^## (\S+),", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M
    )
    assert newest[1] == adam_course.__version__
    assert f"version: {newest[1]}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_no_file_names_a_path_of_one_machine():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    pattern = re.compile(r"(?<![\w.])/(home|Users|root|work)/\w|(?<![\w.])/tmp/(?!ipykernel)\w")
    for name in filter(None, listed):
        path = ROOT / name
        if path.suffix in TEXT and path != Path(__file__):
            found = pattern.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name}: {found}"
