"""The network's gradients are those of its loss, one network is many, and training is pure."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from torch.nn import functional

from adam_course import (
    OPTIMIZERS,
    Adam,
    GradientDescent,
    Momentum,
    NeuralNetwork,
    Training,
    gradient_check,
    minimize,
    rosenbrock,
    steps_below,
)
from adam_course.network import batches, cross_entropy, sigmoid

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ANSWERS = np.array([[0.0], [1.0], [1.0], [0.0]])

SIZES = [(1, 1, 1), (2, 4, 1), (3, 5, 2), (7, 2, 4)]


def examples(network, n=6, seed=0):
    """Random inputs, and targets of both kinds: classes, and probabilities between."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, network.input_size))
    targets = rng.random((n, network.output_size))
    targets[::2] = targets[::2].round()
    return inputs, targets


def of_size(sizes, seed=0, spread=2.0):
    network = NeuralNetwork(*sizes, seed=seed)
    return network.with_params({key: spread * value for key, value in network.params.items()})


def in_torch(network, inputs, targets, params=None):
    """The loss and its gradients as torch's autograd has them."""
    params = network.params if params is None else params
    leaves = {key: torch.tensor(value, requires_grad=True) for key, value in params.items()}
    x, y = torch.tensor(inputs), torch.tensor(targets)
    h = torch.sigmoid(functional.linear(x, leaves["w1"], leaves["b1"]))
    z = functional.linear(h, leaves["w2"], leaves["b2"])
    loss = functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(x)
    loss.backward()
    return loss.item(), {key: leaf.grad.numpy() for key, leaf in leaves.items()}


def assert_same(one, other):
    assert list(one) == list(other)
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key])


def snapshot(params):
    return {key: value.copy() for key, value in params.items()}


# ------------------------------------------------------- sigmoid, cross-entropy

LOGITS = [0.0, 1e-300, 1e-9, -0.5, 0.5, 3.0, -3.0, 36.0, -36.0, 40.0, -40.0]
LOGITS += [-700.0, 700.0, -709.0, 709.0, -710.0, 710.0, -745.0, -800.0, 800.0]


def decimal_sigmoid(z):
    return 1 / (1 + (-Decimal(z)).exp())


@pytest.mark.parametrize("z", LOGITS)
def test_the_sigmoid_is_right_in_every_digit_that_a_float_has(z):
    with localcontext(prec=50), np.errstate(over="raise", divide="raise", invalid="raise"):
        exact = float(decimal_sigmoid(z))
        # Below 2e-308 floats have fewer digits, down to 5e-324.
        assert sigmoid(z) == pytest.approx(exact, rel=1e-15, abs=1e-323)
        np.testing.assert_allclose(sigmoid(np.array([z])), [exact], rtol=1e-15, atol=1e-323)


@pytest.mark.parametrize("z", LOGITS)
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_the_cross_entropy_is_right_in_every_digit_where_nothing_cancels(z, y):
    with localcontext(prec=400), np.errstate(over="raise", divide="raise", invalid="raise"):
        p, target = decimal_sigmoid(z), Decimal(y)
        exact = -target * p.ln() - (1 - target) * (1 - p).ln()
        got = cross_entropy(z, y)
        # What cancels is max(z, 0) against y z, and for classes, y = 0 or 1, nothing does.
        lost = 1e-323 if y in (0, 1) else 1e-16 * abs(z)
        assert got == pytest.approx(float(exact), rel=1e-14, abs=lost)


def test_both_are_torchs_also_at_800():
    z = np.concatenate([LOGITS, np.linspace(-50, 50, 101)])
    y = np.random.default_rng(0).random(z.size)
    np.testing.assert_allclose(sigmoid(z), torch.sigmoid(torch.tensor(z)), rtol=1e-14, atol=1e-300)
    expected = functional.binary_cross_entropy_with_logits(
        torch.tensor(z), torch.tensor(y), reduction="none"
    )
    # torch's form, (1 − y) z + ..., cancels where |z| is large.
    np.testing.assert_allclose(cross_entropy(z, y), expected, rtol=1e-14, atol=1e-16 * 800)


def test_far_out_both_are_what_they_tend_to():
    assert sigmoid(-800.0) == 0.0
    assert sigmoid(800.0) == 1.0
    assert cross_entropy(800.0, 0.0) == cross_entropy(-800.0, 1.0) == 800.0
    assert cross_entropy(800.0, 1.0) == cross_entropy(-800.0, 0.0) == 0.0
    assert sigmoid(-math.inf) == 0.0
    assert sigmoid(math.inf) == 1.0


def test_the_sigmoid_of_a_number_is_a_float_and_of_an_array_an_array():
    assert type(sigmoid(1)) is float
    assert sigmoid([0, 0]).tolist() == [0.5, 0.5]
    assert sigmoid(np.zeros((2, 3), np.float32)).dtype == np.float32


# -------------------------------------------------------------------- gradients


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("n", [1, 6])
def test_loss_and_gradients_are_those_of_autograd(sizes, n):
    for seed in range(3):
        network = of_size(sizes, seed)
        inputs, targets = examples(network, n, seed)
        loss, gradients = in_torch(network, inputs, targets)
        assert network.loss(inputs, targets) == pytest.approx(loss, rel=1e-13)
        got = network.gradients(inputs, targets)
        assert list(got) == list(network.params)
        for key, value in gradients.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_are_the_slopes_of_the_loss(sizes):
    network = of_size(sizes)
    inputs, targets = examples(network)

    def loss(x):
        return network.loss(inputs, targets, network.unflatten(x))

    x, h = network.flatten(network.params), 1e-6
    away = h * np.eye(network.size)
    slopes = np.array([(loss(x + e) - loss(x - e)) / (2 * h) for e in away])
    got = network.flatten(network.gradients(inputs, targets))
    np.testing.assert_allclose(got, slopes, rtol=1e-6, atol=1e-9)


def test_a_saturated_network_overflows_nowhere():
    network = NeuralNetwork(2, 3, 1)
    huge = {key: np.full_like(value, 800.0) for key, value in network.params.items()}
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss = network.loss(XOR, ANSWERS, huge)
        gradients = network.gradients(XOR, ANSWERS, huge)
        assert network.predict(XOR, huge).tolist() == [[1.0]] * 4
    assert loss == pytest.approx(0.5 * 3200)
    assert all(np.isfinite(value).all() for value in gradients.values())


def test_predictions_are_the_sigmoid_of_the_logits():
    network = of_size((3, 5, 2))
    inputs, _ = examples(network)
    h = 1 / (1 + np.exp(-(inputs @ network.params["w1"].T + network.params["b1"])))
    z = h @ network.params["w2"].T + network.params["b2"]
    np.testing.assert_allclose(network.forward(inputs), z, rtol=1e-13)
    np.testing.assert_allclose(network.predict(inputs), 1 / (1 + np.exp(-z)), rtol=1e-13)


# --------------------------------------------------------------- many networks


@pytest.mark.parametrize("own", [False, True], ids=["shared examples", "examples of their own"])
def test_many_networks_are_the_single_ones(own):
    network = NeuralNetwork(3, 4, 2)
    many = np.random.default_rng(1).normal(size=(2, 5, network.size))
    inputs, targets = examples(network)
    if own:
        inputs, targets = (
            np.stack([k * value for k in range(1, 6)]) for value in examples(network)
        )
        targets = np.minimum(targets, 1.0)
    params = network.unflatten(many)
    losses = network.loss(inputs, targets, params)
    predictions = network.predict(inputs, params)
    gradients = network.gradients(inputs, targets, params)
    assert losses.shape == (2, 5)
    assert predictions.shape == (2, 5, 6, 2)
    for i in np.ndindex(2, 5):
        alone = network.unflatten(many[i])
        x, y = (inputs[i[1]], targets[i[1]]) if own else (inputs, targets)
        assert losses[i] == pytest.approx(network.loss(x, y, alone), rel=1e-13)
        np.testing.assert_allclose(predictions[i], network.predict(x, alone), rtol=1e-13)
        for key, value in network.gradients(x, y, alone).items():
            assert gradients[key].shape == (2, 5, *network.shapes[key])
            np.testing.assert_allclose(gradients[key][i], value, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_flatten_and_unflatten_undo_each_other(sizes):
    network = NeuralNetwork(*sizes)
    d, h, k = sizes
    assert network.size == h * d + h + k * h + k
    for leading in ((), (3,), (2, 3)):
        x = np.random.default_rng(2).normal(size=(*leading, network.size))
        params = network.unflatten(x)
        for key, value in params.items():
            assert value.shape == leading + network.shapes[key]
            assert np.shares_memory(value, x), "a view, not a copy"
        np.testing.assert_array_equal(network.flatten(params), x)
        backwards = dict(reversed(params.items()))
        np.testing.assert_array_equal(network.flatten(backwards), x)
    assert_same(network.unflatten(network.flatten(network.params)), network.params)


def test_every_number_of_the_vector_has_one_place():
    network = NeuralNetwork(2, 3, 2)
    params = network.unflatten(np.arange(network.size))
    assert params["w1"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert params["b1"].tolist() == [6, 7, 8]
    assert params["w2"].tolist() == [[9, 10, 11], [12, 13, 14]]
    assert params["b2"].tolist() == [15, 16]


# --------------------------------------------------------------- what it starts with


def test_a_seed_is_the_same_network_and_another_is_another():
    assert_same(NeuralNetwork(2, 4, 1, seed=3).params, NeuralNetwork(2, 4, 1, seed=3).params)
    one, other = NeuralNetwork(2, 4, 1), NeuralNetwork(2, 4, 1, seed=1)
    assert all((one.params[key] != other.params[key]).any() for key in one.params)


def test_parameters_start_uniform_between_minus_one_and_one():
    x = NeuralNetwork(20, 100, 30).starts(range(2)).ravel()
    assert -1 < x.min() < -0.99
    assert 0.99 < x.max() < 1
    assert abs(x.mean()) < 0.03
    assert abs(x.var() - 1 / 3) < 0.01
    assert np.unique(x).size == x.size


def test_starts_are_the_networks_of_these_seeds():
    network = NeuralNetwork(2, 4, 1, seed=9)
    starts = network.starts([5, 2])
    for row, seed in zip(starts, (5, 2)):
        fresh = NeuralNetwork(2, 4, 1, seed=seed)
        np.testing.assert_array_equal(row, fresh.flatten(fresh.params))


def test_parameters_that_are_given_are_copied_and_put_in_order():
    mine = {key: value.copy() for key, value in reversed(NeuralNetwork(2, 4, 1).params.items())}
    network = NeuralNetwork(2, 4, 1, params=mine)
    before = snapshot(network.params)
    mine["w1"][:] = 7.0
    assert_same(network.params, before)
    assert list(network.params) == ["w1", "b1", "w2", "b2"]
    whole = {key: np.ones(shape, int) for key, shape in network.shapes.items()}
    assert all(value.dtype == float for value in network.with_params(whole).params.values())


# --------------------------------------------------------------------- training


def by_hand(network, inputs, targets, optimizer, epochs, batch, seed):
    """`train`, written out."""
    params = snapshot(network.params)
    state = optimizer.init(params)
    for epoch in range(epochs):
        order = np.arange(len(inputs))
        if batch:
            order = np.random.default_rng([seed, epoch]).permutation(len(inputs))
        for k in range(0, len(inputs), batch or len(inputs)):
            chosen = order[k : k + (batch or len(inputs))]
            g = network.gradients(inputs[chosen], targets[chosen], params)
            params, state = optimizer.step(params, g, state)
    return params


@pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("batch", [None, 4], ids=["all", "batches"])
def test_train_is_the_loop_written_out_for_every_rule(rule, batch):
    network = of_size((3, 4, 2))
    inputs, targets = examples(network, n=10)
    opt = rule(learning_rate=0.05)
    trained = network.train(inputs, targets, opt, 3, batch=batch, seed=7)
    assert_same(trained.params, by_hand(network, inputs, targets, opt, 3, batch, 7))


def test_training_against_torch_with_the_same_batches():
    network = of_size((3, 4, 2))
    inputs, targets = examples(network, n=10)
    trained = network.train(inputs, targets, Adam(0.05), 20, batch=3, seed=1)
    leaves = {key: torch.tensor(value) for key, value in network.params.items()}
    adam = torch.optim.Adam(leaves.values(), lr=0.05)
    for epoch in range(20):
        for chosen in batches(10, 3, 1, epoch):
            params = {key: leaf.numpy() for key, leaf in leaves.items()}
            _, gradients = in_torch(network, inputs[chosen], targets[chosen], params)
            for key, leaf in leaves.items():
                leaf.grad = torch.tensor(gradients[key])
            adam.step()
    for key, leaf in leaves.items():
        np.testing.assert_allclose(trained.params[key], leaf.numpy(), rtol=1e-10, atol=1e-12)


def test_training_changes_nothing_that_it_is_given():
    network = NeuralNetwork(2, 4, 1)
    inputs, targets = XOR.copy(), ANSWERS.copy()
    before = snapshot(network.params)
    trained = network.train(inputs, targets, Adam(0.1), 5, batch=2)
    assert_same(network.params, before)
    assert (inputs == XOR).all()
    assert (targets == ANSWERS).all()
    assert trained is not network
    assert trained.loss(XOR, ANSWERS) != network.loss(XOR, ANSWERS)
    untrained = network.train(inputs, targets, Adam(0.1), 0)
    assert_same(untrained.params, before)
    untrained.params["w1"][:] = 0.0
    assert_same(network.params, before)


def test_training_is_reproducible_by_its_seed():
    network = of_size((2, 4, 1))
    inputs, targets = examples(network, n=12)

    def trained(seed):
        return network.train(inputs, targets, Adam(0.1), 4, batch=5, seed=seed).params

    assert_same(trained(3), trained(3))
    assert (trained(3)["w1"] != trained(4)["w1"]).any()


def test_every_epoch_has_all_examples_once_in_an_order_of_its_own():
    seen = [np.concatenate(batches(11, 4, 0, epoch)) for epoch in range(20)]
    for order in seen:
        np.testing.assert_array_equal(np.sort(order), range(11))
    assert len({tuple(order) for order in seen}) == 20
    assert (seen[0] != np.concatenate(batches(11, 4, 1, 0))).any()
    assert [len(batch) for batch in batches(11, 4, 0, 0)] == [4, 4, 3]
    for size in (None, 11, 12):
        (batch,) = batches(11, size, 0, 5)
        assert batch.tolist() == list(range(11))


class Interrupted(GradientDescent):
    """Gradient descent that is interrupted in its fourth step."""

    def update(self, x, g, state):
        if state.t == 3:
            raise KeyboardInterrupt
        return super().update(x, g, state)


@pytest.mark.parametrize("progress", [False, True])
def test_an_interrupt_keeps_what_was_learned(progress, capsys):
    network = NeuralNetwork(2, 4, 1)
    stopped = network.train(XOR, ANSWERS, Interrupted(0.5), 100, progress=progress)
    whole = network.train(XOR, ANSWERS, GradientDescent(0.5), 3)
    assert_same(stopped.params, whole.params)


@pytest.mark.parametrize("epochs", [0, 3])
def test_a_bar_counts_the_epochs_and_is_closed(monkeypatch, epochs):
    import tqdm.auto

    bars = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            bars.append(self)

        def close(self):
            self.closed_at = self.n
            super().close()

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    NeuralNetwork(2, 4, 1).train(XOR, ANSWERS, Adam(), epochs, batch=1, progress=True)
    assert [(bar.total, bar.closed_at) for bar in bars] == [(epochs, epochs)]


def test_it_learns_xor():
    for seed in range(3):
        trained = NeuralNetwork(2, 4, 1, seed).train(XOR, ANSWERS, Adam(0.05), 1000)
        assert trained.loss(XOR, ANSWERS) < 0.05
        np.testing.assert_array_equal(trained.predict(XOR).round(), ANSWERS)


# ----------------------------------------------------------- many at once: Training


@pytest.mark.parametrize("batch", [None, 4], ids=["all", "batches"])
@pytest.mark.parametrize("own", [False, True], ids=["shared examples", "examples of their own"])
def test_training_many_is_training_each(batch, own):
    seeds = [3, 0, 8]
    sizes = (3, 4, 2)
    parts = [examples(NeuralNetwork(*sizes), 10, seed if own else 0) for seed in seeds]
    inputs, targets = (np.stack(part) for part in zip(*parts))
    training = Training(
        NeuralNetwork(*sizes, seed=5),
        *((inputs, targets) if own else (inputs[0], targets[0])),
        seeds,
        batch=batch,
    )
    per_epoch = 3 if batch else 1
    assert training.steps_per_epoch == per_epoch
    path = minimize(training.loss, Adam(0.05), training.start, 4 * per_epoch, gradient=training)
    for k, seed in enumerate(seeds):
        network = NeuralNetwork(*sizes, seed=seed)
        assert path.loss[0, k] == pytest.approx(network.loss(inputs[k], targets[k]), rel=1e-12)
        alone = network.train(inputs[k], targets[k], Adam(0.05), 4, batch=batch, seed=seed)
        np.testing.assert_allclose(
            path.x[-1, k], network.flatten(alone.params), rtol=1e-10, atol=1e-12
        )
        assert path.loss[-1, k] == pytest.approx(alone.loss(inputs[k], targets[k]), rel=1e-10)


def test_a_sweep_of_trainings_is_the_single_trainings():
    training = Training(NeuralNetwork(2, 4, 1), XOR, ANSWERS, range(4), batch=3)
    rates = np.array([0.01, 0.1])
    sweep = minimize(
        training.no_loss, Momentum(rates[:, None, None]), training.start, 9, gradient=training
    )
    assert (sweep.loss == 0).all()
    for k, rate in enumerate(rates):
        alone = minimize(training.no_loss, Momentum(rate), training.start, 9, gradient=training)
        np.testing.assert_allclose(sweep.x[:, k], alone.x, rtol=1e-12, atol=1e-14)


def test_the_gradients_of_a_step_do_not_depend_on_what_was_asked_before():
    network = NeuralNetwork(2, 4, 1)
    inputs, targets = examples(network, 10)
    one, other = (Training(network, inputs, targets, [1, 2], batch=4) for _ in range(2))
    forwards = [one.at_step(one.start, t) for t in range(1, 8)]
    backwards = [other.at_step(one.start, t) for t in range(7, 0, -1)][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    np.testing.assert_array_equal(one(one.start), forwards[0])
    assert (forwards[0] != forwards[3]).any(), "the second epoch has another order"


def test_training_has_examples_of_its_own():
    inputs = XOR.copy()
    training = Training(NeuralNetwork(2, 4, 1), inputs, ANSWERS, 0)
    before = training.loss(training.start)
    inputs[:] = 0.0
    assert training.loss(training.start) == before
    assert training.start.shape == (1, 17)


def test_networks_that_diverge_do_not_stop_the_others():
    training = Training(NeuralNetwork(2, 4, 1), XOR, ANSWERS, range(3))
    rates = np.array([0.1, 1e308])[:, None, None]
    steps = steps_below(training.loss, Adam(rates), 0.05, training.start, 1000, gradient=training)
    assert np.isfinite(steps[0]).all()
    assert np.isinf(steps[1]).all()


# ----------------------------------------------------------------- gradient check


def test_the_check_passes_a_right_gradient():
    assert gradient_check(rosenbrock, rosenbrock.gradient, np.array([-1.5, 2.0])) < 1e-8
    network = of_size((3, 4, 2))
    inputs, targets = examples(network)
    apart = gradient_check(
        lambda params: network.loss(inputs, targets, params),
        lambda params: network.gradients(inputs, targets, params),
        network.params,
    )
    assert list(apart) == list(network.params)
    assert max(apart.values()) < 1e-7


@pytest.mark.parametrize("wrong", ["w1", "b1", "w2", "b2"])
def test_the_check_says_where_a_gradient_is_wrong(wrong):
    network = of_size((3, 4, 2))
    inputs, targets = examples(network)

    def gradients(params):
        g = network.gradients(inputs, targets, params)
        g[wrong].flat[-1] *= 1.01
        return g

    apart = gradient_check(
        lambda params: network.loss(inputs, targets, params), gradients, network.params
    )
    assert apart.pop(wrong) > 1e-5
    assert max(apart.values()) < 1e-7


def test_the_check_measures_against_the_larger_of_both():
    assert gradient_check(lambda x: 3 * x[0], lambda x: 0 * x, np.ones(1)) == pytest.approx(1)
    assert gradient_check(lambda x: 0.0, lambda x: 5 + 0 * x, np.ones(1)) == pytest.approx(1)
    assert gradient_check(lambda x: x[0], lambda x: -np.ones(1), np.ones(1)) == pytest.approx(2)
    assert gradient_check(lambda x: 7.0, lambda x: 0 * x, np.ones(3)) == 0.0
    one_of_ten = np.array([1.0] + 9 * [0.0])
    assert gradient_check(lambda x: 0.0, lambda x: one_of_ten, np.ones(10)) == pytest.approx(1)
    apart = gradient_check(
        lambda p: 100 * p["a"][0] + p["b"],
        lambda p: {"b": np.array(0.0), "a": np.array([100.0])},
        {"a": np.zeros(1), "b": np.zeros(())},
    )
    assert apart["a"] < 1e-9
    assert apart["b"] == pytest.approx(0.01, rel=1e-6)


def test_the_check_uses_the_step_it_is_given():
    # (f(h) − f(−h)) / 2h = h² for x³ at 0.
    for h in (0.1, 0.5):
        apart = gradient_check(lambda x: x[0] ** 3, lambda x: np.ones(1), np.zeros(1), h=h)
        assert apart == pytest.approx(1 - h**2)


def test_the_check_changes_nothing_and_survives_functions_that_do():
    x = {"a": np.ones(2), "b": np.ones((2, 2))}

    def function(params):
        value = float(sum((part * part).sum() for part in params.values()))
        params["a"][:] = 9.0
        return value

    def gradient(params):
        g = {key: 2 * part for key, part in params.items()}
        params["b"][:] = 9.0
        return g

    assert max(gradient_check(function, gradient, x).values()) < 1e-8
    assert_same(x, {"a": np.ones(2), "b": np.ones((2, 2))})
    point = np.ones(2)
    gradient_check(lambda x: float(x @ x), lambda x: x.__imul__(2), point)
    assert point.tolist() == [1.0, 1.0]


# -------------------------------------------------------------------- bad input

GOOD = {"input_size": 2, "hidden_size": 4, "output_size": 1}
PARAMS = NeuralNetwork(2, 4, 1).params


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"input_size": 0}, "^input_size must be a whole number of at least 1, got 0$"),
        ({"hidden_size": 2.0}, "^hidden_size must be a whole number of at least 1, got 2.0$"),
        ({"output_size": True}, "^output_size must be .* got True$"),
        ({"hidden_size": "4"}, "^hidden_size must be .* got '4'$"),
        ({"seed": -1}, "^seed must be a whole number of at least 0, got -1$"),
        ({"seed": None}, "^seed must be .* got None$"),
        ({"params": [1.0]}, r"^params must be a dict with the keys .*, got \[1.0\]$"),
        ({"params": {"w1": np.ones((4, 2))}}, r"^params must be .*, got \['w1'\]$"),
        ({"params": PARAMS | {"w3": 1.0}}, "^params must be a dict .*'w3'"),
        ({"params": PARAMS | {"b1": np.ones(1)}}, r"^params\['b1'\] must have shape"),
        ({"params": PARAMS | {"b1": 1.0}}, r"^params\['b1'\] must have shape"),
        (
            {"params": PARAMS | {"w1": np.ones((3, 4, 2))}},
            r"^params\['w1'\] must have shape \(4, 2\), got \(3, 4, 2\)$",
        ),
        (
            {"params": PARAMS | {"b2": np.array([np.nan])}},
            r"^params\['b2'\] must be finite, got nan$",
        ),
        ({"params": PARAMS | {"b2": ["x"]}}, r"^params\['b2'\] must be an array of numbers"),
    ],
    ids=str,
)
def test_a_network_that_cannot_be_is_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        NeuralNetwork(**(GOOD | arguments))


BAD_EXAMPLES = [
    ({"inputs": XOR[:, :1]}, r"^inputs must have shape \(..., n, 2\), got \(4, 1\)$"),
    ({"inputs": XOR[0]}, r"^inputs must have shape .*, got \(2,\)$"),
    ({"inputs": XOR[:0], "targets": ANSWERS[:0]}, r"^inputs must have shape .*, got \(0, 2\)$"),
    ({"inputs": np.where(XOR == 1, np.inf, 0.0)}, "^inputs must be finite, got inf$"),
    ({"inputs": [[1.0, 2.0], [3.0]]}, "^inputs must be an array of numbers"),
    ({"inputs": [["a", "b"]] * 4}, "^inputs must be an array of numbers"),
    ({"targets": ANSWERS[:, 0]}, r"^targets must have shape \(..., 4, 1\), got \(4,\)$"),
    ({"targets": ANSWERS.T}, r"^targets must have shape \(..., 4, 1\), got \(1, 4\)$"),
    ({"targets": ANSWERS[:3]}, r"^targets must have shape .* got \(3, 1\)$"),
    ({"targets": np.hstack([ANSWERS, ANSWERS])}, r"^targets must have shape .* got \(4, 2\)$"),
    ({"targets": 2 * ANSWERS}, r"^targets must be in \[0, 1\], got 0.0 to 2.0$"),
    ({"targets": ANSWERS - 1}, r"^targets must be in \[0, 1\], got -1.0 to 0.0$"),
    ({"targets": ANSWERS * np.nan}, "^targets must be finite, got nan$"),
    ({"targets": None}, "^targets must be an array of numbers, got None$"),
]
bad_examples = pytest.mark.parametrize(("arguments", "match"), BAD_EXAMPLES, ids=str)


@bad_examples
@pytest.mark.parametrize("method", ["loss", "gradients", "train", "Training"])
def test_examples_that_do_not_fit_are_refused_by_name(method, arguments, match):
    network = NeuralNetwork(**GOOD)
    before = snapshot(network.params)
    given = {"inputs": XOR, "targets": ANSWERS} | arguments
    call, more = {
        "train": (network.train, {"optimizer": Adam(), "epochs": 1}),
        "Training": (Training, {"network": network, "seeds": 0}),
    }.get(method, (getattr(network, method, None), {}))
    with pytest.raises(ValueError, match=match):
        call(**given, **more)
    assert_same(network.params, before)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"inputs": XOR[None], "targets": ANSWERS[None]}, r"^inputs must have shape \(n, 2\), got"),
        ({"optimizer": Adam}, "^optimizer must be an Optimizer such as Adam"),
        ({"optimizer": "Adam"}, "^optimizer must be .* got 'Adam'$"),
        ({"optimizer": None}, "^optimizer must be .* got None$"),
        ({"epochs": -1}, "^epochs must be a whole number of at least 0, got -1$"),
        ({"epochs": 1.5}, "^epochs must be .* got 1.5$"),
        ({"epochs": True}, "^epochs must be .* got True$"),
        ({"batch": 0}, "^batch must be None or a whole number of at least 1, got 0$"),
        ({"batch": 2.0}, "^batch must be .* got 2.0$"),
        ({"batch": True}, "^batch must be .* got True$"),
        ({"seed": -1}, "^seed must be a whole number of at least 0, got -1$"),
        ({"seed": None}, "^seed must be .* got None$"),
    ],
    ids=str,
)
def test_training_that_cannot_be_is_refused_by_name(arguments, match):
    network = NeuralNetwork(**GOOD)
    before = snapshot(network.params)
    good = {"inputs": XOR, "targets": ANSWERS, "optimizer": Adam(), "epochs": 1}
    with pytest.raises(ValueError, match=match):
        network.train(**(good | arguments))
    assert_same(network.params, before)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"network": "network"}, "^network must be a NeuralNetwork, got 'network'$"),
        ({"seeds": -1}, "^seeds must be whole numbers of at least 0, got -1$"),
        ({"seeds": []}, r"^seeds must be .* got \[\]$"),
        ({"seeds": [[1]]}, "^seeds must be"),
        ({"seeds": 1.5}, "^seeds must be .* got 1.5$"),
        ({"batch": 0}, "^batch must be None or a whole number of at least 1, got 0$"),
        ({"inputs": np.stack([XOR] * 3)}, r"^inputs must be examples for all or for each of 2"),
        (
            {"targets": np.stack([ANSWERS] * 3)},
            r"^targets must be examples .* got shape \(3, 4, 1\)",
        ),
    ],
    ids=str,
)
def test_many_trainings_that_cannot_be_are_refused_by_name(arguments, match):
    good = {"network": NeuralNetwork(**GOOD), "inputs": XOR, "targets": ANSWERS, "seeds": [0, 1]}
    with pytest.raises(ValueError, match=match):
        Training(**(good | arguments))


def test_parameters_and_vectors_of_another_shape_are_refused():
    network = NeuralNetwork(**GOOD)
    wrong = PARAMS | {"b1": np.ones(1)}  # would broadcast
    calls = {
        "forward": lambda: network.forward(XOR, wrong),
        "predict": lambda: network.predict(XOR, wrong),
        "loss": lambda: network.loss(XOR, ANSWERS, wrong),
        "gradients": lambda: network.gradients(XOR, ANSWERS, wrong),
        "flatten": lambda: network.flatten(wrong),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match=r"^params\['b1'\] must have shape \(..., 4,\), got"):
            call()
    with pytest.raises(ValueError, match=r"^params must be a dict with the keys"):
        network.forward(XOR, {"w1": PARAMS["w1"]})
    with pytest.raises(ValueError, match=r"^vector must have 17 numbers, got shape \(16,\)$"):
        network.unflatten(np.zeros(16))
    training = Training(network, XOR, ANSWERS, [0, 1])
    for method in (training, training.loss):
        with pytest.raises(ValueError, match=r"^x must be of shape \(..., 2, 17\), got \(17,\)$"):
            method(np.zeros(17))
    with pytest.raises(ValueError, match=r"^seeds must be"):
        network.starts([0.5])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"x": np.zeros(0)}, "^x must have at least one number"),
        ({"x": {}}, "^x must have at least one number"),
        ({"x": "1"}, "^x must be an array of numbers, got '1'$"),
        ({"x": np.array([np.nan])}, "^x must be finite, got nan$"),
        ({"x": {"a": [np.inf]}}, r"^x\['a'\] must be finite, got inf$"),
        ({"h": 0}, "^h must be finite and above 0, got 0$"),
        ({"h": np.nan}, "^h must be finite and above 0, got nan$"),
        ({"h": True}, "^h must be .* got True$"),
        ({"gradient": lambda x: 1.0}, r"^gradient must have shape \(2,\), got \(\)$"),
        ({"gradient": lambda x: np.ones(3)}, r"^gradient must have shape \(2,\), got \(3,\)$"),
        ({"gradient": lambda x: np.array([1, np.nan])}, "^gradient must be finite, got nan$"),
        ({"gradient": lambda x: {"a": x}}, "^gradient must return what x is"),
        (
            {"x": {"a": np.ones(2)}, "gradient": lambda x: x["a"]},
            "^gradient must return what x is",
        ),
        (
            {"x": {"a": np.ones(2)}, "gradient": lambda x: {"b": x["a"]}},
            "^gradient must return what x is",
        ),
        (
            {"x": {"a": np.ones(2)}, "gradient": lambda x: {"a": np.ones(1)}},
            r"^gradient\['a'\] must have shape \(2,\), got \(1,\)$",
        ),
        ({"function": lambda x: x}, r"^function must return one number, got shape \(2,\)$"),
        ({"function": lambda x: np.inf}, "^function must be finite, got inf$"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_that_cannot_be_is_refused_by_name(arguments, match):
    good = {"function": lambda x: 0.0, "gradient": lambda x: 0 * x, "x": np.ones(2)}
    with pytest.raises(ValueError, match=match):
        gradient_check(**(good | arguments))
