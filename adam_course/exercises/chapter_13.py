"""Chapter 13: momentum in its two forms, in noise, and in an Adam that takes a step or none."""

import numpy as np

from adam_course.exercises.chapter_05 import maker, of_makers
from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.from_scratch import AdamFromScratch

AVERAGE_OF_NOISE = Exercise(
    name="13-average-of-noise",
    task="Write as_quiet_as(beta): of how many gradients an ordinary mean is as quiet as m.",
    reference=lambda beta: (1 + beta) / (1 - beta),
    examples=((0.0,), (0.5,), (0.9,), (0.99,)),
    mistakes=(
        Mistake(
            "the mean age",
            lambda beta: 1 / (1 - beta),
            "1 / (1 − β) says how long m remembers. How quiet it is hangs on the squares of its "
            "weights.",
        ),
        Mistake(
            "for long memories",
            lambda beta: 2 / (1 - beta),
            "For β near 1 that is nearly right. Solve V = β² V + (1 − β)² σ² exactly.",
        ),
        Mistake(
            "the half-life",
            lambda beta: np.log(2) / -np.log(beta) if beta else 0.0,
            "That is the half-life. How quiet m is hangs on the squares of its weights.",
        ),
        Mistake(
            "lengths compared",
            lambda beta: np.sqrt((1 + beta) / (1 - beta)),
            "You compared standard deviations with n. A mean of n has a variance of σ² / n.",
        ),
        Mistake(
            "only the newest",
            lambda beta: 1 / (1 - beta) ** 2,
            "You took the weight of the newest gradient for the whole variance. The earlier ones "
            "are still in m.",
        ),
        Mistake(
            "without the weight",
            lambda beta: 1 - beta**2,
            "That is for the sum form: the factor 1 − β of each gradient is missing.",
        ),
        Mistake(
            "upside down",
            lambda beta: (1 - beta) / (1 + beta),
            "That is the part of the variance that is left. How many gradients leave that much?",
        ),
    ),
)

RECIPE = Exercise(
    name="13-recipe",
    task="Give three rates: yours for (0.9, 0.02), yours for (0.99, 0.02), and the heavy ball's "
    "with 0.99 that leaves the steps as they were.",
    reference=(0.2, 2.0, 0.002),
    rel=1e-3,
    mistakes=(
        Mistake(
            "multiplied",
            (0.002, 0.0002, 0.2),
            "You multiplied by 1 − μ. A sum is larger than a mean: which of the two needs the "
            "larger rate to make the same steps?",
        ),
        Mistake(
            "multiplied, in yours",
            (0.002, 0.0002, 0.002),
            "You multiplied by 1 − μ to come from the sum to the mean. That is the way back.",
        ),
        Mistake(
            "nothing to convert",
            (0.02, 0.02, 0.02),
            "You took the rates over. The heavy ball's m is a sum, yours a mean.",
        ),
        Mistake(
            "the same for both momenta",
            (0.2, 0.2, 0.02),
            "The factor between the forms depends on the momentum: it is 10 for 0.9 only.",
        ),
        Mistake(
            "the third left alone",
            (0.2, 2.0, 0.02),
            "Your first two say that the steps have become ten times as large. The third rate is "
            "to undo that.",
        ),
        Mistake(
            "the third in the mean's form",
            (0.2, 2.0, 0.2),
            "0.2 is what your own form keeps. The third is the authors' rate, a heavy ball's.",
        ),
        Mistake(
            "divided by the momentum",
            (0.02 / 0.9, 0.02 / 0.99, 0.022),
            "You divided by μ. The weights 1 + μ + μ² + ... sum to something else.",
        ),
    ),
)

# ------------------------------------------------------------- all or nothing


class _Careful(AdamFromScratch):
    """A class with the checks of whoever wrote it."""

    def check(self, params, grads):
        for key in params.keys() ^ grads.keys():
            raise ValueError(f"missing or surplus: {key}")

    def update(self, params, grads):
        self.check(params, grads)
        return super().update(params, {key: grads.get(key, 0.0) for key in params})


class _Moves(_Careful):
    """As the slide's: whatever comes before the missing key has moved by then."""

    def check(self, params, grads):
        for key in params:
            params[key] -= self.learning_rate * grads[key]
        super().check(params, grads)


class _Counts(_Careful):
    def check(self, params, grads):
        self.m, self.v = self.m or dict.fromkeys(params, 0.0), self.v or dict.fromkeys(params, 0.0)
        self.t += 1
        super().check(params, grads)
        self.t -= 1


class _Surplus(_Careful):
    def check(self, params, grads):
        for key in params.keys() - grads.keys():
            raise ValueError(f"missing: {key}")


class _Missing(_Careful):
    def check(self, params, grads):
        for key in grads.keys() - params.keys():
            raise ValueError(f"surplus: {key}")


class _Silent(_Careful):
    def check(self, params, grads):
        if params.keys() != grads.keys():
            raise ValueError("these do not fit")


class _InPlace(_Careful):
    def update(self, params, grads):
        params.update(super().update(params, grads))
        return params


def _refusals(make):
    """What is wrong with how an Adam refuses: a mistake's name, or None."""
    wrong = {
        "a missing key": {"first": 1.0},
        "a surplus key": {"first": 1.0, "other": 2.0, "x": 3.0},
    }
    right, start = {"first": 1.0, "other": -2.0}, {"first": 0.0, "other": 0.0}
    for name, grads in wrong.items():
        adam, params = make(learning_rate=0.1), dict(start)
        try:
            adam.update(params, dict(grads))
        except (ValueError, KeyError) as error:
            told = str(error)
        else:
            return f"{name} passes"
        if params != start:
            return "something has moved"
        if next(iter(grads.keys() ^ start.keys())) not in told:
            return "the key is not named"
        fresh = make(learning_rate=0.1)
        for _ in range(2):  # as if the wrong call had not been
            if adam.update(dict(start), dict(right)) != fresh.update(dict(start), dict(right)):
                return "it remembers"
    return None


def _refusing(rule):
    """A class whose steps are that rule's, and whose checks are in order."""

    class Refusing:
        def __init__(self, **settings):
            self.step = maker(rule)(**settings)

        def update(self, params, grads):
            _Careful.check(self, params, grads)
            return self.step(params, grads)

    return Refusing


ALL_OR_NOTHING = of_makers(
    "13-all-or-nothing",
    "Write the class CarefulAdam, which refuses missing and surplus keys before anything moves.",
    _Careful,
    {"learning_rate": 0.1},
    (
        Mistake(
            "something has moved",
            _Moves,
            "After the error a parameter has moved. Look through all keys before the first step.",
        ),
        Mistake(
            "it remembers",
            _Counts,
            "After the error the parameters are as before, but the next step is not a first one: "
            "t, m or v has changed. They must wait until nothing can fail any more.",
        ),
        Mistake(
            "a missing key passes",
            _Missing,
            "A parameter without a gradient is let through. Skipping it, or taking 0, hides it.",
        ),
        Mistake(
            "a surplus key passes",
            _Surplus,
            "A gradient without a parameter is let through, and lost. Look in both directions.",
        ),
        Mistake(
            "the key is not named",
            _Silent,
            "It refuses, and does not say which key is missing or too many.",
        ),
        Mistake(
            "changes its arguments",
            _InPlace,
            "The steps are right, but the caller's dict is changed. Work on a copy of it.",
        ),
        *zoo_mistakes(_refusing),
    ),
    first=_refusals,
)

QUARTER = Exercise(
    name="13-quarter-of-the-batch",
    task="Give the β₁ with which m is as quiet at four times the variance as with 0.9 before.",
    reference=(1 - 1 / 76) / (1 + 1 / 76),  # (1 − β) / (1 + β) = (1/19) / 4
    rel=2e-4,
    mistakes=(
        Mistake(
            "a quarter of 1 − β",
            1 - 0.1 / 4,
            "Close: that is the rule for β near 1. Solve (1 − β) / (1 + β) for a quarter of what "
            "it is at 0.9.",
        ),
        Mistake(
            "half",
            (1 - 1 / 38) / (1 + 1 / 38),
            "You allowed for twice the noise. It is the variance that is four times as large, and "
            "the fraction is one of variances.",
        ),
        Mistake(
            "half of 1 − β",
            1 - 0.1 / 2,
            "You allowed for twice the noise. The fraction (1 − β) / (1 + β) is one of variances.",
        ),
        Mistake(
            "a sixteenth",
            1 - 0.1 / 16,
            "You squared the four. A variance is squared already.",
        ),
        Mistake(
            "a shorter memory",
            1 - 0.1 * 4,
            "A shorter memory averages over fewer gradients: m would be noisier still.",
        ),
        Mistake(
            "a quarter of β",
            0.9 / 4,
            "Memories are not multiplied like that: that one forgets nearly everything in a step.",
        ),
    ),
)

EXERCISES = (AVERAGE_OF_NOISE, RECIPE, ALL_OR_NOTHING, QUARTER)
