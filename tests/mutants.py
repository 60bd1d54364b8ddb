"""Wrong Adams: each is one mistake away from the right one, and most were once published.

Most still descend, and a test that only looks at where they arrive lets them pass.
`test_mutation` shows that comparing every step does not.
"""

from dataclasses import dataclass

import numpy as np

from adam_course import Adam, AdamW, debias, ema
from adam_course.optimizers import AdamState


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
        return ema(v, np.mean(g * g, axis=-1, keepdims=True) + 0 * v, self.beta2)


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
