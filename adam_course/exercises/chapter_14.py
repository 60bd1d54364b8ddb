"""Chapter 14: penalty and decay, and the memory that Adam needs."""

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.optimizers import Adam, AdamState
from adam_course.zoo import WRONG_ADAMWS

STRENGTH = Exercise(
    name="14-strength-cancels",
    task="Give the weight after 500 steps: start 2, strength 5, rate 0.002.",
    reference=1.121,
    rel=2e-3,
    mistakes=(
        Mistake(
            "as before",
            0.5605,
            "The strength cancels, that is right. But the start and the rate are twice as large.",
        ),
        Mistake(
            "decay of AdamW",
            2 * (1 - 0.002 * 5) ** 500,
            "That is what direct decay would give: AdamW. A penalty goes through the gradient.",
        ),
        Mistake(
            "a full rate at each step",
            1.0,
            "500 steps of 0.002 would take 1 off. The steps shorten as the gradients shrink.",
        ),
    ),
)


def _with_decay(rule, decay):
    """An answer: one step of a wrong Adam, with the decay done right."""

    def step(x, g, m, v, t, learning_rate, weight_decay):
        x = decay(x, learning_rate, weight_decay)
        x, state = rule(learning_rate=learning_rate).update(
            np.atleast_1d(np.float64(x)),
            np.atleast_1d(np.float64(g)),
            AdamState(t - 1, np.atleast_1d(np.float64(m)), np.atleast_1d(np.float64(v))),
        )
        return float(x[0]), float(state.m[0]), float(state.v[0])

    return step


def _shrunk(x, learning_rate, weight_decay):
    return x * (1 - learning_rate * weight_decay)


def _wrong_decay(rule):
    def step(x, g, m, v, t, learning_rate, weight_decay):
        opt = rule(learning_rate=learning_rate, weight_decay=weight_decay)
        x, state = opt.update(np.float64(x), np.float64(g), AdamState(t - 1, m, v))
        return float(x), float(state.m), float(state.v)

    return step


ADAMW = Exercise(
    name="14-adamw",
    task="Write adamw_step(x, g, m, v, t, learning_rate, weight_decay), returning x, m, v.",
    reference=_with_decay(Adam, _shrunk),
    examples=(
        (2.0, 1.0, 0.0, 0.0, 1, 0.1, 0.5),
        (2.0, 0.0, 0.0, 0.0, 1, 0.1, 0.5),
        (-1.0, 3.0, 0.5, 0.2, 2, 0.01, 0.1),
        (1.0, 1e-8, 0.0, 0.0, 1, 0.1, 0.0),
        (1.0, -1.0, 0.3, 4.0, 300, 0.05, 1.0),
    ),
    mistakes=(
        Mistake(
            "no decay",
            _with_decay(Adam, lambda x, *_: x),
            "That is Adam: the weight decay does nothing in it.",
        ),
        Mistake(
            "decay through the gradient",
            _wrong_decay(WRONG_ADAMWS["CoupledDecay"]),
            "You add λx to the gradient. That is the penalty, which Adam divides by √v̂.",
        ),
        Mistake(
            "decay without the rate",
            _wrong_decay(WRONG_ADAMWS["DecayWithoutRate"]),
            "You shrink by λ alone. In torch's form the learning rate multiplies the decay.",
        ),
        Mistake(
            "decay after the step",
            _wrong_decay(WRONG_ADAMWS["DecayAfterStep"]),
            "Your decay comes after the step and shrinks the step too. Shrink the weight first.",
        ),
        *(
            mistake
            for mistake in zoo_mistakes(lambda rule: _with_decay(rule, _shrunk))
            if mistake.name != "NormOfAll"  # a single number has no neighbours
        ),
    ),
)

THRESHOLD = Exercise(
    name="14-threshold",
    task="Give the threshold of β₂ for C = 3 and β₁ = 0, to two digits.",
    reference=0.4723,
    abs=0.006,
    rel=0.0,
    mistakes=(
        Mistake(
            "that of the theorem",
            0.1,
            "That is the β₂ with which the paper shows the failure, far on the wrong side.",
        ),
        Mistake(
            "the other side",
            0.9,
            "With 0.9 it goes the right way, and so it does with much less. Halve the interval.",
        ),
    ),
)

EXERCISES = (STRENGTH, ADAMW, THRESHOLD)
