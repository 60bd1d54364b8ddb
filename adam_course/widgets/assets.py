"""The front end of the widgets, put together from plain files.

A widget is Python traits here and JavaScript in `static/`.  The JavaScript is written as
plain files without imports, so that joining them in order is all the building there is:

- `module(name)`: for a live notebook, one ES module whose default export has `render`;
- `page_script()`: for a static page, one classic script that runs from disk too (a browser
  loads no modules from disk) and mounts every widget that it finds on the page.

What Python knows already (the rules' hyperparameters, the landscapes' windows, the styles)
is handed over as JSON, not written twice.
"""

import json
from functools import cache
from pathlib import Path

from adam_course.landscapes import LANDSCAPES
from adam_course.optimizers import OPTIMIZERS
from adam_course.styles import BROWSER_STYLES
from adam_course.widgets.ranges import RANGES

STATIC = Path(__file__).parent / "static"

# In this order: each file uses what stands before it.
ENGINE = ("noise", "landscapes", "rules", "engine")
VIEWS = ("dom", "plot", "explorer", "microscope", "quiz", "views")

# The landscapes that an Explorer offers; the quadratics are one, with sliders.
_OFFERED = {
    "quadratic": ("Quadratic bowl", "bowl"),
    "rosenbrock": ("Rosenbrock's valley", "rosenbrock"),
    "beale": ("Beale", "beale"),
    "himmelblau": ("Himmelblau, four minima", "himmelblau"),
    "saddle": ("Saddle", "saddle"),
    "styblinski_tang": ("Styblinski–Tang", "styblinski_tang"),
}
OFFERED = tuple(_OFFERED)


def landscape_data():
    """What the front end must know of each landscape besides its functions."""
    return {
        key: {
            "label": label,
            "minima": LANDSCAPES[name].minima,
            "start": LANDSCAPES[name].start,
            "window": LANDSCAPES[name].window,
        }
        for key, (label, name) in _OFFERED.items()
    }


def rule_data():
    """The hyperparameters of each rule with their defaults."""
    return {name: rule().hyperparameters for name, rule in OPTIMIZERS.items()}


@cache
def source():
    """All JavaScript of the widgets, as one text without imports or exports."""
    data = {
        "RULE_DATA": rule_data(),
        "LANDSCAPE_DATA": landscape_data(),
        "STYLES": BROWSER_STYLES,
        "RANGES": RANGES,
    }
    parts = [f"const {name} = {json.dumps(value)};" for name, value in data.items()]
    parts += [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in (*ENGINE, *VIEWS)]
    return "\n".join(parts)


def module(name):
    """The ES module of one widget, for a live notebook."""
    return f"{source()}\nexport default {{ render: WIDGETS.{name} }};\n"


def page_script():
    """The script of a static page, which mounts the widgets that stand in it."""
    page = (STATIC / "page.js").read_text(encoding="utf-8")
    return f'(() => {{\n"use strict";\n{source()}\n{page}\n}})();\n'


@cache
def style():
    """The style sheet of all widgets."""
    return (STATIC / "widgets.css").read_text(encoding="utf-8")
