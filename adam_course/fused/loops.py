"""Every rule as one loop over the parameters, compiled by numba.

A loop reads each number once and writes it once, so that a step costs what moving its
bytes costs.  Every loop changes its arrays in place: x, the gradient g (read alone), the
state's arrays, then the numbers of `coefficients`, which first become of the arrays'
precision: float32 times a float64 would be a float64.

No loop is compiled with fastmath: it would reorder the arithmetic, and at the speed of
memory it gains nothing.  Division follows NumPy (`error_model`): guarding each one
against zero, as Python does, would cost more than all the rest.
"""

import numpy as np
from numba import njit

# Compiled once on each machine and kept on disk; other threads run meanwhile.
_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def gradient_descent(x, g, learning_rate):
    real = x.dtype.type
    learning_rate = real(learning_rate)
    for i in range(x.size):
        x[i] -= learning_rate * g[i]


@_compiled
def sign_descent(x, g, learning_rate):
    real = x.dtype.type
    learning_rate = real(learning_rate)
    for i in range(x.size):
        x[i] -= learning_rate * np.sign(g[i])


@_compiled
def momentum(x, g, m, learning_rate, mu):
    real = x.dtype.type
    learning_rate, mu = real(learning_rate), real(mu)
    for i in range(x.size):
        m[i] = mu * m[i] + g[i]
        x[i] -= learning_rate * m[i]


@_compiled
def nesterov(x, g, m, learning_rate, mu):
    real = x.dtype.type
    learning_rate, mu = real(learning_rate), real(mu)
    for i in range(x.size):
        m[i] = mu * m[i] + g[i]
        x[i] -= learning_rate * (g[i] + mu * m[i])


@_compiled
def adagrad(x, g, v, learning_rate, epsilon):
    real = x.dtype.type
    learning_rate, epsilon = real(learning_rate), real(epsilon)
    for i in range(x.size):
        v[i] += g[i] * g[i]
        x[i] -= learning_rate * g[i] / (np.sqrt(v[i]) + epsilon)


@_compiled
def rmsprop(x, g, v, beta2, new2, learning_rate, epsilon):
    real = x.dtype.type
    beta2, new2, learning_rate, epsilon = (
        real(beta2),
        real(new2),
        real(learning_rate),
        real(epsilon),
    )
    for i in range(x.size):
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        x[i] -= learning_rate * g[i] / (np.sqrt(v[i]) + epsilon)


@_compiled
def adam(x, g, m, v, beta1, new1, beta2, new2, step, epsilon):
    real = x.dtype.type
    beta1, new1, beta2, new2 = real(beta1), real(new1), real(beta2), real(new2)
    step, epsilon = real(step), real(epsilon)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        x[i] -= step * m[i] / (np.sqrt(v[i]) + epsilon)


@_compiled
def adamw(x, g, m, v, beta1, new1, beta2, new2, step, epsilon, keep):
    real = x.dtype.type
    beta1, new1, beta2, new2 = real(beta1), real(new1), real(beta2), real(new2)
    step, epsilon, keep = real(step), real(epsilon), real(keep)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        x[i] = keep * x[i] - step * m[i] / (np.sqrt(v[i]) + epsilon)


@_compiled
def amsgrad(x, g, m, v, v_max, beta1, new1, beta2, new2, step, epsilon):
    real = x.dtype.type
    beta1, new1, beta2, new2 = real(beta1), real(new1), real(beta2), real(new2)
    step, epsilon = real(step), real(epsilon)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        v_max[i] = np.maximum(v_max[i], v[i])
        x[i] -= step * m[i] / (np.sqrt(v_max[i]) + epsilon)


@_compiled
def nadam(x, g, m, v, beta1, new1, beta2, new2, of_gradient, of_mean, epsilon):
    real = x.dtype.type
    beta1, new1, beta2, new2 = real(beta1), real(new1), real(beta2), real(new2)
    of_gradient, of_mean, epsilon = real(of_gradient), real(of_mean), real(epsilon)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        x[i] -= (of_gradient * g[i] + of_mean * m[i]) / (np.sqrt(v[i]) + epsilon)


@_compiled
def radam(x, g, m, v, beta1, new1, beta2, new2, step, adapt, epsilon):
    real = x.dtype.type
    beta1, new1, beta2, new2 = real(beta1), real(new1), real(beta2), real(new2)
    step, adapt, epsilon = real(step), real(adapt), real(epsilon)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        v[i] = beta2 * v[i] + new2 * (g[i] * g[i])
        # As long as it does not adapt, v is not looked at: it may have overflowed.
        x[i] -= step * m[i] / (np.sqrt(v[i]) + epsilon if adapt else epsilon)


@_compiled
def adamax(x, g, m, u, beta1, new1, beta2, epsilon, step):
    real = x.dtype.type
    beta1, new1, beta2, epsilon = real(beta1), real(new1), real(beta2), real(epsilon)
    step = real(step)
    for i in range(x.size):
        m[i] = beta1 * m[i] + new1 * g[i]
        u[i] = np.maximum(beta2 * u[i], np.abs(g[i]) + epsilon)
        x[i] -= step * m[i] / u[i]


LOOPS = {
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
