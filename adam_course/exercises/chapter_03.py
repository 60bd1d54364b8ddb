"""Chapter 3: how far a rate reaches, the best rate on a bowl, a run that comes back, a race."""

import numpy as np

from adam_course.descent import minimize
from adam_course.exercises.checking import Exercise, Mistake
from adam_course.landscapes import bowl
from adam_course.optimizers import Adam


def _reaches(rate):
    """The loss on the bowl after 500 steps from (40, −25)."""
    return float(minimize(bowl, Adam(rate), (40, -25), 500, record=500).loss[-1])


def _packed(rate):
    rate = float(rate)
    if not 0 < rate < np.inf:
        return "A learning rate is a number above 0."
    loss = _reaches(rate)
    if loss >= 0.01:
        if rate <= 0.002:
            return "the default"
        if 0.078 <= rate <= 0.082:
            return "distance over steps"
        if rate >= 0.155:
            return "nearly there"
        return f"After 500 steps the loss is still {loss:.1f}: the run is on its way."
    if rate >= 20:
        return "the whole way at once"
    if _reaches(rate / 2) < 0.01:
        return "more than it needs"
    return None


JOURNEY = Exercise(
    name="03-pack-for-the-journey",
    task="Give a rate that arrives from (40, −25) in 500 steps, and whose half does not.",
    reference=None,
    judge=_packed,
    mistakes=(
        Mistake(
            "the default",
            0.001,
            "500 steps of the default rate reach half a unit, and 40 are to go.",
        ),
        Mistake(
            "distance over steps",
            0.08,
            "That is the distance divided by all of the steps. Adam's steps shorten as the "
            "gradients do, and a run has to settle: how many steps are left for the journey?",
        ),
        Mistake(
            "nearly there",
            0.16,
            "That is near the minimum, but not at a loss below 0.01. Adam's steps shorten on the "
            "way, as the gradients do: leave more of the steps for settling.",
        ),
        Mistake(
            "more than it needs",
            1.0,
            "That arrives, but half of it does too. Is there a smaller rate that will do?",
        ),
        Mistake(
            "the whole way at once",
            40.0,
            "A step as long as the way is a rate for a single step. It happens to settle on this "
            "bowl, after swinging far out. You have 500 steps: make them shorter.",
        ),
    ),
)

BEST_RATE = Exercise(
    name="03-best-rate",
    task="Write best_rate(kappa), gradient descent's best learning rate on x² + κ y².",
    reference=lambda kappa: 1 / (1 + kappa),
    examples=((1,), (3,), (100,), (1e6,)),
    mistakes=(
        Mistake(
            "the steep direction alone",
            lambda kappa: 1 / (2 * kappa),
            "That lands on the minimum of the steep direction in one step, and makes the flat one "
            "wait. A larger rate lets the steep one overshoot a little and helps the flat one.",
        ),
        Mistake(
            "the last stable rate",
            lambda kappa: 1 / kappa,
            "At that rate y swings from side to side for ever: its factor is −1.",
        ),
        Mistake(
            "curvatures of 1 and κ",
            lambda kappa: 2 / (1 + kappa),
            "That is right for ½x² + ½κy². The gradient of x² is 2x.",
        ),
        Mistake(
            "the flat direction alone",
            lambda kappa: 0.5,
            "That lands on the minimum of the flat direction in one step. What does the steep one "
            "do, whose factor is 1 − 2κα?",
        ),
        Mistake(
            "with momentum",
            lambda kappa: 2 / (1 + kappa**0.5) ** 2,
            "There is a square root in it: it belongs to momentum's best rate, not to gradient "
            "descent's.",
        ),
    ),
)


def _back_sooner(opt):
    if type(opt) is not Adam or opt.batch_shape:
        return "Give an optimizer, Adam(learning_rate=0.1, ...), with numbers as its settings."
    if opt.learning_rate != 0.1:
        return "the rate was touched"
    loss = minimize(bowl, opt, (8, -7), 3000).loss
    down = loss < 1e-12
    if not down.any():
        return "never down"
    if (loss[down.argmax() :] > 1e-6).any():
        return None
    if opt.beta2 != 0.999:
        return "a longer memory" if opt.beta2 > 0.999 else "not short enough"
    if opt.epsilon != 1e-8:
        return "epsilon alone"
    return "momentum alone" if opt.beta1 != 0.9 else "as it was"


BACK = Exercise(
    name="03-break-it-sooner",
    task="Give an Adam with rate 0.1 that comes back before step 3000 on the bowl from (8, −7).",
    reference=None,
    judge=_back_sooner,
    mistakes=(
        Mistake(
            "the rate was touched",
            Adam(learning_rate=1.0),
            "The learning rate has to stay 0.1.",
        ),
        Mistake(
            "epsilon alone",
            Adam(learning_rate=0.1, epsilon=0.0),
            "ε only decides where the growth of the effective rate ends. What decides how fast it "
            "grows?",
        ),
        Mistake(
            "momentum alone",
            Adam(learning_rate=0.1, beta1=0.5),
            "β₁ moves the threshold, and how fast the run comes down. The effective rate grows no "
            "faster for it.",
        ),
        Mistake(
            "a longer memory",
            Adam(learning_rate=0.1, beta2=0.9999),
            "With a longer memory v keeps the large gradients of the start for longer, and the "
            "rate grows more slowly. Go the other way.",
        ),
        Mistake(
            "not short enough",
            Adam(learning_rate=0.1, beta2=0.998),
            "That is the right direction, but 3000 steps are still too few. How long is the "
            "half-life of v?",
        ),
        Mistake(
            "never down",
            Adam(learning_rate=0.1, beta2=0.5),
            "This run never comes below 1e-12, so that it cannot come back. Your memories are so "
            "short, or so long, that it does not settle at all.",
        ),
        Mistake(
            "as it was",
            Adam(learning_rate=0.1),
            "These are the default settings: this run comes back much later.",
        ),
    ),
)


def _best(steps):
    return np.mean(steps, axis=1).argmin()


def _all(tuning, others):
    return np.concatenate([tuning, others], axis=1)


RACE = Exercise(
    name="03-fair-race",
    task="Mend suspicious_result(tuning, others), so that it obeys the rules of a race.",
    reference=lambda tuning, others: np.median(others[_best(tuning)]),
    examples=(
        (np.array([[10], [20]]), np.array([[12, 14, 40], [9, 11, 13]])),
        (
            np.array([[50, 60], [20, 30], [22, 26]]),
            np.array([[20, 10, 310, 12, 300], [30, 50, 20, 60, 80], [28, 34, 36, 29, 90]]),
        ),
        (
            np.array([[30, 34], [60, 64], [90, 99]]),
            np.array([[31, 33, 20, 95], [45, 21, 41, 39], [10, 12, 100, 100]]),
        ),
    ),
    mistakes=(
        Mistake(
            "not mended",
            lambda tuning, others: np.median(_all(tuning, others).min(axis=0)),
            "Each start still has a rate of its own, the best for it, and the starts for tuning "
            "are counted too. Nobody knows the best rate before the run.",
        ),
        Mistake(
            "a rate for each start",
            lambda tuning, others: np.median(others.min(axis=0)),
            "Each start has a rate of its own, the best for it. A method has one rate for all.",
        ),
        Mistake(
            "chosen on what is reported",
            lambda tuning, others: np.median(others[_best(others)]),
            "You choose the rate on the starts that you report. Some rate is lucky on them.",
        ),
        Mistake(
            "the smallest median",
            lambda tuning, others: np.median(others, axis=1).min(),
            "The smallest of the medians is a choice made on the starts that you report.",
        ),
        Mistake(
            "chosen on all",
            lambda tuning, others: np.median(others[_best(_all(tuning, others))]),
            "All starts have a say in the choice, those that you report too.",
        ),
        Mistake(
            "the starts for tuning are reported",
            lambda tuning, others: np.median(tuning[_best(tuning)]),
            "You report the starts on which the rate was chosen.",
        ),
        Mistake(
            "all starts are reported",
            lambda tuning, others: np.median(_all(tuning, others)[_best(tuning)]),
            "The choice is right. The starts for tuning should not be in the result.",
        ),
        Mistake(
            "the mean",
            lambda tuning, others: np.mean(others[_best(tuning)]),
            "The choice is right. The result of a race is the median: one run that takes long "
            "should not decide.",
        ),
    ),
)

EXERCISES = (JOURNEY, BEST_RATE, BACK, RACE)
