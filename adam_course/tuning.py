"""Searches over hyperparameters: `sweep`, every combination at once, and `AdamTuner`.

A hyperparameter is searched on its natural scale (see `scales`), and what is chosen on
some starts is reported on others.
"""

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from adam_course.checks import check_whole, is_whole
from adam_course.descent import minimize, starting_points
from adam_course.landscapes import Landscape
from adam_course.optimizer import Optimizer
from adam_course.optimizers import Adam
from adam_course.progress import progress_bar
from adam_course.scales import RANGES, check_range, from_scale, to_scale, within
from adam_course.trials import CHUNK, Task, run_elsewhere, run_here

# ---------------------------------------------------------------------- sweeps


@dataclass(frozen=True, eq=False)
class Sweep:
    """The final losses of a sweep, with the hyperparameters they belong to.

    Attributes
    ----------
    rule : type
    axes : dict of name to array (n,)
        The hyperparameters that were swept, in the order of the axes of `loss`.
    loss : array (n, m, ..., runs)
        The last loss for each combination, and each start where there are several;
        infinite where the run diverged.
    steps : int
    stopped : str or None
        Why it ended before its time.

    Derived: `summary` (the median over the starts), `best`.
    """

    rule: type
    axes: dict
    loss: np.ndarray
    steps: int
    stopped: str | None = None

    @property
    def summary(self):
        """The median over the starts: array (n, m, ...)."""
        runs = tuple(range(len(self.axes), self.loss.ndim))
        return np.median(self.loss, axis=runs) if runs else self.loss

    @property
    def best(self):
        """The combination with the least median loss, as a dict; the first of several."""
        if not np.isfinite(self.summary).any():
            raise ValueError(f"no combination came through: all diverged in {self!r}")
        at = np.unravel_index(np.argmin(self.summary), self.summary.shape)
        return {name: float(values[k]) for (name, values), k in zip(self.axes.items(), at)}

    def __repr__(self):
        size = " × ".join(f"{len(values)} {name}" for name, values in self.axes.items())
        text = f"<Sweep of {self.rule.__name__}: {size}, {self.steps} steps"
        return text + (f"; {self.stopped}>" if self.stopped else ">")


# As many runs times steps must be ahead for it to pay to load the compiled engine.
WORTH_LOADING = 10_000_000


def sweep(
    objective,
    rule=Adam,
    start=None,
    steps=1000,
    *,
    gradient=None,
    engine=None,
    progress=False,
    **hyperparameters,
):
    """The final loss of a rule for every combination of hyperparameters, in one array.

    On the package's landscapes a large sweep goes through the compiled engine (`fused`),
    anything else through the array form of the rule; the numbers are bitwise the same.

    Parameters
    ----------
    objective : Landscape, or function of x (..., d) to (...)
    rule : a rule in `OPTIMIZERS`, default Adam
    start : point (d,), or points (runs, d)
        Default: the landscape's own.
    steps : int
    gradient : function of x (..., d) to (..., d)
        Needed where `objective` is not a Landscape.
    engine : "fused", "array" or None
        None chooses: "fused" from some ten million steps of single runs on, where numba is
        installed.  It is compiled once on each machine, which takes seconds.
    progress : bool
        Show a progress bar.
    **hyperparameters
        An array (n,) of each that is swept, a number for each that is not.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        Naming the argument and its value: no array among the hyperparameters, one that
        is not in one dimension, a name that the rule does not have; and as `minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> from adam_course import bowl
    >>> found = sweep(
    ...     bowl,
    ...     start=(8, -7),
    ...     steps=200,
    ...     learning_rate=np.logspace(-3, 1, 9),
    ...     beta2=np.array([0.9, 0.99, 0.999]),
    ... )
    >>> found
    <Sweep of Adam: 9 learning_rate × 3 beta2, 200 steps>
    >>> found.loss.shape
    (9, 3)
    """
    _check_rule(rule)
    _check_names("hyperparameters", hyperparameters, rule)
    axes = {}
    for name, value in hyperparameters.items():
        rule(**{name: value})  # refuses it by name, as it was given
        if np.ndim(value):
            axes[name] = np.array(value)  # a copy: the caller may go on using theirs
    if not axes:
        raise ValueError(f"hyperparameters must hold at least one array, got {hyperparameters!r}")
    for name, values in axes.items():
        if values.ndim != 1:
            raise ValueError(f"{name} must be an array (n,), got shape {values.shape}")
    if start is None and isinstance(objective, Landscape):
        start = objective.start
    try:
        runs = np.shape(start)
    except ValueError:  # a ragged list
        runs = ()
    if start is not None and not runs:
        raise ValueError(f"start must be a point (d,) or points (runs, d), got {start!r}")
    if engine not in ("fused", "array", None):
        raise ValueError(f'engine must be "fused", "array" or None, got {engine!r}')
    if engine == "fused" and gradient is not None:
        raise ValueError(f'gradient must be left out for engine="fused", got {gradient!r}')
    check_whole("steps", steps, 0)
    arrays = dict(hyperparameters)
    for k, (name, values) in enumerate(axes.items()):
        shape = [1] * (len(axes) + len(runs))
        shape[k] = values.size
        arrays[name] = values.reshape(shape)
    optimizer = rule(**arrays)
    if engine != "array" and gradient is None:
        found = _fused(objective, optimizer, start, int(steps), engine, progress)
        if found is not None:
            loss, done = found
            stopped = f"interrupted at step {done + 1}" if done < steps else None
            return Sweep(rule, axes, loss, done, stopped)
    path = minimize(
        objective,
        optimizer,
        start,
        steps,
        gradient=gradient,
        record=max(steps, 1),
        progress=progress,
    )
    return Sweep(rule, axes, path.loss[-1], int(path.t[-1]), path.stopped)


def _fused(objective, optimizer, start, steps, engine, progress):
    """The losses of a sweep, and how many steps were done, by the compiled engine.

    None where it is for the array form: small, no landscape of the package, no numba.
    """
    points = None
    if isinstance(objective, Landscape) and start is not None and steps > 0:
        points = starting_points(start, optimizer)
    runs = 0 if points is None else math.prod(points.shape[:-1])
    if engine is None and runs * steps < WORTH_LOADING:
        return None
    if points is not None and points.dtype == np.float64 and find_spec("numba"):
        from adam_course.fused.sweeps import final_losses, surface_of

        if surface_of(objective, points.shape[-1]) is not None:
            with progress_bar(steps, "step", progress) as advance:
                return final_losses(objective, optimizer, points, steps, told=advance)
    if engine == "fused":
        raise ValueError(
            'engine must be "array" or None here: "fused" needs numba, a landscape of the '
            "package in at most seven coordinates, a start in float64 and at least one step, "
            f"got {objective!r}, start {start!r} and {steps} steps"
        )
    return None


# ----------------------------------------------------------------------- tuner


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a search found: one trial after the other, and the best.

    Attributes
    ----------
    rule : type
    trials : list of dict
        For each: seed, trial (its number), the hyperparameters, score (median loss over
        the tuning starts; NaN where it failed), held_out (the same over the others),
        status ("ok", or what went wrong).
    searched : tuple of str
        The hyperparameters that were not fixed.
    stopped : str or None
        Why it ended before its time.

    Derived: `table`, `best`, `best_score`, `held_out_score`, `optimizer`, `by_seed`.
    """

    rule: type
    trials: list = field(repr=False)
    searched: tuple
    stopped: str | None = None

    @property
    def table(self):
        """The trials as a pandas DataFrame, one row each, in their order."""
        return self._frame(self.trials)

    @property
    def by_seed(self):
        """The best trial of each seed, as a pandas DataFrame; none where all failed."""
        rows = [
            self._best([trial for trial in self.trials if trial["seed"] == seed])
            for seed in dict.fromkeys(trial["seed"] for trial in self.trials)
        ]
        return self._frame([row for row in rows if row]).set_index("seed")

    @property
    def best(self):
        """The hyperparameters with the least score, as a dict."""
        trial = self._best_of_all()
        return {name: trial[name] for name in self.rule().hyperparameters if name in trial}

    @property
    def best_score(self):
        """The least score: chosen for being small, and so too good to be true."""
        return self._best_of_all()["score"]

    @property
    def held_out_score(self):
        """The median loss of the best trial on the starts that did not choose it."""
        return self._best_of_all()["held_out"]

    @property
    def optimizer(self):
        """The rule with the best hyperparameters."""
        return self.rule(**self.best)

    def _frame(self, rows):
        import pandas as pd

        names = list(self.trials[0]) if self.trials else ["seed", "trial", *self.searched]
        names += [] if self.trials else ["score", "held_out", "status"]
        return pd.DataFrame(rows, columns=names)

    def _best_of_all(self):
        trial = self._best(self.trials)
        if trial is None:
            said = self.trials[0]["status"] if self.trials else self.stopped
            raise ValueError(f"no trial came through: {said}")
        return trial

    @staticmethod
    def _best(trials):
        finite = [trial for trial in trials if math.isfinite(trial["score"])]
        return min(finite, key=lambda trial: trial["score"], default=None)

    def __repr__(self):
        text = f"<Tuning of {self.rule.__name__}: {len(self.trials)} trials"
        failed = sum(trial["status"] != "ok" for trial in self.trials)
        text += f", {failed} of them not ok" if failed else ""
        if self._best(self.trials):
            best = ", ".join(f"{name}={self.best[name]:.3g}" for name in self.searched)
            text += f"; best {best}: {self.best_score:.2g}, held out {self.held_out_score:.2g}"
        elif self.trials:
            text += f"; {self.trials[0]['status']}"
        return text + (f"; {self.stopped}>" if self.stopped else ">")


class AdamTuner:
    """Search the hyperparameters of Adam (or another rule) for an objective.

    Every trial runs from the same starts; its score is the median of the last losses, or
    what `summary` makes of them.
    What is chosen by the score is reported on held-out starts.

    Parameters
    ----------
    objective_function : Landscape, or function of x (..., d) to (...)
    parameter_ranges : dict of name to (low, high), list or number
        A pair is searched between its ends, on the scale of `to_scale`; a list is a
        choice; a number is fixed.  Default: all of the rule's that are in `RANGES`.
    gradient : function of x (..., d) to (..., d)
        Needed where the objective is not a Landscape.
    starts, held_out : array (n, d)
        Where the runs begin.  Needed where the objective is not a Landscape; there the
        default is 8 and 32 points, uniform in its window, always the same.
    rule : a rule in `OPTIMIZERS`, default Adam
    summary : function of an array (n,) to a number, default np.median
        What makes a score of the last losses from n starts; that of a run that diverged is
        infinite.  With np.max a trial counts for as much as its worst start; the worst of
        many held-out starts is then worse than that of a few tuning starts.

    Raises
    ------
    ValueError
        Naming the argument and its value: a range that is empty, reversed, or outside of
        what the hyperparameter may be; points that are in both starts and held_out.

    Examples
    --------
    >>> from adam_course import rosenbrock
    >>> tuner = AdamTuner(rosenbrock, {"learning_rate": (1e-4, 10)})
    >>> found = tuner.tune(num_trials=20, iterations=300, seed=1)
    >>> len(found.trials), 0.05 < found.best["learning_rate"] < 2
    (20, True)
    """

    def __init__(
        self,
        objective_function,
        parameter_ranges=None,
        *,
        gradient=None,
        starts=None,
        held_out=None,
        rule=Adam,
        summary=np.median,
    ):
        _check_rule(rule)
        if not callable(summary):
            raise ValueError(f"summary must be a function, got {summary!r}")
        if not callable(objective_function):
            raise ValueError(
                f"objective_function must be a Landscape or a function, got {objective_function!r}"
            )
        if isinstance(objective_function, Landscape):
            gradient = objective_function.gradient if gradient is None else gradient
            own = _in_window(objective_function)
            starts = own[:8] if starts is None else starts
            held_out = own[8:] if held_out is None else held_out
        if not callable(gradient):
            raise ValueError(
                f"gradient must be a function, unless the objective is a Landscape, got "
                f"{gradient!r}"
            )
        self.objective_function, self.gradient = objective_function, gradient
        self.rule, self.summary = rule, summary
        self.starts = _points("starts", starts)
        self.held_out = _points("held_out", held_out)
        if self.starts.shape[1] != self.held_out.shape[1]:
            raise ValueError(
                f"held_out must have points of {self.starts.shape[1]} numbers, as starts has, "
                f"got shape {self.held_out.shape}"
            )
        if (self.held_out[:, None] == self.starts).all(axis=-1).any():
            raise ValueError("held_out must have none of the points that starts has")
        if parameter_ranges is None:
            parameter_ranges = {n: RANGES[n] for n in rule().hyperparameters if n in RANGES}
        self.parameter_ranges = _ranges(parameter_ranges, rule)

    def tune(
        self,
        num_trials=100,
        iterations=1000,
        *,
        seed=0,
        sampling="random",
        executor=None,
        progress=False,
    ):
        """Run the trials.

        Parameters
        ----------
        num_trials : int, at least 1
            For each seed.  A grid has as many points an axis as fit into it.
        iterations : int, at least 1
            Steps a run.
        seed : int, or several
            What the trials are drawn with; for several seeds each draws its own.
        sampling : "random" or "grid"
            Uniform on each hyperparameter's scale, or in equal steps.
        executor : concurrent.futures.Executor
            Where to run them: threads, processes, or a cluster's.  The table is the same.
            Default: here, one after the other.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Tuning
            A trial whose function raises, or whose runs diverge, is in its table with the
            reason; the others are kept.  On an interrupt (Ctrl-C) what is done so far is
            returned.

        Raises
        ------
        ValueError
            Naming the argument and its value.
        """
        for name, value in (("num_trials", num_trials), ("iterations", iterations)):
            check_whole(name, value, 1)
        seeds = list(seed) if isinstance(seed, Iterable) else [seed]
        if not seeds or not all(is_whole(one, 0) for one in seeds):
            raise ValueError(f"seed must be a whole number of at least 0, or several, got {seed!r}")
        if sampling not in ("random", "grid"):
            raise ValueError(f'sampling must be "random" or "grid", got {sampling!r}')
        if executor is not None and not isinstance(executor, Executor):
            raise ValueError(f"executor must be a concurrent.futures.Executor, got {executor!r}")
        settings = []
        for one in seeds if sampling == "random" else seeds[:1]:
            drawn = self._drawn(num_trials, one) if sampling == "random" else self._grid(num_trials)
            settings += [{"seed": int(one), "trial": k} | row for k, row in enumerate(drawn)]
        task = Task(
            self.objective_function,
            self.gradient,
            self.rule,
            np.concatenate([self.starts, self.held_out]),
            len(self.starts),
            iterations,
            self.summary,
        )
        chunks = [settings[k : k + CHUNK] for k in range(0, len(settings), CHUNK)]
        with progress_bar(len(settings), "trial", progress) as advance:
            if executor is None:
                trials = run_here(task, chunks, advance)
            else:
                trials = run_elsewhere(task, chunks, advance, executor)
        searched = tuple(n for n, r in self.parameter_ranges.items() if not isinstance(r, float))
        done, wanted = len(trials), len(settings)
        stopped = None if done == wanted else f"interrupted after {done} of {wanted} trials"
        return Tuning(self.rule, trials, searched, stopped)

    def _drawn(self, count, seed):
        """Settings at random: the k-th is the same whatever the count."""
        rng = np.random.default_rng(seed)
        rows = []
        for _ in range(count):
            row = {}
            for name, wanted in self.parameter_ranges.items():
                part = rng.random()  # also for what is fixed, so that the rest stays the same
                if isinstance(wanted, list):
                    row[name] = wanted[int(part * len(wanted))]
                elif isinstance(wanted, tuple):
                    low, high = (to_scale(name, end) for end in wanted)
                    row[name] = within(wanted, from_scale(name, low + part * (high - low)))
                else:
                    row[name] = wanted
            rows.append(row)
        return rows

    def _grid(self, count):
        """Settings in equal steps: as many a range as fit into the count, all of a list."""
        ranges = [name for name, wanted in self.parameter_ranges.items() if type(wanted) is tuple]
        lists = [wanted for wanted in self.parameter_ranges.values() if isinstance(wanted, list)]
        room = count // math.prod(map(len, lists))
        each = room
        if ranges:
            each = int(room ** (1 / len(ranges)) + 1e-9)
        if each < (2 if ranges else 1):
            raise ValueError(
                f"num_trials must be at least {2 ** len(ranges) * math.prod(map(len, lists))} for "
                f"a grid of these ranges, got {count!r}"
            )
        rows = [{}]
        for name, wanted in self.parameter_ranges.items():
            values = [wanted]
            if isinstance(wanted, list):
                values = wanted
            elif isinstance(wanted, tuple):
                ends = (to_scale(name, end) for end in wanted)
                values = [within(wanted, from_scale(name, k)) for k in np.linspace(*ends, each)]
            rows = [row | {name: value} for row in rows for value in values]
        return rows


# -------------------------------------------------------------------- checking


def _check_rule(rule):
    if not (isinstance(rule, type) and issubclass(rule, Optimizer)):
        raise ValueError(f"rule must be a rule such as Adam (the class), got {rule!r}")


def _check_names(argument, given, rule):
    names = rule().hyperparameters
    for name, value in given.items():
        if name not in names:
            raise ValueError(
                f"{argument} must be of {rule.__name__}: {', '.join(names)}; got {name}={value!r}"
            )


def _ranges(parameter_ranges, rule):
    """The ranges, checked: for each name a pair (low, high), a list or a number."""
    if not isinstance(parameter_ranges, Mapping) or not parameter_ranges:
        raise ValueError(
            "parameter_ranges must be a dict such as {'learning_rate': (1e-4, 1)}, got "
            f"{parameter_ranges!r}"
        )
    _check_names("parameter_ranges", parameter_ranges, rule)
    return {
        name: check_range(f"parameter_ranges[{name!r}]", name, wanted)
        for name, wanted in parameter_ranges.items()
    }


def _points(name, value):
    try:
        points = np.array(value, dtype=float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or not points.size or not np.isfinite(points).all():
        raise ValueError(f"{name} must be an array (n, d) of finite points, got {value!r}")
    return points


def _in_window(landscape):
    """Forty points, uniform in the landscape's window, always the same."""
    low, high = np.array(landscape.window, dtype=float).T
    d = landscape.d or len(low)
    if len(low) != d:  # a window has two sides, whatever the dimension
        low, high = np.full(d, low.min()), np.full(d, high.max())
    return np.random.default_rng(0).uniform(low, high, size=(40, d))
