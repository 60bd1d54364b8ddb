"""Many runs side by side, compiled by numba: the landscapes, the rules, and their loop.

Every function does, operation by operation, the arithmetic of its landscape in
`adam_course.landscapes` or of its rule in `adam_course.optimizers`, so that a sweep is
bitwise what single runs are; nothing is taken out of a loop here.  The runs stand in the
last axis, x of shape (d, lanes): then the loop over them is the inner one, and a processor
takes several runs in one instruction.  Only the first `lanes` columns are meant.

All of it is one file, because numba's cache on disk notices a change in the file of a
function, and not in those that it calls.
"""

import numpy as np
from numba import njit

# All is put into the one function that is called: handing six arrays on, hundreds of thousands
# of times, would take a tenth of the time.
_compiled = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)

LANES = 256  # at once: what is in work on them stays in the first cache
# So many runs that share what depends on the step alone are rather taken by themselves.
ENOUGH_ALIKE = 64

QUADRATIC, ROSENBROCK, BEALE, HIMMELBLAU, SADDLE, STYBLINSKI_TANG = range(6)

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


@_compiled
def stretch(
    rule, code, curvatures, cos, sin, points, states, settings, by_step, group, trouble, clock
):
    """Move all runs by some steps, in place, and put the clock (1,) forward by as many.

    Of shapes: points (d, runs), states (arrays, d, runs), settings (hyperparameters, runs),
    by_step (numbers, steps, groups), group (runs,), sorted, and trouble (runs,).
    """
    d, runs = points.shape
    steps = by_step.shape[1]
    x, g = np.empty((d, LANES)), np.empty((d, LANES))
    a = np.empty((states.shape[0], d, LANES))
    h, c = np.empty((settings.shape[0], LANES)), np.empty((by_step.shape[0], LANES))
    loss, bad = np.empty(LANES), np.empty(LANES)
    begin = 0
    while begin < runs:
        lanes = min(LANES, runs - begin)
        # The groups are sorted: where both ends are of one, all in between are.
        alike = group[begin] == group[begin + lanes - 1]
        if not alike:
            same = 1
            while group[begin + same] == group[begin]:
                same += 1
            if same >= ENOUGH_ALIKE:
                lanes, alike = same, True
        # Loops rather than slices, which take numba seconds to compile.
        for i in range(lanes):
            bad[i] = trouble[begin + i]
        for j in range(h.shape[0]):
            for i in range(lanes):
                h[j, i] = settings[j, begin + i]
        for k in range(d):
            for i in range(lanes):
                x[k, i] = points[k, begin + i]
            for j in range(a.shape[0]):
                for i in range(lanes):
                    a[j, k, i] = states[j, k, begin + i]
        for t in range(steps):
            look(code, curvatures, cos, sin, x, g, loss, bad, lanes)
            for j in range(c.shape[0]):
                if alike:
                    number = by_step[j, t, group[begin]]
                    for i in range(lanes):
                        c[j, i] = number
                else:
                    for i in range(lanes):
                        c[j, i] = by_step[j, t, group[begin + i]]
            advance(rule, x, g, a, h, c, lanes)
        for i in range(lanes):
            trouble[begin + i] = bad[i]
        for k in range(d):
            for i in range(lanes):
                points[k, begin + i] = x[k, i]
            for j in range(a.shape[0]):
                for i in range(lanes):
                    states[j, k, begin + i] = a[j, k, i]
        begin += lanes
    clock[0] += steps


@_compiled
def look(code, curvatures, cos, sin, x, g, loss, trouble, lanes):
    """Loss and gradient at x.

    `trouble` collects loss − loss and its like: 0 while all is finite, NaN ever after it was not.
    """
    if code == QUADRATIC:
        _quadratic(curvatures, cos, sin, x, g, loss, lanes)
    elif code == ROSENBROCK:
        _rosenbrock(x, g, loss, lanes)
    elif code == BEALE:
        _beale(x, g, loss, lanes)
    elif code == HIMMELBLAU:
        _himmelblau(x, g, loss, lanes)
    elif code == SADDLE:
        _saddle(x, g, loss, lanes)
    else:
        _styblinski_tang(x, g, loss, lanes)
    for i in range(lanes):
        trouble[i] += (loss[i] - loss[i]) + (g[0, i] - g[0, i])
    for k in range(1, x.shape[0]):
        for i in range(lanes):
            trouble[i] += g[k, i] - g[k, i]


@_compiled
def _quadratic(curvatures, cos, sin, x, g, loss, lanes):
    if cos == 1.0 and sin == 0.0:
        for i in range(lanes):
            loss[i] = 0.0
        for k in range(x.shape[0]):
            for i in range(lanes):
                loss[i] += curvatures[k] * (x[k, i] * x[k, i])
                g[k, i] = 2 * curvatures[k] * x[k, i]
    else:
        for i in range(lanes):
            u, w = cos * x[0, i] + sin * x[1, i], cos * x[1, i] - sin * x[0, i]
            loss[i] = curvatures[0] * (u * u) + curvatures[1] * (w * w)
            gu, gw = 2 * curvatures[0] * u, 2 * curvatures[1] * w
            g[0, i] = cos * gu + -sin * gw
            g[1, i] = cos * gw - -sin * gu


@_compiled
def _rosenbrock(x, g, loss, lanes):
    for k in range(x.shape[0] - 1):
        for i in range(lanes):
            here, off_valley = x[k, i], x[k + 1, i] - x[k, i] * x[k, i]
            term = (1 - here) * (1 - here) + 100 * (off_valley * off_valley)
            own = -2 * (1 - here) - 400 * here * off_valley
            # The pair before this one has left its part of the slope in g[k].
            loss[i] = term if k == 0 else loss[i] + term
            g[k, i] = own if k == 0 else own + g[k, i]
            g[k + 1, i] = 200 * off_valley


@_compiled
def _beale(x, g, loss, lanes):
    for i in range(lanes):
        x0, y = x[0, i], x[1, i]
        a = 1.5 - x0 + x0 * y
        b = 2.25 - x0 + x0 * (y * y)
        c = 2.625 - x0 + x0 * (y * y * y)
        loss[i] = a * a + b * b + c * c
        g[0, i] = 2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1)
        g[1, i] = 2 * a * x0 + 4 * b * x0 * y + 6 * c * x0 * (y * y)


@_compiled
def _himmelblau(x, g, loss, lanes):
    for i in range(lanes):
        x0, y = x[0, i], x[1, i]
        a, b = x0 * x0 + y - 11, x0 + y * y - 7
        loss[i] = a * a + b * b
        g[0, i] = 4 * x0 * a + 2 * b
        g[1, i] = 2 * a + 4 * y * b


@_compiled
def _saddle(x, g, loss, lanes):
    for i in range(lanes):
        x0, y = x[0, i], x[1, i]
        loss[i] = x0 * x0 / 2 - y * y / 2 + (y * y) * (y * y) / 4
        g[0, i] = x0
        g[1, i] = y * y * y - y


@_compiled
def _styblinski_tang(x, g, loss, lanes):
    for i in range(lanes):
        loss[i] = 0.0
    for k in range(x.shape[0]):
        for i in range(lanes):
            square = x[k, i] * x[k, i]
            loss[i] += square * square - 16 * square + 5 * x[k, i]
            g[k, i] = 2 * (square * x[k, i]) - 16 * x[k, i] + 2.5
    for i in range(lanes):
        loss[i] /= 2


@_compiled
def advance(rule, x, g, a, h, c, lanes):
    """One step of a rule, given by its number, for every coordinate of every run.

    `a` are the state's arrays, `h` the runs' hyperparameters, `c` what depends on the step;
    in which order, the first line of each rule says.  (A view of a row would be shorter to
    write, and counting the references to it would take half of the time.)
    """
    if rule == GRADIENT_DESCENT:
        _gradient_descent(x, g, h, lanes)
    elif rule == SIGN_DESCENT:
        _sign_descent(x, g, h, lanes)
    elif rule == MOMENTUM:
        _momentum(x, g, a, h, lanes)
    elif rule == NESTEROV:
        _nesterov(x, g, a, h, lanes)
    elif rule == ADAGRAD:
        _adagrad(x, g, a, h, lanes)
    elif rule == RMSPROP:
        _rmsprop(x, g, a, h, lanes)
    elif rule == ADAM:
        _adam(x, g, a, h, c, lanes)
    elif rule == ADAMW:
        _decay(x, h, lanes)
        _adam(x, g, a, h, c, lanes)
    elif rule == AMSGRAD:
        _amsgrad(x, g, a, h, c, lanes)
    elif rule == NADAM:
        _nadam(x, g, a, h, c, lanes)
    elif rule == RADAM:
        _radam(x, g, a, h, c, lanes)
    else:
        _adamax(x, g, a, h, c, lanes)


@_compiled
def _ema(average, value, beta):
    """One step of `averages.ema`, for one number."""
    return beta * average + (1 - beta) * value


@_compiled
def _gradient_descent(x, g, h, lanes):
    # h: learning_rate
    for k in range(x.shape[0]):
        for i in range(lanes):
            x[k, i] = x[k, i] - h[0, i] * g[k, i]


@_compiled
def _sign_descent(x, g, h, lanes):
    # h: learning_rate
    for k in range(x.shape[0]):
        for i in range(lanes):
            x[k, i] = x[k, i] - h[0, i] * np.sign(g[k, i])


@_compiled
def _momentum(x, g, a, h, lanes):
    # a: m;  h: learning_rate, momentum
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = h[1, i] * a[0, k, i] + g[k, i]
            a[0, k, i] = m
            x[k, i] = x[k, i] - h[0, i] * m


@_compiled
def _nesterov(x, g, a, h, lanes):
    # a: m;  h: learning_rate, momentum
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = h[1, i] * a[0, k, i] + g[k, i]
            a[0, k, i] = m
            x[k, i] = x[k, i] - h[0, i] * (g[k, i] + h[1, i] * m)


@_compiled
def _adagrad(x, g, a, h, lanes):
    # a: v;  h: learning_rate, epsilon
    for k in range(x.shape[0]):
        for i in range(lanes):
            v = a[0, k, i] + g[k, i] * g[k, i]
            a[0, k, i] = v
            x[k, i] = x[k, i] - h[0, i] * g[k, i] / (np.sqrt(v) + h[1, i])


@_compiled
def _rmsprop(x, g, a, h, lanes):
    # a: v;  h: learning_rate, beta2, epsilon
    for k in range(x.shape[0]):
        for i in range(lanes):
            v = _ema(a[0, k, i], g[k, i] * g[k, i], h[1, i])
            a[0, k, i] = v
            x[k, i] = x[k, i] - h[0, i] * g[k, i] / (np.sqrt(v) + h[2, i])


@_compiled
def _adam(x, g, a, h, c, lanes):
    # a: m, v;  h: learning_rate, beta1, beta2, epsilon;  c: 1 − β₁^t, 1 − β₂^t
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = _ema(a[0, k, i], g[k, i], h[1, i])
            v = _ema(a[1, k, i], g[k, i] * g[k, i], h[2, i])
            a[0, k, i] = m
            a[1, k, i] = v
            root = np.sqrt(v / c[1, i])
            x[k, i] = x[k, i] - h[0, i] * (m / c[0, i]) / (root + h[3, i])


@_compiled
def _decay(x, h, lanes):
    # h: learning_rate, Adam's three, weight_decay
    for k in range(x.shape[0]):
        for i in range(lanes):
            x[k, i] = x[k, i] * (1 - h[0, i] * h[4, i])


@_compiled
def _amsgrad(x, g, a, h, c, lanes):
    # a: m, v, v_max;  h, c: as Adam's
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = _ema(a[0, k, i], g[k, i], h[1, i])
            v = _ema(a[1, k, i], g[k, i] * g[k, i], h[2, i])
            v_max = np.maximum(a[2, k, i], v)
            a[0, k, i] = m
            a[1, k, i] = v
            a[2, k, i] = v_max
            root = np.sqrt(v_max / c[1, i])
            x[k, i] = x[k, i] - h[0, i] * (m / c[0, i]) / (root + h[3, i])


@_compiled
def _nadam(x, g, a, h, c, lanes):
    # a: m, v;  h: as Adam's;  c: what g and m are multiplied by, 1 − β₂^t
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = _ema(a[0, k, i], g[k, i], h[1, i])
            v = _ema(a[1, k, i], g[k, i] * g[k, i], h[2, i])
            a[0, k, i] = m
            a[1, k, i] = v
            look_ahead = c[0, i] * g[k, i] + c[1, i] * m
            root = np.sqrt(v / c[2, i])
            x[k, i] = x[k, i] - h[0, i] * look_ahead / (root + h[3, i])


@_compiled
def _radam(x, g, a, h, c, lanes):
    # a: m, v;  h: as Adam's;  c: r √(1 − β₂^t), 1 where r is 0, 1 − β₁^t
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = _ema(a[0, k, i], g[k, i], h[1, i])
            v = _ema(a[1, k, i], g[k, i] * g[k, i], h[2, i])
            a[0, k, i] = m
            a[1, k, i] = v
            adapted = c[0, i] / (np.sqrt(v) + h[3, i])
            x[k, i] = x[k, i] - h[0, i] * (adapted + c[1, i]) * (m / c[2, i])


@_compiled
def _adamax(x, g, a, h, c, lanes):
    # a: m, u;  h: learning_rate, beta1, beta2, epsilon;  c: 1 − β₁^t
    for k in range(x.shape[0]):
        for i in range(lanes):
            m = _ema(a[0, k, i], g[k, i], h[1, i])
            u = np.maximum(h[2, i] * a[1, k, i], np.abs(g[k, i]) + h[3, i])
            a[0, k, i] = m
            a[1, k, i] = u
            x[k, i] = x[k, i] - h[0, i] * (m / c[0, i]) / u
