"""Real sliders on a reader's own function: `sliders`, and the `Sliders` it returns.

They need a kernel, for what they turn is Python.  A figure is drawn once; after that a
slider's move redraws its lines alone, over a kept background.
"""

import base64
import html
import inspect
import io
import math
import traceback
import warnings
from collections.abc import Mapping
from itertools import cycle
from numbers import Integral, Real
from typing import NamedTuple

import ipywidgets
import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from adam_course.descent import Trajectory
from adam_course.landscapes import Landscape
from adam_course.plotting import INK, plot_contour, style_of, use_style
from adam_course.styles import STYLES

BETAS = ("beta", "beta1", "beta2", "momentum")
LOGARITHMIC = ("learning_rate", "epsilon", "weight_decay")

SIZE, DPI = (7.2, 3.6), 144  # twice as fine as it is shown is slower than a slider should be
WIDTH = "720px"


def sliders(function, /, *, landscape=None, axes=False, **ranges):
    """Put sliders on a function of one's own, and draw what it returns as they move.

    Parameters
    ----------
    function : function
        Called with the sliders' values by name.  What it returns is drawn:

        - with a landscape: a Trajectory of one run in two dimensions, or an array
          (steps + 1, 2) of places, on the landscape's contours, with the loss of each
          place beside them on a logarithmic axis;
        - without: a Trajectory, of which the loss is drawn over the steps, or an array
          (steps + 1,); the axis is logarithmic if all is above 0 and spans a
          thousandfold;
        - in place of either: a dict of them by name, for several lines.
    landscape : Landscape in two dimensions, optional
        What is drawn below the runs.
    axes : bool, default False
        The function takes Matplotlib axes first, and draws on them itself.  All is drawn
        anew at each move, which takes some ten times as long.
    **ranges
        For each argument that gets a slider, its name and one of

        - ``(low, high)`` or ``(low, high, start)``.  A learning_rate, epsilon or
          weight_decay, and whatever is above 0 and spans a hundredfold, is on a
          logarithmic scale, its values rounded to three digits, as they are shown.
          beta, beta1, beta2 and momentum are on the scale of −log10(1 − beta), which
          gives 0.9, 0.99 and 0.999 equal room.  Two whole numbers (and a whole start) make
          a slider of whole numbers;
        - a list of choices;
        - True or False: a box to tick.

        Where no start is given, it is the function's own default if that is in the
        range, else the middle of the scale.

    Returns
    -------
    Sliders
        A widget; a notebook shows it where it is the last line of a cell.

    Raises
    ------
    ValueError
        Naming the argument and its value: a range that is reversed, empty, not finite
        or outside the scale, a range for what is no argument of the function, an argument
        with neither range nor default.  What the function itself raises is shown
        under the sliders instead, and the last good picture stays.

    Examples
    --------
    >>> from adam_course import Adam, ema, minimize, rosenbrock
    >>> def my_run(learning_rate=0.1, beta1=0.9):
    ...     return minimize(rosenbrock, Adam(learning_rate, beta1), steps=200)
    >>> turned = sliders(
    ...     my_run, landscape=rosenbrock, learning_rate=(1e-4, 1), beta1=(0, 0.999)
    ... )
    >>> turned
    Sliders(my_run, learning_rate=0.1, beta1=0.9)
    >>> turned.sliders["learning_rate"].value = 0.02
    >>> turned.values
    {'learning_rate': 0.02, 'beta1': 0.9}

    Without a landscape, lines over steps:

    >>> def weights(beta):
    ...     return [(1 - beta) * beta**age for age in range(50)]
    >>> sliders(weights, beta=(0, 0.99, 0.9))
    Sliders(weights, beta=0.9)

    And with axes, whatever a function draws:

    >>> def draw(ax, steps):
    ...     ax.plot(range(steps), "o")
    >>> sliders(draw, axes=True, steps=(1, 100, 10))
    Sliders(draw, steps=10)
    """
    if not callable(function):
        raise ValueError(f"function must be a function, got {function!r}")
    if landscape is not None and not (
        isinstance(landscape, Landscape) and landscape.d in (None, 2)
    ):
        raise ValueError(f"landscape must be a Landscape in two dimensions, got {landscape!r}")
    if landscape is not None and axes:
        raise ValueError(
            "landscape must not be given with axes=True: let the function call plot_contour"
        )
    name = getattr(function, "__name__", type(function).__name__)
    defaults = _defaults(function, name, bool(axes), ranges)
    controls = {
        argument: _control(argument, wanted, defaults.get(argument))
        for argument, wanted in ranges.items()
    }
    return Sliders(function, name, controls, _Axes() if axes else _Lines(landscape, name))


class Sliders(ipywidgets.VBox):
    """What `sliders` returns: sliders, a picture, and what is to be said about it.

    Attributes
    ----------
    sliders : dict of name to widget
    picture : ipywidgets.Image
    readout : ipywidgets.HTML
        The values and the last loss of what the picture shows, in words.
    message : ipywidgets.HTML
        An error of the function, or the step at which a run diverged; else empty.
    values : dict
        The values that the sliders stand at.
    result
        What the function returned last.
    """

    def __init__(self, function, name, controls, drawing):
        self._function, self._name = function, name
        self._controls, self._drawing = controls, drawing
        self.sliders = {argument: control.widget for argument, control in controls.items()}
        self.picture = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(width=WIDTH, max_width="100%")
        )
        self.readout, self.message = ipywidgets.HTML(), ipywidgets.HTML()
        self.result = None
        self._update()
        super().__init__([*self.sliders.values(), self.picture, self.readout, self.message])
        for widget in self.sliders.values():
            widget.observe(self._update, names="value")

    @property
    def values(self):
        """The values that the sliders stand at, by name."""
        return {argument: control.value() for argument, control in self._controls.items()}

    def _update(self, change=None):
        values = self.values
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they would be printed at each move
            try:
                picture, last, message = self._drawing.draw(self._returned, values)
            except Exception as error:
                self.message.value = _alert(error)
                if not self.picture.value:
                    self.picture.value = self._drawing.empty()
                return
        self.picture.value = picture
        self.readout.value = f'<p role="status">{html.escape(_words(values) + last)}</p>'
        self.message.value = f'<p role="status">{html.escape(message)}</p>' if message else ""

    def _returned(self, *first, **values):
        try:
            self.result = self._function(*first, **values)
        except Exception as error:
            raise _Failed from error  # the function's own, with a line to show
        return self.result

    def __repr__(self):
        values = "".join(f", {name}={_text(value)}" for name, value in self.values.items())
        return f"{type(self).__name__}({self._name}{values})"

    def _repr_mimebundle_(self, **kwargs):
        # Beside the live view, what a page shows that has no kernel.
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = repr(self)
        bundle["text/html"] = (
            '<p class="adam-sliders">These sliders work on your own Python function and need a '
            "kernel: open this chapter in JupyterLab (<code>make lab</code>) and run this cell. "
            f"They stand at {html.escape(_words(self.values))}.</p>"
        )
        bundle["image/png"] = base64.b64encode(self.picture.value).decode("ascii")
        return bundle


class _Failed(Exception):  # noqa: N818
    """The reader's function raised its cause."""


def _alert(error):
    """An error in words, with the line of the reader's function where it happened."""
    where = ""
    if isinstance(error, _Failed):
        error = error.__cause__
        frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is `_returned`
        own = [frame for frame in frames if frame.filename == frames[0].filename]
        if own:
            where = f"<br>line {own[-1].lineno}: <code>{html.escape(own[-1].line or '')}</code>"
    words = html.escape(f"{type(error).__name__}: {error}")
    return f'<p role="alert">{words}{where}</p>'


def _text(value):
    """A value in a few letters, without an address in memory."""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{value:.6g}"
    if hasattr(value, "__name__"):
        return value.__name__
    return type(value).__name__ if type(value).__repr__ is object.__repr__ else str(value)


def _words(values):
    return ", ".join(f"{name} = {_text(value)}" for name, value in values.items())


# ------------------------------------------------------------------ arguments


def _defaults(function, name, axes, ranges):
    """The defaults of a function's arguments, once the ranges are seen to fit them."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise ValueError(f"function must have a signature to read, got {function!r}") from None
    if not ranges:
        raise ValueError(f"ranges must name at least one argument of {name}, got none")
    if axes:
        if not parameters or parameters[0].kind not in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            raise ValueError(f"function must take axes first, got {name} which does not")
        del parameters[0]
    named = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind
        in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    for argument, wanted in ranges.items():
        if argument not in named and not takes_any:
            raise ValueError(f"{argument} is no argument of {name}, got {wanted!r} for it")
    for parameter in parameters:
        if (
            parameter.default is parameter.empty
            and parameter.name not in ranges
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ):
            raise ValueError(f"{parameter.name} of {name} must be given a range, got none")
    return {
        key: None if value is inspect.Parameter.empty else value for key, value in named.items()
    }


class _Control(NamedTuple):
    """A widget, and the numbers that it gives back as they are."""

    widget: ipywidgets.Widget
    exact: tuple = ()

    def value(self):
        """The widget's value; from a logarithmic slider rounded as it is shown."""
        value = self.widget.value
        if not self.exact:
            return value
        for number in self.exact:
            if math.isclose(value, number, rel_tol=1e-9):
                return number
        low, high, *_ = self.exact
        return min(max(float(f"{value:.3g}"), low), high)


def _control(name, wanted, default):
    """The widget for an argument, from its range and the function's own default (or None)."""
    look = {
        "description": name,
        "style": {"description_width": "9em"},
        "layout": ipywidgets.Layout(width=WIDTH, max_width="100%"),
    }
    if isinstance(wanted, bool | np.bool_):
        return _Control(ipywidgets.Checkbox(bool(wanted), indent=True, **look))
    if isinstance(wanted, list):
        return _Control(_choice(name, wanted, default, look))
    if not (isinstance(wanted, tuple) and len(wanted) in (2, 3)):
        raise ValueError(
            f"{name} must be (low, high), (low, high, start), a list of choices or a bool, "
            f"got {wanted!r}"
        )
    if not all(_is_number(number) and math.isfinite(number) for number in wanted):
        raise ValueError(f"{name} must be a range of finite numbers, got {wanted!r}")
    low, high, *given = wanted
    if not low < high:
        raise ValueError(f"{name} must have low < high, got {wanted!r}")
    if given and not low <= given[0] <= high:
        raise ValueError(f"{name} must have its start between low and high, got {wanted!r}")
    if not given and _is_number(default) and low <= default <= high:
        given = [default]
    if name in BETAS:
        if low < 0 or high >= 1:
            raise ValueError(f"{name} must be a range in [0, 1), got {wanted!r}")
        return _Control(_beta_slider(low, high, given, look))
    if name not in LOGARITHMIC and all(
        isinstance(number, Integral) for number in (*wanted, *given)
    ):
        start = given[0] if given else (low + high) // 2
        return _Control(ipywidgets.IntSlider(int(start), int(low), int(high), **look))
    low, high = float(low), float(high)
    if name in LOGARITHMIC and low <= 0:
        raise ValueError(f"{name} must have low above 0 on its logarithmic scale, got {wanted!r}")
    if name in LOGARITHMIC or (low > 0 and high / low >= 100):
        start = float(given[0] if given else f"{math.sqrt(low) * math.sqrt(high):.3g}")
        widget = ipywidgets.FloatLogSlider(
            start, min=math.log10(low), max=math.log10(high), step=0.01, **look
        )
        return _Control(widget, (low, high, start))
    start = float(given[0]) if given else low + (high - low) / 2
    step = 10.0 ** math.floor(math.log10(high - low) - 2)
    return _Control(
        ipywidgets.FloatSlider(start, min=low, max=high, step=step, readout_format=".4g", **look)
    )


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _choice(name, choices, default, look):
    """Numbers stand in their order on a slider, anything else in a list."""
    if not choices:
        raise ValueError(f"{name} must have at least one choice, got {choices!r}")
    options = [(_text(choice), choice) for choice in choices]
    if len({label for label, _ in options}) < len(options):
        raise ValueError(f"{name} must have choices that can be told apart, got {choices!r}")
    numbers = all(_is_number(choice) for choice in choices)
    own = [
        index
        for index, choice in enumerate(choices)
        if choice is default or (type(choice) is type(default) and choice == default)
    ]
    index = own[0] if own else len(choices) // 2 if numbers else 0
    kind = ipywidgets.SelectionSlider if numbers else ipywidgets.Dropdown
    return kind(options=options, index=index, **look)


def _beta_slider(low, high, given, look):
    """A slider over values of beta for which 1 − beta falls by equal ratios."""
    # Twenty a decade, of two digits each: 1.0, 0.89, 0.79, ..., with 0.5, 0.2 and 0.1 among them.
    decades = math.ceil(-math.log10(1 - high))
    rests = [float(f"{10 ** (-k / 20):.1e}") for k in range(20 * decades + 1)]
    betas = {round(1 - rest, 12) for rest in rests} | {0.0}
    ends = [float(beta) for beta in (low, high, *given)]
    betas = sorted({beta for beta in betas if low < beta < high} | set(ends))
    # Without a start: the middle of the scale.
    start = betas.index(ends[2]) if given else len(betas) // 2
    options = [(f"{beta:.10g}", beta) for beta in betas]
    return ipywidgets.SelectionSlider(options=options, index=start, **look)


# ----------------------------------------------------------------------- runs


class _Run(NamedTuple):
    """What is drawn of one run, up to where it ceases to be finite."""

    t: np.ndarray
    places: np.ndarray | None
    heights: np.ndarray  # what the axis shows: a loss is taken above the landscape's minimum
    what: str  # loss or value
    last: float
    logarithmic: bool
    end: int  # the step that the axis goes to, also where the line stops before
    diverged_at: int | None


def _run(value, landscape, called):
    """One of the things that a function returned; ValueError if it cannot be drawn."""
    wanted = "an array (steps + 1, 2) or a run in two dimensions"
    if landscape is None:
        wanted = "an array (steps + 1,) or a single run with a loss (or be given a landscape)"

    def refusal(got):
        return ValueError(f"{called} must return {wanted}, got {got}")

    path = value if isinstance(value, Trajectory) else None
    if path is not None:
        value = path.x if landscape else path.loss
    try:
        numbers = np.asarray(value)
    except ValueError:
        raise refusal("a ragged list") from None
    if numbers.dtype.kind not in "iuf":
        raise refusal("None" if value is None else type(value).__name__)
    if numbers.ndim != (2 if landscape else 1) or (landscape and numbers.shape[1] != 2):
        raise refusal(f"shape {numbers.shape}")
    if not len(numbers):
        raise refusal("no step at all")
    numbers = numbers.astype(float)
    t = np.arange(len(numbers)) if path is None else path.t
    with np.errstate(all="ignore"):
        losses = landscape(numbers) if landscape else numbers
    finite = np.isfinite(losses)
    if landscape:
        finite &= np.isfinite(numbers).all(axis=1)
        if path is not None and path.loss is not None:
            finite &= np.isfinite(path.loss)  # infinite from where the run diverged
    count = len(finite) if finite.all() else int(finite.argmin())
    if count == 0:
        raise refusal("what is not finite from its first step")
    heights = losses[:count]
    if landscape:
        logarithmic = True
        heights = np.maximum(heights - landscape.minimum, 0.0)  # rounding may fall below
    elif path is not None:
        logarithmic = bool(heights.min() >= 0)
    else:
        logarithmic = bool(heights.min() > 0 and heights.max() / 1e3 >= heights.min())
    return _Run(
        t=t[:count],
        places=numbers[:count] if landscape else None,
        heights=heights,
        what="loss" if landscape or path is not None else "value",
        last=float(losses[count - 1]),
        logarithmic=logarithmic,
        end=int(t[-1]),
        diverged_at=int(t[count]) if count < len(finite) else None,
    )


def _looks(values):
    """The look of each line: its rule's own, and no look twice as long as there are others."""
    rules = {
        name: type(value.optimizer).__name__ if isinstance(value, Trajectory) else name
        for name, value in values.items()
    }
    looks = {}
    for name, rule in rules.items():
        if rule in STYLES and STYLES[rule] not in looks.values():
            looks[name] = style_of(rule)
    spare = [style for style in STYLES.values() if style not in looks.values()]
    others = cycle(spare or STYLES.values())
    return {name: looks.get(name) or next(others) for name in rules}


# -------------------------------------------------------------------- drawing


def _encoded(canvas):
    """What a canvas shows as a PNG: with a palette, which is three times as fast to write."""
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # The octree's white is 254.
    picture.putpalette([255 if part == 254 else part for part in picture.getpalette()])
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


class _Canvas:
    """A figure that is nobody's but ours.

    Not pyplot's: the notebook's backend closes its figures after each cell, and what was
    kept of the background is then of no use.
    """

    def __init__(self):
        with mpl.rc_context():
            use_style()
            self.figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        self.canvas = FigureCanvasAgg(self.figure)

    def empty(self):
        """The picture while there is nothing to show."""
        self.figure.clear()
        self.canvas.draw()
        return _encoded(self.canvas)


class _Axes(_Canvas):
    """Draws by letting the function draw, all of it each time."""

    def draw(self, returned, values):
        """The picture, what is to be said of its last value, and a message."""
        with mpl.rc_context():
            use_style()
            self.figure.clear()
            returned(self.figure.add_subplot(), **values)
            self.canvas.draw()
        return _encoded(self.canvas), "", ""


class _Lines(_Canvas):
    """Draws runs as lines over a background that is kept for as long as they fit its axes."""

    def __init__(self, landscape, called):
        super().__init__()
        self._landscape, self._called = landscape, called
        self._looks, self._logarithmic, self._limits = None, None, None

    def draw(self, returned, values):
        """The picture, what is to be said of its last value, and a message."""
        result = returned(**values)
        parts = {"": result}
        if isinstance(result, Mapping):
            parts = {str(name): part for name, part in result.items()}
        if not parts:
            raise ValueError(f"{self._called} must return at least one run, got {result!r}")
        runs = {
            name: _run(part, self._landscape, self._called + (f", {name}," if name else ""))
            for name, part in parts.items()
        }
        looks = _looks(parts)
        if looks != self._looks or not self._fits(runs):
            self._looks = None  # should the drawing fail, the next begins anew
            self._build(runs, looks)
            self._looks = looks
        self.canvas.restore_region(self._background)
        for name, run in runs.items():
            curve, *way = self._artists[name]
            heights = run.heights
            if self._logarithmic:  # where what is 0 has no place
                heights = np.where(heights > 1e-300, heights, np.nan)
            curve.set_data(run.t, heights)
            if way:
                way[0].set_data(*run.places.T)
                way[0].set_markevery(max(1, len(run.t) // 40))  # else they hide the line
                way[1].set_data(*run.places[:1].T)
            for artist in (curve, *way):
                artist.axes.draw_artist(artist)
        what = next(iter(runs.values())).what
        last = ", ".join(f"{name} {run.last:.4g}".strip() for name, run in runs.items())
        lost = [
            f"{name} diverged at step {run.diverged_at}".strip()
            for name, run in runs.items()
            if run.diverged_at is not None
        ]
        return _encoded(self.canvas), f"; last {what}: {last}", ", ".join(lost)

    def _reach(self, runs, logarithmic):
        """What runs reach: (0, last step), and (low, high) on the heights' scale."""
        heights = np.concatenate([run.heights for run in runs.values()])
        if logarithmic:
            heights = np.log10(heights[heights > 1e-300])
        else:
            heights = np.clip(heights, -1e300, 1e300)  # beyond, limits overflow
        low, high = (heights.min(), heights.max()) if heights.size else (-1.0, 0.0)
        if logarithmic:
            # A run that diverges leaves through the top, and does not flatten the others.
            first = max(run.heights[0] for run in runs.values())
            high = min(high, max(low, math.log10(first) + 6)) if first > 1e-300 else high
        return (0, max(run.end for run in runs.values())), (low, high)

    def _fits(self, runs):
        """Whether runs are neither outside the standing axes nor lost in them."""
        if self._logarithmic and any((run.heights < 0).any() for run in runs.values()):
            return False
        for reach, (low, high) in zip(self._reach(runs, self._logarithmic), self._limits):
            inside = low <= reach[0] and reach[1] <= high
            if not inside or _is_lost(reach, low, high):
                return False
        return True

    def _build(self, runs, looks):
        """Draw all but the lines, and keep it."""
        logarithmic = all(run.logarithmic for run in runs.values())
        limits = [_padded(reach) for reach in self._reach(runs, logarithmic)]
        if self._limits and logarithmic == self._logarithmic:
            limits = list(map(_joined, self._limits, self._reach(runs, logarithmic)))
        with mpl.rc_context():
            use_style()
            self.figure.clear()
            if self._landscape:
                plane, plot = self.figure.subplots(1, 2)
                plot_contour(plane, self._landscape)
            else:
                plot = self.figure.add_subplot()
            above = self._landscape is not None and self._landscape.minimum != 0
            what = next(iter(runs.values())).what + (" above its minimum" if above else "")
            edges = limits[1]
            plot.set(xlabel="step", ylabel=what, xlim=limits[0])
            if logarithmic:
                plot.set_yscale("log")
                edges = 10.0 ** np.clip(edges, -250, 250)  # beyond, ticks overflow
            plot.set_ylim(*edges)
            self._artists = {}
            for name, look in looks.items():
                # Empty, so that they are no part of the background.
                (curve,) = plot.plot([], [], **look | {"marker": "none"})
                self._artists[name] = [curve]
                if self._landscape:
                    (way,) = plane.plot([], [], **look, markersize=3, linewidth=1.2)
                    ring = look | {"linestyle": "none", "marker": "o"}
                    self._artists[name] += [
                        way,
                        *plane.plot([], [], **ring, markersize=8, mfc="none"),
                    ]
            if any(looks):
                lines = [artists[min(1, len(artists) - 1)] for artists in self._artists.values()]
                place = {"loc": "outside lower center", "ncols": 4}
                self.figure.legend(lines, list(looks), **place, labelcolor=INK)
            self.canvas.draw()
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._logarithmic, self._limits = logarithmic, limits


def _padded(reach):
    low, high = reach
    margin = 0.04 * (high - low) or 0.5 * (abs(high) or 1.0)
    return low - margin, high + margin


def _is_lost(reach, low, high):
    """Whether what is reached takes up little of the room between two limits."""
    bottom, top = _padded(reach)
    return top - bottom < (high - low) / 4


def _joined(standing, reach):
    """Limits that also hold what is reached, unless it would be lost in them."""
    (low, high), (bottom, top) = standing, _padded(reach)
    # With room to spare, or a slider that is dragged would leave them at each of its moves.
    room = (high - low) / 4
    low = bottom - room if reach[0] < low else low
    high = top + room if reach[1] > high else high
    return (bottom, top) if _is_lost(reach, low, high) else (low, high)
