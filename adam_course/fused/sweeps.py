"""Thousands of runs at once: the fused engine behind `sweep`.

Runs stand side by side, 256 at a time, and go through all steps of a stretch while they
are in the processor's first cache.  The numbers are bitwise those of `minimize`.
"""

from functools import partial

import numpy as np

from adam_course import landscapes
from adam_course.fused import side_by_side
from adam_course.optimizer import SHARED_STATE
from adam_course.optimizers import OPTIMIZERS

STRETCH = 50  # steps between two looks at Ctrl-C

# What depends on the step depends on these alone, and is made once for runs that share them.
SHARED = ("beta1", "beta2", "momentum_decay")

# So many runs that share it fill a block of their own well enough.
ENOUGH_ALIKE = 64

# NumPy adds up to seven numbers one after the other; from eight on it adds pairs of sums.
MOST_COORDINATES = side_by_side.COORDINATES

_MATHEMATICS = "value_of", "gradient_of", "d"  # what a landscape is, apart from how it is shown


def surface_of(landscape, d):
    """The number of a landscape's code and its constants, or None where there is none."""
    # A subclass may have methods of its own, and a copy other functions: the code is for the
    # value and the gradient that are the package's, both of them.
    if d > MOST_COORDINATES or type(landscape) is not landscapes.Landscape:
        return None
    plain = {
        landscapes.rosenbrock: side_by_side.ROSENBROCK,
        landscapes.beale: side_by_side.BEALE,
        landscapes.himmelblau: side_by_side.HIMMELBLAU,
        landscapes.saddle: side_by_side.SADDLE,
        landscapes.styblinski_tang: side_by_side.STYBLINSKI_TANG,
    }
    for known, code in plain.items():
        if all(getattr(landscape, name) is getattr(known, name) for name in _MATHEMATICS):
            return code, np.zeros(4)
    value, slope = landscape.value_of, landscape.gradient_of
    functions = getattr(value, "func", None), getattr(slope, "func", None)
    if functions == (landscapes._quadratic_value, landscapes._quadratic_gradient):
        curvatures, turn = slope.args
        same = np.array_equal(value.args[0], curvatures) and value.args[1] == turn
        if same and landscape.d == len(curvatures):
            code = side_by_side.TURNED if turn else side_by_side.QUADRATIC
            return code, np.array([*(turn or (1.0, 0.0)), *curvatures])
    return None


def final_losses(landscape, optimizer, start, steps, told=None):
    """The loss after the last step for every run, infinite where a run diverged.

    Parameters
    ----------
    landscape : Landscape
    optimizer : Optimizer
        Its hyperparameters are numbers or arrays that broadcast against `start`.
    start : float64 array (..., d)
        One row for each run.
    steps : int, at least 1
    told : function, optional
        Called with the number of steps after each stretch of them.

    Returns
    -------
    (loss, steps) : array (...), and how many steps were done
        Fewer than asked for after an interrupt (Ctrl-C).  None where this engine has no
        code for the landscape; and where every run diverged, because the array form can
        say when.
    """
    surface = surface_of(landscape, start.shape[-1])
    if surface is None:
        return None
    landscape._coordinates(start)  # refuses a wrong number of them, which the code would not see
    runs = _Runs(optimizer, start, *surface)
    with np.errstate(all="ignore"):
        try:
            for numbers in numbers_by_stretch(runs.shared, runs.groups, steps):
                runs.move(numbers)
                if told:
                    told(numbers.shape[-1])
        except KeyboardInterrupt:
            pass  # the clock, put forward with the runs, knows how far they are
        last = landscape(np.ascontiguousarray(runs.points.T))
        finite = np.isfinite(last + runs.trouble)
    if not finite.any():
        return None
    loss = np.empty(len(last))
    loss[runs.order] = np.where(finite, last, np.inf)
    return loss.reshape(start.shape[:-1]), int(runs.clock[0])


class _Runs:
    """The runs of a sweep as the loop wants them, and in `clock` how many steps they did.

    `shared` is the rule with one setting for each group of runs, in arrays that broadcast
    to the shape `groups`.
    """

    def __init__(self, optimizer, start, code, constants):
        rule, shape, d = type(optimizer), start.shape[:-1], start.shape[-1]

        def for_each_run(value):
            value = np.asarray(value, dtype=float)
            return np.broadcast_to(value[..., 0] if value.ndim else value, shape).reshape(-1)

        shared = {name: getattr(optimizer, name) for name in SHARED if hasattr(optimizer, name)}
        self.shared = rule(**shared)
        self.groups = np.broadcast_shapes((1,), *map(np.shape, shared.values()))
        count = int(np.prod(self.groups))
        group = for_each_run(np.arange(count).reshape(self.groups)).astype(int)
        self.order = np.argsort(group, kind="stable")  # runs of a group side by side

        self.points = np.ascontiguousarray(start.reshape(-1, d)[self.order].T)
        arrays = [name for name in rule.State._fields if name not in SHARED_STATE]
        self.states = np.zeros((side_by_side.ARRAYS, *self.points.shape))
        # One rule's memory does not begin at zero.
        first = for_each_run(getattr(optimizer, "initial_accumulator", 0.0))
        self.states[: len(arrays)] = first[self.order]
        self.settings = np.zeros((side_by_side.SETTINGS, len(self.order)))
        for row, name in enumerate(in_order(rule)):
            self.settings[row] = for_each_run(getattr(optimizer, name))[self.order]
        self.group, self.trouble = group[self.order], np.zeros(len(self.order))
        self.constants, self.clock = constants, np.zeros(1, int)

        number = list(OPTIMIZERS.values()).index(rule)
        # All groups are of one size: a sweep is over every combination.
        if d == 2 and len(group) >= ENOUGH_ALIKE * count:
            self.loop = side_by_side.in_the_plane(number, code)
        else:
            self.loop = partial(side_by_side.anywhere(number), code)

    def move(self, numbers):
        """The steps for which there are numbers, array (numbers, groups, steps)."""
        self.loop(
            *(self.clock, self.points, self.states, self.settings),
            *(numbers, self.group, self.trouble, self.constants),
        )


def in_order(rule):
    """The names of a rule's hyperparameters in the order in which `side_by_side` has them."""
    known = "learning_rate", "momentum", "beta1", "beta2", "epsilon", "weight_decay"
    return [name for name in known if name in rule.__dataclass_fields__]


def numbers_by_stretch(optimizer, shape, steps):
    """For one stretch of steps after the other: what depends on the step alone.

    Yields arrays (numbers, groups, steps).  `optimizer` has one setting for each group, in
    arrays that broadcast to this shape; the arithmetic is that of its rule.
    """
    name, product = type(optimizer).__name__, 1.0
    own = {key: getattr(optimizer, key) for key in SHARED if hasattr(optimizer, key)}
    # One more axis, for the steps.
    rule = type(optimizer)(**{key: np.asarray(value)[..., None] for key, value in own.items()})
    for begin in range(1, steps + 1, STRETCH):
        t = np.arange(begin, min(begin + STRETCH, steps + 1))
        if name in ("Adam", "AdamW", "AMSGrad"):
            found = 1 - _powers(own["beta1"], t), 1 - _powers(own["beta2"], t)
        elif name == "AdaMax":
            found = (1 - _powers(own["beta1"], t),)
        elif name == "NAdam":
            mu, mu_next = rule.mu(t), rule.mu(t + 1)
            mu_product = np.multiply.accumulate(
                np.concatenate([np.broadcast_to(product, (*mu.shape[:-1], 1)), mu], axis=-1),
                axis=-1,
            )[..., 1:]
            product = mu_product[..., -1:]
            found = (
                (1 - mu) / (1 - mu_product),
                mu_next / (1 - mu_product * mu_next),
                1 - _powers(own["beta2"], t),
            )
        elif name == "RAdam":
            r = np.asarray(rule.rectification(t))
            unbias = np.sqrt(1 - _powers(own["beta2"], t))
            found = r * unbias, r == 0, 1 - _powers(own["beta1"], t)
        else:
            found = ()
        numbers = np.zeros((side_by_side.NUMBERS, int(np.prod(shape)), len(t)))
        for row, number in zip(numbers, found):
            row.reshape(*shape, len(t))[:] = number
        yield numbers


def _powers(beta, t):
    """β^t, as `averages.power`: array (..., 1) and steps (n,) to array (..., n)."""
    beta = np.asarray(beta, dtype=float)
    out = np.empty((beta.size, len(t)))
    side_by_side.powers(beta.reshape(-1), float(t[0]), out)
    return out.reshape(*beta.shape, len(t))
