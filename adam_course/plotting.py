"""Pictures of landscapes and descents.

Every function draws on axes it is given and returns the artists it made; none
calls show.  A rule has the same colour, line and marker in every figure of the
course (`styles.STYLES`), so that no figure depends on colour alone.
"""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from adam_course.styles import COLOURS, FAINT, INK, STYLES

CONTOUR = LinearSegmentedColormap.from_list("contour", ["#5B6C7D", "#C9D3DC"])


def use_style():
    """Set Matplotlib up for the course: call it once at the top of a notebook.

    Examples
    --------
    >>> use_style()
    """
    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
            "figure.dpi": 100,
            "savefig.dpi": 180,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.labelcolor": INK,
            "axes.edgecolor": FAINT,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E6E6E6",
            "grid.linewidth": 0.7,
            "xtick.color": INK,
            "ytick.color": INK,
            "lines.linewidth": 1.6,
            "legend.frameon": False,
            "axes.prop_cycle": mpl.cycler(color=COLOURS),
        }
    )


def style_of(rule):
    """Colour, line style and marker of a rule, given as an optimizer, a class or a name.

    Examples
    --------
    >>> style_of("Adam")
    {'color': '#0072B2', 'linestyle': '-', 'marker': 'o'}
    """
    if not isinstance(rule, str):
        rule = (rule if isinstance(rule, type) else type(rule)).__name__
    if rule not in STYLES:
        raise ValueError(f"rule must be one of {', '.join(STYLES)}, got {rule!r}")
    return dict(STYLES[rule])


def plot_contour(ax, objective, xrange=None, yrange=None, levels=14, points=201):
    """Draw the contours of a function of two coordinates, in equal aspect.

    Parameters
    ----------
    ax : Axes
    objective : Landscape, or function of points (..., 2) to (...)
    xrange, yrange : (low, high)
        Default: the landscape's window.
    levels : int or increasing sequence
        A number of levels is spread so that the gaps grow with the height above
        the lowest point, as a square does: a bowl's contours are then equally far
        apart.
    points : int
        The grid has points × points.

    Returns
    -------
    ContourSet

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import rosenbrock
    >>> ax = Figure().add_subplot()
    >>> len(plot_contour(ax, rosenbrock, levels=9).levels)
    9
    """
    window = getattr(objective, "window", (None, None))
    xrange = window[0] if xrange is None else xrange
    yrange = window[1] if yrange is None else yrange
    for name, limits in (("xrange", xrange), ("yrange", yrange)):
        if limits is None:
            raise ValueError(f"{name} must be given, unless objective is a Landscape")
        if not (len(limits) == 2 and limits[0] < limits[1]):
            raise ValueError(f"{name} must be (low, high) with low < high, got {limits!r}")
    x, y = np.meshgrid(np.linspace(*xrange, points), np.linspace(*yrange, points))
    heights = objective(np.stack([x, y], axis=-1))
    if np.ndim(levels) == 0:
        low, high = heights.min(), heights.max()
        levels = low + (high - low) * np.linspace(0, 1, levels + 1)[1:] ** 2.5
    contours = ax.contour(x, y, heights, levels=levels, cmap=CONTOUR, linewidths=0.8)
    for point in getattr(objective, "minima", ()):
        ax.plot(*point, marker="*", color=INK, markersize=9, linestyle="none", zorder=5)
    ax.set(xlim=xrange, ylim=yrange, aspect="equal", xlabel="x", ylabel="y")
    ax.grid(False)
    return contours


def plot_trajectory(ax, path, every=1, **style):
    """Draw the way a two-dimensional run took, with a ring at its start.

    Parameters
    ----------
    ax : Axes
    path : Trajectory of a single run with d = 2
    every : int
        A marker at every so many steps.
    **style
        Over the rule's own style: `color`, `linestyle`, `marker`, `label` ...

    Returns
    -------
    Line2D
    """
    if path.x.ndim != 2 or path.x.shape[1] != 2:
        raise ValueError(f"path must be one run in two dimensions, got x of shape {path.x.shape}")
    look = (
        style_of(path.optimizer) | {"markersize": 3, "linewidth": 1.2, "markevery": every} | style
    )
    (line,) = ax.plot(path.x[:, 0], path.x[:, 1], **look)
    ax.plot(
        *path.x[0],
        marker="o",
        markersize=8,
        markerfacecolor="none",
        color=line.get_color(),
        zorder=4,
    )
    return line


def plot_loss(ax, path, **style):
    """Draw a run's loss over its steps on a logarithmic axis.

    Zeros (and what is below 1e-300) cannot be drawn there and are left out.

    Parameters
    ----------
    ax : Axes
    path : Trajectory of a single run
    **style
        Over the rule's own style.

    Returns
    -------
    Line2D
    """
    if path.loss is None or path.loss.ndim != 1:
        raise ValueError(f"path must be one run with a loss, got {path!r}")
    look = style_of(path.optimizer) | {"marker": "none"} | style
    loss = np.where((path.loss > 1e-300) & np.isfinite(path.loss), path.loss, np.nan)
    (line,) = ax.plot(path.t, loss, **look)
    ax.set(yscale="log", xlabel="step", ylabel="loss")
    return line


def label_line(ax, line, text=None, at=-1, dx=4, dy=0, **style):
    """Write a line's name beside its point number `at`, in its colour.

    Parameters
    ----------
    ax : Axes
    line : Line2D
    text : str
        Default: the line's label.
    at : int
        Which of the line's points; default the last.
    dx, dy : float
        Offset in typographic points.
    **style
        Of the text.

    Returns
    -------
    Annotation
    """
    x, y = line.get_xdata()[at], line.get_ydata()[at]
    look = {"color": line.get_color(), "va": "center", "annotation_clip": False} | style
    return ax.annotate(
        line.get_label() if text is None else text,
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        **look,
    )
