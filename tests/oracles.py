"""What the rules are compared with: a fixed sequence of gradients, torch, and long decimals.

Two oracles say what each rule should do, step by step: `torch_run` asks torch.optim,
`decimal_run` computes the papers' definitions as explicit weighted sums in fifty-digit
decimals, with no recursion and no code of the package.  `first_failing_step` holds a rule
against either of them.
"""

import contextlib
import decimal
import math
from decimal import Decimal
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from adam_course import OPTIMIZERS

# ------------------------------------------------------------------- gradients


def _gradients(steps):
    """A column for each kind of signal that an optimizer meets, and some that it should not."""
    rng = np.random.default_rng(20141222)
    t = np.arange(steps)
    signs = rng.choice([-1.0, 1.0], steps)
    wild = signs * 10.0 ** rng.uniform(-5, 5, steps)
    noise = rng.normal(size=steps)
    tiny = 1e-6 * (1 + 0.1 * rng.normal(size=steps))
    large = 1e4 * rng.normal(size=steps)
    sparse = np.where(t % 9 == 4, rng.normal(size=steps), 0.0)
    growing = -1e-8 * 1.3**t
    gradients = np.stack([wild, noise, tiny, large, sparse, growing], axis=1)
    gradients[7] = 0.0
    gradients.flags.writeable = False
    return gradients


GRADIENTS = _gradients(100)

# Where the run that is carried along starts: of both signs, large, small and zero.
START = np.array([1.0, -2.0, 0.5, 100.0, -1e-3, 0.0])
START.flags.writeable = False

# ------------------------------------------------------------- hyperparameters

VALUES = {
    "learning_rate": (0.001, 0.1),
    "momentum": (0.0, 0.9),
    "beta1": (0.0, 0.9, 0.95),
    "beta2": (0.9, 0.999),
    "epsilon": (1e-8, 1e-2),
    "weight_decay": (0.0, 0.1),
    "momentum_decay": (0.0, 0.004, 0.5),
    "initial_accumulator": (0.0, 0.1),
}

# With beta2 = 0.7 the length ρ_∞ of RAdam's memory is 5.67, just past the threshold of 5;
# with beta2 = 0.5 it is 3, and RAdam never adapts.
EXTRA = {"RAdam": ({"beta2": 0.7}, {"beta2": 0.5})}


def settings_of(name):
    """The settings of hyperparameters a rule is tested with: its defaults and the whole grid."""
    names = tuple(OPTIMIZERS[name]().hyperparameters)
    yield {}
    yield from EXTRA.get(name, ())
    for values in product(*(VALUES[name] for name in names)):
        yield dict(zip(names, values))


def corners_of(name):
    """A few settings, for the slower oracle: the defaults, and the two ends of the grid."""
    names = tuple(OPTIMIZERS[name]().hyperparameters)
    yield {}
    yield from EXTRA.get(name, ())
    yield {name: VALUES[name][0] for name in names}
    yield {name: VALUES[name][-1] for name in names}


def label(hyperparameters):
    """A setting as one word, for the name of a test."""
    return ",".join(f"{name}={value:g}" for name, value in hyperparameters.items()) or "defaults"


# ---------------------------------------------------------------------- torch


@contextlib.contextmanager
def torch_float64():
    """torch with float64 as its default type, in which NAdam keeps its product of μ_t."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield torch
    finally:
        torch.set_default_dtype(before)


def _torch(kind, **arguments):
    """A function of (hyperparameters, tensor) that makes a torch.optim optimizer.

    `arguments` maps torch's names to ours (a string), to a pair of ours, or to a value.
    """

    def make(hyperparameters, tensor):
        import torch

        def ours(value):
            if isinstance(value, tuple):
                return tuple(ours(part) for part in value)
            return hyperparameters[value] if isinstance(value, str) else value

        chosen = {name: ours(value) for name, value in arguments.items()}
        if chosen.get("nesterov"):  # torch refuses the look-ahead of a momentum of zero
            chosen["nesterov"] = chosen["momentum"] > 0
        return getattr(torch.optim, kind)([tensor], **chosen)

    return make


_ADAM = {"lr": "learning_rate", "betas": ("beta1", "beta2"), "eps": "epsilon"}

TORCH = {
    "GradientDescent": _torch("SGD", lr="learning_rate"),
    "Momentum": _torch("SGD", lr="learning_rate", momentum="momentum"),
    "Nesterov": _torch("SGD", lr="learning_rate", momentum="momentum", nesterov=True),
    "AdaGrad": _torch(
        "Adagrad",
        lr="learning_rate",
        initial_accumulator_value="initial_accumulator",
        eps="epsilon",
    ),
    "RMSProp": _torch("RMSprop", lr="learning_rate", alpha="beta2", eps="epsilon"),
    "Adam": _torch("Adam", **_ADAM),
    "AdamW": _torch("AdamW", **_ADAM, weight_decay="weight_decay"),
    "AMSGrad": _torch("Adam", **_ADAM, amsgrad=True),
    "NAdam": _torch("NAdam", **_ADAM, momentum_decay="momentum_decay"),
    "RAdam": _torch("RAdam", **_ADAM),
    "AdaMax": _torch("Adamax", **_ADAM),
}

# Rules that torch does not have.
NOT_IN_TORCH = {"SignDescent"}

# Our names of the state, and torch's.
_ADAM_STATE = {"m": "exp_avg", "v": "exp_avg_sq"}
TORCH_STATE = {
    "GradientDescent": {},
    "Momentum": {"m": "momentum_buffer"},
    "Nesterov": {"m": "momentum_buffer"},
    "AdaGrad": {"v": "sum"},
    "RMSProp": {"v": "square_avg"},
    "Adam": _ADAM_STATE,
    "AdamW": _ADAM_STATE,
    "AMSGrad": {**_ADAM_STATE, "v_max": "max_exp_avg_sq"},
    "NAdam": {**_ADAM_STATE, "mu_product": "mu_product"},
    "RAdam": _ADAM_STATE,
    "AdaMax": {"m": "exp_avg", "u": "exp_inf"},
}


class Expected(NamedTuple):
    """What an oracle says is so after a step.

    move : the step that the gradients make from x = 0, so that nothing is lost in a sum
    x : the parameters of a run from START
    kept : state, and what can be derived from it, by name
    """

    move: np.ndarray
    x: np.ndarray
    kept: dict


def torch_run(name, hyperparameters, gradients=GRADIENTS, start=START):
    """The rule's steps according to torch.optim, in float64: a list of `Expected`.

    Two rows are optimized together.  The first is put back to zero before every
    step, so that after it it holds the bare step; the second goes on.
    """
    with torch_float64() as torch:
        x = torch.zeros((2, gradients.shape[1]), requires_grad=True)
        opt = TORCH[name](OPTIMIZERS[name](**hyperparameters).hyperparameters, x)
        with torch.no_grad():
            x[1] = torch.tensor(start)
        steps = []
        for t, g in enumerate(gradients, start=1):
            with torch.no_grad():
                x[0] = 0
            x.grad = torch.tensor(np.stack([g, g]))
            opt.step()
            state = opt.state[x]
            move, carried = x.detach().numpy().copy()
            kept = {
                ours: state[theirs].numpy().copy()
                for ours, theirs in TORCH_STATE[name].items()
                if state.get(theirs) is not None
            }
            kept = {key: value[0] if value.ndim else value for key, value in kept.items()}
            if "step" in state:
                assert float(state["step"]) == t
            steps.append(Expected(move, carried, kept))
        return steps


# ------------------------------------------------------------- fifty decimals


def _powers(beta, steps):
    powers = [Decimal(1)]
    for _ in range(steps):
        powers.append(powers[-1] * beta)
    return powers


class _Sums:
    """Weighted sums over one coordinate's gradients g_1 ... g_t, written out in full."""

    def __init__(self, gradients):
        self.g = [Decimal.from_float(float(g)) for g in gradients]
        self.t = len(self.g)

    def decaying(self, values, beta):
        """Σ_i β^(t−i) y_i."""
        powers = _powers(beta, self.t)
        return sum((powers[self.t - i] * y for i, y in enumerate(values, 1)), Decimal(0))

    def mean(self, values, beta):
        """(1 − β) Σ_i β^(t−i) y_i: the moving average, before its correction."""
        return (1 - beta) * self.decaying(values, beta)

    def corrected(self, values, beta):
        """Σ_i β^(t−i) y_i / Σ_i β^(t−i): a weighted mean, with weights that sum to one."""
        return self.decaying(values, beta) / self.decaying([Decimal(1)] * self.t, beta)

    @property
    def squares(self):
        return [g * g for g in self.g]


def _gradient_descent(s, h):
    return h.learning_rate * s.g[-1], {"effective_rate": h.learning_rate}


def _sign_descent(s, h):
    sign = (s.g[-1] > 0) - (s.g[-1] < 0)
    return h.learning_rate * sign, {"effective_rate": h.learning_rate}


def _momentum(s, h):
    m = s.decaying(s.g, h.momentum)
    return h.learning_rate * m, {"m": m, "effective_rate": h.learning_rate}


def _nesterov(s, h):
    # The heavy ball one step further on, as if the same gradient came once more, less what
    # of it was there before: Σ_i μ^(t+1−i) g_i + g_t.
    m = s.decaying(s.g, h.momentum)
    ahead = h.momentum * m + s.g[-1]
    return h.learning_rate * ahead, {"m": m, "effective_rate": h.learning_rate}


def _adagrad(s, h):
    v = h.initial_accumulator + sum(s.squares)
    rate = h.learning_rate / (v.sqrt() + h.epsilon)
    return rate * s.g[-1], {"v": v, "v_hat": v, "effective_rate": rate}


def _rmsprop(s, h):
    v = s.mean(s.squares, h.beta2)
    rate = h.learning_rate / (v.sqrt() + h.epsilon)
    return rate * s.g[-1], {"v": v, "v_hat": v, "effective_rate": rate}


def _adam(s, h):
    m_hat, v_hat = s.corrected(s.g, h.beta1), s.corrected(s.squares, h.beta2)
    rate = h.learning_rate / (v_hat.sqrt() + h.epsilon)
    kept = {
        "m": s.mean(s.g, h.beta1),
        "v": s.mean(s.squares, h.beta2),
        "m_hat": m_hat,
        "v_hat": v_hat,
        "effective_rate": rate,
    }
    return rate * m_hat, kept


def _amsgrad(s, h):
    _, kept = _adam(s, h)
    # max over i of v_i, each the moving average of the first i squares
    v_max = max(_Sums(s.g[:i]).mean([g * g for g in s.g[:i]], h.beta2) for i in range(1, s.t + 1))
    v_hat = v_max / (1 - h.beta2**s.t)
    rate = h.learning_rate / (v_hat.sqrt() + h.epsilon)
    kept |= {"v_max": v_max, "v_hat": v_hat, "effective_rate": rate}
    return rate * kept["m_hat"], kept


@cache
def _mu(t, beta1, momentum_decay):
    return beta1 * (1 - Decimal.from_float(0.96) ** (t * momentum_decay) / 2)


def _nadam(s, h):
    _, kept = _adam(s, h)
    mu = [_mu(i, h.beta1, h.momentum_decay) for i in range(1, s.t + 2)]
    *until_now, following = mu
    mu_product = math.prod(until_now)
    now = (1 - until_now[-1]) / (1 - mu_product) * s.g[-1]
    ahead = following / (1 - mu_product * following) * kept["m"]
    kept["mu_product"] = mu_product
    return kept["effective_rate"] * (now + ahead), kept


def _radam(s, h):
    _, kept = _adam(s, h)
    power = h.beta2**s.t
    rho_inf = 2 / (1 - h.beta2) - 1
    rho = rho_inf - 2 * s.t * power / (1 - power)
    rate = h.learning_rate
    if rho > 5:
        r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)).sqrt()
        rate *= r * (1 - power).sqrt() / (kept["v"].sqrt() + h.epsilon)
    kept["effective_rate"] = rate
    return rate * kept["m_hat"], kept


def _adamax(s, h):
    # Section 7.1: max(β₂^(t−1) |g_1|, ..., |g_t|), with ε beside each |g_i| as in torch
    powers = _powers(h.beta2, s.t)
    u = max(powers[s.t - i] * (abs(g) + h.epsilon) for i, g in enumerate(s.g, 1))
    m_hat = s.corrected(s.g, h.beta1)
    rate = h.learning_rate / u
    kept = {"m": s.mean(s.g, h.beta1), "u": u, "m_hat": m_hat, "effective_rate": rate}
    return rate * m_hat, kept


# A step's length against the gradient, and the state after it, from all gradients so far.
DECIMAL = {
    "GradientDescent": _gradient_descent,
    "SignDescent": _sign_descent,
    "Momentum": _momentum,
    "Nesterov": _nesterov,
    "AdaGrad": _adagrad,
    "RMSProp": _rmsprop,
    "Adam": _adam,
    "AdamW": _adam,  # with its decay, which acts on x, in decimal_run
    "AMSGrad": _amsgrad,
    "NAdam": _nadam,
    "RAdam": _radam,
    "AdaMax": _adamax,
}

DECIMAL_STEPS = 40


class _Exact:
    """Hyperparameters as the exact decimal values of their floats."""

    def __init__(self, hyperparameters):
        for name, value in hyperparameters.items():
            setattr(self, name, Decimal.from_float(value))


def decimal_run(name, hyperparameters, gradients=GRADIENTS[:DECIMAL_STEPS], start=START):
    """The rule's steps by its paper's definition, to fifty digits: a list of `Expected`."""
    h = _Exact(OPTIMIZERS[name](**hyperparameters).hyperparameters)
    with decimal.localcontext() as context:
        context.prec = 50
        context.traps[decimal.FloatOperation] = True  # no float may slip in unnoticed
        shrink = 1 - h.learning_rate * getattr(h, "weight_decay", Decimal(0))
        x = [Decimal.from_float(float(value)) for value in start]
        steps = []
        for t in range(1, len(gradients) + 1):
            columns = [DECIMAL[name](_Sums(column), h) for column in gradients[:t].T]
            x = [shrink * value - move for value, (move, _) in zip(x, columns)]
            kept = {
                key: np.array([float(values[key]) for _, values in columns])
                for key in columns[0][1]
            }
            moves = np.array([-float(move) for move, _ in columns])
            steps.append(Expected(moves, np.array([float(value) for value in x]), kept))
    return steps


@cache
def expected_steps(oracle, name, **hyperparameters):
    """`torch_run` or `decimal_run` on the fixed sequence, once for each setting."""
    return oracle(name, hyperparameters)


# ------------------------------------------------------------------ comparison

RTOL = 1e-12


def first_failing_step(opt, expected, gradients=GRADIENTS, start=START, rtol=RTOL):
    """The first step at which a rule differs from an oracle, or None if there is none.

    The bare step from zero, the state and what is derived from it are compared to a
    relative tolerance alone: a step of 1e-15 counts as much as one of 1.  The run from
    `start` is compared relative to the length of the way so far, because each sum x + step
    is rounded in units of x.
    """
    x = np.stack([np.zeros_like(start), start])
    state = opt.start(x)
    way = np.abs(start)
    before = start
    with np.errstate(all="ignore"):  # a wrong rule may divide by zero before it is caught
        for t, (g, wanted) in enumerate(zip(gradients, expected), start=1):
            x = np.stack([np.zeros_like(start), x[1]])
            x, state = opt.update(x, np.stack([g, g]), state)
            way = way + np.abs(wanted.x - before)
            before = wanted.x
            same = (
                state.t == t
                and _near(x[0], wanted.move, rtol)
                and (np.abs(x[1] - wanted.x) <= rtol * way).all()
                and all(_near(_row(opt, state, k), v, rtol) for k, v in wanted.kept.items())
            )
            if not same:
                return t
    return None


def _near(value, wanted, rtol):
    return bool((np.abs(value - wanted) <= rtol * np.abs(wanted)).all())


def _row(opt, state, name):
    """A field of the state or, where it has none of that name, what the rule derives from it."""
    value = getattr(state, name) if name in state._fields else getattr(opt, name)(state)
    value = np.asarray(value)
    return value[0] if value.ndim > 1 else value
