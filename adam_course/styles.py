"""How each rule looks, in every figure and every widget of the course.

A rule has the same colour, line and marker everywhere, so that no picture depends on
colour alone.
"""

from itertools import cycle

from adam_course.optimizers import OPTIMIZERS

# Okabe and Ito's colours, which colour-blind readers can tell apart, darkened where
# a thin line on white would be too pale.
COLOURS = ("#0072B2", "#D55E00", "#007A5A", "#B5478B", "#B07A00", "#2B2B2B", "#3A8FC7")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

INK = "#2B2B2B"
FAINT = "#8A8A8A"

_STORY = ("Adam", "GradientDescent", "Momentum", "RMSProp", "AdaGrad", "SignDescent", "Nesterov")
_ORDER = (*_STORY, *(name for name in OPTIMIZERS if name not in _STORY))

# How each rule is drawn: keyword arguments of Axes.plot.
STYLES = {
    name: {"color": colour, "linestyle": line, "marker": marker}
    for name, colour, line, marker in zip(_ORDER, cycle(COLOURS), cycle(LINES), cycle(MARKERS))
}

# Matplotlib's names for lines as dashes on a canvas, in pixels.
_DASHES = {"-": [], "--": [6, 3], "-.": [7, 3, 2, 3], ":": [2, 3], LINES[-1]: [8, 2, 2, 2, 2, 2]}

# The same looks for a canvas in the browser.
BROWSER_STYLES = {
    name: {
        "color": style["color"],
        "dash": _DASHES[style["linestyle"]],
        "marker": style["marker"],
    }
    for name, style in STYLES.items()
}
