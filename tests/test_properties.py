"""What must hold for every sequence of gradients, whatever it is.

Symmetries are held bit for bit, since they hold so in floating point; identities between
rules and bounds on the step up to rounding.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_course import (
    OPTIMIZERS,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    GradientDescent,
    Momentum,
    NAdam,
    Nesterov,
    RAdam,
    RMSProp,
    SignDescent,
)
from adam_course.optimizers import AdamState

# ------------------------------------------------------------------- helpers

D = 4

betas = st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999])
# Far enough from the ends of float32 for every square to be a normal number.
sizes = st.floats(2.0**-20, 2.0**20)
any_gradient = st.one_of(st.just(0.0), sizes, sizes.map(lambda size: -size))


def _sequence(kind, steps, decades, zeros, seed):
    rng = np.random.default_rng(seed)
    shape = (steps, D)
    t = np.arange(steps)[:, None]
    size = {
        "wild": 10.0 ** rng.uniform(-decades, decades, shape),
        "even": np.ones(shape),
        "growing": 10.0 ** (-decades + 2 * decades * t / steps),
        "falling": 10.0 ** (decades - 2 * decades * t / steps),
    }[kind]
    sign = rng.choice([-1.0, 1.0], D) if kind == "growing" else rng.choice([-1.0, 1.0], shape)
    return np.where(rng.random(shape) < zeros, 0.0, size * sign * rng.uniform(1, 2, shape))


def sequences(zeros=(0.0, 0.3, 0.9)):
    """Gradients of 1 to 30 steps in D coordinates: of one size or of many, with zeros or none.

    Drawn from a few numbers, which hypothesis makes as simple as it can when a test fails.
    """
    return st.builds(
        _sequence,
        kind=st.sampled_from(["even", "growing", "falling", "wild"]),
        steps=st.integers(1, 30),
        decades=st.sampled_from([0.0, 1.0, 5.5]),
        zeros=st.sampled_from(zeros),
        seed=st.integers(0, 2**32 - 1),
    )


without_zeros = sequences(zeros=(0.0,))


points = st.builds(
    lambda seed, size: size * np.random.default_rng(seed).normal(size=D),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0.0, 1e-3, 1.0, 1e3]),
)


def run(opt, gradients, start=None):
    """x after every step and the last state."""
    x = np.zeros_like(gradients[0]) if start is None else start
    state, rows = opt.start(x), []
    for g in gradients:
        x, state = opt.update(x, g, state)
        rows.append(x)
    return np.stack(rows), state


def moves(opt, gradients):
    """Each step by itself, made from x = 0 so that nothing is rounded away."""
    zero = np.zeros_like(gradients[0])
    state, rows = opt.start(zero), []
    for g in gradients:
        move, state = opt.update(zero, g, state)
        rows.append(move)
    return np.stack(rows)


def weights(beta, t):
    """The weights, oldest first, that a corrected moving average gives to g_1 ... g_t."""
    powers = float(beta) ** np.arange(t - 1, -1, -1)
    return powers / powers.sum()


every_rule = pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)


# ------------------------------------------------------------ the first step


@given(
    st.floats(1e-100, 1e100),
    st.sampled_from([-1.0, 1.0]),
    betas,
    betas,
    st.floats(0, 1),
    st.floats(1e-6, 10),
)
def test_the_first_step_is_the_learning_rate_but_for_epsilon(
    size, sign, beta1, beta2, epsilon, rate
):
    # α |g| / (|g| + ε), against the gradient, whatever the betas
    opt = Adam(rate, beta1, beta2, epsilon)
    x, _ = opt.step(0.0, sign * size, opt.init(0.0))
    assert x == pytest.approx(-sign * rate * size / (size + epsilon), rel=1e-12)


def test_a_first_gradient_of_the_size_of_epsilon_makes_half_a_step():
    opt = Adam(learning_rate=1.0)
    x, _ = opt.step(0.0, 1e-8, opt.init(0.0))
    assert x == pytest.approx(-0.5, rel=1e-12)


@given(st.integers(1, 1000))
def test_the_first_step_in_d_dimensions_is_sqrt_d_learning_rates_long(d):
    opt = Adam(learning_rate=0.1, epsilon=0.0)
    x, _ = opt.step(np.zeros(d), np.linspace(1, 2, d), opt.init(np.zeros(d)))
    assert np.linalg.norm(x) == pytest.approx(0.1 * np.sqrt(d), rel=1e-12)


@given(any_gradient, betas, betas, st.integers(1, 200))
def test_on_a_constant_gradient_the_corrected_means_are_exact_from_the_first_step(
    g, beta1, beta2, steps
):
    opt = Adam(beta1=beta1, beta2=beta2)
    state = opt.init(0.0)
    for _ in range(steps):
        _, state = opt.step(0.0, g, state)
    # 1 − β^t loses up to log10(1/(1 − β)) = 3 digits at t = 1
    assert opt.m_hat(state) == pytest.approx(g, rel=1e-12)
    assert opt.v_hat(state) == pytest.approx(g * g, rel=1e-12)


# ---------------------------------------------------------------- symmetries

SCALE_FREE = {
    "AdaGrad": AdaGrad(epsilon=0.0),
    "RMSProp": RMSProp(epsilon=0.0),
    "Adam": Adam(epsilon=0.0),
    "AdamW": AdamW(epsilon=0.0),
    "AMSGrad": AMSGrad(epsilon=0.0),
    "NAdam": NAdam(epsilon=0.0),
    "AdaMax": AdaMax(epsilon=0.0),
    "SignDescent": SignDescent(),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("opt", SCALE_FREE.values(), ids=SCALE_FREE)
@given(gradients=without_zeros, power=st.integers(-20, 20), start=points)
def test_the_scale_of_the_gradients_does_not_matter(opt, dtype, gradients, power, start):
    # Kingma & Ba (2015), section 2.1.  A power of two changes no mantissa, so the runs
    # are equal bit for bit.  Zeros are left out: with ε = 0 they are 0/0.
    gradients, start = gradients.astype(dtype), start.astype(dtype)
    as_is, _ = run(opt, gradients, start)
    scaled, _ = run(opt, gradients * dtype(2.0**power), start)
    assert as_is.dtype == dtype
    np.testing.assert_array_equal(as_is, scaled)


@given(without_zeros, st.floats(1e-6, 1e6))
def test_any_other_scale_matters_only_by_rounding(gradients, scale):
    opt = Adam(learning_rate=1.0, epsilon=0.0)
    # The first moment may cancel: what is left of it is rounded in units of its terms,
    # which make a step of at most 7.3 learning rates (see below).
    np.testing.assert_allclose(
        moves(opt, scale * gradients), moves(opt, gradients), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("opt", [GradientDescent(), Momentum(), Nesterov()], ids=repr)
@given(gradients=sequences(), power=st.integers(-20, 20))
def test_the_rules_without_a_denominator_are_linear_in_the_gradients(opt, gradients, power):
    scaled = run(opt, gradients * 2.0**power)[0]
    np.testing.assert_array_equal(scaled, run(opt, gradients)[0] * 2.0**power)


@every_rule
@given(gradients=sequences(), start=points)
def test_turning_every_sign_turns_the_sign_of_the_run(rule, gradients, start):
    there, _ = run(rule(), gradients, start)
    back, _ = run(rule(), -gradients, -start)
    np.testing.assert_array_equal(back, -there)


@every_rule
@given(gradients=sequences(), start=points, order=st.permutations(range(D)))
def test_coordinates_do_not_know_of_one_another(rule, gradients, start, order):
    together, _ = run(rule(), gradients, start)
    permuted, _ = run(rule(), gradients[:, order], start[order])
    np.testing.assert_array_equal(permuted, together[:, order])
    alone, _ = run(rule(), gradients[:, :1], start[:1])
    np.testing.assert_array_equal(alone, together[:, :1])


@every_rule
@given(gradients=sequences(), start=points)
def test_the_past_is_in_the_state_and_nowhere_else(rule, gradients, start):
    opt = rule()
    whole, last = run(opt, gradients, start)
    half = len(gradients) // 2
    x, state = start, opt.start(start)
    for g in gradients[:half]:
        x, state = opt.update(x, g, state)
    for g in gradients[half:]:
        x, state = rule().update(x, g, type(state)(*state))
    np.testing.assert_array_equal(x, whole[-1])
    for field, other in zip(state, last):
        np.testing.assert_array_equal(field, other)


# --------------------------------------------------- one rule inside another


@given(sequences(), betas, st.sampled_from([1e-8, 1e-2]))
def test_without_first_moment_adam_is_rmsprop_with_bias_correction(gradients, beta2, epsilon):
    opt = Adam(learning_rate=0.1, beta1=0.0, beta2=beta2, epsilon=epsilon)
    v, wanted = np.zeros(D), []
    for t, g in enumerate(gradients, start=1):
        v = beta2 * v + (1 - beta2) * g**2
        wanted.append(-0.1 * g / (np.sqrt(v / (1 - beta2**t)) + epsilon))
    np.testing.assert_allclose(moves(opt, gradients), wanted, rtol=1e-12)


@given(without_zeros, points, st.integers(-10, 3))
def test_without_memory_and_epsilon_adam_is_sign_descent(gradients, start, power):
    # A rate that is a power of two, so that α g / |g| is α to the last bit
    rate = 2.0**power
    adam, _ = run(Adam(rate, beta1=0.0, beta2=0.0, epsilon=0.0), gradients, start)
    sign, _ = run(SignDescent(rate), gradients, start)
    np.testing.assert_array_equal(adam, sign)


@given(without_zeros, st.floats(1e-6, 10))
def test_without_memory_and_epsilon_adam_is_sign_descent_at_any_rate(gradients, rate):
    adam = moves(Adam(rate, beta1=0.0, beta2=0.0, epsilon=0.0), gradients)
    np.testing.assert_allclose(adam, moves(SignDescent(rate), gradients), rtol=1e-15)


@given(sequences(), points, betas, betas)
def test_adamw_without_decay_is_adam_bit_for_bit(gradients, start, beta1, beta2):
    adam, state = run(Adam(0.1, beta1, beta2), gradients, start)
    adamw, same = run(AdamW(0.1, beta1, beta2, weight_decay=0.0), gradients, start)
    np.testing.assert_array_equal(adamw, adam)
    np.testing.assert_array_equal(same.m, state.m)
    np.testing.assert_array_equal(same.v, state.v)


@given(sequences(), points, st.floats(0, 1))
def test_adamws_decay_is_apart_from_its_step(gradients, start, decay):
    # Its step is Adam's, whatever the decay, which a decay through the gradient would spoil.
    opt = AdamW(0.1, weight_decay=decay)
    state, x = opt.start(start), start
    adam_state = Adam(0.1).start(start)
    for g in gradients:
        step, adam_state = Adam(0.1).update(np.zeros(D), g, adam_state)
        wanted = (1 - 0.1 * decay) * x + step
        x, state = opt.update(x, g, state)
        np.testing.assert_allclose(x, wanted, rtol=1e-12, atol=1e-12 * np.abs(step).max())
        np.testing.assert_array_equal(state.m, adam_state.m)


@given(sequences(), st.floats(0, 0.99))
def test_momentum_in_its_averaging_form_is_the_same_at_a_larger_rate(gradients, momentum):
    # m'_t = μ m'_{t−1} + (1 − μ) g_t with the rate α / (1 − μ)
    rows, _ = run(Momentum(0.1, momentum), gradients)
    m, x = np.zeros(D), np.zeros(D)
    way = np.zeros(D)
    for g, row in zip(gradients, rows):
        m = momentum * m + (1 - momentum) * g
        x = x - 0.1 / (1 - momentum) * m
        way = way + 0.1 / (1 - momentum) * np.abs(gradients).max(axis=0)
        assert (np.abs(x - row) <= 1e-12 * way).all()


@given(sequences(), st.floats(0, 0.99))
def test_nesterov_is_momentum_one_move_ahead(gradients, momentum):
    # g_i − (1 − μ) m_i = μ (m_i − m_{i−1}), and the sum over i telescopes:
    # x^N_t = x^M_t − α μ m_t
    ball, state = run(Momentum(0.1, momentum), gradients)
    ahead, _ = run(Nesterov(0.1, momentum), gradients)
    scale = np.abs(gradients).sum() / (1 - momentum)
    np.testing.assert_allclose(
        ahead[-1], ball[-1] - 0.1 * momentum * state.m, rtol=0, atol=1e-13 * scale
    )


@given(sequences())
def test_without_momentum_both_momenta_are_gradient_descent(gradients):
    plain, _ = run(GradientDescent(0.1), gradients)
    for rule in (Momentum, Nesterov):
        np.testing.assert_array_equal(run(rule(0.1, momentum=0.0), gradients)[0], plain)


@given(sequences(), st.sampled_from([0.0, 0.5]))
def test_radam_with_a_short_memory_never_adapts(gradients, beta2):
    # ρ_∞ = 2/(1 − β₂) − 1 is 1 and 3 there: always below 5, so it steps along m̂
    opt = RAdam(learning_rate=0.1, beta2=beta2)
    m, wanted = np.zeros(D), []
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + (1 - 0.9) * g
        wanted.append(-0.1 * m / (1 - 0.9**t))
    largest = np.abs(gradients).max()
    np.testing.assert_allclose(moves(opt, gradients), wanted, rtol=1e-12, atol=1e-13 * largest)


def test_with_a_huge_epsilon_adam_is_momentum():
    # Choi et al. (2019): with the rate α ε and ε → ∞ the denominator is ε alone, and what
    # is left is α m̂: the averaging form of momentum, corrected.  What remains of √v̂
    # vanishes like 1/ε.
    gradients = np.random.default_rng(0).normal(size=(100, D))
    m, x, wanted = np.zeros(D), np.zeros(D), []
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + (1 - 0.9) * g
        x = x - 1e-3 * m / (1 - 0.9**t)
        wanted.append(x)
    exponents = (1, 2, 4, 6)
    off = [
        np.abs(run(Adam(1e-3 * 10.0**k, epsilon=10.0**k), gradients)[0] - wanted).max()
        for k in exponents
    ]
    assert off[0] > 1e-5, "Adam itself is not momentum"
    for i, k in enumerate(exponents[2:], start=2):
        assert off[i] * 10.0**k == pytest.approx(off[1] * 10.0**2, rel=0.02)


@given(sequences(), betas)
def test_with_equal_betas_the_second_moment_is_the_squared_mean_and_a_variance(gradients, beta):
    # Orvieto & Gower (2025): v_t = m_t² + EMA_β[ β (m_{t−1} − g_t)² ]
    opt = Adam(beta1=beta, beta2=beta)
    state, variance = opt.start(np.zeros(D)), np.zeros(D)
    for g in gradients:
        variance = beta * variance + (1 - beta) * beta * (state.m - g) ** 2
        _, state = opt.update(np.zeros(D), g, state)
    np.testing.assert_allclose(state.v, state.m**2 + variance, rtol=1e-12)


# ------------------------------------------------------------------- AMSGrad


@given(sequences(), betas, betas)
def test_amsgrads_maximum_never_falls_and_is_one_of_the_means(gradients, beta1, beta2):
    opt = AMSGrad(beta1=beta1, beta2=beta2)
    state = opt.start(np.zeros(D))
    highest = np.zeros(D)
    for g in gradients:
        before = state
        _, state = opt.update(np.zeros(D), g, state)
        highest = np.maximum(highest, state.v)
        assert (state.v_max >= before.v_max).all()
        np.testing.assert_array_equal(state.v_max, highest)


@given(sequences(), betas)
def test_amsgrads_rate_is_never_above_adams(gradients, beta2):
    opt, adam = AMSGrad(beta2=beta2), Adam(beta2=beta2)
    state, other = opt.start(np.zeros(D)), adam.start(np.zeros(D))
    for g in gradients:
        _, state = opt.update(np.zeros(D), g, state)
        _, other = adam.update(np.zeros(D), g, other)
        assert (opt.effective_rate(state) <= adam.effective_rate(other)).all()


@given(without_zeros, betas)
def test_amsgrads_rate_rises_by_the_correction_alone(gradients, beta2):
    # The rate over √(1 − β₂^t) is α / √v^max, and cannot rise.  (The rate itself can, in
    # torch's form, since the maximum is taken before the correction: next test.)
    opt = AMSGrad(beta2=beta2, epsilon=0.0)
    state, last = opt.start(np.zeros(D)), np.full(D, np.inf)
    for g in gradients:
        _, state = opt.update(np.zeros(D), g, state)
        uncorrected = opt.effective_rate(state) / np.sqrt(1 - beta2**state.t)
        assert (uncorrected <= last * (1 + 1e-12)).all()
        last = uncorrected


def test_amsgrads_corrected_rate_can_rise():
    # A gradient and then silence: v^max stays at (1 − β₂) g², the correction 1 − β₂^t grows
    # from 1 − β₂ to 1 − β₂², and the rate with its root.
    opt = AMSGrad(learning_rate=1.0, epsilon=0.0)
    x, state = opt.step(0.0, 1.0, opt.init(0.0))
    first = opt.effective_rate(state)
    x, state = opt.step(x, 0.0, state)
    assert opt.effective_rate(state) / first == pytest.approx(np.sqrt(1 + 0.999), rel=1e-12)


# ------------------------------------------------------- how long a step can be


def longest_step(beta1, beta2, t):
    """√(Σ a_i² / b_i), with a and b the corrected weights: the supremum of |step| / α."""
    a, b = weights(beta1, t), weights(beta2, t)
    heard = b > 1e-300  # the oldest weights of a long run are below what a float can hold
    return np.sqrt((a[heard] ** 2 / b[heard]).sum())


def limit_of_longest_step(beta1, beta2):
    """What it tends to as t → ∞, where β₁² < β₂."""
    return (1 - beta1) / np.sqrt((1 - beta2) * (1 - beta1**2 / beta2))


def papers_bound(beta1, beta2):
    """Kingma & Ba (2015), section 2.1, in units of α: "two upper bounds"."""
    return max((1 - beta1) / np.sqrt(1 - beta2), 1.0)


def longest_run(beta1, beta2, t):
    """The gradients that reach the supremum at step t: g_i ∝ a_i / b_i, by Cauchy and Schwarz."""
    return weights(beta1, t) / weights(beta2, t)


@given(
    sequences(),
    st.sampled_from(
        [(0.9, 0.999), (0.9, 0.99), (0.9, 0.95), (0.5, 0.999), (0.9, 0.9), (0.95, 0.9)]
    ),
    st.sampled_from([0.0, 1e-8]),
)
def test_no_gradients_make_a_longer_step_than_the_true_bound(gradients, betas, epsilon):
    opt = Adam(learning_rate=1.0, beta1=betas[0], beta2=betas[1], epsilon=epsilon)
    with np.errstate(invalid="ignore"):  # 0/0 before the first gradient, where ε = 0
        steps = np.nan_to_num(np.abs(moves(opt, gradients)))
    for t, step in enumerate(steps, start=1):
        assert (step <= longest_step(*betas, t) * (1 + 1e-12)).all()


@pytest.mark.parametrize("t", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("pair", [(0.9, 0.999), (0.9, 0.95), (0.5, 0.99)], ids=str)
def test_the_true_bound_is_reached(pair, t):
    t = min(t, int(300 / np.log10(pair[1] / pair[0]) / 2))  # the squares span 300 decades
    gradients = longest_run(*pair, t)[:, None]
    opt = Adam(1.0, *pair, epsilon=0.0)
    assert -moves(opt, gradients)[-1, 0] == pytest.approx(longest_step(*pair, t), rel=1e-10)


@pytest.mark.parametrize(
    ("pair", "limit"),
    [
        # (1 − β₁) / √((1 − β₂)(1 − β₁²/β₂)) in six figures
        ((0.9, 0.999), 7.27029),
        ((0.9, 0.99), 2.34521),
        ((0.9, 0.95), 1.16496),
        ((0.9, 0.9), 1.0),
        ((0.8, 0.999), 10.550),
        ((0.5, 0.999), 18.260),
    ],
    ids=str,
)
def test_the_true_bound_tends_to_its_closed_form_from_below(pair, limit):
    assert limit_of_longest_step(*pair) == pytest.approx(limit, rel=1e-4)
    bounds = [longest_step(*pair, t) for t in (1, 10, 100, 1000, 10000)]
    assert bounds[0] == pytest.approx(1.0)
    assert bounds == sorted(bounds) or pair[0] == pair[1]
    assert bounds[-1] == pytest.approx(limit_of_longest_step(*pair), rel=1e-4)


@pytest.mark.parametrize("pair", [(0.9, 0.999), (0.9, 0.99), (0.9, 0.95)], ids=str)
def test_the_papers_bound_is_none(pair):
    """Gradients that grow like (β₂/β₁)^i after a long silence pass it."""
    growth = (pair[1] / pair[0]) ** np.arange(300)
    opt = Adam(1.0, *pair, epsilon=0.0)
    # A silence of 20 000 steps leaves both moments at zero, and only t remembers it.
    state = AdamState(20_000, np.zeros(1), np.zeros(1))
    for g in growth:
        move, state = opt.update(np.zeros(1), np.array([g]), state)
    assert -move[0] > 1.1 * papers_bound(*pair)
    assert -move[0] == pytest.approx(limit_of_longest_step(*pair), rel=1e-4)


def test_one_gradient_after_a_long_silence_is_what_the_paper_had_in_mind():
    # (1 − β₁)/√(1 − β₂) = √10 learning rates: the worst case of a single gradient
    opt = Adam(1.0, epsilon=0.0)
    move, _ = opt.update(np.zeros(1), np.ones(1), AdamState(10**6, np.zeros(1), np.zeros(1)))
    assert -move[0] == pytest.approx(np.sqrt(10), rel=1e-12)


@given(sequences(), st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999]))
def test_with_equal_betas_no_step_is_longer_than_the_learning_rate(gradients, beta):
    # Jensen: the square of a mean is at most the mean of the squares, with the same weights
    opt = Adam(learning_rate=1.0, beta1=beta, beta2=beta)
    assert (np.abs(moves(opt, gradients)) <= 1 + 1e-12).all()


# --------------------------------------------------------------------- RAdam


def test_radams_memory_and_rectification_are_those_of_its_paper():
    # Liu et al. (2020) for β₂ = 0.999: the first five steps are not adapted, then r grows
    rectification = RAdam().rectification
    assert [rectification(t) for t in (1, 2, 3, 4, 5)] == [0.0] * 5
    for t, r in ((6, 0.02582), (10, 0.0490), (100, 0.2153), (1000, 0.6453), (5000, 0.9829)):
        assert rectification(t) == pytest.approx(r, rel=2e-3)
    assert rectification(10**6) == pytest.approx(1.0, rel=1e-12)


@given(st.floats(0.7, 0.9999), st.integers(1, 5000))
def test_rectification_is_a_growing_share(beta2, t):
    now, after = RAdam(beta2=beta2).rectification(t), RAdam(beta2=beta2).rectification(t + 1)
    assert 0 <= now <= after * (1 + 1e-9)
    assert after <= 1 + 1e-9


def test_rectification_of_many_betas_and_steps_at_once_is_that_of_each():
    opt = RAdam(beta2=np.array([[0.5], [0.7], [0.99], [0.999]]))
    t = np.arange(1, 50)
    for row, beta2 in zip(opt.rectification(t), (0.5, 0.7, 0.99, 0.999)):
        assert row.tolist() == [RAdam(beta2=beta2).rectification(int(each)) for each in t]


# --------------------------------------------------------------------- NAdam


@given(st.integers(1, 10_000), betas)
def test_nadams_momentum_warms_up_from_half_of_beta1(t, beta1):
    opt = NAdam(beta1=beta1)
    assert beta1 / 2 <= opt.mu(t) <= opt.mu(t + 1) <= beta1
    assert NAdam(beta1=beta1, momentum_decay=0.0).mu(t) == beta1 / 2
