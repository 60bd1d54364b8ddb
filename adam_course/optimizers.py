"""Every rule of the course, in the order of its story.

Each class is the difference to one before it: momentum remembers a direction,
AdaGrad and RMSProp remember a size for each coordinate, Adam remembers both and
corrects them, and the rest mend something in Adam.  Above each line of code
stands its equation; x_t are the parameters after step t, g_t is the gradient at
x_{t-1}, α the learning rate.  Where frameworks differ these are torch's
conventions, and the tests hold every rule equal to torch.optim at 1e-12.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adam_course.averages import debias, ema, plain, power
from adam_course.optimizer import Optimizer


class CountState(NamedTuple):
    """The state of a rule without memory: the step count t."""

    t: int


class MomentumState(NamedTuple):
    """Step count t; m, the running sum (or mean) of gradients, shaped like x."""

    t: int
    m: np.ndarray


class SquareState(NamedTuple):
    """Step count t; v, the running sum (or mean) of squared gradients, shaped like x."""

    t: int
    v: np.ndarray


class AdamState(NamedTuple):
    """Step count t; m and v, the running means of g and of g², shaped like x, uncorrected."""

    t: int
    m: np.ndarray
    v: np.ndarray


class AMSGradState(NamedTuple):
    """An `AdamState` with v_max, the largest v so far."""

    t: int
    m: np.ndarray
    v: np.ndarray
    v_max: np.ndarray


class AdaMaxState(NamedTuple):
    """Step count t; m, the running mean of g; u, the decaying maximum of |g|."""

    t: int
    m: np.ndarray
    u: np.ndarray


class NAdamState(NamedTuple):
    """An `AdamState` with mu_product, the product of all momentum coefficients so far."""

    t: int
    m: np.ndarray
    v: np.ndarray
    mu_product: float


@dataclass(frozen=True, eq=False, repr=False)
class GradientDescent(Optimizer):
    """Gradient descent: a step against the gradient, in proportion to it.

        x_t = x_{t-1} − α g_t

    with α = `learning_rate` (0.001).

    Examples
    --------
    >>> opt = GradientDescent(learning_rate=0.5)
    >>> opt.step(8.0, 16.0, opt.init(8.0))
    (0.0, CountState(t=1))

    Source: Cauchy (1847); on mini-batches, Robbins & Monro (1951).  torch: `SGD`.
    """

    learning_rate: float = 0.001
    State = CountState

    def update(self, x, g, state):
        # x_t = x_{t-1} − α g_t
        x = x - self.learning_rate * g
        return x, CountState(state.t + 1)


@dataclass(frozen=True, eq=False, repr=False)
class SignDescent(Optimizer):
    """Sign descent: a step of the same length in every coordinate, whatever the gradient's.

        x_t = x_{t-1} − α sign(g_t)

    with α = `learning_rate` (0.001) and sign(0) = 0.  Adam with beta1 = beta2 =
    epsilon = 0 is this rule.

    Examples
    --------
    >>> opt = SignDescent(learning_rate=0.5)
    >>> opt.step([1.0, 1.0], [1e-9, -1e9], opt.init([1.0, 1.0]))
    ([0.5, 1.5], CountState(t=1))

    Source: Riedmiller & Braun (1993); Bernstein et al. (2018).
    """

    learning_rate: float = 0.001
    State = CountState

    def update(self, x, g, state):
        # x_t = x_{t-1} − α sign(g_t)
        x = x - self.learning_rate * np.sign(g)
        return x, CountState(state.t + 1)


@dataclass(frozen=True, eq=False, repr=False)
class Momentum(Optimizer):
    """Momentum in its heavy-ball form: a decaying sum of all gradients so far.

        m_t = μ m_{t-1} + g_t
        x_t = x_{t-1} − α m_t

    with α = `learning_rate` (0.001) and μ = `momentum` (0.9).  On a constant
    gradient g the sum tends to g / (1 − μ): ten times g by default.  The
    averaging form, m_t = μ m_{t-1} + (1 − μ) g_t, tends to g itself and makes
    the same trajectory with a learning rate 1 / (1 − μ) times as large; Adam's
    m is of that form.

    Examples
    --------
    >>> opt = Momentum(learning_rate=0.1)
    >>> x, state = opt.step(1.0, 1.0, opt.init(1.0))
    >>> x, state = opt.step(x, 1.0, state)
    >>> round(x, 6), round(state.m, 6)
    (0.71, 1.9)

    Source: Polyak (1964).  torch: `SGD(momentum=0.9)`.
    """

    learning_rate: float = 0.001
    momentum: float = 0.9
    State = MomentumState

    def update(self, x, g, state):
        # m_t = μ m_{t-1} + g_t
        m = self.momentum * state.m + g
        # x_t = x_{t-1} − α m_t
        x = x - self.learning_rate * m
        return x, MomentumState(state.t + 1, m)


@dataclass(frozen=True, eq=False, repr=False)
class Nesterov(Momentum):
    """Nesterov momentum: the heavy ball, stepping to where its momentum is about to carry it.

        m_t = μ m_{t-1} + g_t
        x_t = x_{t-1} − α (g_t + μ m_t)

    with α = `learning_rate` (0.001) and μ = `momentum` (0.9).

    Examples
    --------
    >>> opt = Nesterov(learning_rate=0.1)
    >>> x, state = opt.step(1.0, 1.0, opt.init(1.0))
    >>> round(x, 6), state.m
    (0.81, 1.0)

    Source: Nesterov (1983), in the form of Sutskever et al. (2013).
    torch: `SGD(momentum=0.9, nesterov=True)`.
    """

    def update(self, x, g, state):
        # m_t = μ m_{t-1} + g_t
        m = self.momentum * state.m + g
        # x_t = x_{t-1} − α (g_t + μ m_t)
        x = x - self.learning_rate * (g + self.momentum * m)
        return x, MomentumState(state.t + 1, m)


@dataclass(frozen=True, eq=False, repr=False)
class AdaGrad(Optimizer):
    """AdaGrad: each coordinate's rate falls with the sum of its own squared gradients.

        v_t = v_{t-1} + g_t²,   v_0 = initial_accumulator
        x_t = x_{t-1} − α g_t / (√v_t + ε)

    with α = `learning_rate` (0.01), v_0 = `initial_accumulator` (0) and ε =
    `epsilon` (1e-10).

    Examples
    --------
    >>> opt = AdaGrad(learning_rate=0.1)
    >>> x, state = opt.step(1.0, 3.0, opt.init(1.0))
    >>> x, state = opt.step(x, 4.0, state)
    >>> round(x, 6), state.v
    (0.82, 25.0)

    Source: Duchi, Hazan & Singer (2011).  torch: `Adagrad`.
    """

    learning_rate: float = 0.01
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    State = SquareState

    def start(self, x):
        return SquareState(0, np.zeros_like(x) + self.initial_accumulator)

    def update(self, x, g, state):
        # v_t = v_{t-1} + g_t²
        v = state.v + g * g
        # x_t = x_{t-1} − α g_t / (√v_t + ε)
        x = x - self.learning_rate * g / (np.sqrt(v) + self.epsilon)
        return x, SquareState(state.t + 1, v)

    def v_hat(self, state):
        """The squared size that the step is divided by: v itself, there is nothing to correct."""
        return state.v

    def effective_rate(self, state):
        """α / (√v_t + ε)."""
        return self.learning_rate / (np.sqrt(state.v) + self.epsilon)


@dataclass(frozen=True, eq=False, repr=False)
class RMSProp(Optimizer):
    """RMSProp: AdaGrad that forgets, a running mean of squares in place of their sum.

        v_t = β₂ v_{t-1} + (1 − β₂) g_t²
        x_t = x_{t-1} − α g_t / (√v_t + ε)

    with α = `learning_rate` (0.01), β₂ = `beta2` (0.99) and ε = `epsilon`
    (1e-8).  The mean is not corrected for its start at zero, so the first step
    is 1/√(1 − β₂) learning rates long: ten by default.

    Examples
    --------
    >>> opt = RMSProp(learning_rate=0.1)
    >>> x, state = opt.step(5.0, 3.0, opt.init(5.0))
    >>> round(x, 6)
    4.0

    Source: Tieleman & Hinton (2012), lecture 6.5.  torch: `RMSprop`, whose
    `alpha` is this `beta2`.
    """

    learning_rate: float = 0.01
    beta2: float = 0.99
    epsilon: float = 1e-8
    State = SquareState

    def update(self, x, g, state):
        # v_t = β₂ v_{t-1} + (1 − β₂) g_t²
        v = ema(state.v, g * g, self.beta2)
        # x_t = x_{t-1} − α g_t / (√v_t + ε)
        x = x - self.learning_rate * g / (np.sqrt(v) + self.epsilon)
        return x, SquareState(state.t + 1, v)

    def v_hat(self, state):
        """The squared size that the step is divided by: v itself, uncorrected."""
        return state.v

    def effective_rate(self, state):
        """α / (√v_t + ε)."""
        return self.learning_rate / (np.sqrt(state.v) + self.epsilon)


@dataclass(frozen=True, eq=False, repr=False)
class Adam(Optimizer):
    """Adam: adaptive moment estimation.

        m_t = β₁ m_{t-1} + (1 − β₁) g_t          v_t = β₂ v_{t-1} + (1 − β₂) g_t²
        m̂_t = m_t / (1 − β₁^t)                   v̂_t = v_t / (1 − β₂^t)
        x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)

    with α = `learning_rate` (0.001), β₁ = `beta1` (0.9), β₂ = `beta2` (0.999)
    and ε = `epsilon` (1e-8), added outside the root, as in Algorithm 1 and in
    torch (TensorFlow and Keras use the paper's other form, in which ε is not
    corrected: see the conventions page).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float, or array that broadcasts against x
        An array of shape (S, 1) is S runs at once on x of shape (S, d).

    Raises
    ------
    ValueError
        If the learning rate or epsilon is negative or not finite, or a beta is
        outside [0, 1).

    Examples
    --------
    The first step is one learning rate long, however large the gradient:

    >>> opt = Adam(learning_rate=0.1)
    >>> x, state = opt.step([1.0, 1.0], [1e-3, -1e6], opt.init([1.0, 1.0]))
    >>> [round(value, 5) for value in x]
    [0.9, 1.1]

    Source: Kingma & Ba (2015), Algorithm 1.  torch: `Adam`.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    State = AdamState

    def moments(self, g, state):
        """The step count and the two running means, after one more gradient."""
        # m_t = β₁ m_{t-1} + (1 − β₁) g_t
        m = ema(state.m, g, self.beta1)
        # v_t = β₂ v_{t-1} + (1 − β₂) g_t²
        v = ema(state.v, g * g, self.beta2)
        return state.t + 1, m, v

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        # m̂_t = m_t / (1 − β₁^t)
        m_hat = debias(m, self.beta1, t)
        # v̂_t = v_t / (1 − β₂^t)
        v_hat = debias(v, self.beta2, t)
        # x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)
        x = x - self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return x, AdamState(t, m, v)

    def m_hat(self, state):
        """The corrected mean of gradients, m̂_t."""
        return debias(state.m, self.beta1, state.t)

    def v_hat(self, state):
        """The corrected mean of squared gradients, v̂_t."""
        return debias(state.v, self.beta2, state.t)

    def effective_rate(self, state):
        """α / (√v̂_t + ε): the step is minus this times m̂_t."""
        return self.learning_rate / (np.sqrt(self.v_hat(state)) + self.epsilon)


@dataclass(frozen=True, eq=False, repr=False)
class AdamW(Adam):
    """AdamW: Adam, with the weights shrunk directly rather than through the gradient.

        x'_{t-1} = (1 − α λ) x_{t-1},   then Adam's step from x'_{t-1}

    with λ = `weight_decay` (0.01) and Adam's other hyperparameters.  Decay
    through the gradient would be divided by √v̂ like everything else in it, and
    so fade where gradients are large.

    Examples
    --------
    >>> opt = AdamW(learning_rate=0.1, weight_decay=0.5)
    >>> x, state = opt.step(2.0, 0.0, opt.init(2.0))
    >>> round(x, 6)
    1.9

    Source: Loshchilov & Hutter (2019), in torch's form (`AdamW`), where the
    learning rate multiplies the decay.
    """

    weight_decay: float = 0.01

    def update(self, x, g, state):
        # x'_{t-1} = (1 − α λ) x_{t-1}
        x = x * (1 - self.learning_rate * self.weight_decay)
        return super().update(x, g, state)


@dataclass(frozen=True, eq=False, repr=False)
class AMSGrad(Adam):
    """AMSGrad: Adam that divides by the largest v so far, so its rates can only fall.

        m_t, v_t, m̂_t as in Adam
        v^max_t = max(v^max_{t-1}, v_t),   v̂_t = v^max_t / (1 − β₂^t)
        x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)

    with Adam's hyperparameters.  The paper corrects nothing, optax takes the
    maximum of the corrected v; this is torch's form, `Adam(amsgrad=True)`.

    Examples
    --------
    >>> opt = AMSGrad(learning_rate=0.1)
    >>> x, state = opt.step(1.0, 2.0, opt.init(1.0))
    >>> x, state = opt.step(x, 0.0, state)
    >>> state.v < state.v_max
    True

    Source: Reddi, Kale & Kumar (2018).
    """

    State = AMSGradState

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        # v^max_t = max(v^max_{t-1}, v_t)
        v_max = np.maximum(state.v_max, v)
        # m̂_t = m_t / (1 − β₁^t)
        m_hat = debias(m, self.beta1, t)
        # v̂_t = v^max_t / (1 − β₂^t)
        v_hat = debias(v_max, self.beta2, t)
        # x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)
        x = x - self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return x, AMSGradState(t, m, v, v_max)

    def v_hat(self, state):
        """The corrected largest mean of squared gradients, v^max_t / (1 − β₂^t)."""
        return debias(state.v_max, self.beta2, state.t)


@dataclass(frozen=True, eq=False, repr=False)
class NAdam(Adam):
    """NAdam: Adam with Nesterov's look-ahead and a momentum that warms up.

        μ_t = β₁ (1 − 0.96^{t ψ} / 2),   M_t = μ_1 μ_2 ⋯ μ_t
        m_t, v_t, v̂_t as in Adam
        x_t = x_{t-1} − α ( (1 − μ_t) / (1 − M_t) g_t
                            + μ_{t+1} / (1 − M_{t+1}) m_t ) / (√v̂_t + ε)

    with α = `learning_rate` (0.002), ψ = `momentum_decay` (0.004) and Adam's
    other hyperparameters.  optax's `nadam` has no schedule μ_t.

    Examples
    --------
    >>> opt = NAdam(learning_rate=0.1)
    >>> x, state = opt.step(1.0, 2.0, opt.init(1.0))
    >>> round(state.mu_product, 6)
    0.450073

    Source: Dozat (2016), in torch's form (`NAdam`).
    """

    learning_rate: float = 0.002
    momentum_decay: float = 0.004
    State = NAdamState

    def start(self, x):
        one = plain(np.ones_like(self.mu(1)))  # an array where the momentum is one
        return NAdamState(0, np.zeros_like(x), np.zeros_like(x), one)

    def mu(self, t):
        """The momentum coefficient of step t, β₁ (1 − 0.96^{t ψ} / 2)."""
        return self.beta1 * (1 - 0.5 * power(0.96, t * self.momentum_decay))

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        # μ_t and μ_{t+1};  M_t = M_{t-1} μ_t
        mu, mu_next = self.mu(t), self.mu(t + 1)
        mu_product = state.mu_product * mu
        # v̂_t = v_t / (1 − β₂^t)
        v_hat = debias(v, self.beta2, t)
        # (1 − μ_t) / (1 − M_t) g_t + μ_{t+1} / (1 − M_{t+1}) m_t
        look_ahead = (1 - mu) / (1 - mu_product) * g
        look_ahead = look_ahead + mu_next / (1 - mu_product * mu_next) * m
        # x_t = x_{t-1} − α (…) / (√v̂_t + ε)
        x = x - self.learning_rate * look_ahead / (np.sqrt(v_hat) + self.epsilon)
        return x, NAdamState(t, m, v, mu_product)


@dataclass(frozen=True, eq=False, repr=False)
class RAdam(Adam):
    """RAdam: Adam that waits to adapt until v has seen enough to be trusted.

        ρ_∞ = 2 / (1 − β₂) − 1,   ρ_t = ρ_∞ − 2 t β₂^t / (1 − β₂^t)
        m_t, v_t, m̂_t as in Adam
        if ρ_t > 5:
            r_t = √( (ρ_t − 4)(ρ_t − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ_t) )
            x_t = x_{t-1} − α r_t m̂_t √(1 − β₂^t) / (√v_t + ε)
        else:
            x_t = x_{t-1} − α m̂_t

    with Adam's hyperparameters.  The first five steps of β₂ = 0.999 are plain
    momentum; then r_t grows from 0.026 to 1, a warm-up of the learning rate.

    Examples
    --------
    >>> opt = RAdam()
    >>> [round(opt.rectification(t), 5) for t in (5, 6, 100)]
    [0.0, 0.02582, 0.21534]

    Source: Liu et al. (2020); the threshold 5 is that of the authors' code and of
    torch (`RAdam`), the paper's text has 4.
    """

    def rectification(self, t):
        """r_t, and 0 where ρ_t does not exceed 5."""
        rho_inf = 2 / (1 - self.beta2) - 1
        decay = power(self.beta2, t)
        rho = rho_inf - 2 * t * decay / (1 - decay)
        # Where ρ_t > 5 so is ρ_∞, and no factor is negative; elsewhere r is not used,
        # and the maximum only keeps the root real.
        trusted = rho > 5
        rho, rho_inf = np.maximum(rho, 5), np.maximum(rho_inf, 5)
        r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        return plain(r * trusted)

    def update(self, x, g, state):
        t, m, v = self.moments(g, state)
        # m̂_t = m_t / (1 − β₁^t)
        m_hat = debias(m, self.beta1, t)
        state = AdamState(t, m, v)
        # x_t = x_{t-1} − α r_t m̂_t √(1 − β₂^t) / (√v_t + ε),  or  x_{t-1} − α m̂_t
        return x - self.effective_rate(state) * m_hat, state

    def effective_rate(self, state):
        """α r_t √(1 − β₂^t) / (√v_t + ε), or α as long as r_t = 0."""
        r = self.rectification(state.t)
        unbias = plain(np.sqrt(1 - power(self.beta2, state.t)))
        adapted = r * unbias / (np.sqrt(state.v) + self.epsilon)
        return self.learning_rate * (adapted + (r == 0))


@dataclass(frozen=True, eq=False, repr=False)
class AdaMax(Optimizer):
    """AdaMax: Adam with a decaying maximum of |g| in place of the root of a mean of squares.

        m_t = β₁ m_{t-1} + (1 − β₁) g_t
        u_t = max(β₂ u_{t-1}, |g_t| + ε)
        x_t = x_{t-1} − α / (1 − β₁^t) · m_t / u_t

    with α = `learning_rate` (0.002) and Adam's other hyperparameters.

    Examples
    --------
    >>> opt = AdaMax(learning_rate=0.1)
    >>> x, state = opt.step(1.0, -4.0, opt.init(1.0))
    >>> round(x, 6), round(state.u, 6)
    (1.1, 4.0)

    Source: Kingma & Ba (2015), Algorithm 2, with ε as in torch (`Adamax`).
    """

    learning_rate: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    State = AdaMaxState

    def update(self, x, g, state):
        t = state.t + 1
        # m_t = β₁ m_{t-1} + (1 − β₁) g_t
        m = ema(state.m, g, self.beta1)
        # u_t = max(β₂ u_{t-1}, |g_t| + ε)
        u = np.maximum(self.beta2 * state.u, np.abs(g) + self.epsilon)
        # x_t = x_{t-1} − α m̂_t / u_t
        x = x - self.learning_rate * debias(m, self.beta1, t) / u
        return x, AdaMaxState(t, m, u)

    def m_hat(self, state):
        """The corrected mean of gradients, m̂_t."""
        return debias(state.m, self.beta1, state.t)

    def effective_rate(self, state):
        """α / u_t: the step is minus this times m̂_t."""
        return self.learning_rate / state.u


# The one registry: tests, plots and explorers all go through it.
OPTIMIZERS = {
    rule.__name__: rule
    for rule in (
        GradientDescent,
        SignDescent,
        Momentum,
        Nesterov,
        AdaGrad,
        RMSProp,
        Adam,
        AdamW,
        AMSGrad,
        NAdam,
        RAdam,
        AdaMax,
    )
}
