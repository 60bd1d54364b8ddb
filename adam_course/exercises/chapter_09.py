"""Chapter 9: a rate that falls, ghosts, the lazy Adam, and one that is lazy by half."""

import math

import numpy as np

from adam_course.descent import replay
from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.optimizers import Adam, AdamState
from adam_course.sparse import SparseQuadratic


def _falls(rate_at):
    rates = [rate_at(t) for t in range(1, 1001)]
    if rates[0] is None:
        return NotImplemented
    rates = np.array(rates, dtype=float)
    if rates.shape != (1000,) or not (np.isfinite(rates) & (rates >= 0)).all():
        return "A rate must be a finite number of at least 0, at each of the steps 1 to 1000."
    problem = SparseQuadratic(range(100, 105))
    x, state = problem.start, Adam().init(problem.start)
    for t, rate in enumerate(rates, start=1):
        x, state = Adam(float(rate)).update(x, problem.at_step(x, t), state)
    loss = np.median(problem.loss(x))
    if loss < 1e-7:
        return None
    if np.ptp(rates) == 0:
        return "constant"
    if rates[-1] > rates[0]:
        return "rising"
    if rates[-1] > 0.01 * rates[0]:
        return "it ends too high"
    if rates[499] < 0.1 * rates[0]:
        return "it falls too soon"
    if rates.sum() < 15:
        return "too small"
    if rates[0] >= 2:
        return "too large"
    return f"The median of the final losses is {loss:.1g}: not below 1e-7 yet."


FALLING = Exercise(
    name="09-falling-rate",
    task="Write falling_rate(t), Adam's rate at step t = 1 ... 1000 of the slide's problem.",
    reference=lambda t: 0.05 * (1 - (t - 1) / 1000),
    judge=_falls,
    mistakes=(
        Mistake(
            "constant",
            lambda t: 0.02,
            "Your rate is the same at every step: Adam goes on hovering at its height.",
        ),
        Mistake(
            "rising",
            lambda t: 0.05 * t / 1000,
            "Your rate rises. At the end, near the minimum, it has to be small.",
        ),
        Mistake(
            "it ends too high",
            lambda t: 0.1 / math.sqrt(t),
            "At the last step your rate is still more than a hundredth of the first, and it "
            "decides how high Adam hovers. Let it go to zero.",
        ),
        Mistake(
            "it falls too soon",
            lambda t: 0.1 / t,
            "Half-way your rate is less than a tenth of what it was. The coordinates are shown "
            "once in ten steps, and have a way to go.",
        ),
        Mistake(
            "too small",
            lambda t: 0.001 * (1 - (t - 1) / 1000),
            "It falls as it should, but all of its steps together are too short for the way and "
            "for settling. Begin with a larger one.",
        ),
        Mistake(
            "too large",
            lambda t: 20 * (1 - (t - 1) / 1000),
            "It falls as it should, but it begins many times the distance: too much of the run "
            "goes by before the steps are small. Begin with a smaller one.",
        ),
    ),
)


def _ghost(ratio):
    return math.log(2) / -math.log(ratio)


GHOST = Exercise(
    name="09-ghost-half-life",
    task="Write ghost_half_life(beta1, beta2), in steps, not rounded.",
    reference=lambda beta1, beta2: _ghost(beta1 / math.sqrt(beta2)),
    examples=((0.5, 0.81), (0.9, 0.999), (0.8, 0.9), (0.95, 0.99)),
    mistakes=(
        Mistake(
            "of m alone",
            lambda beta1, beta2: _ghost(beta1),
            "That is the half-life of m. √v̂ shrinks too, and makes the steps a little longer.",
        ),
        Mistake(
            "of v alone",
            lambda beta1, beta2: _ghost(beta2),
            "That is the half-life of v. m is gone long before.",
        ),
        Mistake(
            "the root is forgotten",
            lambda beta1, beta2: math.log(2) / abs(math.log(beta1 / beta2)),
            "You divide by β₂, where the steps are divided by the root of v.",
        ),
        Mistake(
            "a product",
            lambda beta1, beta2: _ghost(beta1 * math.sqrt(beta2)),
            "You multiply by √β₂. v stands in the denominator.",
        ),
        Mistake(
            "rounded",
            lambda beta1, beta2: math.ceil(_ghost(beta1 / math.sqrt(beta2))),
            "That is rounded up to a whole step. Give the number itself.",
        ),
        Mistake(
            "a mean life",
            lambda beta1, beta2: 1 / (1 - beta1 / math.sqrt(beta2)),
            "That is the sum of the series, in first steps. When is half of it done?",
        ),
    ),
)


def _left_alone(rule, *parts):
    """The rule that leaves these of x, m and v alone where the gradient is zero."""

    class Lazy(rule):
        def update(self, x, g, state):
            moved, new = super().update(x, g, state)
            after, before = {"x": moved} | new._asdict(), {"x": x} | state._asdict()
            kept = {part: np.where(g != 0, after[part], before[part]) for part in parts}
            return kept.pop("x", moved), new._replace(**kept)

    return Lazy


def _dict_step(rule):
    """An answer to "write the lazy Adam": a step on dicts, with gradients of some words."""

    def step(params, grads, m, v, t, learning_rate):
        x, g, *memory = (
            np.array([numbers.get(word, 0.0) for word in params])
            for numbers in (params, grads, m, v)
        )
        x, state = rule(learning_rate=learning_rate).update(x, g, AdamState(t - 1, *memory))
        return tuple(dict(zip(params, part.tolist())) for part in (x, state.m, state.v))

    return step


def _lazy_step(rule):
    return _dict_step(_left_alone(rule, "x", "m", "v"))


def _only_there(params, grads, m, v, t, learning_rate):
    whole = _lazy_step(Adam)(params, grads, m, v, t, learning_rate)
    return tuple({word: part[word] for word in grads} for part in whole)


LAZY = Exercise(
    name="09-lazy-adam",
    task="Write lazy_step(params, grads, m, v, t, learning_rate), on dicts; grads has some words.",
    reference=_lazy_step(Adam),
    examples=(
        ({"the": 1.0}, {"the": 2.0}, {"the": 0.0}, {"the": 0.0}, 1, 0.1),
        (
            {"the": 1.0, "cat": 2.0},
            {"the": -1.0},
            {"the": 0.1, "cat": 0.5},
            {"the": 0.02, "cat": 0.04},
            2,
            0.1,
        ),
        (
            {"the": 1.0, "cat": 2.0, "sat": -1.0},
            {"sat": 1e-8, "the": 30.0},
            {"the": -0.5, "cat": -0.2, "sat": 0.0},
            {"the": 0.3, "cat": 0.1, "sat": 0.0},
            7,
            0.001,
        ),
    ),
    mistakes=(
        Mistake(
            "not lazy",
            _dict_step(Adam),
            "A word that is not there has a gradient of zero in your step, and moves: that is "
            "Adam.",
        ),
        Mistake(
            "ghost steps",
            _dict_step(_left_alone(Adam, "m", "v")),
            "m and v of the words that are not there stay, but their weights move.",
        ),
        Mistake(
            "fading memories",
            _dict_step(_left_alone(Adam, "x")),
            "The weights of the words that are not there stay, but their m and v shrink.",
        ),
        Mistake(
            "the others are lost",
            _only_there,
            "The words that are not there are missing from what you return: they keep what they "
            "had.",
        ),
        *zoo_mistakes(_lazy_step),
    ),
)

_rng = np.random.default_rng(9)
_WORDS = _rng.normal(size=(60, 3)) * (_rng.random((60, 3)) < 0.3) * [1e-4, 1.0, 10.0]


def _run(rule):
    with np.errstate(all="ignore"):
        return replay(rule(1.0), _WORDS).x


def _half_lazy(rule):
    return _left_alone(rule, "x", "m")


def _lazy_by_half(rule):
    if rule(1.0) is None:
        return NotImplemented
    run = _run(rule)
    known = {None: HALF_LAZY.reference} | {m.name: m.answer for m in HALF_LAZY.mistakes}
    for name, other in known.items():
        if np.allclose(run, _run(other), rtol=1e-9, atol=1e-9, equal_nan=True):
            return name
    return "It is not half-lazy. Compare it with Adam, step by step, on words that come and go."


HALF_LAZY = Exercise(
    name="09-half-lazy",
    task="Give a rule, a class derived from Adam, that leaves x and m alone, but not v.",
    reference=_half_lazy(Adam),
    judge=_lazy_by_half,
    mistakes=(
        Mistake("not lazy", Adam, "That is Adam: it moves words that are not there."),
        Mistake(
            "lazy in all",
            _left_alone(Adam, "x", "m", "v"),
            "That is the lazy Adam: its v does not shrink while a word is away.",
        ),
        Mistake(
            "the other half",
            _left_alone(Adam, "x", "v"),
            "That is the other half: your v stays, and m shrinks.",
        ),
        Mistake(
            "only x",
            _left_alone(Adam, "x"),
            "Your weights stay, but m shrinks while a word is away.",
        ),
        Mistake(
            "only m",
            _left_alone(Adam, "m"),
            "Your m stays, but the weight of a word that is away goes on moving by it.",
        ),
        *zoo_mistakes(_half_lazy),
    ),
)

EXERCISES = (FALLING, GHOST, LAZY, HALF_LAZY)
