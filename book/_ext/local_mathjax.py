"""Formulas without a network: MathJax from the installed package, into the book.

The distribution sphinx-mathjax-offline carries MathJax's files in its wheel.  Only
those are copied that a page of formulas can ask for: the component that draws TeX as
SVG (which, unlike fonts, a browser accepts from disk) and what its menu loads.
"""

import shutil
from importlib.metadata import files
from pathlib import Path

DISTRIBUTION = "sphinx-mathjax-offline"
COMPONENT = "tex-svg.js"
ON_DEMAND = ("a11y/", "sre/", "ui/", "input/tex/extensions/")


def installed_files():
    """MathJax's files by their path below its folder."""
    found = {}
    for file in files(DISTRIBUTION) or ():
        parts = file.as_posix().split("static/mathjax/")
        if len(parts) == 2:
            found[parts[1]] = Path(file.locate())
    if COMPONENT not in found:
        raise FileNotFoundError(f"{DISTRIBUTION} is installed without {COMPONENT}")
    return found


def copy_mathjax(app, exception):
    """Put MathJax beside the built pages."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    for name, source in installed_files().items():
        if name == COMPONENT or name.startswith(ON_DEMAND):
            destination = target / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            if not destination.exists():
                shutil.copyfile(source, destination)


def use_local_mathjax(app, config):
    """Point Sphinx at the copy."""
    config.mathjax_path = f"mathjax/{COMPONENT}"


def setup(app):
    app.connect("config-inited", use_local_mathjax)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
