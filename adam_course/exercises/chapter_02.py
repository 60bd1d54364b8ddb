"""Chapter 2: the algorithm, its correction, and the length of its steps."""

import numpy as np

from adam_course.averages import debias
from adam_course.descent import replay
from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.optimizers import Adam, AdamState

HALF_LIFE = Exercise(
    name="02-half-life",
    task="Write beta_for(half_life): the β whose average forgets half in so many steps.",
    reference=lambda half_life: 0.5 ** (1 / half_life),
    examples=((1,), (2,), (6.5788,), (100,), (692.8,)),
    rel=1e-6,
    mistakes=(
        Mistake(
            "one over h",
            lambda half_life: 1 - 1 / half_life,
            "1 − 1/h is the β whose *mean* age is about h. A half-life is ln 2 times that, and "
            "only nearly: solve βʰ = 1/2.",
        ),
        Mistake(
            "ln 2 over h",
            lambda half_life: 1 - np.log(2) / half_life,
            "That is the rule of thumb for β near 1. Solve βʰ = 1/2 exactly.",
        ),
        Mistake(
            "the root of two",
            lambda half_life: 2 ** (1 / half_life),
            "Your β is above 1: such an average grows. Something is upside down.",
        ),
        Mistake(
            "the power, not the root",
            lambda half_life: 0.5**half_life,
            "That is what is left after h half-lives of one step. You need the h-th root of 1/2.",
        ),
    ),
)


def _step_from(rule):
    """An answer to "write the step": a function of arrays, as the chapter's adam_step."""

    def step(params, grads, m, v, t, learning_rate=0.001, beta1=0.9, beta2=0.999):
        opt = rule(learning_rate=learning_rate, beta1=beta1, beta2=beta2)
        x, state = opt.update(params, grads, AdamState(t - 1, m, v))
        return x, state.m, state.v

    return step


_ZERO = np.zeros(2)
CORRECTION = Exercise(
    name="02-bias-correction",
    task="Mend suspicious_step, so that it gives parameters, m and v as Adam does.",
    reference=_step_from(Adam),
    examples=(
        (_ZERO, np.array([1.0, -2.0]), _ZERO, _ZERO, 1),
        (
            np.array([1.0, 1.0]),
            np.array([0.5, 3.0]),
            np.array([0.1, 0.2]),
            np.array([0.01, 0.02]),
            2,
        ),
        (
            np.array([1.0, 1.0]),
            np.array([1e-8, 0.0]),
            np.array([0.3, 0.0]),
            np.array([0.1, 0.0]),
            7,
        ),
        (_ZERO, np.array([1e3, -1e-3]), np.array([-5.0, 1.0]), np.array([9.0, 2.0]), 500),
    ),
    mistakes=(
        Mistake(
            "m is still corrected in place",
            lambda params, grads, m, v, t: (
                (new := _step_from(Adam)(params, grads, m, v, t))[0],
                debias(new[1], 0.9, t),
                new[2],
            ),
            "v is mended, m is not: it is still corrected in place and handed to the next step.",
        ),
        Mistake(
            "v is still corrected in place",
            lambda params, grads, m, v, t: (
                (new := _step_from(Adam)(params, grads, m, v, t))[0],
                new[1],
                debias(new[2], 0.999, t),
            ),
            "m is mended, v is not: it is still corrected in place and handed to the next step.",
        ),
        *zoo_mistakes(_step_from),
    ),
)


def _longer_than_a_rate(gradients):
    gradients = np.asarray(gradients, dtype=float)
    if gradients.ndim != 1 or not 1 <= gradients.size <= 100:
        return f"Give a list of 1 to 100 numbers, not something of shape {gradients.shape}."
    if not np.isfinite(gradients).all():
        return "Every gradient must be a finite number."
    longest = np.abs(replay(Adam(1.0), gradients).step).max()
    if longest > 1.5:
        return None
    if np.ptp(np.abs(gradients)) == 0:
        return "all of one size"
    if not gradients[1:].any() or not gradients[:-1].any():
        return "a lone gradient"
    return (
        f"Your longest step is {longest:.2f} learning rates. m must not have forgotten the first "
        "of the large gradients when the last one comes, and v must not have seen much before."
    )


LONGER = Exercise(
    name="02-longer-than-a-rate",
    task="Give at most 100 gradients on which a step of Adam is longer than 1.5 learning rates.",
    reference=None,
    judge=_longer_than_a_rate,
    mistakes=(
        Mistake(
            "all of one size",
            None,
            "On gradients of one size no step is longer than the rate: they are the case in which "
            "v̂ is exactly g². Let their sizes differ.",
        ),
        Mistake(
            "a lone gradient",
            None,
            "A lone gradient is the paper's worst case, and it needs a silence of thousands of "
            "steps. Several that grow need a hundred.",
        ),
    ),
)

EXERCISES = (HALF_LIFE, CORRECTION, LONGER)
