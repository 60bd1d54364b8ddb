"""`Fused`: a rule that changes its parameters in place, at the speed of memory."""

import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from importlib.util import find_spec
from itertools import accumulate, pairwise, starmap
from types import MappingProxyType

import numpy as np

from adam_course.checks import check_whole
from adam_course.fused.blocks import BLOCK, BLOCKS
from adam_course.fused.coefficients import form_of
from adam_course.fused.containers import arrays_of, kind_of, state_arrays
from adam_course.fused.memory import ALIGNMENT, aligned
from adam_course.optimizer import Optimizer, label_of

# Below this many parameters a thread costs more to wake than it saves.
WORTH_A_THREAD = 150_000
# Gradients of fewer numbers than this, on average, are sooner copied together than moved apart.
WORTH_A_CALL = 8_000


class Fused:
    """A rule of the package in place: the same numbers, one pass over memory a step.

        fast = Fused(Adam(learning_rate=0.01), x)
        fast.step(gradient)           # x has moved

    The state is bitwise that of the pure rule (`optimizer.step`); x differs by rounding,
    because the bias corrections are taken out of the loop, and stays within 1e-12 in
    float64.  A compiler may fuse a product and a sum into one rounding on processors other
    than x86; then the last bit of the state may differ as well.

    Parameters
    ----------
    optimizer : Optimizer
        Any rule of `OPTIMIZERS`, with numbers as hyperparameters.  Another one of the same
        rule may be assigned to `fast.optimizer` between steps: that is a schedule.
    parameters : array, or list or dict of arrays, of float32 or of float64
        A single array is changed where it stands; it must be contiguous.  Several are
        copied, once, into one flat buffer: `fast.parameters` are its views, and what you
        gave is not changed.  One loop then serves them all, however small they are.
    state : NamedTuple, optional
        Where to go on from: what `init`, `step` or another `Fused` had as its state.
    threads : int, default 1
        Each takes a slice; the numbers do not depend on how many there are.  Small
        parameters are left to one thread.
    engine : "numba", "numpy" or None
        One compiled loop, or NumPy in blocks that stay in the cache, about half as fast.
        None takes numba where it is installed, and says so where it is not.

    Attributes
    ----------
    parameters : like what was given
    gradients : like `parameters`
        A place for the next gradient, made at first use: fill its arrays and call `step()`,
        and nothing is copied.  (An array in the place of one of several would not be looked
        at; so the dict of them is read-only, and the list a tuple.)
    state : NamedTuple
        Of the rule's own type, with fields like `parameters`: views that the next step
        changes, and that cannot be written to.
    optimizer, engine, threads

    Raises
    ------
    ValueError
        Naming the argument and its value.  Nothing has been changed then.

    Examples
    --------
    >>> import numpy as np
    >>> from adam_course import Adam
    >>> x = np.array([1.0, 2.0])
    >>> fast = Fused(Adam(learning_rate=0.1), x)
    >>> fast.step(np.array([4.0, -4.0]))
    >>> x.round(6).tolist(), fast.state.t
    ([0.9, 2.1], 1)
    """

    def __init__(self, optimizer, parameters, *, state=None, threads=1, engine=None):
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"optimizer must be an Optimizer such as Adam(), got {optimizer!r}")
        form = form_of(optimizer)
        check_whole("threads", threads, 1)
        self.threads = int(threads)
        self.engine = _engine(engine)
        self._optimizer = optimizer
        given = arrays_of("parameters", parameters)
        if isinstance(parameters, np.ndarray) and not (
            parameters.flags.c_contiguous and parameters.flags.writeable
        ):
            raise ValueError(
                "parameters must be contiguous and writeable to be changed in place, got an "
                f"array of shape {parameters.shape} with strides {parameters.strides}"
                f"{'' if parameters.flags.writeable else ', read-only'}"
            )
        self._shapes = {key: array.shape for key, array in given.items()}
        self._like = parameters
        ends = list(accumulate((array.size for array in given.values()), initial=0))
        self._slices = dict(zip(given, starmap(slice, pairwise(ends))))
        size = ends[-1]
        dtype = next(iter(given.values())).dtype
        start = optimizer.start(np.zeros(1, dtype)) if state is None else None
        if state is not None:
            before = state_arrays(optimizer, form, state, parameters, given)
        # From here on nothing can fail.
        if isinstance(parameters, np.ndarray):
            self._x = parameters.reshape(-1)
            self.parameters = parameters
        else:
            self._x = aligned(size, dtype)
            for part, array in zip(self._split(self._x).values(), given.values()):
                part[...] = array
            self.parameters = self._shaped(self._x)
        self._arrays = [aligned(size, dtype, k) for k, _ in enumerate(form.arrays, 1)]
        for name, array in zip(form.arrays, self._arrays):
            if state is None:
                array[...] = getattr(start, name)
            else:
                for part, old in zip(self._split(array).values(), before[name].values()):
                    part[...] = old
        origin = start if state is None else state
        # Python's own numbers, which adopt the precision of the arrays; NumPy's do not.
        self._t = int(origin.t)
        self._mu_product = float(getattr(origin, "mu_product", 1.0))
        self._gradient = self._gradients = self._joined = self._pool = None
        self._prepare(form)

    @property
    def optimizer(self):
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer):
        if type(optimizer) is not type(self._optimizer):
            raise ValueError(
                f"optimizer must stay of the rule {type(self._optimizer).__name__}, to which the "
                f"state belongs, got {optimizer!r}"
            )
        form_of(optimizer)
        self._optimizer = optimizer

    @property
    def gradients(self):
        if self._gradients is None:
            self._gradient = self._beside(self._x)
            self._gradient[...] = 0
            views = self._shaped(self._gradient)
            several = {dict: MappingProxyType, list: tuple}.get(type(views))
            self._gradients = several(views) if several else views
        return self._gradients

    @property
    def state(self):
        kind = self._optimizer.State
        fields = dict(zip(self._form.arrays, (self._shaped(a, False) for a in self._arrays)))
        fields["t"] = self._t
        if "mu_product" in kind._fields:
            fields["mu_product"] = self._mu_product
        return kind(**{name: fields[name] for name in kind._fields})

    def step(self, gradients=None):
        """One step, in place.

        Parameters
        ----------
        gradients : like `parameters`, of the same precision; optional
            Default: what stands in `gradients`.  Infinities and NaN are not looked for,
            which would be one more pass: they go into x and state, as in torch.

        Raises
        ------
        ValueError
            If a gradient does not have the keys, the shape or the precision of its
            parameters; nothing has moved then.
        """
        parts = self._matched(gradients)
        t = self._t + 1
        mu_product = self._mu_product
        if self._has_product:
            mu_product = mu_product * self._optimizer.mu(t)
        numbers = self._form.coefficients(self._optimizer, t, mu_product)
        for x, g, arrays in parts:
            self._move(x, g, arrays, numbers)
        self._t, self._mu_product = t, mu_product

    def _beside(self, x):
        """A flat buffer for a gradient, at another place in a page than x and the state."""
        return aligned(x.size, x.dtype, len(self._arrays) + 1)

    def _prepare(self, form):
        self._form = form
        self._has_product = "mu_product" in self._optimizer.State._fields
        name = type(self._optimizer).__name__
        if self.engine == "numba":
            from adam_course.fused.loops import LOOPS

            self._kernel = LOOPS[name]
        else:
            self._kernel = _Blocked(BLOCKS[name], self._x.dtype, self.threads)

    def _matched(self, gradients):
        """What is to be moved: triples of x, its gradient and its state, each flat."""
        if gradients is None or gradients is self._gradients:
            if self._gradient is None:
                raise ValueError("gradients must be given, as nothing was put into `gradients`")
            return [(self._x, self._gradient, self._arrays)]
        if type(gradients) is np.ndarray and self.parameters is self._like:
            return [(self._x, self._flat("gradients", gradients, self._like.shape), self._arrays)]
        if self._join(gradients):
            return [(self._x, self._joined, self._arrays)]
        given = arrays_of("gradients", gradients)
        if kind_of(gradients) != kind_of(self._like):
            raise ValueError(
                f"gradients must be {kind_of(self._like)}, as the parameters are, got "
                f"{kind_of(gradients)}"
            )
        if given.keys() != self._shapes.keys():
            raise ValueError(
                f"gradients must have the keys of the parameters, {list(self._shapes)}, "
                f"got {list(given)}"
            )
        flat = {
            key: self._flat(label_of("gradients", key), array, self._shapes[key])
            for key, array in given.items()
        }
        parts = []
        for key, part in self._slices.items():
            # The slope of x · y for x is y: it must not have moved before it is read.
            g = flat[key].copy() if np.may_share_memory(flat[key], self._x) else flat[key]
            parts.append((self._x[part], g, [array[part] for array in self._arrays]))
        return parts

    def _join(self, gradients):
        """Whether many small gradients were copied into one flat array, `_joined`.

        They were not where anything about them is wrong: `_matched` says what.
        """
        if self._x.size >= WORTH_A_CALL * len(self._shapes):
            return False
        if not isinstance(gradients, Mapping | list | tuple):
            return False
        if kind_of(gradients) != kind_of(self._like):
            return False
        if isinstance(gradients, Mapping):
            if gradients.keys() != self._shapes.keys():
                return False
            gradients = [gradients[key] for key in self._shapes]
        arrays = list(gradients)
        if (
            not all(type(array) is np.ndarray for array in arrays)
            or [array.shape for array in arrays] != list(self._shapes.values())
            or {array.dtype for array in arrays} != {self._x.dtype}
        ):
            return False
        if self._joined is None:
            self._joined = self._beside(self._x)
        np.concatenate(arrays, axis=None, out=self._joined)
        return True

    def _flat(self, label, array, shape):
        if array.dtype != self._x.dtype:
            raise ValueError(
                f"{label} must be of the parameters' {self._x.dtype}, got {array.dtype}"
            )
        if array.shape != shape:
            raise ValueError(
                f"{label} has shape {array.shape}, its parameters have shape {shape}: they must "
                "be equal"
            )
        if array.ndim == 1 and array.flags.c_contiguous:
            return array
        return np.ascontiguousarray(array).reshape(-1)

    def _move(self, x, g, arrays, numbers):
        threads = min(self.threads, x.size // WORTH_A_THREAD)
        if threads < 2:
            self._kernel(x, g, *arrays, *numbers)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="adam_course")
        # Slices begin at whole lines of the cache, so that no two threads share one.
        line = ALIGNMENT // x.itemsize
        edges = [x.size * k // threads // line * line for k in range(threads)] + [x.size]
        slices = [slice(a, b) for a, b in pairwise(edges)]
        calls = [(x[s], g[s], *(array[s] for array in arrays), *numbers) for s in slices]
        others = []
        try:
            for call in calls[1:]:
                others.append(self._pool.submit(self._kernel, *call))
            self._kernel(*calls[0])
        finally:
            wait(others)  # an interrupt must not leave threads at work on x
        for other in others:
            other.result()

    def _split(self, flat):
        """A flat buffer as views with the keys and shapes of the parameters."""
        return {key: flat[part].reshape(self._shapes[key]) for key, part in self._slices.items()}

    def _shaped(self, flat, writeable=True):
        """A flat buffer as views in the container that the parameters are in."""
        views = self._split(flat)
        if not writeable:
            for view in views.values():
                view.flags.writeable = False
        if isinstance(self._like, np.ndarray):
            return views[None]
        return views if isinstance(self._like, Mapping) else list(views.values())

    def __reduce__(self):
        # Copied and unpickled through the constructor: else the parameters and the flat
        # buffer that the step moves would be copied apart, and be one memory no more.
        make = partial(type(self), state=self.state, threads=self.threads, engine=self.engine)
        return make, (self._optimizer, self.parameters)

    def __repr__(self):
        count = self._x.size
        return (
            f"<Fused {self._optimizer}: {count:,} parameter{'s' * (count != 1)} of "
            f"{self._x.dtype}, {self.engine}, step {self._t}>"
        )


class _Blocked:
    """A rule of `blocks` as a function of whole arrays, with its scratch."""

    def __init__(self, rule, dtype, threads):
        self.rule = rule
        # A block for each thread, made now and not in the step.
        self.scratch = [aligned(BLOCK, dtype) for _ in range(threads)]

    def __call__(self, x, g, *rest):
        scratch = self.scratch.pop()  # atomic: no two threads get the same
        try:
            with np.errstate(all="ignore"):
                for begin in range(0, x.size, BLOCK):
                    block = slice(begin, begin + BLOCK)
                    part = x[block]
                    arrays = [a[block] if isinstance(a, np.ndarray) else a for a in rest]
                    self.rule(part, g[block], *arrays, scratch[: part.size])
        finally:
            self.scratch.append(scratch)


def _engine(engine):
    if engine not in ("numba", "numpy", None):
        raise ValueError(f'engine must be "numba", "numpy" or None, got {engine!r}')
    installed = find_spec("numba") is not None
    if engine == "numba" and not installed:
        raise ValueError('engine="numba" needs numba: pip install numba')
    if engine is None and not installed:
        warnings.warn(
            "numba is not installed: Fused works in NumPy's blocks, about half as fast "
            '(engine="numpy" says that this is meant)',
            RuntimeWarning,
            stacklevel=3,
        )
    return engine or ("numba" if installed else "numpy")
