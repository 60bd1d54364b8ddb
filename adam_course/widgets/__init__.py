"""Sliders that are alive: on a static page, in JupyterLab, and on your own code.

`Explorer` races rules on a landscape, `Microscope` takes one step of Adam apart, `Quiz`
asks a question; all three run in the browser.  `sliders` puts ipywidgets on a Python
function of yours.
"""

from adam_course.widgets.explorer import Explorer
from adam_course.widgets.microscope import Microscope
from adam_course.widgets.quiz import Quiz
from adam_course.widgets.sliders import sliders

__all__ = ["Explorer", "Microscope", "Quiz", "sliders"]
