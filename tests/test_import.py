"""Importing the package is light, its names are what it says, and its arrows point one way."""

import ast
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

import adam_course

PACKAGE = pathlib.Path(adam_course.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
MODULES += ["fused"]
MODULES += sorted(
    f"fused.{path.stem}" for path in PACKAGE.glob("fused/*.py") if path.stem != "__init__"
)

LOADED = """
import json, sys
{statement}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded_by(statement):
    """The top-level modules that a fresh Python has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,  # so that it imports the package that is tested here
    )
    return set(json.loads(done.stdout))


# --------------------------------------------------------------------- weight


@pytest.fixture(scope="module")
def beyond_numpy():
    return loaded_by("import adam_course") - loaded_by("import numpy")


def test_importing_the_package_loads_numpy_and_the_standard_library_alone(beyond_numpy):
    assert beyond_numpy - sys.stdlib_module_names == {"adam_course"}


def test_what_descends_and_claims_needs_numpy_alone_too():
    run = (
        "import adam_course as ac; "
        "path = ac.minimize(ac.rosenbrock, ac.Adam(0.1), steps=3); "
        "path.effective_rate, repr(path); "
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()): ac.claim('It is {}', 1, 1)"
    )
    loaded = loaded_by(run) - loaded_by("import numpy")
    assert loaded - sys.stdlib_module_names == {"adam_course"}


# A step of each engine, and a sweep of a size that the array form is quickest for.
STEP = (
    "import numpy as np; from adam_course import Adam; from adam_course.fused import Fused; "
    "Fused(Adam(), np.ones(2), engine='{engine}').step(np.ones(2))"
)
SWEEP = "from adam_course import bowl, sweep; sweep(bowl, learning_rate=[0.1, 0.2]{engine})"


@pytest.mark.parametrize(
    ("statement", "loads"),
    [
        ("import adam_course.tuning", False),
        ("import adam_course.fused, adam_course.fused.optimizer", False),
        (STEP.format(engine="numpy"), False),
        (STEP.format(engine="numba"), True),
        (SWEEP.format(engine=""), False),
        (SWEEP.format(engine=", engine='array'"), False),
        (SWEEP.format(engine=", engine='fused'"), True),
    ],
    ids=["tuning", "fused", "numpy", "numba", "small sweep", "array sweep", "fused sweep"],
)
def test_numba_is_loaded_by_what_it_compiles_and_by_nothing_else(statement, loads):
    assert ("numba" in loaded_by(statement)) == loads


@pytest.mark.parametrize("heavy", ["matplotlib", "tqdm"])
def test_the_check_above_can_fail(heavy):
    assert heavy in loaded_by(f"import adam_course, {heavy}")


def test_a_lazy_name_loads_its_module_on_first_use():
    assert "matplotlib" in loaded_by("from adam_course import plot_loss")
    assert "matplotlib" not in loaded_by("import adam_course; dir(adam_course)")


# ---------------------------------------------------------------------- names


def test_every_public_name_resolves():
    for name in adam_course.__all__:
        assert getattr(adam_course, name) is not None


def test_no_name_is_listed_twice_and_dir_lists_them_all():
    assert len(set(adam_course.__all__)) == len(adam_course.__all__)
    assert set(adam_course.__all__) <= set(dir(adam_course))


def test_everything_that_is_imported_at_the_top_is_public():
    public = {
        name
        for name, value in vars(adam_course).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "adam_course").startswith("adam_course")
    }
    assert public <= set(adam_course.__all__)


@pytest.mark.parametrize("name", adam_course._LAZY)
def test_every_lazy_name_is_that_of_its_module(name):
    module = importlib.import_module(f"adam_course.{adam_course._LAZY[name]}")
    assert getattr(adam_course, name) is getattr(module, name)


def test_every_rule_is_exported_by_its_name():
    for name, rule in adam_course.OPTIMIZERS.items():
        assert getattr(adam_course, name) is rule
        assert name in adam_course.__all__


def test_an_unknown_name_is_an_attribute_error_that_says_which():
    with pytest.raises(AttributeError, match=r"^module 'adam_course' has no attribute 'SGD'$"):
        adam_course.SGD  # noqa: B018


def test_the_version_is_a_release_number():
    assert re.fullmatch(r"\d+\.\d+\.\d+", adam_course.__version__)


# ---------------------------------------------------------------------- arrows

# What each module may import of the package.  `__init__` may import everything.
ARROWS = {
    "averages": set(),
    "checks": set(),
    "progress": set(),
    "hyperparameters": set(),
    "landscapes": set(),
    "network": {"checks", "progress"},
    "noise": set(),
    "sparse": {"checks", "noise"},
    "claims": set(),
    "downloads": set(),
    "reviews": set(),
    "datasets": {"checks", "downloads", "reviews"},
    "from_scratch": set(),
    "optimizer": {"hyperparameters"},
    "optimizers": {"averages", "optimizer"},
    "descent": {"checks", "landscapes", "optimizer", "progress"},
    "races": {"optimizer", "progress"},
    "scales": {"hyperparameters"},
    "trials": {"descent"},
    "tuning": {
        "checks",
        "descent",
        "fused.sweeps",
        "landscapes",
        "optimizer",
        "optimizers",
        "progress",
        "scales",
        "trials",
    },
    "fused": {"fused.optimizer"},
    "fused.blocks": set(),
    "fused.coefficients": {"optimizers"},
    "fused.containers": {"checks", "optimizer"},
    "fused.loops": set(),
    "fused.memory": set(),
    "fused.optimizer": {
        "checks",
        "fused.blocks",
        "fused.coefficients",
        "fused.containers",
        "fused.loops",
        "fused.memory",
        "optimizer",
    },
    "fused.side_by_side": set(),
    "fused.sweeps": {"fused.side_by_side", "landscapes", "optimizer", "optimizers"},
    "styles": {"optimizers"},
    "zoo": {"averages", "descent", "optimizers"},
    "plotting": {"styles", "landscapes", "descent", "scales", "tuning"},
}

# Who may import what from outside, beyond NumPy and the standard library; of these, what is
# imported inside a function is loaded on first use.
OUTSIDE = {
    "plotting": {"matplotlib"},
    "claims": {"IPython"},
    "progress": {"tqdm"},
    "datasets": {"sklearn", "tqdm"},
    "downloads": {"pooch", "requests", "tqdm", "urllib3"},
    "fused.loops": {"numba"},
    "fused.side_by_side": {"numba"},
    "races": {"pandas"},
    "zoo": {"pandas"},
    "trials": {"cloudpickle"},
    "tuning": {"pandas"},
}


def imports_of(source):
    """All modules that a source imports, anywhere in it, by their full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module in ("adam_course", "adam_course.fused"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def source_of(module):
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return path.read_text(encoding="utf-8")


def siblings(source):
    """The modules of the package that a source imports, or imports something from."""
    names = [name.split(".")[1:3] for name in imports_of(source) if name.startswith("adam_course.")]
    return {".".join(name) if ".".join(name) in MODULES else name[0] for name in names}


def test_the_reading_of_imports_finds_all_kinds():
    source = (
        "import adam_course.a\nfrom adam_course import b\nfrom adam_course.c import d\n"
        "def f():\n    import adam_course.e as e, numpy\n"
        "from adam_course.fused import Fused, blocks\nfrom adam_course.fused.loops import LOOPS\n"
    )
    assert siblings(source) == {"a", "b", "c", "e", "fused", "fused.blocks", "fused.loops"}
    assert "numpy" in set(imports_of(source))


@pytest.mark.parametrize("module", [name for name in MODULES if name in ARROWS])
def test_arrows_point_one_way(module):
    source = source_of(module)
    assert siblings(source) <= ARROWS[module]


def test_the_core_modules_are_all_there():
    core = {"averages", "hyperparameters", "landscapes", "claims"}
    core |= {"optimizer", "optimizers", "descent", "plotting", "tuning"}
    assert core <= set(MODULES)
    assert {name for name in MODULES if name.startswith("fused")} == {
        name for name in ARROWS if name.startswith("fused")
    }


def test_the_arrows_have_no_circle():
    graph = {module: siblings(source_of(module)) & set(MODULES) for module in MODULES}
    while graph:
        leaves = {module for module, needs in graph.items() if not needs & set(graph)}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {module: needs for module, needs in graph.items() if module not in leaves}


@pytest.mark.parametrize("module", [name for name in MODULES if name in ARROWS])
def test_each_module_uses_the_libraries_it_may(module):
    source = source_of(module)
    used = {name.partition(".")[0] for name in imports_of(source)}
    allowed = sys.stdlib_module_names | {"numpy", "adam_course"} | OUTSIDE.get(module, set())
    assert used <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_the_book_or_the_tests(module):
    source = source_of(module)
    assert not {name.partition(".")[0] for name in imports_of(source)} & {
        "book",
        "tests",
        "oracles",
    }


# ------------------------------------------------------------------ documented


@pytest.mark.parametrize("name", adam_course.__all__)
def test_every_public_function_and_class_has_a_docstring_that_opens_with_a_sentence(name):
    value = getattr(adam_course, name)
    if not callable(value) or isinstance(value, adam_course.Landscape):
        assert isinstance(value, dict | adam_course.Landscape)
        return
    first = inspect.getdoc(value).splitlines()[0]
    assert first.endswith("."), first
    assert len(first) <= 100


@pytest.mark.parametrize("rule", adam_course.OPTIMIZERS.values(), ids=adam_course.OPTIMIZERS)
def test_every_rules_docstring_has_its_defaults_an_example_and_its_source(rule):
    text = rule.__doc__
    assert ">>> " in text
    assert "Source: " in text
    assert "x_t = " in text or "x'_{t-1} = " in text, "its equation"
    defaults = rule().hyperparameters
    stated = dict(re.findall(r"`(\w+)`\s*\(([\d.e-]+)\)", text))
    assert {name: defaults[name] for name in stated} == {
        name: float(value) for name, value in stated.items()
    }
    missing = set(defaults) - set(stated)
    if missing:
        assert re.search(r"Adam's\s+(other\s+)?hyperparameters", text)
        adam = adam_course.Adam().hyperparameters
        assert {name: defaults[name] for name in missing} == {name: adam[name] for name in missing}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module):
    source = source_of(module)
    first = ast.get_docstring(ast.parse(source)).splitlines()[0]
    assert first.endswith((".", ":")), first
