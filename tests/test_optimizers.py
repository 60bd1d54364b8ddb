"""Every rule does what its paper and torch.optim say, at every step, to twelve digits.

A run that converges proves little about an optimizer (see test_mutation).  Here each rule
is fed a fixed sequence of gradients that spans thirteen decades, and after every single
step its parameters and all of its state are held against two oracles that share no code
with it.
"""

import dataclasses

import numpy as np
import pytest
from oracles import (
    DECIMAL,
    DECIMAL_STEPS,
    GRADIENTS,
    NOT_IN_TORCH,
    TORCH,
    TORCH_STATE,
    VALUES,
    corners_of,
    decimal_run,
    expected_steps,
    first_failing_step,
    label,
    settings_of,
    torch_float64,
    torch_run,
)

from adam_course import OPTIMIZERS, Optimizer
from adam_course.hyperparameters import DOMAINS
from adam_course.optimizer import SHARED_STATE

# ρ_t = ρ_∞ − 2 t β^t / (1 − β^t) is a difference of numbers near 2/(1 − β) = 2000, of which
# about 1 is left at step 6: three digits go there, whoever computes in float64, torch too.
DECIMAL_RTOL = {"RAdam": 1e-10}


def grid(settings, names):
    return [
        pytest.param(name, chosen, id=f"{name}-{label(chosen)}")
        for name in names
        for chosen in settings(name)
    ]


# ---------------------------------------------------------- what is compared


def test_every_rule_has_a_torch_counterpart_or_is_known_to_have_none():
    assert set(TORCH) | NOT_IN_TORCH == set(OPTIMIZERS)
    assert not set(TORCH) & NOT_IN_TORCH


def test_every_rule_has_a_decimal_oracle():
    assert set(DECIMAL) == set(OPTIMIZERS)


def test_every_subclass_of_optimizer_in_the_package_is_in_the_registry():
    def below(cls):
        return {cls}.union(*(below(sub) for sub in cls.__subclasses__()))

    rules = {cls for cls in below(Optimizer) if cls.__module__ == "adam_course.optimizers"}
    # The mutants of test_mutation are executed under the same module name.
    assert {cls.__name__ for cls in rules} == set(OPTIMIZERS)
    assert all(name == rule.__name__ for name, rule in OPTIMIZERS.items())


def test_every_hyperparameter_has_values_in_the_grid_that_include_another_than_the_default():
    for name, rule in OPTIMIZERS.items():
        for hyperparameter, default in rule().hyperparameters.items():
            assert set(VALUES[hyperparameter]) - {default}, (name, hyperparameter)
    assert set(VALUES) == set(DOMAINS)


@pytest.mark.parametrize("name", TORCH)
def test_every_field_of_the_state_is_compared_with_torch(name):
    fields = set(OPTIMIZERS[name].State._fields) - {"t"}
    assert set(TORCH_STATE[name]) == fields
    (step,) = torch_run(name, {}, gradients=GRADIENTS[:1])
    assert set(step.kept) == fields, "torch keeps it under another name"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_field_and_every_derived_quantity_is_compared_with_decimals(name):
    (step,) = decimal_run(name, {}, gradients=GRADIENTS[:1])
    rule = OPTIMIZERS[name]
    derived = {method for method in ("m_hat", "v_hat", "effective_rate") if hasattr(rule, method)}
    assert set(step.kept) == {*rule.State._fields, *derived} - {"t"}


def test_the_gradients_are_as_varied_as_they_are_said_to_be():
    sizes = np.abs(GRADIENTS[GRADIENTS != 0])
    assert sizes.max() / sizes.min() > 1e8
    assert (GRADIENTS > 0).any()
    assert (GRADIENTS < 0).any()
    assert (GRADIENTS == 0).all(axis=1).sum() == 1, "one row of zeros"
    assert ((GRADIENTS == 0).sum(axis=0) > 50).any(), "a sparse column"
    assert DECIMAL_STEPS > 8, "the decimals see the row of zeros too"


def test_torch_runs_in_float64_on_one_thread_and_leaves_its_default_type_as_it_was():
    with torch_float64() as torch:
        assert torch.get_num_threads() == 1
        assert torch.get_default_dtype() == torch.float64
    assert torch.get_default_dtype() == torch.float32


# -------------------------------------------------------------------- parity


@pytest.mark.parametrize(("name", "chosen"), grid(settings_of, TORCH))
def test_equals_torch_at_every_step(name, chosen):
    opt = OPTIMIZERS[name](**chosen)
    assert first_failing_step(opt, expected_steps(torch_run, name, **chosen)) is None


@pytest.mark.parametrize(("name", "chosen"), grid(corners_of, OPTIMIZERS))
def test_equals_its_definition_in_fifty_digits_at_every_step(name, chosen):
    opt = OPTIMIZERS[name](**chosen)
    expected = expected_steps(decimal_run, name, **chosen)
    rtol = DECIMAL_RTOL.get(name, 1e-12)
    assert first_failing_step(opt, expected, rtol=rtol) is None


# By how much a hyperparameter must be off, relatively, for its effect to pass 1e-12 of what
# is compared: epsilon is added to roots that are mostly larger, the decay is α λ = 1e-5 of
# x, and 0.96^{t ψ} changes by 0.0002 a step.
VISIBLE = {"epsilon": 1e-3, "weight_decay": 1e-6, "momentum_decay": 1e-6}


@pytest.mark.parametrize("name", TORCH)
def test_a_hyperparameter_that_is_off_in_a_late_digit_is_seen(name):
    # The comparison can fail: it sees what a convergence test never would.
    for hyperparameter, default in OPTIMIZERS[name]().hyperparameters.items():
        off = default * (1 + VISIBLE.get(hyperparameter, 1e-10)) or 1e-10
        opt = OPTIMIZERS[name](**{hyperparameter: off})
        assert first_failing_step(opt, expected_steps(torch_run, name)) is not None


@pytest.mark.parametrize("name", TORCH)
def test_one_step_in_float32_equals_torch_to_a_few_units_in_the_last_place(name):
    """Both start every step from torch's state, so that nothing accumulates."""
    rule = OPTIMIZERS[name]
    opt = rule()
    gradients = GRADIENTS.astype(np.float32)
    ulp = np.finfo(np.float32).eps

    def state_of(kept, t):
        fields = {key: float(kept[key]) if key in SHARED_STATE else kept[key] for key in kept}
        return rule.State(t=t, **fields)

    with torch_float64() as torch:
        x = torch.zeros(gradients.shape[1], dtype=torch.float32, requires_grad=True)
        theirs = TORCH[name](opt.hyperparameters, x)
        state = opt.start(np.zeros_like(gradients[0]))
        for t, g in enumerate(gradients, start=1):
            x.grad = torch.tensor(g)
            with torch.no_grad():
                x[:] = 0
            theirs.step()
            after = theirs.state[x]
            kept = {ours: after[key].numpy().copy() for ours, key in TORCH_STATE[name].items()}
            wanted = [x.detach().numpy().copy(), *state_of(kept, t)[1:]]

            zeros = np.zeros_like(g)
            moved, reached = opt.update(zeros, g, state)
            assert moved.dtype == np.float32
            # The same step with all signs equal: how large the terms are that may cancel.
            magnitudes = rule.State(t - 1, *(np.abs(part) for part in state[1:]))
            uncancelled, sizes = opt.update(zeros, np.abs(g), magnitudes)
            for value, want, size in zip(
                [moved, *reached[1:]], wanted, [uncancelled, *sizes[1:]], strict=True
            ):
                assert (np.abs(value - want) <= 4 * ulp * np.abs(size)).all(), t
            state = state_of(kept, t)


# ------------------------------------------------------------------ defaults

# Where our default is not torch's: torch's SGD and Adam have these switched off, and the
# rules that are named after them have them on.
NOT_TORCHS_DEFAULTS = {
    "Momentum": {"momentum"},
    "Nesterov": {"momentum", "nesterov"},
    "AMSGrad": {"amsgrad"},
}


@pytest.mark.parametrize("name", TORCH)
def test_defaults_are_torchs(name):
    with torch_float64() as torch:
        x = torch.zeros(1, requires_grad=True)
        with_ours = TORCH[name](OPTIMIZERS[name]().hyperparameters, x)
        with_theirs = type(with_ours)([x])
        different = {
            key
            for key in with_theirs.defaults
            if with_ours.defaults[key] != with_theirs.defaults[key]
        }
    assert different == NOT_TORCHS_DEFAULTS.get(name, set())


def test_the_defaults_of_adam_are_those_of_the_paper():
    # Kingma & Ba (2015), Algorithm 1: "Good default settings for the tested machine
    # learning problems are α = 0.001, β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸."
    assert OPTIMIZERS["Adam"]().hyperparameters == {
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }


def test_momentums_default_is_the_usual_one():
    assert OPTIMIZERS["Momentum"]().momentum == OPTIMIZERS["Nesterov"]().momentum == 0.9


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_hyperparameters_are_positional_in_the_order_of_the_story(name):
    names = [field.name for field in dataclasses.fields(OPTIMIZERS[name])]
    assert names[0] == "learning_rate"
    assert names == list(OPTIMIZERS[name]().hyperparameters)


# --------------------------------------------------- documented facts, by hand


def test_the_first_step_of_rmsprop_is_too_long_by_the_missing_correction():
    # 1/√(1 − β₂): 3.16, 10 and 31.6 learning rates
    for beta2 in (0.9, 0.99, 0.999):
        rule = OPTIMIZERS["RMSProp"](learning_rate=1.0, beta2=beta2, epsilon=0.0)
        x, _ = rule.step(0.0, 5.0, rule.init(0.0))
        assert -x == pytest.approx(1 / np.sqrt(1 - beta2), rel=1e-12)


def test_adagrad_travels_the_sum_of_inverse_roots_on_a_constant_gradient():
    # Σ_{t=1}^{n} 1/√t, whatever the size of the gradient
    rule = OPTIMIZERS["AdaGrad"](learning_rate=1.0, epsilon=0.0)
    x, state = 0.0, rule.init(0.0)
    for _ in range(500):
        x, state = rule.step(x, 7.0, state)
    assert -x == pytest.approx((1 / np.sqrt(np.arange(1, 501))).sum(), rel=1e-12)


def test_adamws_decay_does_not_depend_on_the_gradient():
    # With no gradient the weights shrink by 1 − α λ a step, and nothing else happens.
    rule = OPTIMIZERS["AdamW"](learning_rate=0.1, weight_decay=0.5)
    x, state = 2.0, rule.init(2.0)
    for _ in range(50):
        x, state = rule.step(x, 0.0, state)
    assert x == pytest.approx(2 * (1 - 0.1 * 0.5) ** 50, rel=1e-13)


@pytest.mark.parametrize("name", ["Momentum", "Nesterov"])
def test_momentum_tends_to_its_geometric_sum_on_a_constant_gradient(name):
    rule = OPTIMIZERS[name](momentum=0.9)
    state = rule.init(0.0)
    for _ in range(500):
        _, state = rule.step(0.0, 3.0, state)
    assert state.m == pytest.approx(3 / (1 - 0.9), rel=1e-12)


def test_adamax_divides_by_the_largest_gradient_as_it_fades():
    rule = OPTIMIZERS["AdaMax"](beta2=0.5, epsilon=0.0)
    state, seen = rule.init(0.0), []
    for g in (8.0, -1.0, 0.0, 3.0, 0.5):
        _, state = rule.step(0.0, g, state)
        seen.append(state.u)
    assert seen == [8.0, 4.0, 2.0, 3.0, 1.5]


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "NAdam"])
def test_the_step_is_minus_the_effective_rate_times_what_the_rule_follows(name):
    """x_t − x_{t−1} = −effective_rate · (the mean, or the gradient).

    NAdam's step has no such form: its look-ahead is not a field of the state.
    """
    rule = OPTIMIZERS[name]()
    state = rule.start(np.zeros(GRADIENTS.shape[1]))
    for g in GRADIENTS:
        move, state = rule.update(np.zeros_like(g), g, state)
        rate = rule.effective_rate(state)
        followed = {
            "SignDescent": lambda g, _: np.sign(g),
            "Momentum": lambda _, state: state.m,
            "Nesterov": lambda g, state: g + rule.momentum * state.m,
        }.get(name, lambda g, state: rule.m_hat(state) if hasattr(rule, "m_hat") else g)
        np.testing.assert_allclose(move, -rate * followed(g, state), rtol=1e-14)
