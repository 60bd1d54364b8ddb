"""Every rule in NumPy alone, in place and block by block: the best that NumPy can do.

A NumPy operation passes over its whole array, and a step is about a dozen of them.  On a
block that stays in the processor's cache only the first pass fetches from memory.  All
work in between goes through one block of scratch, `s`; nothing else is allocated.

The arguments are those of `loops`, with the scratch last.
"""

import numpy as np

# Below 4,000 numbers the calls take the time, above 130,000 a block leaves the cache.
BLOCK = 32_768


def gradient_descent(x, g, learning_rate, s):
    np.multiply(g, learning_rate, out=s)
    x -= s


def sign_descent(x, g, learning_rate, s):
    np.sign(g, out=s)
    s *= learning_rate
    x -= s


def momentum(x, g, m, learning_rate, mu, s):
    m *= mu
    m += g
    np.multiply(m, learning_rate, out=s)
    x -= s


def nesterov(x, g, m, learning_rate, mu, s):
    m *= mu
    m += g
    np.multiply(m, mu, out=s)
    s += g
    s *= learning_rate
    x -= s


def adagrad(x, g, v, learning_rate, epsilon, s):
    np.multiply(g, g, out=s)
    v += s
    _move(x, g, v, learning_rate, epsilon, s)


def rmsprop(x, g, v, beta2, new2, learning_rate, epsilon, s):
    _average_squares(g, v, beta2, new2, s)
    _move(x, g, v, learning_rate, epsilon, s)


def adam(x, g, m, v, beta1, new1, beta2, new2, step, epsilon, s):
    _average(g, m, beta1, new1, s)
    _average_squares(g, v, beta2, new2, s)
    _move(x, m, v, step, epsilon, s)


def adamw(x, g, m, v, beta1, new1, beta2, new2, step, epsilon, keep, s):
    _average(g, m, beta1, new1, s)
    _average_squares(g, v, beta2, new2, s)
    # Only now: g may be x itself, the gradient of ½ x².
    x *= keep
    _move(x, m, v, step, epsilon, s)


def amsgrad(x, g, m, v, v_max, beta1, new1, beta2, new2, step, epsilon, s):
    _average(g, m, beta1, new1, s)
    _average_squares(g, v, beta2, new2, s)
    np.maximum(v_max, v, out=v_max)
    _move(x, m, v_max, step, epsilon, s)


def nadam(x, g, m, v, beta1, new1, beta2, new2, of_gradient, of_mean, epsilon, s):
    _average(g, m, beta1, new1, s)
    _average_squares(g, v, beta2, new2, s)
    # The look-ahead's two parts one after the other: there is scratch for one.
    _move(x, g, v, of_gradient, epsilon, s)
    _move(x, m, v, of_mean, epsilon, s)


def radam(x, g, m, v, beta1, new1, beta2, new2, step, adapt, epsilon, s):
    _average(g, m, beta1, new1, s)
    _average_squares(g, v, beta2, new2, s)
    if adapt:
        _move(x, m, v, step, epsilon, s)
    else:
        gradient_descent(x, m, step, s)


def adamax(x, g, m, u, beta1, new1, beta2, epsilon, step, s):
    _average(g, m, beta1, new1, s)
    u *= beta2
    np.abs(g, out=s)
    s += epsilon
    np.maximum(u, s, out=u)
    np.divide(m, u, out=s)
    s *= step
    x -= s


def _average(g, m, beta1, new1, s):
    """m = β₁ m + (1 − β₁) g."""
    m *= beta1
    np.multiply(g, new1, out=s)
    m += s


def _average_squares(g, v, beta2, new2, s):
    """v = β₂ v + (1 − β₂) g²."""
    v *= beta2
    np.multiply(g, g, out=s)
    s *= new2
    v += s


def _move(x, direction, v, step, epsilon, s):
    """x = x − step · direction / (√v + ε)."""
    np.sqrt(v, out=s)
    s += epsilon
    np.divide(direction, s, out=s)
    s *= step
    x -= s


BLOCKS = {
    "GradientDescent": gradient_descent,
    "SignDescent": sign_descent,
    "Momentum": momentum,
    "Nesterov": nesterov,
    "AdaGrad": adagrad,
    "RMSProp": rmsprop,
    "Adam": adam,
    "AdamW": adamw,
    "AMSGrad": amsgrad,
    "NAdam": nadam,
    "RAdam": radam,
    "AdaMax": adamax,
}
