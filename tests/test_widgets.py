"""The Python side of the widgets: traits, refusals, and what they leave on a page."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import traitlets
from bs4 import BeautifulSoup

from adam_course import LANDSCAPES, OPTIMIZERS, Adam, NoisyGradient, minimize, quadratic, replay
from adam_course.widgets import Explorer, Microscope, assets
from adam_course.widgets.ranges import RANGES

KINDS = {"explorer": Explorer, "microscope": Microscope}
each_kind = pytest.mark.parametrize("kind", KINDS)


# ------------------------------------------------------------------------ state


@each_kind
def test_every_number_has_a_range_and_every_range_a_trait(kind):
    traits = KINDS[kind]().traits(described=True)
    numbers = {
        name
        for name, trait in traits.items()
        if not isinstance(trait, traitlets.Unicode | traitlets.Enum | traitlets.Dict)
        and name != "rules"
    }
    assert numbers == set(RANGES[kind])


@each_kind
def test_every_part_of_the_state_is_synchronised(kind):
    widget = KINDS[kind]()
    assert set(widget.state) <= set(widget.keys)
    assert set(widget.state) == set(widget.traits(described=True))


@each_kind
def test_ends_of_the_ranges_are_taken_and_beyond_them_refused(kind):
    for name, (low, high, whole) in RANGES[kind].items():
        widget = KINDS[kind]()
        held = getattr(widget, name)
        for value in (low, high):
            setattr(widget, name, [value] * len(held) if isinstance(held, list) else value)
        step = 1 if whole else 1e-6 * max(1, abs(high))
        for value in (low - step, high + step, float("nan"), float("inf"), "1", None, True):
            bad = [value] * len(held) if isinstance(held, list) else value
            with pytest.raises(traitlets.TraitError, match=f"^{name} must be "):
                setattr(widget, name, bad)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"landscape": "hills"}, "landscape"),
        ({"rules": ["SGD"]}, "^rules must be names among GradientDescent, .* got 'SGD'"),
        ({"rules": ["Adam", "Adam"]}, "^rules must name each rule once"),
        ({"learning_rate": -1}, "^learning_rate must be a number from 0 to 1e.06, got -1"),
        ({"beta1": 1}, "^beta1 must be a number from 0 to 0.999999, got 1"),
        ({"steps": 0}, "^steps must be a whole number from 1 to 5000, got 0"),
        ({"steps": 10.5}, "^steps must be a whole number .* got 10.5"),
        ({"start": [1.0]}, r"^start must be 2 numbers, got \[1.0\]"),
        ({"start": [1.0, float("nan")]}, "^start must be a number .* got nan"),
        ({"settings": {"SGD": {}}}, "^settings must be for rules among .* got 'SGD'"),
        ({"settings": {"Adam": {"momentum": 0.9}}}, r"^settings\['Adam'\] must be among .*'mom"),
        ({"settings": {"Adam": {"beta1": 1.5}}}, r"^settings\['Adam'\]: beta1 must be in"),
        ({"learning_rates": 0.1}, "^Explorer has no learning_rates; it has beta1, "),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        Explorer(**arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"gradients": []}, r"^gradients must be 1 to 200 numbers, got \[\]"),
        ({"gradients": [1.0] * 201}, "^gradients must be 1 to 200 numbers"),
        ({"gradients": [1.0, float("inf")]}, "^gradients must be a number .* got inf"),
        ({"step": 0}, "^step must be a whole number from 1 to 200, got 0"),
        ({"steps": 3}, "^Microscope has no steps"),
    ],
    ids=str,
)
def test_bad_arguments_of_the_microscope_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        Microscope(**arguments)


def test_a_new_landscape_brings_its_start():
    explorer = Explorer()
    explorer.landscape = "beale"
    assert tuple(explorer.start) == LANDSCAPES["beale"].start
    assert Explorer(landscape="saddle").start == [1.5, 0.001]
    assert Explorer(landscape="saddle", start=[1.0, 1.0]).start == [1.0, 1.0]


# ------------------------------------------------------------------------- runs


def test_paths_are_those_of_the_package():
    explorer = Explorer(
        condition=25,
        rotation=30,
        rules=["Adam", "Momentum"],
        learning_rate=0.05,
        momentum=0.8,
        settings={"Momentum": {"learning_rate": 0.004}},
        noise=0.5,
        sparsity=0.25,
        seed=3,
        steps=60,
        start=[1.0, 2.0],
    )
    landscape = quadratic(25, 30)
    noisy = NoisyGradient(landscape, 0.5, 0.25, 3)
    wanted = {
        "Adam": OPTIMIZERS["Adam"](0.05),
        "Momentum": OPTIMIZERS["Momentum"](0.004, 0.8),
    }
    assert explorer.optimizers() == wanted
    paths = explorer.paths()
    for name, opt in wanted.items():
        path = minimize(landscape, opt, [1.0, 2.0], 60, gradient=noisy)
        np.testing.assert_array_equal(paths[name].x, path.x)


def test_every_rule_runs_with_what_it_has():
    explorer = Explorer(rules=list(OPTIMIZERS), steps=3)
    assert list(explorer.paths()) == list(OPTIMIZERS)


def test_the_microscopes_path_is_a_replay():
    microscope = Microscope(gradients=[1.0, -2.0, 3.0], learning_rate=0.5, beta2=0.9)
    np.testing.assert_array_equal(
        microscope.path().x, replay(Adam(0.5, 0.9, 0.9), [1.0, -2.0, 3.0]).x
    )


# ------------------------------------------------------------- what they leave


@each_kind
def test_the_html_holds_the_whole_state_and_a_sentence(kind):
    widget = KINDS[kind](caption='Look at "this" & <that>\'s end')
    (place,) = BeautifulSoup(widget.to_html(), "html.parser").select("div.adam-widget")
    assert place["data-adam-widget"] == kind
    assert json.loads(place["data-adam-state"]) == widget.state
    assert len(place.get_text()) > 40


@each_kind
def test_a_notebook_gets_the_live_view_the_html_and_a_stable_text(kind):
    one, two = KINDS[kind](), KINDS[kind]()
    data, _ = one._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == one.to_html() == two.to_html()
    assert data["text/plain"] == repr(one) == repr(two) == f"{KINDS[kind].__name__}()"


def test_the_text_says_what_differs_from_the_defaults():
    assert repr(Explorer(beta1=0.5, steps=7, caption="x")) == "Explorer(beta1=0.5, steps=7)"


# ---------------------------------------------------------------------- sources


@each_kind
def test_the_module_exports_its_view_and_nothing_is_fetched(kind):
    text = assets.module(kind)
    assert text.endswith(f"export default {{ render: WIDGETS.{kind} }};\n")
    assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://|XMLHttpRequest", text, re.M)


def test_the_page_script_is_classic():
    text = assets.page_script()
    assert "export " not in text
    assert text.startswith("(() => {")


def test_every_file_of_the_front_end_is_used():
    used = {f"{name}.js" for name in (*assets.ENGINE, *assets.VIEWS, "page")} | {"widgets.css"}
    assert {path.name for path in assets.STATIC.iterdir()} == used


def test_the_data_covers_every_rule_and_the_landscapes_windows():
    assert set(assets.rule_data()) == set(OPTIMIZERS)
    for data in assets.landscape_data().values():
        (left, right), (bottom, top) = data["window"]
        assert left <= data["start"][0] <= right
        assert bottom <= data["start"][1] <= top


def test_the_package_loads_no_widget_library_by_itself():
    heavy = "{'anywidget', 'ipywidgets', 'IPython'}"
    code = f"import sys, adam_course; print(bool({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
