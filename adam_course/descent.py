"""Running an optimizer: `minimize`, `replay` and the `Trajectory` they return, `steps_below`.

There is one loop, `_walk`; everything that descends in the course goes through it,
whether one run or ten thousand side by side.
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np

from adam_course.checks import check_whole
from adam_course.landscapes import Landscape
from adam_course.optimizer import Optimizer
from adam_course.progress import progress_bar


@dataclass(frozen=True, eq=False)
class Trajectory:
    """All that happened in a run, one row a step; row 0 is the start.

    Attributes
    ----------
    optimizer : Optimizer
    t : array (rows,) of int
        The step each row was recorded after; 0, 1, 2, ... unless thinned.
    x : array (rows, ..., d)
        The parameters.
    loss : array (rows, ...) or None
        The objective at x; infinite from where a run has diverged.  None after `replay`.
    gradient : array (rows − 1, ..., d)
        The gradient at x, in every row but the last.
    state : NamedTuple of arrays (rows, ...)
        The optimizer's state, stacked: ``path.state.m[t]`` is m after step t.
    diverged_at : array (...) of int
        The row's step at which loss or gradient ceased to be finite; −1 for never.
    stopped : str or None
        Why the run ended before its time.

    Derived from these: `m_hat`, `v_hat`, `effective_rate` (one row for each step
    taken), `step`, `first_below`.
    """

    optimizer: Optimizer
    t: np.ndarray
    x: np.ndarray
    loss: np.ndarray | None
    gradient: np.ndarray
    state: tuple
    diverged_at: np.ndarray
    stopped: str | None = None

    @property
    def step(self):
        """x_t − x_{t-1} for each step t: array (rows − 1, ..., d).

        Raises ValueError on a thinned trajectory, in which single steps are lost.
        """
        if len(self.t) > 1 and (np.diff(self.t) != 1).any():
            raise ValueError("step needs a trajectory with every step recorded (record=1)")
        with np.errstate(invalid="ignore"):
            return np.diff(self.x, axis=0)

    @property
    def m_hat(self):
        """The corrected mean of gradients after each step: array (rows − 1, ..., d)."""
        return self._derive("m_hat")

    @property
    def v_hat(self):
        """The (corrected) mean of squared gradients after each step: array (rows − 1, ..., d)."""
        return self._derive("v_hat")

    @property
    def effective_rate(self):
        """What each coordinate's (mean) gradient was multiplied by: array (rows − 1, ..., d)."""
        return self._derive("effective_rate")

    def first_below(self, loss):
        """The number of steps after which the loss was first below `loss`.

        Returns
        -------
        int or float, or array (...) of float
            Infinity for a run that never was.
        """
        if self.loss is None:
            raise ValueError("first_below needs a trajectory with a loss; a replay has none")
        below = self.loss < loss
        return _steps(np.where(below.any(axis=0), self.t[below.argmax(axis=0)], np.inf))

    def _derive(self, name):
        method = getattr(self.optimizer, name, None)
        if method is None:
            raise AttributeError(f"{type(self.optimizer).__name__} has no {name}")
        taken = self.state._make(rows[1:] for rows in self.state)
        t = taken.t.reshape(-1, *[1] * (self.x.ndim - 1))  # to line up with (rows, ..., d)
        with np.errstate(all="ignore"):
            rows = method(taken._replace(t=t))
        return np.broadcast_to(rows, self.x[1:].shape).astype(self.x.dtype)

    def __repr__(self):
        runs = int(np.prod(self.x.shape[1:-1])) if self.x.ndim > 2 else 1
        text = f"<Trajectory of {self.optimizer}: {self.t[-1]} steps"
        text += f", {runs} runs" if runs > 1 else ""
        if self.loss is not None and self.loss.ndim == 1:
            text += f", loss {self.loss[0]:.4g} to {self.loss[-1]:.4g}"
        return text + (f"; {self.stopped}>" if self.stopped else ">")


def minimize(
    objective, optimizer, start=None, steps=1000, *, gradient=None, record=1, progress=False
):
    """Descend an objective with an optimizer.

    Parameters
    ----------
    objective : Landscape, or function of x (..., d) to (...)
        Called on one point, or, when hyperparameters or start are arrays of runs,
        on all runs at once.
    optimizer : Optimizer
        Its hyperparameters may be arrays of shape (..., 1): then every setting is a
        run of its own, bitwise equal to the run it would be alone.
    start : point or array (..., d)
        Default: the landscape's own start.
    steps : int, at least 0
    gradient : function of x (..., d) to (..., d)
        Needed where `objective` is not a Landscape.  May be noisy.  If it has a
        method ``at_step(x, t)``, that is called in its place, with t = 1, 2, ...: its
        noise can then be the same in every run.
    record : int, at least 1
        Keep every `record`-th step, and the last.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Trajectory
        A run whose loss or gradient is no longer finite stands still from there,
        its loss infinite; when all have diverged, or on an interrupt (Ctrl-C),
        what was done so far is returned with the reason in `stopped`.

    Raises
    ------
    ValueError
        Naming the argument: a missing start or gradient, shapes that do not match.

    Examples
    --------
    >>> from adam_course import Adam, bowl, minimize
    >>> path = minimize(bowl, Adam(learning_rate=0.1), start=(8, -7), steps=1000)
    >>> path.first_below(1e-6)
    216
    >>> import numpy as np
    >>> rates = np.array([[0.01], [0.1], [1.0]])
    >>> minimize(bowl, Adam(learning_rate=rates), start=(8, -7), steps=3000).first_below(1e-6)
    array([2581.,  216.,  145.])
    """
    steps, record = _whole("steps", steps, 0), _whole("record", record, 1)
    walk = _problem(objective, optimizer, start, gradient)
    return _recorded(optimizer, walk(steps), steps, record, progress)


def steps_below(objective, optimizer, loss, start=None, cap=1000, *, gradient=None, progress=False):
    """How many steps an optimizer takes until the loss is first below a given one.

    The same numbers as ``minimize(...).first_below(loss)``, but nothing is recorded, and
    the runs end when the last of them has arrived or diverged.

    Parameters
    ----------
    objective, optimizer, start, gradient, progress
        As for `minimize`.
    loss : float
    cap : int, at least 0
        The number of steps after which a run is given up.

    Returns
    -------
    int or float, or array (...) of float
        Infinity for a run that never was below.

    Raises
    ------
    ValueError
        Naming the argument and its value, as `minimize` does.

    Examples
    --------
    >>> import numpy as np
    >>> from adam_course import Adam, bowl, steps_below
    >>> rates = np.array([[0.01], [0.1], [1.0]])
    >>> steps_below(bowl, Adam(learning_rate=rates), 1e-6, start=(8, -7), cap=3000)
    array([2581.,  216.,  145.])
    """
    cap = _whole("cap", cap, 0)
    if isinstance(loss, bool) or not isinstance(loss, Real) or not math.isfinite(loss):
        raise ValueError(f"loss must be a finite number, got {loss!r}")
    first = None
    with _walking(cap, progress) as bar:
        for look in _problem(objective, optimizer, start, gradient)(cap):
            if first is None:
                first = np.full(look.loss.shape, np.inf)
            first[np.isinf(first) & (look.loss < loss)] = look.t
            if (np.isfinite(first) | (look.diverged_at >= 0)).all():
                break
            bar(look)
    return _steps(first)


def replay(optimizer, gradients, start=0.0):
    """Feed an optimizer a fixed sequence of gradients, whatever x does.

    Parameters
    ----------
    optimizer : Optimizer
    gradients : array (steps, ..., d) or (steps,)
    start : like one gradient
        Default: zeros.

    Returns
    -------
    Trajectory
        With `loss` None.

    Raises
    ------
    ValueError
        If the gradients are not finite or do not have the shape of the start.

    Examples
    --------
    >>> from adam_course import Adam, replay
    >>> path = replay(Adam(learning_rate=1.0), [1e-3, 1e-3, 1e-3])
    >>> path.x.round(4)
    array([ 0., -1., -2., -3.])
    """
    _check_optimizer(optimizer)
    try:
        gradients = np.asarray(gradients, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"gradients must be an array of numbers, got {gradients!r}") from None
    if gradients.ndim == 0:
        raise ValueError(f"gradients must be a sequence, one entry a step, got {gradients!r}")
    if not np.isfinite(gradients).all():
        first = int(np.argwhere(~np.isfinite(gradients))[0, 0])
        raise ValueError(f"gradients must be finite, got {gradients[first]} at step {first + 1}")
    shape = gradients.shape[1:]
    try:
        np.broadcast_shapes(optimizer.batch_shape, shape)
    except ValueError:
        raise ValueError(
            f"gradients of shape {shape} a step do not fit hyperparameters of shape "
            f"{optimizer.batch_shape}"
        ) from None
    x = _point(start)
    try:
        x = starting_points(np.broadcast_to(x.astype(float), shape), optimizer)
    except ValueError:
        raise ValueError(
            f"start must have the shape of one gradient, {shape}, got {x.shape}"
        ) from None

    def gradient_at(x, t):
        return np.broadcast_to(gradients[t - 1], x.shape).copy()

    steps = len(gradients)
    return _recorded(optimizer, _walk(optimizer, x, steps, gradient_at), steps, 1, False)


def _problem(objective, optimizer, start, gradient):
    """What is to be descended, checked: a function of a number of steps to the walk."""
    _check_optimizer(optimizer)
    if isinstance(objective, Landscape):
        start = objective.start if start is None else start
        gradient = objective.gradient if gradient is None else gradient
    if not callable(objective):
        raise ValueError(f"objective must be a Landscape or a function, got {objective!r}")
    if gradient is None:
        raise ValueError("gradient must be given, unless objective is a Landscape")
    if not callable(gradient):
        raise ValueError(f"gradient must be a function, got {gradient!r}")
    if start is None:
        raise ValueError("start must be given, unless objective is a Landscape")
    x = starting_points(start, optimizer)
    at_step = getattr(gradient, "at_step", None) or (lambda x, t: gradient(x))

    def loss_at(x):
        return _shaped("objective", objective(x), x, x.shape[:-1], float)

    def gradient_at(x, t):
        return _shaped("gradient", at_step(x, t), x, x.shape, x.dtype)

    return lambda steps: _walk(optimizer, x, steps, gradient_at, loss_at)


def _check_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be an Optimizer such as Adam(), got {optimizer!r}")


def _point(start):
    """The start as an array of floats, finite, in its own precision."""
    try:
        x = np.asarray(start)
    except ValueError:  # a ragged list
        raise ValueError(f"start must be a point (d numbers), got {start!r}") from None
    if x.dtype.kind not in "iuf":
        raise ValueError(f"start must be a point (d numbers), got {start!r}")
    if x.dtype.kind != "f":
        x = x.astype(float)  # whole numbers are fine as a place to start
    if not np.isfinite(x).all():
        raise ValueError(f"start must be finite, got {start!r}")
    return x


def starting_points(start, optimizer):
    """The start as an array with a row for every setting of the hyperparameters.

    Raises
    ------
    ValueError
        If it is no point of finite numbers, or its shape does not fit.
    """
    x = _point(start)
    try:
        shape = np.broadcast_shapes(optimizer.batch_shape, x.shape)
    except ValueError:
        raise ValueError(
            f"start of shape {x.shape} does not fit hyperparameters of shape "
            f"{optimizer.batch_shape}, which must be (..., 1)"
        ) from None
    return np.broadcast_to(x, shape).copy()


def _shaped(name, value, x, shape, dtype):
    """What a reader's function returned, copied (it may reuse its array), if its shape is right."""
    if value is None:
        raise ValueError(f"{name} must return shape {shape} for x of shape {x.shape}, got None")
    value = np.array(value, dtype=dtype)
    if value.shape != shape:
        raise ValueError(
            f"{name} must return shape {shape} for x of shape {x.shape}, got shape {value.shape}"
        )
    return value


def _whole(name, value, least):
    check_whole(name, value, least)
    return int(value)


class _Look(NamedTuple):
    """Where the runs are after t steps: g is the gradient of the next, None for the last."""

    t: int
    x: np.ndarray
    loss: np.ndarray | None
    g: np.ndarray | None
    state: tuple
    diverged_at: np.ndarray


def _walk(optimizer, x, steps, gradient_at, loss_at=None):
    """The loop: `gradient_at(x, t)` gives step t its gradient, `loss_at(x)` the loss.

    A run whose loss or gradient is no longer finite stands still, its loss infinite.
    """
    state = optimizer.start(x)
    diverged_at = np.full(x.shape[:-1], -1)
    lost = diverged_at >= 0
    for t in range(steps + 1):
        x = _frozen(x)
        loss, g, finite = _look(x, t + 1 if t < steps else None, gradient_at, loss_at)
        if finite is not None:
            diverged_at = np.where((diverged_at < 0) & ~finite, t, diverged_at)
            lost = diverged_at >= 0
        any_lost = lost.any()
        if any_lost:
            loss = None if loss is None else np.where(lost, np.inf, loss)
        yield _Look(t, x, loss, g, state, diverged_at)
        if t == steps:
            return
        new, state = optimizer.update(x, g, state)
        x = np.where(lost[..., None] if x.ndim else lost, x, new) if any_lost else new


@contextmanager
def _walking(steps, progress):
    """Around a walk: no warnings of NumPy's, and a bar that is told of each step."""
    with progress_bar(steps, "step", progress) as advance, np.errstate(all="ignore"):

        def told(look):
            if look.t < steps:
                advance()

        yield told


def _recorded(optimizer, walk, steps, record, progress):
    """A walk as a Trajectory; on an interrupt, as far as it came."""
    rows, latest, stopped = [], None, None
    with _walking(steps, progress) as bar:
        try:
            for look in walk:
                latest = look
                if look.diverged_at.size and (look.diverged_at >= 0).all():
                    stopped = f"diverged at step {look.t}"
                if look.t % record == 0 or look.t == steps or stopped:
                    rows.append(look)
                if stopped:
                    break
                bar(look)
        except KeyboardInterrupt:
            if latest is None:
                raise
            stopped = f"interrupted at step {latest.t + 1}"
            if not rows or rows[-1].t != latest.t:
                rows.append(latest)
    return _trajectory(optimizer, rows, stopped)


def _look(x, step, gradient_at, loss_at):
    """Loss and gradient at x, and for each run whether both are finite (None: all are)."""
    try:
        loss = loss_at(x) if loss_at else None
        g = gradient_at(x, step) if step else None
    except OverflowError:  # Python's floats raise where NumPy's become infinite
        loss = np.full(x.shape[:-1], np.inf) if loss_at else None
        g = np.full(x.shape, np.nan)
    good_loss = np.isfinite(0.0 if loss is None else loss)
    good_g = np.isfinite(0.0 if g is None else g)
    if good_loss.all() and good_g.all():
        return loss, g, None
    return loss, g, good_loss & (good_g.all(axis=-1) if good_g.ndim else good_g)


def _frozen(x):
    """x as an array that a reader's objective cannot change by mistake."""
    x = np.asarray(x)
    x.flags.writeable = False
    return x


def _steps(first):
    """Counts of steps: a whole number for a single run, infinity for never."""
    if first.ndim:
        return first
    return int(first) if np.isfinite(first) else float(first)


def _trajectory(optimizer, rows, stopped):
    t, x, loss, gradient, state, diverged_at = zip(*rows)
    x = np.stack(x)
    taken = gradient[: len(rows) - 1]
    return Trajectory(
        optimizer=optimizer,
        t=np.array(t),
        x=x,
        loss=None if loss[0] is None else np.stack(loss),
        gradient=np.stack(taken) if taken else x[:0],
        state=state[0]._make(np.stack(field) for field in zip(*state)),
        diverged_at=diverged_at[-1] if diverged_at[-1].ndim else int(diverged_at[-1]),
        stopped=stopped,
    )
