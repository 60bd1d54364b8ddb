"""Thousands of runs at once: the fused engine behind `sweep`.

Runs stand side by side, 256 at a time, and go through all steps of a stretch while they
are in the processor's first cache.  The numbers are bitwise those of `minimize`.
"""

from itertools import islice

import numpy as np

from adam_course import landscapes
from adam_course.averages import power
from adam_course.fused import side_by_side
from adam_course.optimizer import SHARED_STATE
from adam_course.optimizers import OPTIMIZERS

STRETCH = 50  # steps between two looks at the clock and at Ctrl-C

# What depends on the step depends on these alone, and is made once for runs that share them.
SHARED = ("beta1", "beta2", "momentum_decay")

# NumPy adds up to seven numbers one after the other; from eight on it adds pairs of sums.
MOST_COORDINATES = 7

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
            return code, np.zeros(0), (1.0, 0.0)
    value, slope = landscape.value_of, landscape.gradient_of
    functions = getattr(value, "func", None), getattr(slope, "func", None)
    if functions == (landscapes._quadratic_value, landscapes._quadratic_gradient):
        curvatures, turn = slope.args
        same = np.array_equal(value.args[0], curvatures) and value.args[1] == turn
        if same and landscape.d == len(curvatures):
            return side_by_side.QUADRATIC, curvatures, turn or (1.0, 0.0)
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
    with np.errstate(all="ignore"):
        landscape(start)  # refuses a wrong number of coordinates, which the code would not see
    code, curvatures, (cos, sin) = surface
    rule, shape, d = type(optimizer), start.shape[:-1], start.shape[-1]
    number = list(OPTIMIZERS.values()).index(rule)

    def for_each_run(value):
        value = np.asarray(value, dtype=float)
        return np.broadcast_to(value[..., 0] if value.ndim else value, shape).reshape(-1)

    shared = {name: getattr(optimizer, name) for name in SHARED if hasattr(optimizer, name)}
    group_shape = np.broadcast_shapes((1,), *map(np.shape, shared.values()))
    groups = np.arange(np.prod(group_shape)).reshape(group_shape)
    member = for_each_run(groups).astype(int)
    order = np.argsort(member, kind="stable")  # runs of a group side by side
    group = member[order]
    tables = numbers_by_step(rule(**shared), groups.shape)

    x = np.ascontiguousarray(start.reshape(-1, d)[order].T)
    state = _first_state(optimizer, x, for_each_run)
    settings = np.stack([for_each_run(getattr(optimizer, n))[order] for n in in_order(rule)])
    trouble, clock = np.zeros(len(order)), np.zeros(1, int)
    with np.errstate(all="ignore"):
        try:
            while clock[0] < steps:
                now = min(STRETCH, steps - clock[0])
                by_step = np.stack(list(islice(tables, now)), axis=1)
                side_by_side.stretch(
                    *(number, code, curvatures, cos, sin),
                    *(x, state, settings, by_step, group, trouble, clock),
                )
                if told:
                    told(now)
        except KeyboardInterrupt:
            pass  # the clock, put forward with the runs, knows how far they are
        last = landscape(np.ascontiguousarray(x.T))
        finite = np.isfinite(last + trouble)
    if not finite.any():
        return None
    loss = np.empty(len(order))
    loss[order] = np.where(finite, last, np.inf)
    return loss.reshape(shape), int(clock[0])


def in_order(rule):
    """The names of a rule's hyperparameters in the order in which `side_by_side` has them."""
    known = "learning_rate", "momentum", "beta1", "beta2", "epsilon", "weight_decay"
    return [name for name in known if name in rule.__dataclass_fields__]


def numbers_by_step(optimizer, shape):
    """For t = 1, 2, ...: what depends on the step alone, array (numbers, groups).

    `optimizer` has one setting for each group, in arrays of this shape; the arithmetic is
    that of its rule.
    """
    name, size, product, t = type(optimizer).__name__, int(np.prod(shape)), 1.0, 0
    while True:
        t += 1
        if name in ("Adam", "AdamW", "AMSGrad"):
            numbers = 1 - power(optimizer.beta1, t), 1 - power(optimizer.beta2, t)
        elif name == "AdaMax":
            numbers = (1 - power(optimizer.beta1, t),)
        elif name == "NAdam":
            mu, mu_next = optimizer.mu(t), optimizer.mu(t + 1)
            product = product * mu
            numbers = (
                (1 - mu) / (1 - product),
                mu_next / (1 - product * mu_next),
                1 - power(optimizer.beta2, t),
            )
        elif name == "RAdam":
            r = np.asarray(optimizer.rectification(t))
            unbias = np.sqrt(1 - power(optimizer.beta2, t))
            numbers = r * unbias, (r == 0).astype(float), 1 - power(optimizer.beta1, t)
        else:
            numbers = (0.0,)  # not looked at
        yield np.stack([np.broadcast_to(number, shape).reshape(size) for number in numbers])


def _first_state(optimizer, x, for_each_run):
    arrays = [name for name in optimizer.State._fields if name not in SHARED_STATE]
    state = np.zeros((max(len(arrays), 1), *x.shape))
    # One rule's memory does not begin at zero; its runs form one group, in their own order.
    state += for_each_run(getattr(optimizer, "initial_accumulator", 0.0))
    return state
