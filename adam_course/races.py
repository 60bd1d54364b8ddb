"""Fair comparisons: `race` tunes every contender alike, and reports on what it was not tuned on.

Every contender brings its candidates, as many as the others.  All run on the same tuning
cases; the candidate with the least cost is chosen; its costs on the held-out cases are
what counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from adam_course.optimizer import Optimizer
from adam_course.progress import progress_bar


@dataclass(frozen=True, eq=False)
class Race:
    """The result of a race.

    Attributes
    ----------
    chosen : dict of name to Optimizer
        Each contender with the candidate that won its tuning.
    tuning : dict of name to array (candidates,)
        What the candidates were chosen by.
    costs : dict of name to array (n,)
        The costs of the chosen on the held-out cases: infinite where it did not finish.
    at_edge : tuple of str
        Contenders whose chosen learning rate is the least or largest of their candidates:
        a wider grid might have served them better.

    Derived: `median`, `quantile`, `finished`, `table`.
    """

    chosen: dict
    tuning: dict
    costs: dict
    at_edge: tuple

    def median(self, name):
        """The median of a contender's costs on the held-out cases."""
        return self.quantile(name, 0.5)

    def quantile(self, name, part):
        """A quantile of a contender's costs, infinite as soon as one that it needs is.

        The `part` is between 0, for the least, and 1, for the largest.
        """
        if not 0 <= part <= 1:
            raise ValueError(f"part must be in [0, 1], got {part!r}")
        costs = np.sort(self.costs[name])
        below, share = divmod(part * (len(costs) - 1), 1)
        low, high = costs[int(below)], costs[int(np.ceil(below + share))]
        if np.isinf(high):  # inf − inf is no number
            return float(high)
        return float(low + share * (high - low))

    def finished(self, name):
        """On how many of the held-out cases a contender's cost is finite."""
        return int(np.isfinite(self.costs[name]).sum())

    @property
    def table(self):
        """A row for each contender, as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame.from_dict(
            {
                name: {
                    "learning rate": optimizer.learning_rate,
                    "median": self.median(name),
                    "10 %": self.quantile(name, 0.1),
                    "90 %": self.quantile(name, 0.9),
                    "finished": self.finished(name),
                    "at the edge": name in self.at_edge,
                }
                for name, optimizer in self.chosen.items()
            },
            orient="index",
        )

    def __repr__(self):
        medians = ", ".join(f"{name} {self.median(name):.4g}" for name in self.chosen)
        edge = f"; at the edge of their grid: {', '.join(self.at_edge)}" if self.at_edge else ""
        return f"<Race: {medians}{edge}>"


def race(cost, contenders, tuning, held_out, *, choose_by=None, progress=False):
    """Tune every contender on some cases, and report its costs on others.

    Parameters
    ----------
    cost : function of (optimizer, cases) to an array (..., n)
        What each of n cases costs an optimizer, less being better: for example its steps
        to a loss (infinite: never).  For hyperparameters of shape (candidates, 1, 1) it
        returns (candidates, n).  `steps_below` gives such costs, with starts as cases.
    contenders : list of Optimizer, or dict of name to Optimizer
        The hyperparameters that are arrays, of shape (candidates, 1, 1), are what is
        tuned; all contenders must have as many candidates.
    tuning, held_out : array (n, ...)
        The cases, as `cost` takes them: starts, or seeds.
    choose_by : function of an array (candidates, n) to (candidates,)
        What is to be least on the tuning cases.  Default: the mean.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Race

    Raises
    ------
    ValueError
        Naming the argument: contenders with different numbers of candidates, or none;
        cases that are in both sets; costs of another shape, or NaN, also from `choose_by`.

    Examples
    --------
    >>> from adam_course import Adam, GradientDescent, bowl, steps_below
    >>> rates = 10.0 ** np.arange(-3, 1.25, 0.25)[:, None, None]
    >>> starts = np.random.default_rng(0).uniform(-5, 5, size=(20, 2))
    >>> def steps(optimizer, starts):
    ...     return steps_below(bowl, optimizer, 1e-6, starts, cap=500)
    >>> result = race(
    ...     steps,
    ...     [Adam(learning_rate=rates), GradientDescent(learning_rate=rates)],
    ...     tuning=starts[:4],
    ...     held_out=starts[4:],
    ...     choose_by=lambda steps: np.minimum(steps, 1000).mean(axis=-1),
    ... )
    >>> result.median("GradientDescent") < result.median("Adam")
    True
    """
    if not callable(cost):
        raise ValueError(f"cost must be a function of (optimizer, cases), got {cost!r}")
    if not (choose_by is None or callable(choose_by)):
        raise ValueError(f"choose_by must be a function of costs, got {choose_by!r}")
    contenders = _named(contenders)
    tuning, held_out = _cases("tuning", tuning), _cases("held_out", held_out)
    dtype = np.result_type(tuning, held_out)  # so that 1 and 1.0 are one case
    known = {case.tobytes() for case in tuning.astype(dtype)}
    if any(case.tobytes() in known for case in held_out.astype(dtype)):
        raise ValueError("held_out must have none of the cases that tuning has")
    choose_by = _mean if choose_by is None else choose_by
    counts = {name: _candidates(name, optimizer) for name, optimizer in contenders.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"contenders must have as many candidates each, got {counts}")
    chosen, tuned, costs, at_edge = {}, {}, {}, []
    with progress_bar(2 * len(contenders), "run", progress) as advance:
        for name, optimizer in contenders.items():
            count = counts[name]
            on_tuning = _costs(name, cost(optimizer, tuning), (count, len(tuning)))
            tuned[name] = np.asarray(choose_by(on_tuning), dtype=float)
            if tuned[name].shape != (count,):
                raise ValueError(f"choose_by must return shape {(count,)}, got {tuned[name].shape}")
            if np.isnan(tuned[name]).any():
                raise ValueError(f"choose_by must not return NaN, got it for {name}")
            best = int(np.argmin(tuned[name]))
            advance()
            chosen[name] = _candidate(optimizer, best)
            rates = np.ravel(optimizer.learning_rate)
            least, largest = rates.min(), rates.max()
            if least < largest and rates[best] in (least, largest):
                at_edge.append(name)
            costs[name] = _costs(name, cost(chosen[name], held_out), (len(held_out),))
            advance()
    return Race(chosen, tuned, costs, tuple(at_edge))


def _mean(costs):
    return costs.mean(axis=-1)


def _named(contenders):
    if not isinstance(contenders, Iterable):
        raise ValueError(f"contenders must be a list or a dict of optimizers, got {contenders!r}")
    if not isinstance(contenders, Mapping):
        contenders = list(contenders)
        names = [type(optimizer).__name__ for optimizer in contenders]
        if len(set(names)) != len(names):
            raise ValueError(
                f"contenders must be a dict where a rule races twice, got {', '.join(names)}"
            )
        contenders = dict(zip(names, contenders))
    if not contenders:
        raise ValueError("contenders must hold at least one optimizer, got none")
    for name, optimizer in contenders.items():
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"contenders[{name!r}] must be an Optimizer, got {optimizer!r}")
    return dict(contenders)


def _cases(name, value):
    try:
        cases = np.asarray(value)
    except ValueError:  # a ragged list
        raise ValueError(f"{name} must be an array (n, ...) of cases, got {value!r}") from None
    if not cases.ndim or not len(cases):
        raise ValueError(f"{name} must have at least one case, got {value!r}")
    return cases


def _candidates(name, optimizer):
    shape = optimizer.batch_shape
    if len(shape) != 3 or shape[1:] != (1, 1):
        raise ValueError(
            f"contenders[{name!r}] must have hyperparameters of shape (candidates, 1, 1), "
            f"got {shape}"
        )
    return shape[0]


def _candidate(optimizer, k):
    """The optimizer with the k-th of its candidates alone."""
    return type(optimizer)(
        **{
            name: float(np.broadcast_to(value, optimizer.batch_shape)[k, 0, 0])
            for name, value in optimizer.hyperparameters.items()
        }
    )


def _costs(name, costs, shape):
    costs = np.asarray(costs, dtype=float)
    if costs.shape != shape:
        raise ValueError(f"cost must return shape {shape} for {name}, got {costs.shape}")
    if np.isnan(costs).any():
        raise ValueError(f"cost must not return NaN (infinite for never), got it for {name}")
    return costs
