"""Chapter 20: a step in twelve passes, its bytes, its blocks, and what float32 does to it."""

import math

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.fused.blocks import adam
from adam_course.fused.coefficients import form_of
from adam_course.optimizers import Adam, AdamState

RATE, BETA1, BETA2, EPSILON = 0.001, 0.9, 0.999, 1e-8

# --------------------------------------------------------------- twelve passes


class _Counted(np.ndarray):
    """An array that counts NumPy's passes over it, and the results that are new arrays."""

    passes = fresh = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        _Counted.passes += 1
        _Counted.fresh += not out
        if out:
            options["out"] = tuple(part.view(np.ndarray) for part in out)
        plain = [part.view(np.ndarray) if np.ndim(part) else part for part in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        return out[0] if out else result.view(_Counted)


def _numbers(t):
    """The factor and the epsilon that the corrections are folded into."""
    rule = Adam(RATE, BETA1, BETA2, EPSILON)
    return form_of(rule).coefficients(rule, t, 1.0)[-2:]


def _folding(numbers=_numbers, after=None):
    """A step in twelve passes, given what `numbers(t)` makes of the corrections."""

    def step(x, g, m, v, t, s):
        adam(x, g, m, v, BETA1, 1 - BETA1, BETA2, 1 - BETA2, *numbers(t), s)
        if after:
            after(g, m, v, t)

    return step


def _in_place(rule):
    """The step of a rule on arrays that it changes, as somebody would write it whose Adam it is."""

    def step(x, g, m, v, t, s):
        moved, state = rule().update(x, g, AdamState(t - 1, m.copy(), v.copy()))
        x[...], m[...], v[...] = moved, state.m, state.v

    return step


def _with_new_arrays(x, g, m, v, t, s):
    rate, epsilon = _numbers(t)
    m *= BETA1
    m += (1 - BETA1) * g
    v *= BETA2
    v += (1 - BETA2) * (g * g)
    x -= rate * m / (np.sqrt(v) + epsilon)


def _unfolded(x, g, m, v, t, s):
    m *= BETA1
    np.multiply(g, 1 - BETA1, out=s)
    m += s
    v *= BETA2
    np.multiply(g, g, out=s)
    s *= 1 - BETA2
    v += s
    np.divide(v, 1 - BETA2**t, out=s)
    np.sqrt(s, out=s)
    s += EPSILON
    np.divide(m, s, out=s)
    s *= RATE / (1 - BETA1**t)
    x -= s


# x, g, m, v, t: what the zoo's Adams differ on.
_STATES = (
    ([0.0, 0.0], [1.0, -2.0], [0.0, 0.0], [0.0, 0.0], 1),
    ([1.0, 1.0], [0.5, 3.0], [0.1, 0.2], [0.01, 0.02], 2),
    ([1.0, 1.0], [1e-8, 0.0], [0.3, 0.0], [0.1, 0.0], 7),
    ([0.0, 0.0], [1e3, -1e-3], [-5.0, 1.0], [9.0, 2.0], 500),
)


def _after(step, state, kind=np.ndarray):
    """x, m, v and g after a step from a state, in arrays of this kind, and what it returned."""
    x, g, m, v = (np.array(part).view(kind) for part in state[:4])
    s = np.empty_like(x)
    with np.errstate(all="ignore"):
        said = step(x, g, m, v, state[4], s)
    return [part.view(np.ndarray) for part in (x, m, v, g)], said


def _same(one, other):
    return all(np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True) for a, b in zip(one, other))


def _twelve_passes(step):
    """What is wrong with a step in place: a mistake's name, a sentence, or None."""
    outcomes = []
    for state in _STATES:
        found, said = _after(step, state)
        if all(np.array_equal(part, state[k]) for part, k in zip(found, (0, 2, 3, 1))):
            return NotImplemented if said is None or said is ... else "nothing in place"
        outcomes.append(found)
    wanted = [_after(_folding(), state)[0] for state in _STATES]
    if not all(map(_same, outcomes, wanted)):
        for mistake in TWELVE_PASSES.mistakes:
            if all(map(_same, outcomes, [_after(mistake.answer, state)[0] for state in _STATES])):
                return mistake.name
        at = next(k for k, pair in enumerate(zip(outcomes, wanted)) if not _same(*pair))
        other = [n for n, *pair in zip("xmvg", outcomes[at], wanted[at]) if not _same(*zip(pair))]
        return f"At t = {_STATES[at][4]} Adam would not leave {' and '.join(other)} like that."
    _Counted.passes = _Counted.fresh = 0
    _after(step, _STATES[1], _Counted)
    if _Counted.fresh:
        return "new arrays"
    if _Counted.passes > 12:
        return "more than twelve"
    return None


TWELVE_PASSES = Exercise(
    name="20-twelve-passes",
    task="Write my_step(x, g, m, v, t, s): Adam in place, in twelve passes, without a new array.",
    reference=_folding(),
    judge=_twelve_passes,
    mistakes=(
        Mistake(
            "nothing in place",
            lambda x, g, m, v, t, s: (x, m, v),
            "Nothing has changed in x, m and v: the results must stand in the arrays themselves.",
        ),
        Mistake(
            "new arrays",
            _with_new_arrays,
            "The numbers are right, but NumPy has to find memory for results on the way. Give "
            "each operation an out=, or use the forms +=, -= and *=.",
        ),
        Mistake(
            "more than twelve",
            _unfolded,
            "The numbers are right and nothing is new, but there are more than twelve passes. "
            "Which of them only multiply or divide by one and the same number?",
        ),
        Mistake(
            "the gradient is used as scratch",
            _folding(after=lambda g, m, v, t: np.multiply(g, 0, out=g)),
            "x, m and v are right, but g is not what it was: it is the caller's. Work in s.",
        ),
        Mistake(
            "v corrected in place",
            _folding(after=lambda g, m, v, t: np.divide(v, 1 - BETA2**t, out=v)),
            "You corrected v in place: the next step would correct it again.",
        ),
        Mistake(
            "beta1 in both",
            _folding(lambda t: (RATE / math.sqrt(1 - BETA1**t), EPSILON * math.sqrt(1 - BETA1**t))),
            "You corrected both means with β₁. The root, and with it ε, belongs to v and β₂.",
        ),
        Mistake(
            "betas of the fold swapped",
            _folding(
                lambda t: (
                    RATE * math.sqrt(1 - BETA1**t) / (1 - BETA2**t),
                    EPSILON * math.sqrt(1 - BETA1**t),
                )
            ),
            "In your factor β₁ and β₂ have changed places: the root stands over v's correction.",
        ),
        Mistake(
            "without the root",
            _folding(lambda t: (RATE * (1 - BETA2**t) / (1 - BETA1**t), EPSILON * (1 - BETA2**t))),
            "v is corrected under a root. Taken out of it, its correction keeps the root.",
        ),
        Mistake(
            "upside down",
            _folding(lambda t: (RATE**2 / _numbers(t)[0], _numbers(t)[1])),
            "Your factor is upside down. v stands in the denominator: its correction goes up.",
        ),
        Mistake(
            "epsilon divided",
            _folding(lambda t: (_numbers(t)[0], EPSILON / math.sqrt(1 - BETA2**t))),
            "The factor is right. ε was beside √v̂, which is larger than √v: it has to shrink with "
            "it, and yours grows.",
        ),
        *zoo_mistakes(_in_place),
    ),
)

# ------------------------------------------------------------------- the bytes

BYTES = Exercise(
    name="20-count-the-bytes",
    task="Give the bytes a parameter that a step must move: of momentum and AMSGrad in float32, "
    "and of Adam with x and g in two bytes.",
    reference=(20, 36, 22),
    mistakes=(
        Mistake(
            "numbers, not bytes",
            (5, 9, 7),
            "You counted numbers. How many bytes has each?",
        ),
        Mistake(
            "read and never written",
            (12, 20, 12),
            "You counted what is read. The parameters and the state are written back as well.",
        ),
        Mistake(
            "written and never read",
            (8, 16, 10),
            "You counted what is written. Before that it is read, and so is the gradient.",
        ),
        Mistake(
            "the gradient written too",
            (24, 40, 24),
            "You let the step write the gradient. It only reads it.",
        ),
        Mistake(
            "v_max only read",
            (20, 32, 22),
            "AMSGrad's maximum is state: it is read, and written back.",
        ),
        Mistake(
            "everything in two bytes",
            (20, 36, 14),
            "In the third, x and g alone have two bytes. m and v stay in float32.",
        ),
        Mistake(
            "only g in two bytes",
            (20, 36, 26),
            "In the third, x has two bytes as well as g, each time that it is moved.",
        ),
    ),
)

# ------------------------------------------------------------------ the blocks


def pull(x):
    """The gradient of a chain of springs that is held at both ends."""
    return 2 * x - np.append(x[1:], 0) - np.append(0, x[:-1])


def _blocked(rule=Adam, gradient=None, late=0, rest=True):
    """A step of the chain in blocks: whose gradient, how t advances, whether the rest moves.

    `gradient(start, now, block)` is that of a block, from x before the step and from x as it
    is by then; without it, from x before the step.
    """

    def step(x, m, v, t, size):
        start, x, m, v = x, x.copy(), m.copy(), v.copy()
        g = pull(start)
        if gradient is None and not late and rest:
            new, state = rule().update(x, g, AdamState(t - 1, m, v))
            return new, state.m, state.v
        end = x.size if rest else x.size // size * size
        for number, begin in enumerate(range(0, end, size)):
            block = slice(begin, min(begin + size, end))
            part = gradient(start, x, block) if gradient else g[block]
            state = AdamState(t - 1 + late * number, m[block], v[block])
            x[block], (_, m[block], v[block]) = rule().update(x[block], part, state)
        return x, m, v

    return step


BLOCKS = Exercise(
    name="20-blocks",
    task="Mend suspicious_step, so that its blocks leave x, m and v as one step of Adam does.",
    reference=_blocked(),
    examples=tuple(
        (np.array(x), np.array(m), np.array(v), t, size)
        for x, m, v, t, size in (
            ([1.0, -2.0], [0.0, 0.0], [0.0, 0.0], 1, 1),
            ([1.0, 0.5, 3.0], [0.1, 0.2, -0.4], [0.01, 0.02, 0.03], 2, 2),
            ([1e-8, 0.0, 0.0, 0.0], [0.3, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0], 7, 3),
            ([1e3, -1e-3, 2.0, 5.0], [-5.0, 1.0, 0.5, 2.0], [9.0, 2.0, 1.0, 4.0], 500, 2),
        )
    ),
    mistakes=(
        Mistake(
            "as it was",
            _blocked(gradient=lambda start, x, block: pull(x)[block]),
            "The gradient of the second block is taken where the first one has moved already.",
        ),
        Mistake(
            "the chain is cut",
            _blocked(gradient=lambda start, x, block: pull(start[block])),
            "You take each block for a chain of its own: its ends have neighbours outside of it.",
        ),
        Mistake(
            "a step for each block",
            _blocked(late=1),
            "t advances with each block. All blocks belong to one step and have the same t.",
        ),
        Mistake(
            "the rest stands still",
            _blocked(rest=False),
            "The last block, which is shorter than the others, does not move.",
        ),
        *zoo_mistakes(_blocked),
    ),
)

# --------------------------------------------------------------------- float32

FLOAT32 = Exercise(
    name="20-too-small-to-move",
    task="Give x after 1,000 steps from 1 on a constant gradient in float32, with rate 2e-8 and "
    "with rate 4e-8.",
    reference=(1.0, 1 - 1000 * 2.0**-24),
    rel=4e-6,
    mistakes=(
        Mistake(
            "exact",
            (1 - 1000 * 2e-8, 1 - 1000 * 4e-8),
            "So it is in exact arithmetic. float32 has no number between 1 and 1 − 2⁻²⁴: where "
            "does each single step end?",
        ),
        Mistake(
            "neither moves",
            (1.0, 1.0),
            "The first is right. A step of 4e-8 is more than half of the way to the next number.",
        ),
        Mistake(
            "the second exact",
            (1.0, 1 - 1000 * 4e-8),
            "The first is right. If a step of 4e-8 moves x at all, then by a whole spacing.",
        ),
        Mistake(
            "the spacing above one",
            (1.0, 1 - 1000 * 2.0**-23),
            "2⁻²³ is the spacing above 1. Below it the numbers lie twice as close.",
        ),
        Mistake(
            "both move",
            (1 - 1000 * 2.0**-24, 1 - 1000 * 2.0**-24),
            "The second is right. A step of 2e-8 ends nearer to 1 than to the next number.",
        ),
    ),
)

EXERCISES = (TWELVE_PASSES, BYTES, BLOCKS, FLOAT32)
