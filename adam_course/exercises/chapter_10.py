"""Chapter 10: a start at zero, gradients to be mended, and a second hidden layer."""

from functools import partial
from itertools import pairwise

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake
from adam_course.network import sigmoid

_NAMES = {"w1", "b1", "w2", "b2"}


def _zero_at_first(names):
    if isinstance(names, str) or not set(names) <= _NAMES:
        return f'Give a list of names out of "w1", "b1", "w2" and "b2", got {names!r}.'
    return {
        frozenset({"w1", "b1"}): None,
        frozenset(): "none",
        frozenset(_NAMES): "all four",
        frozenset({"w2", "b2"}): "the other layer",
        frozenset({"w1", "w2"}): "the weights",
        frozenset({"w1"}): "all but the hidden biases",
        frozenset({"w1", "b1", "w2"}): "all but the last bias",
    }.get(
        frozenset(names),
        "It is another set of names. Go through the four formulas of the backward pass with all "
        "parameters zero: what is h, and what is each factor?",
    )


START_AT_ZERO = Exercise(
    name="10-start-at-zero",
    task="Give the names of the gradients that are zero in the first step on the moons.",
    reference=None,
    judge=_zero_at_first,
    mistakes=(
        Mistake(
            "none",
            None,
            "Something is zero: the slope by a hidden unit comes back through a matrix. Look at "
            "what that matrix is now.",
        ),
        Mistake(
            "all four",
            None,
            "That is so on XOR, where the classes cancel. On the moons the 200 points are not "
            "split evenly, so the predictions minus the classes do not sum to zero.",
        ),
        Mistake(
            "the other layer",
            None,
            "Those are the two that move. A gradient is a product of what comes in and what comes "
            "back: look at both factors for each layer.",
        ),
        Mistake(
            "the weights",
            None,
            "A gradient is not zero because its parameter is: the parameter itself is in none of "
            "its own gradient's factors. Which matrix is in δ¹?",
        ),
        Mistake(
            "all but the hidden biases",
            None,
            "w1 is zero for a reason that has nothing to do with x. Does it hold for b1 as well?",
        ),
        Mistake(
            "all but the last bias",
            None,
            "For w2 the factor that comes in is h. What is a sigmoid of zero?",
        ),
    ),
)


def _network(sizes, examples, seed):
    """An example to call with: parameters, inputs and classes."""
    rng = np.random.default_rng(seed)
    params = {}
    for layer, (below, above) in enumerate(pairwise(sizes), start=1):
        params[f"w{layer}"] = rng.uniform(-1, 1, (above, below)).round(2)
        params[f"b{layer}"] = rng.uniform(-1, 1, above).round(2)
    x = rng.normal(size=(examples, sizes[0])).round(2)
    return params, x, rng.integers(0, 2, (examples, sizes[-1]))


def _backward(
    params,
    x,
    y,
    slope=lambda h: h * (1 - h),
    first=lambda z, y: (sigmoid(z) - y) / len(y),
    each=lambda delta: delta,
    count=None,
):
    """The gradients of a network of any depth; the options are where mistakes are made."""
    active, depth = [x], len(params) // 2
    for layer in range(1, depth + 1):
        z = active[-1] @ params[f"w{layer}"].T + params[f"b{layer}"]
        active.append(sigmoid(z) if layer < depth else z)
    slopes, delta = {}, first(active[-1], y)
    for layer in range(depth, max(0, depth - (count or depth)), -1):
        below = active[layer - 1]
        slopes[f"w{layer}"], slopes[f"b{layer}"] = delta.T @ below, delta.sum(axis=0)
        delta = each(delta @ params[f"w{layer}"] * slope(below))
    return slopes


_TANGENT = partial(_backward, slope=lambda h: 1 - h * h)

# What can go wrong in any such backward pass, with one hidden layer or with several.
_WRONG = (
    Mistake(
        "no slope",
        partial(_backward, slope=np.ones_like),
        "What comes back to a hidden unit has to go through its sigmoid as well: a factor is "
        "missing below the last layer.",
    ),
    Mistake(
        "half the slope",
        partial(_backward, slope=lambda h: 1 - h),
        "The slope of the sigmoid has two factors, and one of them is missing.",
    ),
    Mistake(
        "the slope at h",
        partial(_backward, slope=lambda h: sigmoid(h) * (1 - sigmoid(h))),
        "You take the sigmoid once more: h is the squeezed sum already.",
    ),
    Mistake(
        "not a mean",
        partial(_backward, first=lambda z, y: sigmoid(z) - y),
        "With one example it is right, with several too large: the loss is a mean over the "
        "examples.",
    ),
    Mistake(
        "a mean over outputs too",
        partial(_backward, first=lambda z, y: (sigmoid(z) - y) / np.size(y)),
        "The loss is summed over the outputs and averaged over the examples: you divide by both.",
    ),
    Mistake(
        "uphill",
        partial(_backward, first=lambda z, y: (y - sigmoid(z)) / len(y)),
        "All the signs are wrong: the slope by a logit is the prediction minus the truth.",
    ),
    Mistake(
        "the squared error",
        partial(
            _backward,
            first=lambda z, y: (sigmoid(z) - y) * sigmoid(z) * (1 - sigmoid(z)) / len(y),
        ),
        "These are the gradients of half the squared error. In those of the cross-entropy the "
        "slope of the last sigmoid cancels.",
    ),
    Mistake(
        "logits for answers",
        partial(_backward, first=lambda z, y: (z - y) / len(y)),
        "You compare the logit with the class: squeeze it first.",
    ),
)

MEND_GRADIENTS = Exercise(
    name="10-mend-gradients",
    task="Mend wrong_gradients, so that it gives the slopes of the cross-entropy.",
    reference=_backward,
    examples=(
        _network((1, 1, 1), 1, 0),
        _network((2, 1, 1), 2, 1),
        _network((3, 5, 2), 6, 2),
    ),
    mistakes=(
        # To say what it is would be the solution: it is what the exercise shows.
        Mistake(
            "as it was shown",
            _TANGENT,
            "This is the function as it was shown, or one that gives the same. Let gradient_check "
            "compare it with the loss: which of the four names are right, which are wrong, and "
            "what have the wrong ones in common?",
        ),
        *_WRONG,
    ),
    rel=1e-7,
)

DEEP_GRADIENTS = Exercise(
    name="10-deep-gradients",
    task="Write the gradients of a network with any number of layers.",
    reference=_backward,
    examples=(
        _network((1, 1, 1), 1, 3),
        _network((1, 1, 1, 1), 2, 4),
        _network((3, 5, 4, 2), 6, 5),
        _network((2, 4, 3, 4, 2), 5, 6),
    ),
    mistakes=(
        Mistake(
            "the tangent's slope",
            _TANGENT,
            "Your hidden units are passed as hyperbolic tangents: that is the slope of tanh. They "
            "are sigmoids.",
        ),
        *_WRONG,
        Mistake(
            "a mean in every layer",
            lambda params, x, y: _backward(params, x, y, each=lambda delta: delta / len(y)),
            "The last layer is right and each one below is smaller by the number of examples: "
            "the mean is taken once, at the start of the way back.",
        ),
        Mistake(
            "squeezed twice",
            partial(_backward, first=lambda z, y: (sigmoid(sigmoid(z)) - y) / len(y)),
            "The last layer is squeezed twice: it gives logits, so no sigmoid on the way forward.",
        ),
        Mistake(
            "two layers only",
            partial(_backward, count=2),
            "Only the last two layers get slopes: the way back has to go on to w1 and b1.",
        ),
    ),
    rel=1e-7,
)

EXERCISES = (START_AT_ZERO, MEND_GRADIENTS, DEEP_GRADIENTS)
