"""A multilayer perceptron in NumPy, its gradients written out.

Parameters live in a dict, so that any rule of the package steps them; a batch of networks
is the same arrays with leading axes.  Chapter 10 derives the gradients and checks them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from adam_course.checks import check_seeds, check_whole, is_whole
from adam_course.progress import progress_bar


def sigmoid(z):
    """1 / (1 + exp(−z)), for any z without overflow.

    Parameters
    ----------
    z : float or array

    Returns
    -------
    float or array

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-800.0), sigmoid(800.0)
    (0.5, 0.0, 1.0)
    """
    small = np.exp(-np.abs(z))  # at most 1: nothing can overflow
    s = np.where(np.asarray(z) < 0, small, 1.0) / (1 + small)
    return s if np.ndim(z) else float(s)


def cross_entropy(logits, targets):
    """Binary cross-entropy from logits, one value for each.

        −y log σ(z) − (1 − y) log(1 − σ(z)) = max(z, 0) − y z + log(1 + exp(−|z|))

    The right-hand side neither overflows nor takes the logarithm of 0.

    Parameters
    ----------
    logits, targets : array
        z, any real number, and y in [0, 1].

    Returns
    -------
    array
        In nats.

    Examples
    --------
    >>> cross_entropy(np.array([0.0, 1000.0, -1000.0]), np.array([1.0, 1.0, 1.0]))
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+03])
    """
    return np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))


@dataclass(frozen=True, eq=False)
class NeuralNetwork:
    """A feed-forward classifier with one hidden layer of sigmoids.

        h = σ(W₁ x + b₁),   z = W₂ h + b₂,   p(y = 1 | x) = σ(z)

    trained on the binary cross-entropy, summed over the outputs and averaged over the
    examples.

    Parameters
    ----------
    input_size, hidden_size, output_size : int, at least 1
    seed : int, at least 0; default 0
        All parameters start uniform in (−1, 1).
    params : dict of arrays, optional
        To start from these instead.  They are copied.

    Attributes
    ----------
    params : dict of arrays
        w1 (hidden, input), b1 (hidden,), w2 (output, hidden), b2 (output,).

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Notes
    -----
    Wherever a method takes `params`, they may have leading axes, (..., hidden, input) and
    so on: many networks, which give many results.  So may `inputs` and `targets`, for
    networks with examples of their own.  Leading axes broadcast.

    Examples
    --------
    >>> from adam_course import Adam
    >>> inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> xor = np.array([[0.0], [1.0], [1.0], [0.0]])
    >>> network = NeuralNetwork(2, 4, 1)
    >>> trained = network.train(inputs, xor, Adam(learning_rate=0.05), epochs=1000)
    >>> trained.predict(inputs).round().ravel()
    array([0., 1., 1., 0.])

    Source: Rumelhart, Hinton & Williams (1986).
    """

    input_size: int
    hidden_size: int
    output_size: int
    seed: int = 0
    params: dict = field(default=None, repr=False)

    def __post_init__(self):
        for name in ("input_size", "hidden_size", "output_size"):
            check_whole(name, getattr(self, name), 1)
        check_whole("seed", self.seed, 0)
        if self.params is None:
            rng = np.random.default_rng(self.seed)
            params = {name: rng.uniform(-1, 1, shape) for name, shape in self.shapes.items()}
        else:
            params = {}
            for name, value in self._params(self.params).items():
                params[name] = np.array(_numbers(_label("params", name), value))
                if params[name].shape != self.shapes[name]:
                    raise ValueError(
                        f"params[{name!r}] must have shape {self.shapes[name]}, "
                        f"got {params[name].shape}"
                    )
        object.__setattr__(self, "params", params)

    @property
    def shapes(self):
        """The shape of each parameter, by name."""
        d, h, k = self.input_size, self.hidden_size, self.output_size
        return {"w1": (h, d), "b1": (h,), "w2": (k, h), "b2": (k,)}

    @property
    def size(self):
        """The number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def forward(self, inputs, params=None):
        """The logits z: inputs (..., n, input_size) to (..., n, output_size)."""
        return self._layers(self._inputs(inputs), self._params(params))[1]

    def predict(self, inputs, params=None):
        """The probabilities p(y = 1 | x): inputs (..., n, input_size) to (..., n, output_size)."""
        return sigmoid(self.forward(inputs, params))

    def loss(self, inputs, targets, params=None):
        """The loss, averaged over the n examples: (...), in nats."""
        return self._loss(*self._examples(inputs, targets), self._params(params))

    def gradients(self, inputs, targets, params=None):
        """The gradient of the loss by each parameter: a dict like `params`.

        With n examples, δ₂ = (σ(z) − y) / n and δ₁ = (W₂ᵀ δ₂) h (1 − h):

            ∂/∂W₂ = Σ δ₂ hᵀ,   ∂/∂b₂ = Σ δ₂,   ∂/∂W₁ = Σ δ₁ xᵀ,   ∂/∂b₁ = Σ δ₁
        """
        return self._gradients(*self._examples(inputs, targets), self._params(params))

    def _loss(self, inputs, targets, params):
        losses = cross_entropy(self._layers(inputs, params)[1], targets)
        return losses.sum(axis=-1).mean(axis=-1)

    def _gradients(self, inputs, targets, params):
        h, z = self._layers(inputs, params)
        # δ₂ = (σ(z) − y) / n
        delta2 = (sigmoid(z) - targets) / inputs.shape[-2]
        # δ₁ = (W₂ᵀ δ₂) h (1 − h)
        delta1 = (delta2 @ params["w2"]) * h * (1 - h)
        return {
            "w1": np.swapaxes(delta1, -1, -2) @ inputs,
            "b1": delta1.sum(axis=-2),
            "w2": np.swapaxes(delta2, -1, -2) @ h,
            "b2": delta2.sum(axis=-2),
        }

    def train(self, inputs, targets, optimizer, epochs, *, batch=None, seed=0, progress=False):
        """Train a copy.

        Parameters
        ----------
        inputs : array (n, input_size)
        targets : array (n, output_size)
            In [0, 1].
        optimizer : Optimizer
            Any rule of the package.
        epochs : int, at least 0
        batch : int, at least 1
            Examples a step, in an order shuffled anew each epoch; default all of them.
        seed : int, at least 0
            Of the order.
        progress : bool
            Show a progress bar.

        Returns
        -------
        NeuralNetwork
            The trained network; this one is not changed.  On an interrupt (Ctrl-C): as far
            as it came.

        Raises
        ------
        ValueError
            Naming the argument and its value; or if a gradient is no longer finite.
        """
        inputs, targets = self._examples(inputs, targets)
        if inputs.ndim != 2:
            raise ValueError(f"inputs must have shape (n, {self.input_size}), got {inputs.shape}")
        if isinstance(optimizer, type) or not (
            hasattr(optimizer, "init") and hasattr(optimizer, "step")
        ):
            raise ValueError(f"optimizer must be an Optimizer such as Adam(), got {optimizer!r}")
        check_whole("epochs", epochs, 0)
        _check_batch(batch)
        check_whole("seed", seed, 0)
        params, state = self.params, optimizer.init(self.params)
        with progress_bar(epochs, "epoch", progress) as advance:
            try:
                for epoch in range(epochs):
                    for chosen in batches(len(inputs), batch, seed, epoch):
                        g = self._gradients(inputs[chosen], targets[chosen], params)
                        params, state = optimizer.step(params, g, state)
                    advance()
            except KeyboardInterrupt:
                pass  # what was learned so far is kept
        return self.with_params(params)

    def with_params(self, params):
        """This network with other parameters, which are copied."""
        return type(self)(self.input_size, self.hidden_size, self.output_size, self.seed, params)

    def starts(self, seeds):
        """The parameters that networks of these seeds start with: (len(seeds), size)."""
        sizes = self.input_size, self.hidden_size, self.output_size
        return np.stack(
            [self.flatten(type(self)(*sizes, seed=s).params) for s in check_seeds(seeds)]
        )

    def flatten(self, params):
        """Parameters as one vector: a dict of (..., *shape) to (..., size)."""
        parts = [
            value.reshape(*value.shape[: value.ndim - len(self.shapes[name])], -1)
            for name, value in self._params(params).items()
        ]
        return np.concatenate(parts, axis=-1)

    def unflatten(self, vector):
        """The inverse of `flatten`: (..., size) to a dict of views.

        With it thousands of networks are one array, for `minimize`, `race` and `sweep`.
        """
        vector = np.asarray(vector)
        if vector.shape[-1:] != (self.size,):
            raise ValueError(f"vector must have {self.size} numbers, got shape {vector.shape}")
        params, at = {}, 0
        for name, shape in self.shapes.items():
            count = math.prod(shape)
            params[name] = vector[..., at : at + count].reshape(*vector.shape[:-1], *shape)
            at += count
        return params

    def _layers(self, inputs, params):
        """Hidden activations and logits, of one network or of many."""
        h = sigmoid(inputs @ np.swapaxes(params["w1"], -1, -2) + params["b1"][..., None, :])
        z = h @ np.swapaxes(params["w2"], -1, -2) + params["b2"][..., None, :]
        return h, z

    def _params(self, params):
        """These parameters as arrays in the order of `shapes`, or the network's own."""
        if params is None:
            return self.params
        if not isinstance(params, Mapping) or params.keys() != self.shapes.keys():
            got = list(params) if isinstance(params, Mapping) else repr(params)
            raise ValueError(f"params must be a dict with the keys {list(self.shapes)}, got {got}")
        arrays = {name: np.asarray(params[name]) for name in self.shapes}
        for name, shape in self.shapes.items():
            got = arrays[name].shape
            if got[max(0, len(got) - len(shape)) :] != shape:
                raise ValueError(
                    f"params[{name!r}] must have shape (..., {str(shape)[1:]}, got {got}"
                )
        return arrays

    def _inputs(self, inputs):
        inputs = _numbers("inputs", inputs)
        if inputs.ndim < 2 or inputs.shape[-1] != self.input_size or not inputs.shape[-2]:
            raise ValueError(
                f"inputs must have shape (..., n, {self.input_size}), got {inputs.shape}"
            )
        return inputs

    def _examples(self, inputs, targets):
        inputs, targets = self._inputs(inputs), _numbers("targets", targets)
        n, k = inputs.shape[-2], self.output_size
        # Targets given as a row would broadcast against a column of logits.
        if targets.shape[-2:] != (n, k):
            raise ValueError(f"targets must have shape (..., {n}, {k}), got {targets.shape}")
        if targets.min() < 0 or targets.max() > 1:
            raise ValueError(f"targets must be in [0, 1], got {targets.min()} to {targets.max()}")
        return inputs, targets


class Training:
    """What `minimize` and `steps_below` need to train many networks side by side.

    A network for each seed: its first parameters, and the order in which it sees its
    examples, are those that ``NeuralNetwork(..., seed).train(..., seed=seed)`` has.  A step
    is one mini-batch.

    Parameters
    ----------
    network : NeuralNetwork
        Its sizes are those of all networks; its parameters do not matter.
    inputs, targets : array (n, size), or (len(seeds), n, size)
        The same examples for all networks, or each its own.  They are copied.
    seeds : int or list of int, at least 0
    batch : int, at least 1
        Examples a step; default all of them.

    Attributes
    ----------
    start : array (len(seeds), network.size)
    steps_per_epoch : int

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> from adam_course import Adam, minimize
    >>> inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> xor = np.array([[0.0], [1.0], [1.0], [0.0]])
    >>> training = Training(NeuralNetwork(2, 4, 1), inputs, xor, seeds=range(10))
    >>> path = minimize(training.loss, Adam(0.05), training.start, 1000, gradient=training)
    >>> path.loss.shape, int((path.loss[-1] < 0.05).sum())
    ((1001, 10), 10)
    """

    def __init__(self, network, inputs, targets, seeds, batch=None):
        if not isinstance(network, NeuralNetwork):
            raise ValueError(f"network must be a NeuralNetwork, got {network!r}")
        _check_batch(batch)
        self.network, self.seeds, self.batch = network, check_seeds(seeds), batch
        inputs, targets = network._examples(inputs, targets)
        for name, value in (("inputs", inputs), ("targets", targets)):
            if value.shape[:-2] not in ((), (len(self.seeds),)):
                raise ValueError(
                    f"{name} must be examples for all or for each of {len(self.seeds)} seeds, "
                    f"got shape {value.shape}"
                )
        self.inputs, self.targets = (
            np.broadcast_to(value.copy(), (len(self.seeds), *value.shape[-2:]))
            for value in (inputs, targets)
        )
        self.start = network.starts(self.seeds)
        self._size = batch or inputs.shape[-2]
        self.steps_per_epoch = -(-inputs.shape[-2] // self._size)
        self._epoch, self._examples = None, None

    def at_step(self, x, t):
        """The gradients at x of the batch of step t = 1, 2, ...: (..., seeds, size) to the same.

        Every epoch goes through all examples once, in an order of its own.
        """
        params = self._params(x)
        epoch, k = divmod(t - 1, self.steps_per_epoch)
        inputs, targets = self._in_order(epoch)
        batch = slice(k * self._size, (k + 1) * self._size)
        g = self.network._gradients(inputs[:, batch], targets[:, batch], params)
        return self.network.flatten(g)

    def __call__(self, x, t=1):
        """`at_step`, for whoever calls it as a function."""
        return self.at_step(x, t)

    def loss(self, x):
        """The loss over all training examples: (..., seeds, size) to (..., seeds)."""
        return self.network._loss(self.inputs, self.targets, self._params(x))

    @staticmethod
    def no_loss(x):
        """Zero for each x: an objective for `minimize` where only the end is looked at."""
        return np.zeros(np.shape(x)[:-1])

    def _in_order(self, epoch):
        """All examples in the orders of an epoch; the last epoch's are kept."""
        if self.steps_per_epoch == 1:
            return self.inputs, self.targets
        if epoch != self._epoch:
            n = self.inputs.shape[-2]
            orders = [np.concatenate(batches(n, self.batch, s, epoch)) for s in self.seeds]
            rows = np.stack(orders)[..., None]
            self._examples = [np.take_along_axis(x, rows, 1) for x in (self.inputs, self.targets)]
            self._epoch = epoch
        return self._examples

    def _params(self, x):
        x = np.asarray(x)
        if x.shape[-2:] != self.start.shape:
            n, d = self.start.shape
            raise ValueError(f"x must be of shape (..., {n}, {d}), got {x.shape}")
        return self.network.unflatten(x)


def batches(n, size, seed, epoch):
    """The batches of one epoch: arrays of indices, each of n once, in a shuffled order.

    Parameters
    ----------
    n, size : int
        The number of examples, and how many of them a batch has; the last has what is
        left.  None, or n and more, for a single batch, which is not shuffled.
    seed, epoch : int
        Each pair has an order of its own.

    Examples
    --------
    >>> [batch.tolist() for batch in batches(5, 2, seed=0, epoch=0)]
    [[2, 4], [3, 0], [1]]
    """
    if size is None or size >= n:
        return [np.arange(n)]
    order = np.random.default_rng([seed, epoch]).permutation(n)
    return [order[k : k + size] for k in range(0, n, size)]


def gradient_check(function, gradient, x, h=1e-6):
    """How far a gradient is from central differences, relative to the larger of the two.

        max |g − d| / max(|g|, |d|),   d_i = (f(x + h e_i) − f(x − h e_i)) / 2h

    Parameters
    ----------
    function, gradient : function of x to a float, and to what x is
    x : array, or dict of arrays
        The point at which to compare.  It is not changed.
    h : float, above 0; default 1e-6

    Returns
    -------
    float, or dict of float
        The largest difference over the largest entry of both gradients: about 1e-9 where
        the gradient is right.  For a dict, the largest difference in each of its arrays
        over the largest entry in all of them: it says where a gradient is wrong.

    Raises
    ------
    ValueError
        Naming the argument: x that is empty, a gradient of another shape or with other
        keys, what is not finite.

    Examples
    --------
    >>> from adam_course import rosenbrock
    >>> gradient_check(rosenbrock, rosenbrock.gradient, np.array([-1.5, 2.0])) < 1e-8
    True
    >>> gradient_check(rosenbrock, lambda x: -rosenbrock.gradient(x), np.ones(2) * 3) > 1
    True
    """
    if not (isinstance(h, Real) and not isinstance(h, bool) and 0 < h < np.inf):
        raise ValueError(f"h must be finite and above 0, got {h!r}")
    named = isinstance(x, Mapping)
    point = dict(x) if named else {None: x}
    point = {key: _numbers(_label("x", key), value) for key, value in point.items()}
    if not sum(value.size for value in point.values()):
        raise ValueError(f"x must have at least one number, got {x!r}")

    def whole(parts):
        return {key: value.copy() for key, value in parts.items()} if named else parts[None].copy()

    claimed = gradient(whole(point))
    if isinstance(claimed, Mapping) != named or (named and claimed.keys() != point.keys()):
        raise ValueError(f"gradient must return what x is, got {claimed!r}")
    claimed = dict(claimed) if named else {None: claimed}
    apart, largest = {}, 0.0
    for key, value in point.items():
        label = _label("gradient", key)
        g = _numbers(label, claimed[key])
        if g.shape != value.shape:
            raise ValueError(f"{label} must have shape {value.shape}, got {g.shape}")
        d = np.empty(value.shape)
        for i in np.ndindex(value.shape):
            ends = []
            for step in (h, -h):
                moved = value.copy()
                moved[i] += step
                ends.append(_scalar(function(whole(point | {key: moved}))))
            # d_i = (f(x + h e_i) − f(x − h e_i)) / 2h
            d[i] = (ends[0] - ends[1]) / (2 * h)
        apart[key] = float(np.abs(g - d).max(initial=0.0))
        largest = max(largest, np.abs(g).max(initial=0.0), np.abs(d).max(initial=0.0))
    relative = {key: difference / float(largest or 1.0) for key, difference in apart.items()}
    return relative if named else relative[None]


def _label(name, key):
    return name if key is None else f"{name}[{key!r}]"


def _scalar(value):
    number = _numbers("function", value)
    if number.ndim:
        raise ValueError(f"function must return one number, got shape {number.shape}")
    return float(number)


def _numbers(name, value):
    """An array of floats, all of them finite; ValueError with the name otherwise."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        raise ValueError(f"{name} must be an array of numbers, got {value!r}") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, got {value!r}")
    array = array.astype(float, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]}")
    return array


def _check_batch(batch):
    if not (batch is None or is_whole(batch, 1)):
        raise ValueError(f"batch must be None or a whole number of at least 1, got {batch!r}")
