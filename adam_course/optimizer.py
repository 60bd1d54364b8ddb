"""What all optimizers share: hyperparameters, contract, and kinds of parameters.

A rule (see `optimizers`) is written for one array.  Here it becomes an
optimizer that takes an array, a number, a list or a dict of arrays, refuses bad
input by name, and never changes what it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from adam_course.hyperparameters import check

# State that belongs to the run as a whole; all other state has the parameters' shape.
SHARED_STATE = ("t", "mu_product")


@dataclass(frozen=True, eq=False, repr=False)
class Optimizer:
    """The base of every rule: frozen hyperparameters, `init` and a pure `step`.

    A subclass is a frozen dataclass of hyperparameters with

    - `State`: a NamedTuple that begins with the step count t;
    - `update(x, g, state)`: one step on arrays, returning new x and new state.

    Examples
    --------
    >>> from adam_course import Adam
    >>> opt = Adam(learning_rate=0.1)
    >>> opt
    Adam(learning_rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-08)
    >>> state = opt.init([1.0, 2.0])
    >>> x, state = opt.step([1.0, 2.0], [4.0, -4.0], state)
    >>> [round(value, 6) for value in x]
    [0.9, 2.1]
    >>> state.t
    1
    """

    State: ClassVar[type]

    def __post_init__(self):
        for name, value in self.hyperparameters.items():
            object.__setattr__(self, name, check(name, value))
        shapes = {name: np.shape(value) for name, value in self.hyperparameters.items()}
        try:
            np.broadcast_shapes(*shapes.values())
        except ValueError:
            arrays = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
            raise ValueError(f"hyperparameters must have shapes that fit, got {arrays}") from None

    @property
    def hyperparameters(self):
        """The hyperparameters by name, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def batch_shape(self):
        """The shape that the arrays among the hyperparameters broadcast to."""
        return np.broadcast_shapes(*map(np.shape, self.hyperparameters.values()))

    def init(self, x):
        """The state before the first step, for parameters x.

        Parameters
        ----------
        x : float, list of float, array (..., d), or dict of these

        Returns
        -------
        NamedTuple
            The step count t = 0 and zeros in the shape of x (for a dict: a dict
            of them).

        Raises
        ------
        ValueError
            If x is not made of real floating-point numbers.
        """
        leaves = _leaves("x", x)
        return self._join_states(x, {key: self.start(leaf) for key, leaf in leaves.items()})

    def step(self, x, gradient, state, *, allow_nonfinite=False):
        """One step of the rule.

        Parameters
        ----------
        x : float, list of float, array (..., d), or dict of these
            The parameters x_{t-1}.
        gradient : like x
            The gradient g_t of the loss at x_{t-1}.
        state : NamedTuple
            What `init` or the previous `step` returned.
        allow_nonfinite : bool, default False
            Let infinities and NaN in the gradient through, into x and state.

        Returns
        -------
        (x, state)
            The parameters x_t, of the type and precision of x, and the new state.
            The arguments are not changed.

        Raises
        ------
        ValueError
            Naming the argument and its value: parameters of an integer type,
            shapes or keys that do not match, a gradient that is not finite, a
            state of another rule.  Nothing is changed then.
        """
        leaves = _leaves("x", x)
        gradients = _matching("gradient", gradient, x, leaves)
        states = self._split_state(state, x, leaves)
        if not allow_nonfinite:
            for key, g in gradients.items():
                if not np.isfinite(g).all():
                    raise ValueError(
                        f"{label_of('gradient', key)} must be finite, got "
                        f"{g[~np.isfinite(g)].flat[0]} in {_short(g)}; "
                        "pass allow_nonfinite=True to let it through"
                    )
        for key, leaf in leaves.items():
            self._check_batch(label_of("x", key), leaf)
        with np.errstate(all="ignore") if allow_nonfinite else np.errstate():
            moved = {key: self.update(leaves[key], gradients[key], states[key]) for key in leaves}
        return (
            _like(x, {key: new for key, (new, _) in moved.items()}),
            self._join_states(x, {key: new for key, (_, new) in moved.items()}),
        )

    def start(self, x):
        """The state before the first step, for one array x."""
        zeros = [np.zeros_like(x) for _ in self.State._fields[1:]]
        return self.State(0, *zeros)

    def update(self, x, g, state):
        """One step of the rule on one array, unchecked: the mathematics alone."""
        raise NotImplementedError

    def effective_rate(self, state):
        """What the rule multiplies a gradient (or its mean) by, coordinate by coordinate."""
        return self.learning_rate

    def __repr__(self):
        inside = ", ".join(
            f"{name}=array of shape {np.shape(value)}" if np.ndim(value) else f"{name}={value!r}"
            for name, value in self.hyperparameters.items()
        )
        return f"{type(self).__name__}({inside})"

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return all(
            np.array_equal(value, getattr(other, name))
            for name, value in self.hyperparameters.items()
        )

    def __hash__(self):
        values = self.hyperparameters.values()
        # Adding 0.0 makes one zero of the two, which compare equal.
        return hash((type(self), *((np.asarray(value) + 0.0).tobytes() for value in values)))

    def __reduce__(self):
        # Copied and unpickled through the constructor, so that arrays stay read-only.
        return type(self), tuple(self.hyperparameters.values())

    def _check_batch(self, label, leaf):
        try:
            fits = np.broadcast_shapes(self.batch_shape, leaf.shape) == leaf.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{label} has shape {leaf.shape}, but the hyperparameters are arrays of shape "
                f"{self.batch_shape}: give each setting its own row of parameters "
                "(`minimize` does so by itself)"
            )

    def _split_state(self, state, x, leaves):
        """The state as one state for each array."""
        if not isinstance(state, self.State):
            raise ValueError(
                f"state must be the {self.State.__name__} that {type(self).__name__}.init "
                f"returned, got {type(state).__name__}"
            )
        split = {key: [] for key in leaves}
        for name, field in zip(state._fields, state):
            if name in SHARED_STATE:
                for parts in split.values():
                    parts.append(field)
                continue
            for key, part in _matching(f"state.{name}", field, x, leaves).items():
                split[key].append(part)
        return {key: self.State(*parts) for key, parts in split.items()}

    def _join_states(self, x, states):
        """The states of single arrays as one state with fields like x."""
        first = next(iter(states.values()))
        return self.State(
            *(
                getattr(first, name)
                if name in SHARED_STATE
                else _like(x, {key: getattr(state, name) for key, state in states.items()})
                for name in self.State._fields
            )
        )


def label_of(name, key):
    """What a message calls one array of several: name[key]; the name where it is alone."""
    return name if key is None else f"{name}[{key!r}]"


def _short(value):
    text = np.array2string(np.asarray(value), threshold=8, edgeitems=2)
    return " ".join(text.split())


def _leaves(name, value):
    """A number, list, array or dict as a dict of arrays; the key None for "no dict"."""
    if isinstance(value, Mapping):
        if not value:
            raise ValueError(f"{name} must have at least one entry, got an empty dict")
        return {key: _array(label_of(name, key), leaf) for key, leaf in value.items()}
    return {None: _array(name, value)}


def _array(label, value):
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in "iub":
            raise ValueError(
                f"{label} must be floating-point: an array of {value.dtype} would cut every "
                f"step to a whole number; got {_short(value)}"
            )
        array = np.asarray(value)
    elif isinstance(value, int | float | list | tuple):
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            raise ValueError(f"{label} must be made of real numbers, got {value!r}") from None
        if array.dtype.kind in "iu":
            array = array.astype(float)  # Python's own numbers are never cut
    else:
        raise ValueError(
            f"{label} must be a number, a list, an array or a dict of these, got {value!r}"
        )
    if array.dtype.kind != "f":
        raise ValueError(f"{label} must be made of real numbers, got {_short(value)}")
    return array


def _matching(name, value, x, leaves):
    """`value` as arrays with the keys, shapes and precision of the parameters."""
    if isinstance(value, Mapping) != isinstance(x, Mapping):
        raise ValueError(
            f"{name} must be of the kind that x is, got {type(value).__name__} for x of type "
            f"{type(x).__name__}"
        )
    if isinstance(x, Mapping) and value.keys() != x.keys():
        raise ValueError(f"{name} has keys {list(value)}, x has keys {list(x)}: they must be equal")
    arrays = {}
    for key, leaf in leaves.items():
        label = label_of(name, key)
        part = value if key is None else value[key]
        if isinstance(part, np.ndarray | np.generic) and part.dtype.kind in "iu":
            part = part.astype(leaf.dtype)  # whole numbers are fine as a gradient
        array = _array(label, part).astype(leaf.dtype, copy=False)
        if array.shape != leaf.shape:
            raise ValueError(
                f"{label} has shape {array.shape}, {label_of('x', key)} has shape {leaf.shape}: "
                "they must be equal"
            )
        arrays[key] = array
    return arrays


def _like(x, leaves):
    """Arrays in the container that x is."""
    if isinstance(x, Mapping):
        return {key: _like(x[key], {None: leaf}) for key, leaf in leaves.items()}
    leaf = leaves[None]
    if isinstance(x, np.ndarray):
        return np.asarray(leaf)
    if isinstance(x, np.generic):
        return leaf
    if isinstance(x, list | tuple):
        return getattr(x, "_make", type(x))(leaf.tolist())
    return float(leaf)
