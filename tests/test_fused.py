"""A fused step is the pure rule's: its state bit for bit, its parameters to the last digits.

Both engines are held against the pure rules, which are the definition, and against the
oracles that the pure rules are held against: torch.optim and fifty-digit decimals.
"""

import platform

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from oracles import (
    TORCH,
    corners_of,
    decimal_run,
    expected_steps,
    first_failing_step,
    settings_of,
    torch_run,
)

from adam_course import OPTIMIZERS, Adam, AdamW, minimize, quadratic
from adam_course.fused import Fused, optimizer
from adam_course.hyperparameters import DOMAINS

every_rule = pytest.mark.parametrize("name", OPTIMIZERS)
every_engine = pytest.mark.parametrize("engine", ["numba", "numpy"])
every_precision = pytest.mark.parametrize("dtype", [np.float64, np.float32])

# Where a compiler may make one rounding of a product and a sum, the last bit may differ.
EXACT = platform.machine() in ("x86_64", "AMD64")

EPS32 = float(np.finfo(np.float32).eps)


def decades(steps, size, dtype=np.float64, zeros=0.2, seed=1):
    """Gradients of both signs over eight decades, some of them zero, but none in the first."""
    rng = np.random.default_rng(seed)
    g = rng.choice([-1.0, 1.0], (steps, size)) * 10.0 ** rng.uniform(-4, 4, (steps, size))
    g[1:][rng.random((steps - 1, size)) < zeros] = 0.0
    g[3:4] = 0.0
    return g.astype(dtype)


def same_state(state, wanted):
    """Assert that two states are of one type and equal, to the last bit."""
    assert type(state) is type(wanted)
    for name, value, want in zip(wanted._fields, state, wanted):
        want = np.asarray(want)
        value = np.asarray(value)
        assert (value.dtype, value.shape) == (want.dtype, want.shape), name
        if EXACT:
            np.testing.assert_array_equal(value, want, err_msg=name)
            assert (np.signbit(value) == np.signbit(want))[~np.isnan(want)].all(), name
        else:
            rtol = 1e-12 if value.dtype == np.float64 else 4 * EPS32
            np.testing.assert_allclose(value, want, rtol, atol=0, err_msg=name)


def near(x, pure, way, units):
    """Assert that parameters are equal to some units in the last place of the way they went.

    A way is |x_0| + Σ |x_t − x_{t−1}|: every sum x + step is rounded in units of x.
    """
    assert (x.dtype, x.shape) == (pure.dtype, pure.shape)
    np.testing.assert_array_equal(np.isfinite(x), np.isfinite(pure))
    there = np.isfinite(pure) & np.isfinite(way)
    np.testing.assert_array_equal(x[~there], pure[~there])
    off = np.abs(x[there].astype(float) - pure[there])
    assert (off <= units * np.finfo(x.dtype).eps * way[there]).all(), off.max()


def hold(opts, engine, gradients, start):
    """Step a rule both ways on the same gradients, and compare after every step.

    Two rows are stepped together.  The first is put back to zero before every step, so that
    after it it holds the bare step, which is held to 8 units in the last place of the terms
    that it is the sum of: 1.8e-15 in float64, 9.5e-7 in float32.  The second goes on, and is
    held to 4 units a step of its way so far: after 40 steps 3.6e-14, and 1.9e-5.
    """
    dtype = gradients.dtype
    x = np.stack([np.zeros_like(start), start]).astype(dtype)
    pure, way = x.copy(), np.abs(x[1], dtype=float)
    fast, state = Fused(opts[0], x, engine=engine), opts[0].init(pure)
    for t, (opt, g) in enumerate(zip(opts, gradients), start=1):
        g = np.stack([g, g])
        x[0] = pure[0] = 0
        sizes = state._make(np.abs(part) for part in state)._replace(t=state.t)
        terms, _ = opt.update(np.zeros_like(pure), np.abs(g), sizes)
        before = pure[1]
        pure, state = opt.step(pure, g, state)
        if opt is not opts[0]:
            fast.optimizer = opt
        fast.step(g)
        same_state(fast.state, state)
        near(x[0], pure[0], np.abs(terms[0]), units=8)
        way += np.abs(pure[1] - before, dtype=float)
        near(x[1], pure[1], way, units=4 * t)


def choices(name):
    """The settings a rule is tried with: defaults, both ends of a grid, and zeros."""
    yield from corners_of(name)
    for zero in ("epsilon", "beta1", "beta2"):
        if zero in OPTIMIZERS[name]().hyperparameters:
            yield {zero: 0.0}


# ------------------------------------------------------------------ the pure rules


@every_precision
@every_engine
@every_rule
def test_every_step_is_the_pure_rules(name, engine, dtype):
    # Twice 123 numbers: whole vectors of every width, and what is left over.
    gradients = decades(40, 123, dtype)
    start = np.random.default_rng(2).normal(size=123) * 10.0 ** np.linspace(-3, 3, 123)
    for chosen in choices(name):
        hold([OPTIMIZERS[name](**chosen)] * 40, engine, gradients, start)


@every_precision
@every_engine
@every_rule
def test_a_schedule_is_an_optimizer_assigned_between_steps(name, engine, dtype):
    # Every hyperparameter moves, so that none is kept from the step before.
    grid = list(settings_of(name))
    opts = [OPTIMIZERS[name](**grid[t % len(grid)]) for t in range(25)]
    hold(opts, engine, decades(25, 20, dtype), np.linspace(-3, 3, 20))


@every_engine
def test_radam_begins_without_adaptation_and_then_adapts(engine):
    opt, x = OPTIMIZERS["RAdam"](learning_rate=0.1), np.zeros(2)
    fast, moved = Fused(opt, x, engine=engine), []
    for _ in range(6):
        before = x.copy()
        fast.step(np.array([1.0, -1e3]))
        moved.append(x - before)
    # Five steps in proportion to the gradient, then one that does not depend on its size.
    np.testing.assert_allclose(moved[:5], [[-0.1, 1e2]] * 5, rtol=1e-12)
    np.testing.assert_allclose(np.abs(moved[5]), 0.1 * opt.rectification(6), rtol=1e-6)


@every_precision
@every_engine
@every_rule
def test_what_is_not_finite_goes_through_as_in_the_pure_rule(name, engine, dtype):
    opt = OPTIMIZERS[name](learning_rate=0.1)
    big = np.sqrt(np.finfo(dtype).max) * 1e3  # its square is infinite, itself it is not
    gradients = np.array([[1.0, big, np.inf, np.nan, -big, 0.0]] * 8, dtype)
    gradients[5:] = 1.0
    x = np.ones(6, dtype)
    pure, state, way = x.copy(), opt.init(x), np.ones(6)
    fast = Fused(opt, x, engine=engine)
    for t, g in enumerate(gradients, start=1):
        before = pure
        pure, state = opt.step(pure, g, state, allow_nonfinite=True)
        fast.step(g)
        same_state(fast.state, state)
        with np.errstate(invalid="ignore"):
            way += np.abs(pure - before)
        near(x, pure, way, units=4 * t)


@every_engine
@every_rule
def test_the_gradient_may_be_the_parameters_themselves(name, engine):
    # The gradient of ½ x²; it must have been read when x moves.
    opt = OPTIMIZERS[name](learning_rate=0.1)
    x = np.linspace(5.0, 9.0, 50)  # far enough from zero
    pure, state = x.copy(), opt.init(x)
    fast = Fused(opt, x, engine=engine)
    for _ in range(4):
        pure, state = opt.step(pure, pure, state)
        fast.step(x)
        np.testing.assert_allclose(x, pure, rtol=1e-13)
        for value, want in zip(fast.state, state):
            np.testing.assert_allclose(value, want, rtol=1e-13)


NUMBERS = {
    name: st.floats(low, 10.0 if high == np.inf else 0.999).filter(lambda v: v == 0 or v > 1e-8)
    for name, (low, high) in DOMAINS.items()
}


@st.composite
def problems(draw):
    """A rule with any hyperparameters, and arrays of any shape of up to three axes."""
    rule = draw(st.sampled_from(list(OPTIMIZERS.values())))
    names = rule().hyperparameters
    opt = rule(**{name: draw(NUMBERS[name]) for name in names if draw(st.booleans())})
    return opt, draw(array_shapes(max_dims=3, max_side=5)), draw(st.integers(0, 2**32 - 1))


@given(problems(), st.sampled_from(["numba", "numpy"]), st.sampled_from([np.float64, np.float32]))
def test_any_rule_on_any_shape_is_the_pure_rule(problem, engine, dtype):
    opt, shape, seed = problem
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape).astype(dtype)
    pure, state = x.copy(), opt.init(x)
    fast = Fused(opt, x, engine=engine)
    way = np.abs(x, dtype=float)
    for t in (1, 2, 3):
        g = rng.normal(size=shape).astype(dtype)
        before = pure
        pure, state = opt.step(pure, g, state)
        fast.step(g)
        same_state(fast.state, state)
        way += np.abs(pure - before)
        near(x, pure, way, units=4 * t)


# ---------------------------------------------------------------- torch, decimals


class Stepped:
    """A rule whose `update` is a step of `Fused`, to be held against an oracle."""

    def __init__(self, rule, engine):
        self.rule, self.engine = rule, engine

    def start(self, x):
        self.fast = Fused(self.rule, x.copy(), engine=self.engine)
        return self.fast.state

    def update(self, x, g, state):
        self.fast.parameters[...] = x
        self.fast.step(g)
        return self.fast.parameters.copy(), self.fast.state

    def __getattr__(self, name):  # what is derived from the state: m_hat and its like
        return getattr(self.rule, name)


@every_engine
@pytest.mark.parametrize("rule", [Adam, AdamW])
def test_adam_and_adamw_are_torchs_to_twelve_digits_for_every_setting(rule, engine):
    for chosen in settings_of(rule.__name__):
        expected = expected_steps(torch_run, rule.__name__, **chosen)
        assert first_failing_step(Stepped(rule(**chosen), engine), expected) is None, chosen


@every_engine
@pytest.mark.parametrize("name", TORCH)
def test_every_rule_is_torchs_to_twelve_digits(name, engine):
    for chosen in corners_of(name):
        expected = expected_steps(torch_run, name, **chosen)
        opt = Stepped(OPTIMIZERS[name](**chosen), engine)
        assert first_failing_step(opt, expected) is None, chosen


@every_engine
@every_rule
def test_every_rule_is_its_definition_in_fifty_digits(name, engine):
    # RAdam subtracts numbers near 2000 of which about 1 is left (see test_optimizers).
    rtol = 1e-10 if name == "RAdam" else 1e-12
    opt = Stepped(OPTIMIZERS[name](), engine)
    assert first_failing_step(opt, expected_steps(decimal_run, name), rtol=rtol) is None


@every_engine
def test_the_comparison_with_an_oracle_can_fail(engine):
    for off in (Adam(beta1=0.9 + 1e-9), Adam(learning_rate=0.001 * (1 + 1e-10)), AdamW()):
        expected = expected_steps(torch_run, "Adam")
        assert first_failing_step(Stepped(off, engine), expected) is not None


# ------------------------------------------------------------------------ sizes


def run(name, size, dtype=np.float64, steps=3, **options):
    """A fused run of some steps, of so many parameters."""
    x = np.linspace(-2, 2, size, dtype=dtype)
    fast = Fused(OPTIMIZERS[name](learning_rate=0.01), x, **options)
    for g in decades(steps, size, dtype):
        fast.step(g)
    return fast


def numbers(fast):
    """Every number of a run, as bytes."""
    return [np.asarray(part).tobytes() for part in (fast.parameters, *fast.state)]


@every_engine
@every_rule
def test_no_parameter_and_a_single_one(name, engine):
    assert run(name, 0, engine=engine, threads=2).state.t == 3
    hold([OPTIMIZERS[name]()] * 5, engine, decades(5, 1), np.array([0.5]))


@every_precision
@every_rule
def test_the_edges_of_a_block_are_nothing_special(name, dtype, monkeypatch):
    monkeypatch.setattr(optimizer, "BLOCK", 64)
    for size in (63, 64, 65, 131):
        gradients = decades(4, size, dtype)
        hold([OPTIMIZERS[name]()] * 4, "numpy", gradients, np.linspace(-2, 2, size))


def test_the_edges_of_a_real_block_are_nothing_special_either():
    for size in (optimizer.BLOCK - 1, optimizer.BLOCK, optimizer.BLOCK + 1):
        compiled, blocked = (run("Adam", size, engine=engine) for engine in ("numba", "numpy"))
        same_state(blocked.state, compiled.state)
        way = np.abs(blocked.parameters) + 0.1
        near(compiled.parameters, blocked.parameters, way, units=12)


@every_precision
@every_engine
@every_rule
def test_the_numbers_do_not_depend_on_the_number_of_threads(name, engine, dtype, monkeypatch):
    monkeypatch.setattr(optimizer, "WORTH_A_THREAD", 100)
    monkeypatch.setattr(optimizer, "BLOCK", 64)
    for size in (211, 1003):
        one, two, three = (
            numbers(run(name, size, dtype, engine=engine, threads=n)) for n in (1, 2, 3)
        )
        assert one == two == three


# ------------------------------------------------------------------------- state


def after_some_steps(name, dtype):
    """A pure run that has been under way: rule, x, state, and gradients to go on with."""
    opt = OPTIMIZERS[name](learning_rate=0.01)
    x = np.linspace(-2, 2, 37, dtype=dtype)
    state, gradients = opt.init(x), decades(12, 37, dtype)
    for g in gradients[:7]:
        x, state = opt.step(x, g, state)
    return opt, x, state, gradients[7:]


@every_precision
@every_engine
@every_rule
def test_a_run_goes_on_from_the_state_of_the_pure_rule(name, engine, dtype):
    opt, pure, state, gradients = after_some_steps(name, dtype)
    x = pure.copy()
    fast = Fused(opt, x, state=state, engine=engine)
    same_state(fast.state, state)
    for g in gradients:
        pure, state = opt.step(pure, g, state)
        fast.step(g)
        same_state(fast.state, state)
        near(x, pure, np.abs(pure) + 0.1, units=20)


@every_precision
@every_engine
@every_rule
def test_a_run_that_goes_on_from_another_is_one_run_bit_for_bit(name, engine, dtype):
    opt, start, _, gradients = after_some_steps(name, dtype)
    whole = Fused(opt, start.copy(), engine=engine)
    first = Fused(opt, start.copy(), engine=engine)
    for g in gradients[:2]:
        whole.step(g)
        first.step(g)
    kept = numbers(first)
    second = Fused(opt, first.parameters.copy(), state=first.state, engine=engine)
    for g in gradients[2:]:
        whole.step(g)
        second.step(g)
    assert numbers(second) == numbers(whole)
    assert numbers(first) == kept, "a state is copied, and not shared"


@every_precision
@every_engine
@every_rule
def test_the_pure_rule_goes_on_from_a_fused_run(name, engine, dtype):
    fast = run(name, 9, dtype, engine=engine)
    opt, state = fast.optimizer, fast.state
    x, after = opt.step(fast.parameters, np.ones(9, dtype), state)
    fast.step(np.ones(9, dtype))
    same_state(fast.state, after)
    np.testing.assert_allclose(fast.parameters, x, rtol=1e-14 if dtype == np.float64 else 1e-6)


@every_engine
@every_rule
def test_the_numbers_of_a_trajectorys_state_have_the_precision_of_the_parameters(name, engine):
    # They are NumPy's float64, which would lift all that they meet in float32.
    opt, start = OPTIMIZERS[name](learning_rate=0.01), np.linspace(-2, 2, 50, dtype=np.float32)
    path = minimize(quadratic(10, d=50), opt, start, steps=7)
    state = path.state._make(rows[-1] for rows in path.state)
    plain = state._replace(t=7)
    if "mu_product" in state._fields:
        plain = plain._replace(mu_product=float(state.mu_product))
    x = path.x[-1]
    one, other = (Fused(opt, x.copy(), state=s, engine=engine) for s in (state, plain))
    for fast in (one, other):
        fast.step(np.geomspace(0.1, 1e3, 50, dtype=np.float32))
    assert type(one.state.t) is int
    assert numbers(one) == numbers(other)


@every_engine
def test_a_state_can_come_from_lists_and_whole_numbers(engine):
    # The pure rule takes a list of floats, and its state then has lists.
    state = Adam().init([1.0, 2.0])._replace(t=3, v=[1, 2])
    fast = Fused(Adam(), np.array([1.0, 2.0]), state=state, engine=engine)
    assert (fast.state.t, fast.state.m.tolist(), fast.state.v.tolist()) == (3, [0, 0], [1, 2])


@every_engine
def test_the_accumulator_of_adagrad_begins_where_it_is_said_to(engine):
    opt = OPTIMIZERS["AdaGrad"](initial_accumulator=0.1)
    for dtype in (np.float64, np.float32):
        fast = Fused(opt, {"a": np.ones(3, dtype), "b": np.ones((2, 2), dtype)}, engine=engine)
        wanted = opt.init(np.ones(3, dtype)).v
        np.testing.assert_array_equal(fast.state.v["a"], wanted)
        np.testing.assert_array_equal(fast.state.v["b"], np.full((2, 2), wanted[0]))
