"""Chapter 7: where sign descent sticks, fair races, and clipped gradients."""

from functools import partial

import numpy as np

from adam_course.descent import minimize, steps_below
from adam_course.exercises.checking import Exercise, Mistake, checked
from adam_course.landscapes import rosenbrock
from adam_course.optimizers import Adam, GradientDescent


def _root(square, linear, constant):
    """The larger root of square x² + linear x + constant = 0."""
    return (-linear + np.sqrt(linear**2 - 4 * square * constant)) / (2 * square)


STUCK = Exercise(
    name="07-where-sign-descent-sticks",
    task="Write stuck_from(alpha): the x between 0 and 1 from which on sign descent can be caught.",
    reference=lambda alpha: _root(400 * alpha, 200 * alpha + 1, -1),
    examples=((0.01,), (0.001,), (0.0001,)),
    rel=1e-6,
    mistakes=(
        Mistake(
            "for small rates",
            lambda alpha: 1 - 600 * alpha,
            "That is what is left for small α, and only nearly. Solve the quadratic equation.",
        ),
        Mistake(
            "the floor does not rise",
            lambda alpha: 1 / (1 + 200 * alpha),
            "You let y alone move. x moves too, by α, and the floor x² rises under it by 2αx.",
        ),
        Mistake(
            "y does not move",
            lambda alpha: _root(400 * alpha, 1, -1),
            "You let the floor alone move. y moves too, by α, the other way.",
        ),
        Mistake(
            "the other root",
            lambda alpha: (
                (-(200 * alpha + 1) - np.sqrt((200 * alpha + 1) ** 2 + 1600 * alpha))
                / (800 * alpha)
            ),
            "That is the other root. It lies far outside of 0 < x < 1.",
        ),
        Mistake(
            "half the strip",
            lambda alpha: _root(800 * alpha, 400 * alpha + 1, -1),
            "Your strip is half as high as it is: 2 (1 − x) against 400 x.",
        ),
        Mistake(
            "the strip forgotten",
            lambda alpha: _root(2 * alpha, alpha + 1, -1),
            "The 200 in the height of the strip is lost.",
        ),
    ),
)

# ---------------------------------------------------------------- a fair race


def _score(costs, cap):
    return np.log10(np.minimum(costs, 2 * cap)).mean(axis=1)


def _fair(tuning, held_out, cap):
    chosen = int(_score(tuning, cap).argmin())
    return chosen, float(np.median(held_out[chosen]))


def _of_those_that_arrive(tuning, held_out, cap):
    chosen, _ = _fair(tuning, held_out, cap)
    arrived = held_out[chosen][np.isfinite(held_out[chosen])]
    return chosen, float(np.median(arrived)) if arrived.size else np.inf


def _lost_left_out(tuning, held_out, cap):
    counted = np.where(np.isfinite(tuning), tuning, np.nan)
    chosen = int(np.nanargmin(np.nanmean(np.log10(counted), axis=1)))
    return chosen, float(np.median(held_out[chosen]))


def _chosen_by(score):
    def race(tuning, held_out, cap):
        chosen = int(score(tuning, cap).argmin())
        return chosen, float(np.median(held_out[chosen]))

    return race


_INF = np.inf
OWN_RACE = Exercise(
    name="07-your-own-race",
    task="Write fair(tuning, held_out, cap): which rate is chosen, and its median elsewhere.",
    reference=_fair,
    examples=(
        (np.array([[10.0], [5.0]]), np.array([[7.0], [9.0]]), 100),
        (np.array([[10.0, 10.0], [1.0, 900.0]]), np.array([[20.0, 30.0], [1.0, 1.0]]), 1000),
        (np.array([[10.0, 10.0], [5.0, _INF]]), np.array([[20.0, 30.0], [1.0, 1.0]]), 100),
        (
            np.array([[300.0, 300.0, 300.0], [2.0, 800.0, 800.0]]),
            np.array([[5.0, 6.0, 7.0], [_INF, 4.0, _INF]]),
            1000,
        ),
        (
            np.array([[90.0, 90.0, 90.0], [70.0, 100.0, 70.0], [1.0, 1.0, _INF]]),
            np.array([[70.0, 80.0, 90.0], [9.0, 8.0, _INF], [_INF, _INF, 5.0]]),
            100,
        ),
        (
            np.array([[30.0, 30.0, 30.0], [20.0, 20.0, _INF]]),
            np.array([[50.0, 60.0, 70.0], [1.0, 2.0, 3.0]]),
            60,
        ),
    ),
    mistakes=(
        Mistake(
            "chosen where it is reported",
            lambda tuning, held_out, cap: _fair(held_out, held_out, cap),
            "You chose by the starts that you report on. A rate that was lucky there is reported "
            "as good.",
        ),
        Mistake(
            "reported where it was chosen",
            lambda tuning, held_out, cap: _fair(tuning, tuning, cap),
            "You report the median of the starts you chose by: selection flatters.",
        ),
        Mistake(
            "only those that arrive",
            _of_those_that_arrive,
            "Your median leaves out the runs that do not arrive. They make it larger.",
        ),
        Mistake(
            "the lost left out",
            _lost_left_out,
            "Your score leaves out the runs that do not arrive: a rate that loses all slow starts "
            "looks fast.",
        ),
        Mistake(
            "the fastest run",
            _chosen_by(lambda tuning, cap: tuning.min(axis=1)),
            "You chose by the best single run, which is luck. All tuning starts count.",
        ),
        Mistake(
            "lost at the cap",
            _chosen_by(lambda tuning, cap: np.log10(np.minimum(tuning, cap)).mean(axis=1)),
            "You count a run that does not arrive as one that arrives in the last step. The rule "
            "says twice the cap.",
        ),
        Mistake(
            "infinite",
            _chosen_by(lambda tuning, cap: np.log10(tuning).mean(axis=1)),
            "One lost start makes your score infinite, and all such rates alike. It counts as "
            "twice the cap.",
        ),
        Mistake(
            "no logarithm",
            _chosen_by(lambda tuning, cap: np.minimum(tuning, 2 * cap).mean(axis=1)),
            "Your mean is one of steps: the slowest start decides it alone. Take the mean of the "
            "logarithms.",
        ),
    ),
)

# ------------------------------------------------- where gradient descent wins


def _descent_wins(start):
    start = np.asarray(start, dtype=float)
    if start.shape != (2,) or not np.isfinite(start).all():
        return f"Give a place, two numbers x and y, not something of shape {start.shape}."
    if (np.abs(start) > 2).any():
        return "outside the square"
    if start[0] >= 0:
        return "too near"
    adam, descent = (
        steps_below(rosenbrock, rule, 1e-3, start, cap=1000)
        for rule in (Adam(1.0), GradientDescent(0.001))
    )
    if descent < adam:
        return None
    if minimize(rosenbrock, GradientDescent(0.001), start, steps=50).diverged_at >= 0:
        return "it leaves"
    return "Adam is faster"


DESCENT_WINS = Exercise(
    name="07-where-gradient-descent-wins",
    task="Give a start in the square, with x below 0, from which gradient descent is faster.",
    reference=None,
    judge=_descent_wins,
    mistakes=(
        Mistake(
            "outside the square",
            (-3.0, 1.0),
            "That is outside of the square: both coordinates lie between −2 and 2.",
        ),
        Mistake("too near", (1.0, 1.01), "Look farther away: x is to be below 0."),
        Mistake(
            "it leaves",
            (-2.0, -2.0),
            "From there gradient descent leaves for ever: its first step is far too long. Where "
            "is it long enough, and no longer?",
        ),
        Mistake(
            "Adam is faster",
            (-1.5, 2.0),
            "From there Adam is faster. Gradient descent has to come close to the minimum in its "
            "first steps: where does its first step lead? Try a grid.",
        ),
    ),
)

# ------------------------------------------------------------ clip a gradient


class _Ticking:
    """A gradient that is another one at each step, as a noisy one is."""

    def at_step(self, x, t):
        return np.asarray(x, dtype=float) * t

    def __call__(self, x):
        return self.at_step(x, 1)


def _plain(x):
    return np.asarray(x, dtype=float)


def _clipped(make, x, t, limit, noisy):
    clipped = make(_Ticking() if noisy else _plain, limit)
    if clipped is None:
        raise NotImplementedError
    return clipped.at_step(x, t)


def _clipping(shorten, step=lambda t: t):
    """The class that somebody writes who shortens gradients in that way."""

    class Clipped:
        def __init__(self, gradient, limit):
            self.gradient, self.limit = gradient, limit

        def at_step(self, x, t):
            at_step = getattr(self.gradient, "at_step", None)
            return shorten(at_step(x, step(t)) if at_step else self.gradient(x), self.limit)

        def __call__(self, x):
            return self.at_step(x, 1)

    return Clipped


def _length(g):
    return np.linalg.norm(g, axis=-1, keepdims=True)


def _shortened(g, limit):
    return g / np.maximum(1, _length(g) / limit)


_RIGHT = _clipping(_shortened)
_CLIPPINGS = (
    Mistake(
        "each coordinate",
        _clipping(lambda g, limit: np.clip(g, -limit, limit)),
        "You clip each coordinate by itself. That turns the gradient; shortening leaves its "
        "direction.",
    ),
    Mistake(
        "all runs at once",
        _clipping(lambda g, limit: g / np.maximum(1, np.linalg.norm(g) / limit)),
        "One length for all the runs: each row is a gradient, and has a length of its own.",
    ),
    Mistake(
        "always as long as the limit",
        _clipping(lambda g, limit: g * limit / np.where(_length(g) > 0, _length(g), 1)),
        "You make short gradients longer. Those within the limit are to stay as they are.",
    ),
    Mistake(
        "zero by zero",
        _clipping(lambda g, limit: g * np.minimum(1, limit / _length(g)) + 0 * g / _length(g)),
        "A gradient of zero becomes 0/0. Divide by something that is at least 1.",
    ),
    Mistake(
        "to length 1",
        _clipping(lambda g, limit: np.where(_length(g) > limit, g / _length(g), g)),
        "Gradients that are too long come out with length 1, not with that of the limit.",
    ),
    Mistake(
        "too long is dropped",
        _clipping(lambda g, limit: np.where(_length(g) > limit, 0.0, g)),
        "You drop gradients that are too long. They should be made shorter.",
    ),
    Mistake(
        "the step is forgotten",
        _clipping(_shortened, step=lambda t: 1),
        "Your wrapper sees the noise of step 1 in every step. Hand t on to the gradient inside.",
    ),
    Mistake(
        "nothing is clipped",
        _clipping(lambda g, limit: g),
        "The gradients come out as they went in.",
    ),
)


def _clips(make):
    gradient = np.array([3.0, 4.0])
    examples = (
        (gradient, 1, 10.0, False),
        (gradient, 1, 2.5, False),
        (np.zeros(2), 1, 2.5, False),
        (np.array([[3.0, 4.0], [0.3, 0.4]]), 1, 2.5, False),
        (gradient, 3, 10.0, True),
    )
    inner = Exercise(
        "",
        "",
        partial(_clipped, _RIGHT),
        examples,
        tuple(Mistake(m.name, partial(_clipped, m.answer), m.hint) for m in _CLIPPINGS),
    )
    feedback = checked(inner, partial(_clipped, make))
    if not feedback.attempted:
        return NotImplemented
    if feedback.right:
        return None
    named = any(m.name == feedback.mistake for m in _CLIPPINGS)
    return feedback.mistake if named else feedback.message


CLIP = Exercise(
    name="07-clip-a-noisy-gradient",
    task="Write the class Clipped(gradient, limit) with at_step(x, t), for gradients noisy or not.",
    reference=_RIGHT,
    judge=_clips,
    mistakes=_CLIPPINGS,
)

EXERCISES = (STUCK, OWN_RACE, DESCENT_WINS, CLIP)
