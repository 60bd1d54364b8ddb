"""Many runs side by side, compiled by numba: the landscapes, the rules, and their loops.

A landscape and a rule are functions of one run's numbers.  They do, operation by operation,
the arithmetic of `adam_course.landscapes` and `adam_course.optimizers`, so that a sweep is
bitwise what single runs are; nothing is taken out of a loop here.  Two loops put them
together, over runs that stand in the last axis, so that a processor takes several of them
in one instruction:

- `in_the_plane` has landscape and rule in one loop, for two coordinates and runs that share
  what depends on the step alone.  What it does between two divisions costs nothing.
- `anywhere` has first the landscape for all runs of a block and then the rule, for any
  number of coordinates, and whatever the runs share.

All of it is one file, because numba's cache on disk notices a change in the file of a
function, and not in those that it calls.
"""

from functools import cache

import numpy as np
from numba import njit

# All is put into the one function that is called: handing arrays on, hundreds of thousands of
# times, would take a tenth of the time.
_inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
_compiled = njit(cache=True, nogil=True, error_model="numpy")

LANES = 256  # at once: what is in work on them stays in the first cache

QUADRATIC, TURNED, ROSENBROCK, BEALE, HIMMELBLAU, SADDLE, STYBLINSKI_TANG = range(7)

(
    GRADIENT_DESCENT,
    SIGN_DESCENT,
    MOMENTUM,
    NESTEROV,
    ADAGRAD,
    RMSPROP,
    ADAM,
    ADAMW,
    AMSGRAD,
    NADAM,
    RADAM,
    ADAMAX,
) = range(12)

# The most that a rule and a landscape have.  Where one has less, zeros stand.
ARRAYS, SETTINGS, NUMBERS, COORDINATES = 3, 5, 3, 7

# What is in work on a block stands in the rows of one array: then the compiler sees that no
# row lies on another, and takes several runs at once without asking.
_TROUBLE, _LOSS, _X = range(3)
_G = _X + COORDINATES
_A = _G + COORDINATES
_H = _A + ARRAYS * COORDINATES
_C = _H + SETTINGS
_ROWS = _C + NUMBERS


# ----------------------------------------------------------------------------- loops


@cache
def in_the_plane(rule, code):
    """The loop for one rule and one landscape: a function of what `anywhere`'s takes after it.

    The runs of a group have to stand together; a block is of one group.
    """

    @_compiled
    def stretch(clock, points, states, settings, numbers, group, trouble, constants):
        runs, steps = points.shape[1], numbers.shape[2]
        k = (constants[0], constants[1], constants[2], constants[3])
        w = np.empty((_ROWS, LANES))
        begin = 0
        while begin < runs:
            own, lanes = group[begin], 1
            while lanes < min(LANES, runs - begin) and group[begin + lanes] == own:
                lanes += 1
            _take(w, points, states, settings, trouble, begin, lanes)
            for t in range(steps):
                c = (numbers[0, own, t], numbers[1, own, t], numbers[2, own, t])
                for i in range(lanes):
                    h = (w[_H, i], w[_H + 1, i], w[_H + 2, i], w[_H + 3, i], w[_H + 4, i])
                    loss, g0, g1 = _in_the_plane(code, k, w[_X, i], w[_X + 1, i])
                    w[_TROUBLE, i] += (loss - loss) + (g0 - g0) + (g1 - g1)
                    _move(rule, w, 0, i, g0, h, c)
                    _move(rule, w, 1, i, g1, h, c)
            _give_back(w, points, states, trouble, begin, lanes)
            begin += lanes
        clock[0] += steps

    return stretch


@cache
def anywhere(rule):
    """The loop for one rule: a function that moves all runs, in place.

    Its arguments: the landscape's code; the clock (1,), which it puts forward by as many
    steps as there are numbers for; points (d, runs), states (ARRAYS, d, runs), settings
    (SETTINGS, runs), numbers (NUMBERS, groups, steps), group (runs,), trouble (runs,) and
    constants (2 + d,) or (4,).  `trouble` collects loss − loss and its like: 0 while all is
    finite, NaN ever after it was not.
    """

    @_compiled
    def stretch(code, clock, points, states, settings, numbers, group, trouble, constants):
        (d, runs), steps = points.shape, numbers.shape[2]
        w = np.empty((_ROWS, LANES))
        begin = 0
        while begin < runs:
            lanes = min(LANES, runs - begin)
            _take(w, points, states, settings, trouble, begin, lanes)
            for t in range(steps):
                look(code, constants, w, d, lanes)
                for j in range(NUMBERS):
                    for i in range(lanes):
                        w[_C + j, i] = numbers[j, group[begin + i], t]
                for k in range(d):
                    for i in range(lanes):
                        h = (w[_H, i], w[_H + 1, i], w[_H + 2, i], w[_H + 3, i], w[_H + 4, i])
                        c = (w[_C, i], w[_C + 1, i], w[_C + 2, i])
                        g = w[_G + k, i]
                        w[_TROUBLE, i] += g - g
                        _move(rule, w, k, i, g, h, c)
            _give_back(w, points, states, trouble, begin, lanes)
            begin += lanes
        clock[0] += steps

    return stretch


@_inlined
def _take(w, points, states, settings, trouble, begin, lanes):
    """Put a block of runs into the rows.  (Slices would take numba seconds to compile.)"""
    for i in range(lanes):
        w[_TROUBLE, i] = trouble[begin + i]
    for j in range(SETTINGS):
        for i in range(lanes):
            w[_H + j, i] = settings[j, begin + i]
    for k in range(points.shape[0]):
        for i in range(lanes):
            w[_X + k, i] = points[k, begin + i]
        for j in range(ARRAYS):
            for i in range(lanes):
                w[_A + j * COORDINATES + k, i] = states[j, k, begin + i]


@_inlined
def _give_back(w, points, states, trouble, begin, lanes):
    """Put a block of runs back from the rows."""
    for i in range(lanes):
        trouble[begin + i] = w[_TROUBLE, i]
    for k in range(points.shape[0]):
        for i in range(lanes):
            points[k, begin + i] = w[_X + k, i]
        for j in range(ARRAYS):
            for i in range(lanes):
                states[j, k, begin + i] = w[_A + j * COORDINATES + k, i]


@_inlined
def _move(rule, w, k, i, g, h, c):
    """One step of a rule for coordinate k of run i, in its rows."""
    first, second, third = _A + k, _A + COORDINATES + k, _A + 2 * COORDINATES + k
    x, a = _step(rule, w[_X + k, i], g, (w[first, i], w[second, i], w[third, i]), h, c)
    w[_X + k, i] = x
    w[first, i] = a[0]
    w[second, i] = a[1]
    w[third, i] = a[2]


@_compiled
def powers(beta, first, out):
    """β^t for t = first, first + 1, ..., into out (betas, steps): Python's, and not NumPy's.

    Both are the C library's, for floating-point exponents; see `averages.power`.
    """
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = beta[i] ** (first + float(k))


# ------------------------------------------------------------------------ landscapes


@_inlined
def _in_the_plane(code, k, x, y):
    """Loss and both parts of the gradient at (x, y); k: cos, sin and both curvatures."""
    if code == QUADRATIC:
        loss, g0 = _parabola(k[2], x)
        term, g1 = _parabola(k[3], y)
        return loss + term, g0, g1
    elif code == TURNED:
        return _turned(k, x, y)
    elif code == ROSENBROCK:
        return _rosenbrock(x, y)
    elif code == BEALE:
        return _beale(x, y)
    elif code == HIMMELBLAU:
        return _himmelblau(x, y)
    elif code == SADDLE:
        return _saddle(x, y)
    else:
        loss, g0 = _quartic(x)
        term, g1 = _quartic(y)
        return (loss + term) / 2, g0, g1


@_compiled
def look(code, constants, w, d, lanes):
    """Loss and gradient of all runs of a block, into their rows."""
    if code in (QUADRATIC, STYBLINSKI_TANG):
        for i in range(lanes):
            w[_LOSS, i] = 0.0
        for k in range(d):
            for i in range(lanes):
                if code == QUADRATIC:
                    term, g = _parabola(constants[2 + k], w[_X + k, i])
                else:
                    term, g = _quartic(w[_X + k, i])
                w[_LOSS, i] += term
                w[_G + k, i] = g
        if code == STYBLINSKI_TANG:
            for i in range(lanes):
                w[_LOSS, i] /= 2
    elif code == ROSENBROCK:
        for k in range(d - 1):
            for i in range(lanes):
                term, own, next_ones = _rosenbrock(w[_X + k, i], w[_X + k + 1, i])
                # The pair before this one has left its part of the slope in the row.
                w[_LOSS, i] = term if k == 0 else w[_LOSS, i] + term
                w[_G + k, i] = own if k == 0 else own + w[_G + k, i]
                w[_G + k + 1, i] = next_ones
    else:
        k = (constants[0], constants[1], constants[2], constants[3])
        for i in range(lanes):
            loss, g0, g1 = _in_the_plane(code, k, w[_X, i], w[_X + 1, i])
            w[_LOSS, i] = loss
            w[_G, i] = g0
            w[_G + 1, i] = g1
    for i in range(lanes):
        w[_TROUBLE, i] += w[_LOSS, i] - w[_LOSS, i]


@_inlined
def _parabola(curvature, x):
    """One coordinate of a quadratic."""
    return curvature * (x * x), 2 * curvature * x


@_inlined
def _turned(k, x, y):
    cos, sin = k[0], k[1]
    u, w = cos * x + sin * y, cos * y - sin * x
    gu, gw = 2 * k[2] * u, 2 * k[3] * w
    return k[2] * (u * u) + k[3] * (w * w), cos * gu + -sin * gw, cos * gw - -sin * gu


@_inlined
def _rosenbrock(x, y):
    """One pair of neighbours."""
    off_valley = y - x * x
    loss = (1 - x) * (1 - x) + 100 * (off_valley * off_valley)
    return loss, -2 * (1 - x) - 400 * x * off_valley, 200 * off_valley


@_inlined
def _beale(x, y):
    a = 1.5 - x + x * y
    b = 2.25 - x + x * (y * y)
    c = 2.625 - x + x * (y * y * y)
    g0 = 2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1)
    return a * a + b * b + c * c, g0, 2 * a * x + 4 * b * x * y + 6 * c * x * (y * y)


@_inlined
def _himmelblau(x, y):
    a, b = x * x + y - 11, x + y * y - 7
    return a * a + b * b, 4 * x * a + 2 * b, 2 * a + 4 * y * b


@_inlined
def _saddle(x, y):
    return x * x / 2 - y * y / 2 + (y * y) * (y * y) / 4, x, y * y * y - y


@_inlined
def _quartic(x):
    """One coordinate of Styblinski and Tang's function, twice its loss."""
    square = x * x
    return square * square - 16 * square + 5 * x, 2 * (square * x) - 16 * x + 2.5


# ----------------------------------------------------------------------------- rules


@_inlined
def _step(rule, x, g, a, h, c):
    """One step of a rule, given by its number, for one coordinate of one run.

    `a` are the state's arrays, `h` the run's hyperparameters, `c` what depends on the step;
    in which order, the first line of each rule says.
    """
    if rule == GRADIENT_DESCENT:
        return _gradient_descent(x, g, a, h)
    elif rule == SIGN_DESCENT:
        return _sign_descent(x, g, a, h)
    elif rule == MOMENTUM:
        return _momentum(x, g, a, h)
    elif rule == NESTEROV:
        return _nesterov(x, g, a, h)
    elif rule == ADAGRAD:
        return _adagrad(x, g, a, h)
    elif rule == RMSPROP:
        return _rmsprop(x, g, a, h)
    elif rule == ADAM:
        return _adam(x, g, a, h, c)
    elif rule == ADAMW:
        return _adam(x * (1 - h[0] * h[4]), g, a, h, c)  # h: and weight_decay
    elif rule == AMSGRAD:
        return _amsgrad(x, g, a, h, c)
    elif rule == NADAM:
        return _nadam(x, g, a, h, c)
    elif rule == RADAM:
        return _radam(x, g, a, h, c)
    else:
        return _adamax(x, g, a, h, c)


@_inlined
def _ema(average, value, beta):
    """One step of `averages.ema`, for one number."""
    return beta * average + (1 - beta) * value


@_inlined
def _gradient_descent(x, g, a, h):
    # h: learning_rate
    return x - h[0] * g, a


@_inlined
def _sign_descent(x, g, a, h):
    # h: learning_rate
    return x - h[0] * np.sign(g), a


@_inlined
def _momentum(x, g, a, h):
    # a: m;  h: learning_rate, momentum
    m = h[1] * a[0] + g
    return x - h[0] * m, (m, a[1], a[2])


@_inlined
def _nesterov(x, g, a, h):
    # a: m;  h: learning_rate, momentum
    m = h[1] * a[0] + g
    return x - h[0] * (g + h[1] * m), (m, a[1], a[2])


@_inlined
def _adagrad(x, g, a, h):
    # a: v;  h: learning_rate, epsilon
    v = a[0] + g * g
    return x - h[0] * g / (np.sqrt(v) + h[1]), (v, a[1], a[2])


@_inlined
def _rmsprop(x, g, a, h):
    # a: v;  h: learning_rate, beta2, epsilon
    v = _ema(a[0], g * g, h[1])
    return x - h[0] * g / (np.sqrt(v) + h[2]), (v, a[1], a[2])


@_inlined
def _adam(x, g, a, h, c):
    # a: m, v;  h: learning_rate, beta1, beta2, epsilon;  c: 1 − β₁^t, 1 − β₂^t
    m = _ema(a[0], g, h[1])
    v = _ema(a[1], g * g, h[2])
    root = np.sqrt(v / c[1])
    return x - h[0] * (m / c[0]) / (root + h[3]), (m, v, a[2])


@_inlined
def _amsgrad(x, g, a, h, c):
    # a: m, v, v_max;  h, c: as Adam's
    m = _ema(a[0], g, h[1])
    v = _ema(a[1], g * g, h[2])
    v_max = np.maximum(a[2], v)
    root = np.sqrt(v_max / c[1])
    return x - h[0] * (m / c[0]) / (root + h[3]), (m, v, v_max)


@_inlined
def _nadam(x, g, a, h, c):
    # a: m, v;  h: as Adam's;  c: what g and m are multiplied by, 1 − β₂^t
    m = _ema(a[0], g, h[1])
    v = _ema(a[1], g * g, h[2])
    look_ahead = c[0] * g + c[1] * m
    root = np.sqrt(v / c[2])
    return x - h[0] * look_ahead / (root + h[3]), (m, v, a[2])


@_inlined
def _radam(x, g, a, h, c):
    # a: m, v;  h: as Adam's;  c: r √(1 − β₂^t), 1 where r is 0, 1 − β₁^t
    m = _ema(a[0], g, h[1])
    v = _ema(a[1], g * g, h[2])
    adapted = c[0] / (np.sqrt(v) + h[3])
    return x - h[0] * (adapted + c[1]) * (m / c[2]), (m, v, a[2])


@_inlined
def _adamax(x, g, a, h, c):
    # a: m, u;  h: learning_rate, beta1, beta2, epsilon;  c: 1 − β₁^t
    m = _ema(a[0], g, h[1])
    u = np.maximum(h[2] * a[1], np.abs(g) + h[3])
    return x - h[0] * (m / c[0]) / u, (m, u, a[2])
