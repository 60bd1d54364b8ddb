"""Draw the picture of the README and the landing page: `python tools/picture.py`.

Left, three rules from one start on Himmelblau's function (an illustration, not a
race: no rate is tuned).  Right, what chapter 2 finds about bias correction.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from adam_course import (
    Adam,
    GradientDescent,
    Momentum,
    himmelblau,
    label_line,
    minimize,
    plot_contour,
    plot_trajectory,
    replay,
    use_style,
)

PICTURE = Path(__file__).parent.parent / "book" / "_static" / "adam.png"
RUNS = {  # each with where to write its name: beside which step, and how far from it
    "gradient descent": (GradientDescent(learning_rate=0.01), 0, (-52, -14)),
    "momentum": (Momentum(learning_rate=0.005), 13, (4, -22)),
    "Adam": (Adam(learning_rate=0.3), 8, (-34, 6)),
}


def draw_descents(ax):
    """Three rules, one start, two minima."""
    plot_contour(ax, himmelblau)
    for name, (optimizer, step, (dx, dy)) in RUNS.items():
        path = minimize(himmelblau, optimizer, steps=60)
        line = plot_trajectory(ax, path, every=2, label=name)
        label_line(ax, line, at=step, dx=dx, dy=dy)
    ax.set(title="One start, two minima")


def draw_correction(ax):
    """Step lengths on a constant gradient, with and without bias correction."""
    path = replay(Adam(learning_rate=1.0), np.ones(5000))
    m, v = path.state.m[1:], path.state.v[1:]
    for name, steps, colour, line, at in (
        ("Adam", -path.step, "#0072B2", "-", 2),
        ("Adam without bias correction", m / np.sqrt(v), "#D55E00", "--", 60),
    ):
        (drawn,) = ax.plot(path.t[1:], steps, color=colour, linestyle=line, label=name)
        label_line(ax, drawn, at=at, dx=6, dy=9)
    ax.set(
        title="Steps on a constant gradient",
        xscale="log",
        xlabel="step",
        ylabel="step length / learning rate",
        ylim=(0, 7),
    )


def draw():
    """The figure."""
    with mpl.rc_context():
        use_style()
        figure = Figure(figsize=(9.6, 4.0))
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
        draw_descents(left)
        draw_correction(right)
        return figure


def main(target=PICTURE):
    """Write the picture."""
    draw().savefig(target, dpi=150, metadata={"Software": None})
    print(target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
