"""Noise and sparsity: documented, without state, the same in every run and every language."""

import numpy as np
import pytest

from adam_course import Adam, bowl, minimize
from adam_course.landscapes import rosenbrock
from adam_course.noise import DRAWS, NoisyGradient, standard_normal, uniform

WORD = 2**32


def mix(h):
    """The mixing function as the module's text gives it, with Python's whole numbers."""
    h ^= h >> 16
    h = h * 0x85EBCA6B % WORD
    h ^= h >> 13
    h = h * 0xC2B2AE35 % WORD
    return h ^ (h >> 16)


def by_the_book(seed, t, coordinate, draw):
    h = mix(seed ^ 0x9E3779B9)
    for word in (t, coordinate, draw):
        h = mix(h ^ mix((word + 0x9E3779B9) % WORD))
    return (h + 0.5) / WORD


@pytest.mark.parametrize("seed", [0, 1, 12345, WORD - 1])
@pytest.mark.parametrize("t", [1, 2, 999, 10**6])
def test_uniform_is_what_its_description_says(seed, t):
    expected = [by_the_book(seed, t, i, 3) for i in range(4)]
    np.testing.assert_array_equal(uniform(seed, t, 4, 3), expected)


def test_normal_is_the_sum_of_the_twelve_draws():
    expected = [sum(by_the_book(5, 7, i, k) for k in range(1, DRAWS + 1)) - 6 for i in range(3)]
    np.testing.assert_array_equal(standard_normal(5, 7, 3), expected)


def test_normal_has_the_moments_of_its_description():
    z = np.array([standard_normal(1, t, 5) for t in range(1, 20_001)])
    n = z.size
    assert abs(z.mean()) < 4 / n**0.5
    assert abs(z.var() - 1) < 4 * (1.9 / n) ** 0.5  # the variance of z² is 2.9 − 1
    assert abs((z**4).mean() - 2.9) < 0.1
    assert np.abs(z).max() < 6


@pytest.mark.parametrize("lag", [1, 2, 12])
def test_steps_and_coordinates_and_seeds_do_not_know_each_other(lag):
    z = np.array([standard_normal(2, t, 2) for t in range(1, 10_001)])
    other = np.array([standard_normal(3, t, 2) for t in range(1, 10_001)])
    pairs = [(z[lag:, 0], z[:-lag, 0]), (z[:, 0], z[:, 1]), (z[:, 0], other[:, 0])]
    for one, two in pairs:
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.04


def test_noise_is_added_with_its_size():
    exact = bowl.gradient([1.0, 2.0])
    noisy = NoisyGradient(bowl, noise=0.5, seed=9).at_step([1.0, 2.0], 4)
    np.testing.assert_array_equal(noisy, exact + 0.5 * standard_normal(9, 4, 2))


def test_sparsity_leaves_coordinates_out_as_often_as_it_says():
    sparse = NoisyGradient(bowl, noise=0.0, sparsity=0.3, seed=4)
    seen = np.array([sparse.at_step([1.0, 1.0], t) != 0 for t in range(1, 5001)])
    assert abs(seen.mean() - 0.7) < 0.02
    assert abs(np.corrcoef(seen[:, 0], seen[:, 1])[0, 1]) < 0.06
    kept = sparse.at_step([1.0, 1.0], 1 + int(seen.all(axis=1).argmax()))
    np.testing.assert_array_equal(kept, [2.0, 2.0])


def test_it_is_the_same_in_every_run_of_a_sweep_and_alone():
    noisy = NoisyGradient(rosenbrock, noise=0.1, sparsity=0.2, seed=1)
    rates = [0.001, 0.01, 0.1]
    sweep = minimize(rosenbrock, Adam(np.array(rates)[:, None]), steps=50, gradient=noisy)
    for i, rate in enumerate(rates):
        alone = minimize(rosenbrock, Adam(rate), steps=50, gradient=noisy)
        np.testing.assert_array_equal(sweep.x[:, i], alone.x)


def test_without_noise_and_sparsity_it_is_the_gradient():
    quiet = NoisyGradient(rosenbrock, noise=0.0)
    np.testing.assert_array_equal(quiet.at_step([0.5, 1.5], 3), rosenbrock.gradient([0.5, 1.5]))


def test_a_function_will_do_and_precision_is_kept():
    noisy = NoisyGradient(lambda x: 2 * x, noise=1.0, sparsity=0.5)
    for dtype in (np.float32, np.float64):
        assert noisy.at_step(np.ones(3, dtype), 1).dtype == dtype
    np.testing.assert_array_equal(noisy(np.ones(2), t=5), noisy.at_step(np.ones(2), 5))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"objective": 3.0}, "^objective must be .* got 3.0"),
        ({"noise": -1}, "^noise must be finite and at least 0, got -1"),
        ({"noise": float("nan")}, "^noise must be .* got nan"),
        ({"noise": float("inf")}, "^noise must be .* got inf"),
        ({"noise": "1"}, "^noise must be .* got '1'"),
        ({"sparsity": 1.0}, r"^sparsity must be in \[0, 1\), got 1.0"),
        ({"sparsity": -0.1}, "^sparsity must be .* got -0.1"),
        ({"sparsity": True}, "^sparsity must be .* got True"),
        ({"seed": -1}, "^seed must be a whole number .* got -1"),
        ({"seed": 2**32}, "^seed must be .* got 4294967296"),
        ({"seed": 1.5}, "^seed must be .* got 1.5"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        NoisyGradient(**({"objective": bowl} | arguments))


# ------------------------------------------------------------- several seeds


SEEDS = [0, 7, 2**32 - 1]


def test_each_of_several_seeds_has_the_noise_that_it_has_alone():
    x = np.random.default_rng(0).normal(size=(3, 5))
    several = NoisyGradient(lambda x: 2 * x, noise=0.3, sparsity=0.4, seed=SEEDS)
    for t in (1, 2, 50):
        together = several.at_step(x, t)
        for row, seed in enumerate(SEEDS):
            alone = NoisyGradient(lambda x: 2 * x, noise=0.3, sparsity=0.4, seed=seed)
            np.testing.assert_array_equal(together[row], alone.at_step(x[row], t))


def test_several_seeds_are_the_same_in_every_run_of_a_sweep():
    several = NoisyGradient(bowl, noise=0.3, sparsity=0.4, seed=SEEDS)
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    together = several.at_step(x, 3)
    for k in range(4):
        np.testing.assert_array_equal(together[k], several.at_step(x[k], 3))


def test_each_coordinate_may_have_its_own_sparsity():
    own = NoisyGradient(lambda x: np.ones_like(x), noise=0, sparsity=[0.0, 0.5, 0.9], seed=4)
    seen = np.mean([own.at_step(np.ones(3), t) for t in range(1, 4001)], axis=0)
    np.testing.assert_allclose(seen, [1.0, 0.5, 0.1], atol=0.03)
    assert seen[0] == 1.0


@pytest.mark.parametrize(
    ("arguments", "x", "match"),
    [
        ({"seed": [1, 2]}, np.ones((3, 2)), r"^x must be of shape \(..., 2, d\) for 2 seeds"),
        ({"seed": [1, 2]}, np.ones(2), r"^x must be of shape \(..., 2, d\).* got \(2,\)"),
        ({"sparsity": [0.1, 0.2]}, np.ones(3), "^x must have 2 coordinates.* got 3"),
    ],
    ids=["too many rows", "a point", "coordinates"],
)
def test_points_that_do_not_fit_several_seeds_or_sparsities_are_refused(arguments, x, match):
    noisy = NoisyGradient(lambda x: x, noise=0.1, **arguments)
    with pytest.raises(ValueError, match=match):
        noisy.at_step(x, 1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"seed": [1, -1]}, r"^seed must be a whole number .* got \(1, -1\)"),
        ({"seed": [1, 2.5]}, "^seed must be .*2.5"),
        ({"seed": []}, r"^seed must be .* got \[\]"),
        ({"sparsity": [0.5, 1.0]}, r"^sparsity must be in \[0, 1\), got \(0.5, 1.0\)"),
        ({"sparsity": [[0.5]]}, "^sparsity must be"),
    ],
    ids=str,
)
def test_bad_ones_among_several_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        NoisyGradient(bowl, **arguments)


def test_several_seeds_can_be_hashed_and_nobody_can_change_them():
    seeds = np.array([1, 2])
    noisy = NoisyGradient(bowl, seed=seeds)
    seeds[0] = 9
    assert noisy.seed == (1, 2)
    assert hash(noisy) == hash(NoisyGradient(bowl, seed=(1, 2)))
    assert noisy == NoisyGradient(bowl, seed=[1, 2])
