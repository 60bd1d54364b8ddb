"""The bug zoo: wrong Adams, each one mistake away from the right one.

Many were once published; `SOURCES` says where.  Most still descend, and a test that only
looks at where they arrive lets them pass.  `PROPERTIES` has small tests that do not, and
`kill_matrix` shows which of somebody's tests catches which of the wrong Adams.
"""

from dataclasses import dataclass

import numpy as np

from adam_course.averages import debias, ema
from adam_course.descent import replay
from adam_course.optimizers import Adam, AdamState, AdamW


class WrongAdam(Adam):
    """Adam taken apart, so that each mutant below changes one piece."""

    def time(self, t):
        return t

    def first_moment(self, m, g):
        return ema(m, g, self.beta1)

    def second_moment(self, v, g, m):
        return ema(v, g * g, self.beta2)

    def correct_first(self, m, t):
        return debias(m, self.beta1, t)

    def correct_second(self, v, t):
        return debias(v, self.beta2, t)

    def move(self, x, m_hat, v_hat, t):
        return x - self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)

    def update(self, x, g, state):
        t = state.t + 1
        m = self.first_moment(state.m, g)
        v = self.second_moment(state.v, g, m)
        m_hat = self.correct_first(m, self.time(t))
        v_hat = self.correct_second(v, self.time(t))
        return self.move(x, m_hat, v_hat, t), AdamState(t, m, v)


# ------------------------------------------------------------- bias correction


class NoCorrection(WrongAdam):
    """Neither moment is corrected: the first steps are three times too long."""

    def correct_first(self, m, t):
        return m

    def correct_second(self, v, t):
        return v


class OnlyFirstCorrected(WrongAdam):
    """m is corrected and v is not: the first step is 32 times too long."""

    def correct_second(self, v, t):
        return v


class OnlySecondCorrected(WrongAdam):
    """v is corrected and m is not: the first steps are ten times too short."""

    def correct_first(self, m, t):
        return m


class FrozenTime(WrongAdam):
    """t stays at 1 in the correction: from the second step on it is wrong, and for ever."""

    def time(self, t):
        return 1


class LateTime(WrongAdam):
    """The correction runs one step ahead: it starts at t = 2."""

    def time(self, t):
        return t + 1


class EarlyTime(WrongAdam):
    """The correction lags one step behind: t = 1 is used twice."""

    def time(self, t):
        return max(t - 1, 1)


class LinearCorrection(WrongAdam):
    """1 − β t in place of 1 − β^t: the power is missing."""

    def correct_first(self, m, t):
        return m / (1 - self.beta1 * t)

    def correct_second(self, v, t):
        return v / np.abs(1 - self.beta2 * t)


class MultipliedCorrection(WrongAdam):
    """The moments are multiplied by 1 − β^t, not divided."""

    def correct_first(self, m, t):
        return m * (1 - self.beta1**t)

    def correct_second(self, v, t):
        return v * (1 - self.beta2**t)


class CorrectionInPlace(WrongAdam):
    """The corrected moments are stored as the state, and corrected again in the next step."""

    def update(self, x, g, state):
        x, (t, m, v) = super().update(x, g, state)
        return x, AdamState(t, debias(m, self.beta1, t), debias(v, self.beta2, t))


# --------------------------------------------------------------------- epsilon


class EpsilonInsideRoot(WrongAdam):
    """√(v̂ + ε): an epsilon of 1e-8 acts as one of 1e-4."""

    def move(self, x, m_hat, v_hat, t):
        return x - self.learning_rate * m_hat / np.sqrt(v_hat + self.epsilon)


class EpsilonHat(WrongAdam):
    """TensorFlow's and the paper's other form, √v + ε̂: here it is ε that is not corrected."""

    def move(self, x, m_hat, v_hat, t):
        unbias = np.sqrt(1 - self.beta2**t)
        return x - self.learning_rate * unbias * m_hat / (unbias * np.sqrt(v_hat) + self.epsilon)


class EpsilonOnParameter(WrongAdam):
    """A missing pair of brackets: ε is added to the parameter, not to the root."""

    def move(self, x, m_hat, v_hat, t):
        return x - self.learning_rate * m_hat / np.sqrt(v_hat) + self.epsilon


class NoEpsilon(WrongAdam):
    """ε is left out: where all gradients were zero the step is 0/0."""

    def move(self, x, m_hat, v_hat, t):
        return x - self.learning_rate * m_hat / np.sqrt(v_hat)


# --------------------------------------------------------------------- moments


class BetasSwapped(WrongAdam):
    """β₁ and β₂ change places."""

    def first_moment(self, m, g):
        return ema(m, g, self.beta2)

    def second_moment(self, v, g, m):
        return ema(v, g * g, self.beta1)

    def correct_first(self, m, t):
        return debias(m, self.beta2, t)

    def correct_second(self, v, t):
        return debias(v, self.beta1, t)


class SumForm(WrongAdam):
    """m is the heavy ball's decaying sum, without the factor 1 − β₁: ten times too large."""

    def first_moment(self, m, g):
        return self.beta1 * m + g


class GradientTwice(WrongAdam):
    """The gradient goes into m twice in a step."""

    def first_moment(self, m, g):
        return ema(ema(m, g, self.beta1), g, self.beta1)


class MeanOfAbsolutes(WrongAdam):
    """v is a mean of |g|, and its root is taken all the same."""

    def second_moment(self, v, g, m):
        return ema(v, np.abs(g), self.beta2)


class Variance(WrongAdam):
    """v is the mean of (g − m)², what is unexpected of the gradient: AdaBelief, not Adam."""

    def second_moment(self, v, g, m):
        return ema(v, (g - m) ** 2, self.beta2)


class StaleSecondMoment(WrongAdam):
    """The step divides by v as it was before this gradient (by the first one at the start)."""

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        v_hat = debias(state.v, self.beta2, state.t) if state.t else g * g
        return self.move(x, debias(m, self.beta1, t), v_hat, t), AdamState(t, m, v)


class StaleFirstMoment(WrongAdam):
    """The step follows m as it was before this gradient (the first one at the start)."""

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        m_hat = debias(state.m, self.beta1, state.t) if state.t else g
        return self.move(x, m_hat, debias(v, self.beta2, t), t), AdamState(t, m, v)


class NormOfAll(WrongAdam):
    """One v for all coordinates, the mean of their squares."""

    def second_moment(self, v, g, m):
        axis = -1 if np.ndim(g) else None  # a lone number is all there is
        return ema(v, np.mean(g * g, axis=axis, keepdims=True) + 0 * v, self.beta2)


# -------------------------------------------------------------------- the step


class NoRoot(WrongAdam):
    """The step is divided by v̂ itself, without the root."""

    def move(self, x, m_hat, v_hat, t):
        return x - self.learning_rate * m_hat / (v_hat + self.epsilon)


class Ascent(WrongAdam):
    """The sign of the step is wrong."""

    def move(self, x, m_hat, v_hat, t):
        return x + self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


class HiddenSchedule(WrongAdam):
    """The learning rate falls with 1/√t, as in the paper's convergence theorem."""

    def move(self, x, m_hat, v_hat, t):
        return super().move(x, m_hat / np.sqrt(t), v_hat, t)


# -------------------------------------------------------------------- AdamW


@dataclass(frozen=True, eq=False, repr=False)
class CoupledDecay(AdamW):
    """The decay is added to the gradient, and divided by √v̂ like everything in it."""

    def update(self, x, g, state):
        return Adam.update(self, x, g + self.weight_decay * x, state)


@dataclass(frozen=True, eq=False, repr=False)
class DecayWithoutRate(AdamW):
    """The decay is λ x, where torch's is α λ x."""

    def update(self, x, g, state):
        return Adam.update(self, x * (1 - self.weight_decay), g, state)


@dataclass(frozen=True, eq=False, repr=False)
class DecayAfterStep(AdamW):
    """The decay shrinks the step too: it comes after it."""

    def update(self, x, g, state):
        x, state = Adam.update(self, x, g, state)
        return x * (1 - self.learning_rate * self.weight_decay), state


WRONG_ADAMS = {mutant.__name__: mutant for mutant in WrongAdam.__subclasses__()}
WRONG_ADAMWS = {
    mutant.__name__: mutant for mutant in (CoupledDecay, DecayWithoutRate, DecayAfterStep)
}

# Where such a bug shipped, or why it is here.  Issues are named by project and number; the
# mutants are written anew.
SOURCES = {
    "NoCorrection": "MLX #1640 and mlx-rs #301: bias correction is off",
    "OnlyFirstCorrected": "a slip of learners: the hat on v is forgotten",
    "OnlySecondCorrected": "a slip of learners: the hat on m is forgotten",
    "FrozenTime": "ML-From-Scratch #35, and Dive into Deep Learning's TensorFlow tab",
    "LateTime": "a slip of learners: t is advanced twice before the correction",
    "EarlyTime": "a slip of learners: t is advanced after the correction",
    "LinearCorrection": "a slip of learners: β·t for βᵗ",
    "MultipliedCorrection": "convnetjs #107 and #70",
    "CorrectionInPlace": "Holocron #1",
    "EpsilonInsideRoot": "AdaBound-tensorflow #3, and optax's RMSProp by default",
    "EpsilonHat": "TensorFlow #9047 and #35102: the paper's other form",
    "EpsilonOnParameter": "Dive into Deep Learning, adam.md, TensorFlow tab (2024); d2l-en #2691",
    "NoEpsilon": "a slip of learners: it divides by zero where nothing happens",
    "BetasSwapped": "a slip of learners: the arguments change places",
    "SumForm": "a slip of learners: the momentum of torch's SGD in place of Adam's",
    "GradientTwice": "a slip of learners: the update is called twice for m",
    "MeanOfAbsolutes": "a slip of learners: |g| for g²",
    "Variance": "kozistr's pytorch_optimizer #159: AdaBelief's variance",
    "StaleSecondMoment": "npfl114 #79: v is used before it is updated",
    "StaleFirstMoment": "a slip of learners: m is used before it is updated",
    "NormOfAll": "a slip of learners: one rate for all coordinates",
    "NoRoot": "labml's adam.py, in a formula of its text",
    "Ascent": "a slip of learners: plus for minus",
    "HiddenSchedule": "tensorflow #61411: a schedule where none was asked for",
}


# ------------------------------------------------------------------ properties


def _steps(rule, gradients, **hyperparameters):
    """The steps a rule takes on gradients, in learning rates: array (steps, ...)."""
    return -replay(rule(learning_rate=1.0, **hyperparameters), gradients).step


def first_step_is_one_rate(rule):
    """The first step is one learning rate long, whatever the gradient."""
    return bool(np.allclose(_steps(rule, [[1e-3, 1.0, 1e6]]), 1, rtol=1e-4))


def constant_gradient_makes_equal_steps(rule):
    """On a constant gradient every step is one learning rate long."""
    return bool(np.allclose(_steps(rule, np.ones(60)), 1, rtol=1e-6))


def scale_does_not_matter(rule):
    """A thousandfold gradient makes the same steps, without epsilon."""
    gradients = np.array([1.0, -2.0, 0.5, 3.0, 1.0])
    one, other = (_steps(rule, c * gradients, epsilon=0.0) for c in (1.0, 1000.0))
    return bool(np.allclose(one, other, rtol=1e-9))


def epsilon_halves_a_gradient_of_its_size(rule):
    """A gradient as large as epsilon makes a first step of half a rate."""
    return bool(np.allclose(_steps(rule, [[1e-4]], epsilon=1e-4), 0.5, rtol=1e-9))


def epsilon_is_beside_the_corrected_root(rule):
    """So it is at the second step, when the correction has changed."""
    return bool(np.allclose(_steps(rule, [[1e-4], [1e-4]], epsilon=1e-4)[1], 0.5, rtol=1e-9))


def zeros_stay_where_they_are(rule):
    """A coordinate whose gradients are zero does not move, and stays a number."""
    return bool((_steps(rule, np.zeros((3, 2))) == 0).all())


def coordinates_are_strangers(rule):
    """A coordinate's steps do not depend on what its neighbour sees."""
    calm = np.array([[1.0, 0.1], [0.5, 0.1], [2.0, 0.1]])
    wild = calm * [1.0, 1e4]
    return bool(np.allclose(_steps(rule, calm)[:, 0], _steps(rule, wild)[:, 0], rtol=1e-9))


def second_step_by_hand(rule):
    """The gradients 1 and 3 with both betas 1/2 make a second step of 7/3 over √(19/3)."""
    # m̂ = (1/4 + 3/2) / (3/4) = 7/3,   v̂ = (1/4 + 9/2) / (3/4) = 19/3
    second = _steps(rule, [1.0, 3.0], beta1=0.5, beta2=0.5, epsilon=0.0)[1]
    return bool(np.isclose(second, (7 / 3) / np.sqrt(19 / 3), rtol=1e-9))


def memories_are_told_apart(rule):
    """With beta1 = 0 the step follows the newest gradient, with a long memory for size."""
    # m̂ = g = 2,   v̂ = (0.9 · 1 + 4) · 0.1 / (1 − 0.81) = 4.9 / 1.9
    second = _steps(rule, [1.0, 2.0], beta1=0.0, beta2=0.9, epsilon=0.0)[1]
    return bool(np.isclose(second, 2 / np.sqrt(4.9 / 1.9), rtol=1e-9))


PROPERTIES = {
    test.__name__: test
    for test in (
        first_step_is_one_rate,
        constant_gradient_makes_equal_steps,
        scale_does_not_matter,
        epsilon_halves_a_gradient_of_its_size,
        epsilon_is_beside_the_corrected_root,
        zeros_stay_where_they_are,
        coordinates_are_strangers,
        second_step_by_hand,
        memories_are_told_apart,
    )
}


def kill_matrix(tests=None):
    """Which test catches which wrong Adam.

    Parameters
    ----------
    tests : function, list of functions, or dict of name to function
        Each takes a rule (a class such as `Adam`) and says True where the rule passes.
        One that raises for a rule has caught it.  Default: `PROPERTIES`.

    Returns
    -------
    DataFrame
        A row for each wrong Adam and a column for each test, True where it was caught.
        The last column, `caught`, is True where any test did.

    Raises
    ------
    ValueError
        If a test does not pass the right Adam: it would catch anything.

    Examples
    --------
    >>> def goes_downhill(rule):
    ...     return replay(rule(), [[1.0]]).x[-1, 0] < 0
    >>> int(kill_matrix(goes_downhill)["caught"].sum())
    1
    >>> bool(kill_matrix()["caught"].all())
    True
    """
    import pandas as pd

    if callable(tests):
        tests = [tests]
    if tests is None:
        tests = PROPERTIES
    if not isinstance(tests, dict):
        tests = {getattr(test, "__name__", str(test)): test for test in tests}
    if not tests:
        raise ValueError("tests must hold at least one function, got none")
    for name, test in tests.items():
        if not callable(test):
            raise ValueError(f"tests[{name!r}] must be a function of a rule, got {test!r}")
        if _catches(test, Adam):
            raise ValueError(f"{name} does not pass the right Adam, and so says nothing")
    matrix = pd.DataFrame(
        {
            name: {kind: _catches(test, rule) for kind, rule in WRONG_ADAMS.items()}
            for name, test in tests.items()
        }
    )
    matrix["caught"] = matrix.any(axis=1)
    return matrix


def _catches(test, rule):
    try:
        with np.errstate(all="ignore"):
            return not test(rule)
    except Exception:
        return True
