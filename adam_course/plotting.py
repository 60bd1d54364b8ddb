"""Pictures of landscapes and descents.

Every function draws on axes it is given and returns the artists it made (`animate`
is given a figure, and returns a film); none calls show.  A rule has the same colour,
line and marker in every figure of the course (`styles.STYLES`), so that no figure
depends on colour alone.
"""

from numbers import Integral

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.layout_engine import PlaceHolderLayoutEngine

from adam_course.scales import BETAS
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

    A class of one's own that is derived from a rule has that rule's.

    Examples
    --------
    >>> style_of("Adam")
    {'color': '#0072B2', 'linestyle': '-', 'marker': 'o'}
    """
    if not isinstance(rule, str):
        kinds = (rule if isinstance(rule, type) else type(rule)).__mro__
        # A reader's own variant of a rule looks like that rule.
        names = [kind.__name__ for kind in kinds]
        rule = next((name for name in names if name in STYLES), names[0])
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
        the lowest point, a little faster than a square does: a bowl's contours are
        then almost equally far apart, and closer towards its bottom.
    points : int
        The grid has points × points.

    Returns
    -------
    ContourSet

    Raises
    ------
    ValueError
        If a range is missing or not (low, high).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import rosenbrock
    >>> ax = Figure().add_subplot()
    >>> len(plot_contour(ax, rosenbrock, levels=9).levels)
    9
    """
    xrange, yrange, x, y, heights = _grid(objective, xrange, yrange, points)
    if np.ndim(levels) == 0:
        low, high = heights.min(), heights.max()
        levels = low + (high - low) * np.linspace(0, 1, levels + 1)[1:] ** 2.5
    contours = ax.contour(x, y, heights, levels=levels, cmap=CONTOUR, linewidths=0.8)
    for point in getattr(objective, "minima", ()):
        ax.plot(*point, marker="*", color=INK, markersize=9, linestyle="none", zorder=5)
    ax.set(xlim=xrange, ylim=yrange, aspect="equal", xlabel="x", ylabel="y")
    ax.grid(False)
    return contours


def plot_surface(ax, objective, xrange=None, yrange=None, points=61, height=None, **style):
    """Draw a function of two coordinates as a surface, on axes with projection "3d".

    What is drawn on these axes afterwards stands in front of the surface, also where the
    surface would hide it.

    Parameters
    ----------
    ax : Axes3D
    objective : Landscape, or function of points (..., 2) to (...)
    xrange, yrange : (low, high)
        Default: the landscape's window.
    points : int
        The grid has points × points.
    height : function of values (...) to (...), optional
        Drawn in place of the value itself, such as ``lambda f: np.log10(1 + f)`` where
        the values span decades.
    **style
        Of the surface: `cmap`, `alpha`, `linewidth` ...

    Returns
    -------
    Poly3DCollection

    Raises
    ------
    ValueError
        If ax is not 3-D, a range is missing or reversed, or the height is not finite on
        the whole grid, as a logarithm is not at a minimum of 0.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import Adam, himmelblau, minimize
    >>> ax = Figure().add_subplot(projection="3d")
    >>> surface = plot_surface(ax, himmelblau)
    >>> line = plot_trajectory(ax, minimize(himmelblau, Adam(0.1), steps=50))
    """
    if not _is_3d(ax):
        raise ValueError(f'ax must be made with projection="3d", got {ax!r}')
    xrange, yrange, x, y, values = _grid(objective, xrange, yrange, points)
    heights = _raised(values, height)
    if not np.isfinite(heights).all():
        first = np.unravel_index(np.argmin(np.isfinite(heights)), heights.shape)
        raise ValueError(
            f"height must be finite on the whole grid, got {heights[first]} "
            f"at ({x[first]:g}, {y[first]:g})"
        )
    look = {"cmap": CONTOUR, "linewidth": 0.15, "edgecolor": "white"} | style
    # A stride of 1: else Matplotlib leaves points out.
    surface = ax.plot_surface(x, y, heights, rstride=1, cstride=1, **look)
    ax.computed_zorder = False  # it would hide a whole path behind the surface, or none of it
    for point in getattr(objective, "minima", ()):
        at = _raised(np.asarray(objective(point)), height)
        ax.plot(*point, at, marker="*", color=INK, markersize=9, linestyle="none", zorder=5)
    ax.set(xlim=xrange, ylim=yrange, xlabel="x", ylabel="y")
    ax.set_zlabel("loss" if height is None else "height")
    return surface


def plot_trajectory(ax, path, every=1, height=None, **style):
    """Draw the way a two-dimensional run took, with a ring at its start.

    On axes with projection "3d" each step is drawn at the height of its loss: on the
    surface that `plot_surface` draws of the same objective with the same `height`.

    Parameters
    ----------
    ax : Axes or Axes3D
    path : Trajectory of a single run with d = 2
        In 3-D it needs a loss.
    every : int
        A marker at every so many steps.
    height : function of losses (...) to (...), optional
        In 3-D only, and the one that the surface has.  Steps at which it is not finite
        are left out.
    **style
        Over the rule's own style: `color`, `linestyle`, `marker`, `label` ...

    Returns
    -------
    Line2D or Line3D

    Raises
    ------
    ValueError
        If the path is not one run in two dimensions, has no loss for a third, or a height
        is given where there is none.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import Adam, bowl, minimize
    >>> line = plot_trajectory(Figure().add_subplot(), minimize(bowl, Adam(0.1), steps=2))
    >>> line.get_xydata().round(1).tolist()
    [[4.0, -3.0], [3.9, -2.9], [3.8, -2.8]]
    """
    if path.x.ndim != 2 or path.x.shape[1] != 2:
        raise ValueError(f"path must be one run in two dimensions, got x of shape {path.x.shape}")
    places = [path.x[:, 0], path.x[:, 1]]
    if _is_3d(ax):
        if path.loss is None:
            raise ValueError(f"path must have a loss to be drawn in 3-D, got {path!r}")
        heights = _raised(path.loss, height)
        places.append(np.where(np.isfinite(heights), heights, np.nan))
    elif height is not None:
        raise ValueError(f'height needs axes with projection="3d", got {height!r} with {ax!r}')
    look = (
        style_of(path.optimizer) | {"markersize": 3, "linewidth": 1.2, "markevery": every} | style
    )
    (line,) = ax.plot(*places, **look)
    ax.plot(
        *(place[:1] for place in places),
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


def animate(fig, lines, frames=60, interval=50):
    """Make a film of a figure in which lines grow from their first step to their last.

    Everything else in the figure stays where it is, its layout too from here on, and the
    last frame is the figure itself.
    Play it with ``plt.show()`` where there is a window, or save it:
    ``animate(fig, lines).save("descent.gif", writer="pillow")``.

    Parameters
    ----------
    fig : Figure
    lines : dict of Line2D (or Line3D) to Trajectory
        What `plot_trajectory` and `plot_loss` returned, each with the path it was drawn
        from.  A run that ends before the others waits for them.
    frames : int, at least 2
        At most so many, spread evenly over the steps from 0 to the last.
    interval : float, above 0
        Milliseconds between two frames.

    Returns
    -------
    FuncAnimation
        Keep it in a variable until it is played or saved, or Matplotlib drops it.

    Raises
    ------
    ValueError
        Naming the argument: no lines, a line that is not in the figure or does not have a
        point for each row of its path, too few frames, an interval that is not above 0.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from PIL import Image
    >>> from adam_course import Adam, beale, minimize
    >>> fig = Figure(figsize=(3, 3))
    >>> path = minimize(beale, Adam(0.1), steps=90)
    >>> film = animate(fig, {plot_trajectory(fig.add_subplot(), path): path}, frames=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film.save(f"{folder}/descent.gif", writer="pillow")
    ...     with Image.open(f"{folder}/descent.gif") as gif:
    ...         gif.n_frames
    4
    """
    if not lines:
        raise ValueError(f"lines must have at least one line with its path, got {lines!r}")
    whole = isinstance(frames, Integral) and not isinstance(frames, bool)
    if not whole or frames < 2:
        raise ValueError(f"frames must be a whole number of at least 2, got {frames!r}")
    if not interval > 0:
        raise ValueError(f"interval must be above 0 milliseconds, got {interval!r}")
    complete = {}
    for line, path in lines.items():
        if line.get_figure(root=True) is not fig:
            raise ValueError(f"lines must be drawn in fig, got {line!r} which is not")
        in_3d = hasattr(line, "get_data_3d")
        data = [np.asarray(part) for part in (line.get_data_3d() if in_3d else line.get_data())]
        if len(data[0]) != len(path.t):
            raise ValueError(
                f"lines must give each line the path it was drawn from, got a line of "
                f"{len(data[0])} points with {path!r} of {len(path.t)} rows"
            )
        complete[line] = (line.set_data_3d if in_3d else line.set_data), data, path.t
    last = max(path.t[-1] for path in lines.values())
    steps = np.unique(np.linspace(0, last, frames).round().astype(int))

    def draw(step):
        for set_data, data, t in complete.values():
            rows = np.searchsorted(t, step, side="right")
            set_data(*(part[:rows] for part in data))
        return list(complete)

    # A layout that is worked out anew for each frame trembles: keep that of the last drawing.
    if fig.stale:
        fig.draw_without_rendering()
    if fig.get_layout_engine() is None:  # savefig would put the default one in its place
        fig.set_layout_engine(PlaceHolderLayoutEngine(True, True))
    else:
        fig.set_layout_engine("none")
    return FuncAnimation(fig, draw, steps, interval=interval)


def _grid(objective, xrange, yrange, points):
    """The ranges, given or the landscape's, and x, y and the values on a grid over them."""
    window = getattr(objective, "window", (None, None))
    xrange = window[0] if xrange is None else xrange
    yrange = window[1] if yrange is None else yrange
    for name, limits in (("xrange", xrange), ("yrange", yrange)):
        if limits is None:
            raise ValueError(f"{name} must be given, unless objective is a Landscape")
        if not (len(limits) == 2 and limits[0] < limits[1]):
            raise ValueError(f"{name} must be (low, high) with low < high, got {limits!r}")
    x, y = np.meshgrid(np.linspace(*xrange, points), np.linspace(*yrange, points))
    return xrange, yrange, x, y, objective(np.stack([x, y], axis=-1))


def _is_3d(ax):
    return ax.name == "3d"


def _raised(values, height):
    """At which height values are drawn; a logarithm of 0 is for the caller to refuse."""
    if height is None:
        return values
    with np.errstate(all="ignore"):
        return height(values)


def plot_sweep(ax, swept, low=None, high=None, **style):
    """Draw the losses of a sweep over two hyperparameters as a map, on their natural scales.

    A loss that is infinite (the run diverged) is hatched.  A star marks the best.

    Parameters
    ----------
    ax : Axes
    swept : Sweep over two hyperparameters
        The first goes along x.
    low, high : float
        The losses at which the colours end; default the least (at least 1e-20) and the
        largest finite one.
    **style
        Of `Axes.pcolormesh`.

    Returns
    -------
    QuadMesh
        For a colour bar: ``ax.figure.colorbar(mesh, label="loss")``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import bowl, sweep
    >>> rates, betas = np.logspace(-3, 1, 5), 1 - np.logspace(-4, -1, 4)
    >>> swept = sweep(bowl, steps=50, learning_rate=rates, beta2=betas)
    >>> plot_sweep(Figure().add_subplot(), swept).get_array().shape
    (4, 5)
    """
    if len(swept.axes) != 2:
        raise ValueError(f"swept must be over two hyperparameters, got {swept!r}")
    losses = swept.summary.T
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise ValueError(f"swept must have a finite loss, got {swept!r}")
    low = max(float(finite.min()), 1e-20) if low is None else low
    high = max(float(finite.max()), 10 * low) if high is None else high
    places = {}
    for (name, values), side in zip(swept.axes.items(), "xy"):
        places[side] = 1 - values if name in BETAS else values
        _natural_axis(ax, side, name)
    look = {"cmap": "cividis_r", "rasterized": True} | style
    shown = np.ma.masked_invalid(np.where(np.isfinite(losses), losses, np.nan))
    ax.patch.set(hatch="///", edgecolor=FAINT)
    mesh = ax.pcolormesh(
        _edges(places["x"]),
        _edges(places["y"]),
        np.ma.clip(shown, low, high),
        norm=LogNorm(low, high),
        **look,
    )
    best = np.unravel_index(np.argmin(losses), losses.shape)
    ax.plot(
        places["x"][best[1]],
        places["y"][best[0]],
        marker="*",
        markersize=11,
        markerfacecolor="white",
        color=INK,
        linestyle="none",
        clip_on=False,
    )
    ax.grid(False)
    # What is drawn on top later must not make room for a hatched border.
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    return mesh


def plot_tuning(ax, tuning, name="learning_rate"):
    """Draw the score of each trial of a tuner against one hyperparameter.

    Trials that failed or diverged for half of their starts are crosses at the upper edge;
    the best of each seed is a star.

    Parameters
    ----------
    ax : Axes
    tuning : Tuning
    name : str
        Which of the hyperparameters that were searched.

    Returns
    -------
    PathCollection

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from adam_course import AdamTuner, bowl
    >>> tuning = AdamTuner(bowl).tune(num_trials=20, iterations=50)
    >>> len(plot_tuning(Figure().add_subplot(), tuning, "beta1").get_offsets())
    20
    """
    if name not in tuning.searched:
        raise ValueError(f"name must be one of {', '.join(tuning.searched)}, got {name!r}")
    values = np.array([trial[name] for trial in tuning.trials])
    scores = np.array([trial["score"] for trial in tuning.trials])
    places = 1 - values if name in BETAS else values
    drawn = np.isfinite(scores) & (scores > 1e-300)
    dots = ax.scatter(places[drawn], scores[drawn], s=14, color=COLOURS[0], linewidths=0)
    ax.set(yscale="log", ylabel="score")
    top = ax.get_ylim()[1]
    lost = ~np.isfinite(scores)
    if lost.any():  # an empty line outside of the axes would take up room
        ax.plot(places[lost], np.full(lost.sum(), top), "x", color=COLOURS[1], clip_on=False)
    for trial in tuning.by_seed.to_dict("records"):
        place = 1 - trial[name] if name in BETAS else trial[name]
        if trial["score"] > 1e-300:
            ax.plot(place, trial["score"], "*", markersize=11, color=INK, markerfacecolor="white")
    ax.set_ylim(top=top)
    _natural_axis(ax, "x", name)
    return dots


def _edges(places):
    """The edges of cells with these in their middle, on a logarithmic axis."""
    logs = np.log10(places)
    if len(logs) == 1:
        return 10 ** (logs + np.array([-0.5, 0.5]))
    between = (logs[1:] + logs[:-1]) / 2
    first, last = 2 * logs[0] - between[0], 2 * logs[-1] - between[-1]
    return 10 ** np.concatenate([[first], between, [last]])


def _natural_axis(ax, side, name):
    """Prepare an axis for a hyperparameter; a beta stands there as 1 − beta."""
    axis = {"x": ax.xaxis, "y": ax.yaxis}[side]
    axis.set_label_text(name)
    ax.set(**{f"{side}scale": "log"})
    if name in BETAS:
        axis.set_inverted(True)
        axis.set_major_formatter(lambda rest, _: f"{1 - rest:.6g}")
