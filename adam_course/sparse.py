"""Problems with sparse gradients: many seeds of each, side by side.

A gradient is sparse when most of its entries are zero in most steps: the weight of a word
is told something only when the word is there.  The data are generated, from seeds, and
what happens is the same for every rule.
"""

from numbers import Real

import numpy as np

from adam_course.checks import check_seeds, check_whole
from adam_course.noise import NoisyGradient


class SparseQuadratic:
    """A quadratic of which every step sees a few coordinates only.

        loss(x) = Σ κ_i x_i²,   g_i = 2 κ_i x_i + noise where i is present, else 0

    Parameters
    ----------
    seeds : int, or n ints
        Each has its own start, uniform in (-1, 1), and its own steps.
    curvatures : d floats, at least 0; default 100 ones
    frequencies : float, or d floats, in (0, 1]; default 0.1
        How often each coordinate is present.
    noise : float, at least 0; default 0
        The standard deviation, on what is present.

    Attributes
    ----------
    start : array (n, d)

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    Gradient descent at its best rate is exact once every coordinate was present:

    >>> from adam_course import GradientDescent, minimize
    >>> problem = SparseQuadratic(seeds=range(3))
    >>> path = minimize(
    ...     problem.loss, GradientDescent(learning_rate=0.5), problem.start, 200, gradient=problem
    ... )
    >>> path.loss[-1]
    array([0., 0., 0.])
    """

    def __init__(self, seeds, *, curvatures=None, frequencies=0.1, noise=0.0):
        self.seeds = check_seeds(seeds)
        curvatures = np.ones(100) if curvatures is None else np.asarray(curvatures, dtype=float)
        if curvatures.ndim != 1 or not (np.isfinite(curvatures) & (curvatures >= 0)).all():
            raise ValueError(f"curvatures must be d numbers of at least 0, got {curvatures!r}")
        frequencies = np.broadcast_to(np.asarray(frequencies, dtype=float), curvatures.shape)
        if not ((frequencies > 0) & (frequencies <= 1)).all():
            raise ValueError(f"frequencies must be in (0, 1], got {frequencies!r}")
        self.curvatures, self.frequencies = curvatures, frequencies
        self._sparse = NoisyGradient(
            self._slope, noise=noise, sparsity=1 - frequencies, seed=self.seeds
        )
        draws = [np.random.default_rng(seed).uniform(-1, 1, curvatures.size) for seed in self.seeds]
        self.start = np.stack(draws)

    def loss(self, x):
        """Σ κ_i x_i²: (..., d) to (...)."""
        return (self.curvatures * x * x).sum(axis=-1)

    def at_step(self, x, t):
        """The gradient that step t = 1, 2, ... sees: (..., n, d) to (..., n, d)."""
        return self._sparse.at_step(x, t)

    def __call__(self, x, t=1):
        """`at_step`, for whoever calls it as a function."""
        return self.at_step(x, t)

    def _slope(self, x):
        return 2 * self.curvatures * x


class SparseLogistic:
    """Binary classification with rare features; one data set for each seed.

        p(y = 1 | features) = 1 / (1 + exp(−z)),   z = w · features + b
        loss(x) = mean over the batch of log(1 + exp(−y z)),   y = ±1,   x = (w, b)

    Feature i is present (1, else 0) with frequency min(1/2, 10 / i), independently: a law
    of Zipf's kind.  The true weights are drawn from a normal distribution, and the bias
    makes both classes equally common.

    Parameters
    ----------
    seeds : int, or n ints
        Each makes a data set of its own, and the order of its examples.
    features : int, at least 1; default 300
    size : float, at least 0; default 1
        The standard deviation of the true weights.
    rarer_than : float, in (0, 1]; default 1
        Features at least this frequent have no weight: they only distract.
    examples : int; default 2000
        For training, and as many for testing.
    batch : int; default 8
        A divisor of `examples`.

    Attributes
    ----------
    frequencies : array (features,)
    weights : array (n, features)
        The true ones.
    start : array (n, features + 1)
        Zeros, with the bias last.
    steps_per_epoch : int

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> from adam_course import AdaGrad, minimize
    >>> problem = SparseLogistic(seeds=[0, 1])
    >>> path = minimize(
    ...     problem.no_loss,
    ...     AdaGrad(learning_rate=0.3),
    ...     problem.start,
    ...     steps=problem.steps_per_epoch,
    ...     gradient=problem,
    ...     record=problem.steps_per_epoch,
    ... )
    >>> bool((problem.test_loss(path.x[-1]) < 0.5).all())
    True
    """

    def __init__(self, seeds, *, features=300, size=1.0, rarer_than=1.0, examples=2000, batch=8):
        self.seeds = check_seeds(seeds)
        for name, value in (("features", features), ("examples", examples), ("batch", batch)):
            check_whole(name, value, 1)
        if examples % batch:
            raise ValueError(f"batch must be a divisor of examples={examples}, got {batch!r}")
        if not (isinstance(size, Real) and 0 <= size < np.inf):
            raise ValueError(f"size must be finite and at least 0, got {size!r}")
        if not (isinstance(rarer_than, Real) and 0 < rarer_than <= 1):
            raise ValueError(f"rarer_than must be in (0, 1], got {rarer_than!r}")
        self.batch, self.examples = int(batch), int(examples)
        self.steps_per_epoch = self.examples // self.batch
        self.frequencies = np.minimum(0.5, 10 / np.arange(1, features + 1))
        data = [self._drawn(seed, size, rarer_than) for seed in self.seeds]
        self.weights, self._inputs, self._signs = map(np.stack, zip(*data))
        self.start = np.zeros((len(self.seeds), features + 1))
        self._orders = {}

    def _drawn(self, seed, size, rarer_than):
        """True weights, features with a 1 for the bias, and classes as ±1: one data set."""
        rng = np.random.default_rng(seed)
        weights = np.where(
            self.frequencies < rarer_than, rng.normal(size=self.frequencies.size) * size, 0.0
        )
        shape = (2 * self.examples, self.frequencies.size)
        present = (rng.random(shape) < self.frequencies).astype(float)
        z = present @ weights
        z -= np.median(z)
        signs = np.where(rng.random(len(z)) < 1 / (1 + np.exp(-z)), 1.0, -1.0)
        return weights, np.hstack([present, np.ones((len(z), 1))]), signs

    def _order(self, epoch):
        if epoch not in self._orders:
            self._orders[epoch] = np.stack(
                [np.random.default_rng([seed, epoch]).permutation(self.examples)
                 for seed in self.seeds]
            )  # fmt: skip
        return self._orders[epoch]

    def at_step(self, x, t):
        """The gradient at x of the batch of step t = 1, 2, ...: (..., n, d) to (..., n, d).

        Every epoch goes through all examples once, in an order of its own.
        """
        epoch, k = divmod(t - 1, self.steps_per_epoch)
        chosen = self._order(epoch)[:, k * self.batch : (k + 1) * self.batch]
        inputs = np.take_along_axis(self._inputs, chosen[:, :, None], axis=1)
        signs = np.take_along_axis(self._signs, chosen, axis=1)[:, None]
        x, restore = self._per_seed(x)
        margins = signs * np.matmul(x, inputs.transpose(0, 2, 1))
        # d/dz log(1 + exp(−y z)) = −y / (1 + exp(y z))
        slopes = -signs / (1 + np.exp(np.minimum(margins, 700)))
        return restore(np.matmul(slopes, inputs) / self.batch)

    def __call__(self, x, t=1):
        """`at_step`, for whoever calls it as a function."""
        return self.at_step(x, t)

    def test_loss(self, x):
        """The mean loss on the test examples, in nats: (..., n, d) to (..., n)."""
        margins, restore = self._test_margins(x)
        return restore(np.logaddexp(0, -margins).mean(axis=-1))

    def test_accuracy(self, x):
        """The share of test examples that are classified right: (..., n, d) to (..., n)."""
        margins, restore = self._test_margins(x)
        return restore((margins > 0).mean(axis=-1))

    @staticmethod
    def no_loss(x):
        """Zero for each x: an objective for `minimize` where only the end is looked at."""
        return np.zeros(np.shape(x)[:-1])

    def _test_margins(self, x):
        x, restore = self._per_seed(x)
        test = slice(self.examples, None)
        z = np.matmul(x, self._inputs[:, test].transpose(0, 2, 1))
        return self._signs[:, None, test] * z, restore

    def _per_seed(self, x):
        """x as (n, runs, d), and the way back for what has shape (n, runs, ...)."""
        x = np.asarray(x)
        if x.shape[-2:] != self.start.shape:
            n, d = self.start.shape
            raise ValueError(f"x must be of shape (..., {n}, {d}), got {x.shape}")
        leading = x.shape[:-2]
        runs = np.moveaxis(x.reshape(-1, *self.start.shape), 0, 1)

        def restore(values):
            values = np.moveaxis(values, 1, 0)
            return values.reshape(*leading, *values.shape[1:])

        return runs, restore
