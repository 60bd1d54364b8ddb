"""The sparse problems are what they say: their gradients, their frequencies, their seeds."""

import numpy as np
import pytest

from adam_course import Adam, GradientDescent, SparseLogistic, SparseQuadratic, minimize

# ------------------------------------------------------------------- quadratic


def test_the_quadratics_gradient_is_that_of_its_loss_where_a_coordinate_is_present():
    problem = SparseQuadratic([3, 4], curvatures=[0.5, 2.0, 8.0], frequencies=0.6)
    x, h = np.array([[1.0, -2.0, 3.0], [0.1, 0.2, 0.3]]), 1e-6
    slopes = np.empty_like(x)
    for i in range(3):
        e = h * np.eye(3)[i]
        slopes[:, i] = (problem.loss(x + e) - problem.loss(x - e)) / (2 * h)
    seen = 0
    for t in range(1, 30):
        g = problem.at_step(x, t)
        present = g != 0
        np.testing.assert_allclose(g[present], slopes[present], rtol=1e-8)
        seen += present.mean() / 29
    assert abs(seen - 0.6) < 0.15


def test_the_quadratics_coordinates_are_present_as_often_as_they_say():
    frequencies = np.array([1.0, 0.5, 0.05])
    problem = SparseQuadratic(range(40), curvatures=np.ones(3), frequencies=frequencies)
    x = np.ones((40, 3))
    seen = np.mean([problem.at_step(x, t) != 0 for t in range(1, 201)], axis=(0, 1))
    np.testing.assert_allclose(seen, frequencies, atol=0.02)


def test_the_quadratics_noise_falls_on_what_is_present_alone():
    quiet = SparseQuadratic(range(5), frequencies=0.3)
    noisy = SparseQuadratic(range(5), frequencies=0.3, noise=0.5)
    x = np.ones((5, 100))
    apart = [(noisy.at_step(x, t) - quiet.at_step(x, t)) for t in range(1, 101)]
    present = [quiet.at_step(x, t) != 0 for t in range(1, 101)]
    apart, present = np.array(apart), np.array(present)
    assert (apart[~present] == 0).all()
    assert abs(apart[present].std() - 0.5) < 0.01
    assert abs(apart[present].mean()) < 0.02


def test_gradient_descent_at_one_half_ends_when_every_coordinate_was_seen():
    problem = SparseQuadratic(range(10))
    path = minimize(problem.loss, GradientDescent(0.5), problem.start, 200, gradient=problem)
    seen = np.cumsum(path.gradient != 0, axis=0) > 0
    all_seen = seen.all(axis=-1).argmax(axis=0) + 1
    np.testing.assert_array_equal((path.loss == 0).argmax(axis=0), all_seen)


def test_the_quadratics_starts_fill_the_box():
    start = SparseQuadratic(range(30)).start
    assert start.shape == (30, 100)
    assert -1 <= start.min() < -0.99
    assert 0.99 < start.max() <= 1
    assert abs(start.mean()) < 0.05


@pytest.mark.parametrize("problem", [SparseQuadratic, SparseLogistic])
def test_a_seed_is_the_same_problem_alone_and_among_others(problem):
    together, alone = problem([5, 6, 7]), problem(6)
    x = np.random.default_rng(0).normal(size=alone.start.shape)
    rows = np.broadcast_to(x, together.start.shape)
    np.testing.assert_array_equal(together.start[1], alone.start[0])
    for t in (1, 2, 300):
        np.testing.assert_allclose(together(rows, t)[1], alone(x, t)[0], rtol=1e-12, atol=1e-15)
    assert (together(rows, 1)[0] != together(rows, 1)[1]).any()


# -------------------------------------------------------------------- logistic


@pytest.fixture(scope="module")
def small():
    return SparseLogistic([0, 1], features=12, examples=40, batch=4)


def test_the_logistic_gradients_of_an_epoch_are_the_slope_of_the_training_loss(small):
    rng = np.random.default_rng(1)
    x, way, h = rng.normal(size=small.start.shape), rng.normal(size=small.start.shape), 1e-6

    def training_loss(x):
        margins = small._signs[:, :40] * np.einsum("nd,nbd->nb", x, small._inputs[:, :40])
        return np.logaddexp(0, -margins).mean(axis=-1)

    steps = range(1, small.steps_per_epoch + 1)
    mean = np.mean([small.at_step(x, t) for t in steps], axis=0)
    slope = (training_loss(x + h * way) - training_loss(x - h * way)) / (2 * h)
    np.testing.assert_allclose((mean * way).sum(axis=-1), slope, rtol=1e-6)


def test_every_epoch_sees_every_example_once_in_an_order_of_its_own(small):
    for epoch in (0, 1):
        order = small._order(epoch)
        np.testing.assert_array_equal(np.sort(order, axis=1), [range(40)] * 2)
    assert (small._order(0) != small._order(1)).any()
    x = small.start
    first = [small.at_step(x, t) for t in (1, 11)]
    assert (first[0] != first[1]).any()


def test_a_sweep_of_the_logistic_problem_is_the_single_runs(small):
    rates = np.array([0.01, 0.1, 1.0])
    sweep = minimize(
        small.no_loss, Adam(rates[:, None, None]), small.start, 30, gradient=small, record=30
    )
    for k, rate in enumerate(rates):
        alone = minimize(small.no_loss, Adam(rate), small.start, 30, gradient=small, record=30)
        np.testing.assert_allclose(sweep.x[-1, k], alone.x[-1], rtol=1e-9, atol=1e-12)
    losses, accuracies = small.test_loss(sweep.x[-1]), small.test_accuracy(sweep.x[-1])
    assert losses.shape == accuracies.shape == (3, 2)
    np.testing.assert_allclose(losses[1], small.test_loss(sweep.x[-1, 1]), rtol=1e-12)


def test_the_test_examples_are_not_those_that_were_learned():
    problem = SparseLogistic(range(5), features=60, examples=40, batch=8)
    path = minimize(problem.no_loss, Adam(0.1), problem.start, 300, gradient=problem, record=300)
    learned = path.x[-1]
    margins = problem._signs * np.einsum("nd,nbd->nb", learned, problem._inputs)
    np.testing.assert_array_equal((margins[:, :40] > 0).mean(axis=1), 1.0)
    np.testing.assert_allclose(problem.test_accuracy(learned), (margins[:, 40:] > 0).mean(axis=1))
    assert (problem.test_accuracy(learned) < 0.95).all()
    assert (problem.test_loss(learned) > 0.2).all()


def test_features_are_as_frequent_as_they_say_and_classes_are_balanced():
    problem = SparseLogistic(range(6))
    seen = problem._inputs[:, :, :-1].mean(axis=(0, 1))
    np.testing.assert_allclose(seen, problem.frequencies, atol=0.02)
    assert problem.frequencies[0] == 0.5
    assert problem.frequencies[299] == pytest.approx(10 / 300)
    assert abs(problem._signs.mean()) < 0.03
    assert (problem._inputs[:, :, -1] == 1).all()


def test_the_true_weights_predict_better_than_none_and_than_their_opposite():
    problem = SparseLogistic(range(4), size=2.0)
    truth = np.concatenate([problem.weights, np.zeros((4, 1))], axis=1)
    # The bias that the data were made with: half of the examples on either side.
    z = np.einsum("nd,nbd->nb", truth, problem._inputs)
    truth[:, -1] = -np.median(z, axis=1)
    none = problem.start
    assert (problem.test_loss(truth) < 0.5 * problem.test_loss(none)).all()
    np.testing.assert_allclose(problem.test_loss(none), np.log(2))
    assert (problem.test_accuracy(truth) > 0.85).all()
    np.testing.assert_allclose(problem.test_accuracy(-truth), 1 - problem.test_accuracy(truth))


def test_frequent_features_carry_nothing_where_only_rare_ones_do():
    problem = SparseLogistic(range(3), rarer_than=0.1)
    frequent = problem.frequencies >= 0.1
    assert frequent.sum() == 100
    assert (problem.weights[:, frequent] == 0).all()
    assert (problem.weights[:, ~frequent] != 0).all()


def test_a_certain_and_wrong_prediction_does_not_overflow(small):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        g = small.at_step(np.full(small.start.shape, -1e4), 1)
        loss = small.test_loss(np.full(small.start.shape, 1e4))
    assert np.isfinite(g).all()
    assert np.isfinite(loss).all()


@pytest.mark.parametrize(
    ("problem", "arguments", "match"),
    [
        (SparseQuadratic, {"seeds": -1}, "^seeds must be whole numbers of at least 0, got -1"),
        (SparseQuadratic, {"seeds": [1.5]}, r"^seeds must be .* got \[1.5\]"),
        (SparseQuadratic, {"seeds": []}, r"^seeds must be .* got \[\]"),
        (SparseQuadratic, {"curvatures": [1.0, -1.0]}, "^curvatures must be .*-1"),
        (SparseQuadratic, {"frequencies": 0.0}, r"^frequencies must be in \(0, 1\]"),
        (SparseQuadratic, {"frequencies": 1.1}, "^frequencies must be"),
        (SparseQuadratic, {"noise": -1.0}, "^noise must be .* got -1.0"),
        (SparseLogistic, {"seeds": "1"}, "^seeds must be .* got '1'"),
        (SparseLogistic, {"features": 0}, "^features must be .* got 0"),
        (SparseLogistic, {"examples": 2.5}, "^examples must be .* got 2.5"),
        (SparseLogistic, {"batch": True}, "^batch must be .* got True"),
        (SparseLogistic, {"batch": 7}, "^batch must be a divisor of examples=2000, got 7"),
        (SparseLogistic, {"size": -0.5}, "^size must be .* got -0.5"),
        (SparseLogistic, {"rarer_than": 0}, r"^rarer_than must be in \(0, 1\], got 0"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_by_name(problem, arguments, match):
    with pytest.raises(ValueError, match=match):
        problem(**({"seeds": 0} | arguments))


def test_points_of_another_shape_are_refused(small):
    for method in (small, small.test_loss, small.test_accuracy):
        with pytest.raises(ValueError, match=r"^x must be of shape \(..., 2, 13\), got \(13,\)"):
            method(np.zeros(13))
