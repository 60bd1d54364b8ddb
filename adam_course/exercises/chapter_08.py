"""Chapter 8: a log of rates, a lone spike, the angle to downhill, one rate and two steps."""

import math

import numpy as np

from adam_course.descent import replay
from adam_course.exercises.checking import Exercise, Mistake
from adam_course.optimizers import Adam


def _near(value, wanted):
    return abs(value - wanted) <= 0.03 * wanted


def _log_read(sizes):
    sizes = np.asarray(sizes, dtype=float)
    if sizes.shape != (2, 4) or not (np.isfinite(sizes) & (sizes >= 0)).all():
        return "Give two lists of four sizes, each at least 0: at step 1001, and from then on."
    (a, b, c, d), (a_later, b_later, c_later, d_later) = sizes
    if not (_near(a, 1) and _near(a_later, 1)):
        return "The rate of a stays 0.0100 throughout: its gradients are what they were."
    if b_later > 1:
        return "b has grown"
    if max(b, b_later) > 0.005:
        return "b is small"
    if d < 1:
        return "d has shrunk"
    if _near(d, 10) and _near(d_later, 1):
        return "d is a spike"
    if not (_near(d, 10) and _near(d_later, 10)):
        return "The rate of d ends at a tenth of what it was, and stays there: what is √v̂ then?"
    if c_later > 1.03:
        return "c has grown"
    if not _near(c_later, 1):
        return "The rate of c comes back to what it was: so do its gradients."
    if 3.8 < c < 4.3:
        return "the ratio of the rates"
    if _near(c, 16.8):
        return "v̂ for g"
    if _near(c, 125.7):
        return "v̂ for v"
    if not _near(c, 100):
        return (
            "All are right but the gradient of c at step 1001. Get v̂ from the rate, v from v̂ at "
            "steps 1000 and 1001, and g² from what was added to v."
        )
    return None


LOG = Exercise(
    name="08-read-a-log",
    task="Give the sizes of the gradients of a, b, c and d: at step 1001, and from step 1002 on.",
    reference=None,
    judge=_log_read,
    mistakes=(
        Mistake(
            "b has grown",
            [[1, 42, 100, 10], [1, 42, 1, 10]],
            "b: where gradients grow, the effective rate falls. That of b rises.",
        ),
        Mistake(
            "b is small",
            [[1, 0.024, 100, 10], [1, 0.024, 1, 10]],
            "b: with a small gradient left, the rate would come to rest at α over its size. Is "
            "that of b about to rest?",
        ),
        Mistake(
            "c has grown",
            [[1, 0, 100, 10], [1, 0, 100, 10]],
            "c: the rate falls once and then comes back. With gradients that stay large it would "
            "go on falling.",
        ),
        Mistake(
            "d is a spike",
            [[1, 0, 100, 10], [1, 0, 1, 1]],
            "d: after a lone large gradient the rate would come back, as that of c does.",
        ),
        Mistake(
            "d has shrunk",
            [[1, 0, 100, 0.1], [1, 0, 1, 0.1]],
            "d: the rate falls to a tenth. It is α divided by the size of the gradients.",
        ),
        Mistake(
            "the ratio of the rates",
            [[1, 0, 4.1, 10], [1, 0, 1, 10]],
            "c: that is √v̂ at step 1001, a mean in which the new gradient has a weight of little "
            "more than a thousandth. How large must it be to move the mean so far?",
        ),
        Mistake(
            "v̂ for g",
            [[1, 0, 16.8, 10], [1, 0, 1, 10]],
            "c: that is v̂ at step 1001. The gradient is hidden in what was added to v.",
        ),
        Mistake(
            "v̂ for v",
            [[1, 0, 125.7, 10], [1, 0, 1, 10]],
            "c: you put v̂ where v belongs. After a thousand steps 1 − β₂ᵗ is still far from 1.",
        ),
    ),
)


def _recovery(rho, share, beta2, weight=True, square=True, minus=1, power=-2):
    excess = (1 - beta2 if weight else 1) * (rho**2 - minus if square else rho - 1)
    return math.log(excess / (share**power - 1)) / -math.log(beta2)


SPIKE = Exercise(
    name="08-lone-spike",
    task="Write steps_to_recover(rho, share, beta2): the k of a lone spike, not rounded.",
    reference=_recovery,
    examples=((10, 0.9, 0.9), (100, 0.5, 0.999), (100, 0.9, 0.999), (30, 0.8, 0.99)),
    mistakes=(
        Mistake(
            "rounded",
            lambda rho, share, beta2: math.ceil(_recovery(rho, share, beta2)),
            "That is rounded up to a whole step. Give the number itself.",
        ),
        Mistake(
            "the root is forgotten",
            lambda rho, share, beta2: _recovery(rho, share, beta2, power=-1),
            "The rate goes with one over the *root* of v̂: for a share of the rate, what must v̂ be?",
        ),
        Mistake(
            "the weight is forgotten",
            lambda rho, share, beta2: _recovery(rho, share, beta2, weight=False),
            "The spike goes into v̂ with the weight 1 − β₂, not with all of its square.",
        ),
        Mistake(
            "the spike is not squared",
            lambda rho, share, beta2: _recovery(rho, share, beta2, square=False),
            "v̂ is a mean of squares: the spike goes into it as ρ².",
        ),
        Mistake(
            "what it replaces",
            lambda rho, share, beta2: _recovery(rho, share, beta2, minus=0),
            "Nearly. The spike takes the place of a gradient of size 1: what is in excess of 1?",
        ),
        Mistake(
            "half-lives",
            lambda rho, share, beta2: _recovery(rho, share, beta2) * -math.log2(beta2),
            "That is in half-lives of v. Give it in steps.",
        ),
    ),
)


def _cosine(gradient):
    g = np.abs(gradient)
    return g.sum() / np.sqrt(g.size) / np.sqrt((g * g).sum())


def _degrees(cosine):
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


ANGLE = Exercise(
    name="08-angle-to-downhill",
    task="Write first_angle(gradient): the angle of Adam's first step to downhill, in degrees.",
    reference=lambda gradient: _degrees(_cosine(gradient)),
    examples=(([3.0, 3.0],), ([10.0, 1000.0],), ([5.0, -0.5],), ([1.0, -2.0, 2.0],)),
    abs=1e-4,
    rel=1e-6,
    mistakes=(
        Mistake(
            "radians",
            lambda gradient: np.radians(_degrees(_cosine(gradient))),
            "That is the angle in radians. Give it in degrees.",
        ),
        Mistake(
            "the cosine",
            _cosine,
            "That is the cosine of the angle.",
        ),
        Mistake(
            "to uphill",
            lambda gradient: 180 - _degrees(_cosine(gradient)),
            "That is the angle to the gradient, which points uphill.",
        ),
        Mistake(
            "signs are forgotten",
            lambda gradient: _degrees(
                np.sum(gradient) / np.sqrt(len(gradient)) / np.linalg.norm(gradient)
            ),
            "You take the first step for −α (1, 1), whatever the signs of the gradient.",
        ),
        Mistake(
            "always two",
            lambda gradient: _degrees(_cosine(gradient) * np.sqrt(len(gradient) / 2)),
            "That is right for two parameters. How long is the step with three?",
        ),
        Mistake(
            "gradient descent's",
            lambda gradient: 0.0,
            "That is gradient descent's angle. Adam's first step has the same length in every "
            "coordinate.",
        ),
    ),
)


def _one_rate_two_steps(gradients):
    try:
        g = np.array([list(row) for row in gradients], dtype=float)
    except (TypeError, ValueError):  # ragged, or no numbers
        g = np.empty(0)
    if g.ndim != 2 or g.shape[0] != 2 or not 2 <= g.shape[1] <= 100:
        return "Give two lists of numbers, of the same length, 2 to 100."
    with np.errstate(all="ignore"):
        run = replay(Adam(1.0, epsilon=0.0), g.T)
        rates, steps = run.effective_rate[-1], np.sort(np.abs(run.step[-1]))
    if not (np.isfinite(rates).all() and np.isfinite(steps).all()):
        return "Every gradient must be a finite number, and not all of a list may be 0."
    if abs(rates[0] / rates[1] - 1) > 0.01:
        return "the rates differ"
    if steps[1] > 5 * steps[0]:
        return None
    if (g[0] == g[1]).all() or (g[0] == -g[1]).all():
        return "all signs alike"
    if (g[0] == g[1])[:-3].all():
        return "only the end is turned"
    return (
        f"The rates agree, and the longer of the last steps is {steps[1] / steps[0]:.1f} times "
        "the other. What makes m̂ small, and leaves v̂ as it is?"
    )


RATE_AND_STEP = Exercise(
    name="08-one-rate-two-steps",
    task="Give two lists of gradients: the same effective rate at the end, and unlike last steps.",
    reference=None,
    judge=_one_rate_two_steps,
    mistakes=(
        Mistake(
            "the rates differ",
            [[1.0] * 50, [10.0] * 50],
            "At the end the effective rates differ by more than a per cent: the sizes of the "
            "gradients differ. What besides sizes is there to choose?",
        ),
        Mistake(
            "all signs alike",
            [[1.0] * 50, [-1.0] * 50],
            "The rates agree, but the steps are as long as each other: if all gradients turn "
            "round, so does m̂, and it stays as large.",
        ),
        Mistake(
            "only the end is turned",
            [[1.0] * 50, [1.0] * 49 + [-1.0]],
            "The rates agree, but the newest gradients are only a part of m̂: it must have seen "
            "others turned round before them.",
        ),
    ),
)

EXERCISES = (LOG, SPIKE, ANGLE, RATE_AND_STEP)
