"""Chapter 1: what Adam divides by, what it remembers, and all of it in pure Python."""

import math
import operator

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.optimizers import Adam, AdamState

SUM_OR_MEAN = Exercise(
    name="01-sum-or-mean",
    task="Give three factors: for gradient descent's rate, for Adam's rate and for Adam's ε.",
    reference=(1 / 32, 1, 32),
    rel=1e-3,
    mistakes=(
        Mistake(
            "upside down",
            (32, 1, 32),
            "Adam's two are right. Gradient descent's step is its rate times a gradient that is "
            "32 times as large: what has the rate to do?",
        ),
        Mistake(
            "both rates",
            (1 / 32, 1 / 32, 1),
            "You shrink Adam's rate as well. Adam has divided the 32 out already.",
        ),
        Mistake(
            "both rates, and epsilon",
            (1 / 32, 1 / 32, 32),
            "ε is right. But you shrink Adam's rate as well: Adam has divided the 32 out already.",
        ),
        Mistake(
            "epsilon is forgotten",
            (1 / 32, 1, 1),
            "The rates are right. That is the same run to many digits, not to the last bit: with "
            "what is ε compared?",
        ),
        Mistake(
            "epsilon the other way",
            (1 / 32, 1, 1 / 32),
            "The rates are right. ε stands beside √v̂, which grows: so must ε?",
        ),
        Mistake(
            "epsilon squared",
            (1 / 32, 1, 32**2),
            "The rates are right. Your ε grows as v̂ does, but it stands beside the root of v̂.",
        ),
        Mistake(
            "nothing changes",
            (1, 1, 1),
            "For gradient descent something must change: its steps are 32 times as long.",
        ),
    ),
)

PART_OF_A_STEP = Exercise(
    name="01-part-of-a-step",
    task="Write gradient_for(share, epsilon): the gradient whose first step is that share of α.",
    reference=lambda share, epsilon: epsilon * share / (1 - share),
    examples=((0.5, 1.0), (0.5, 1e-8), (0.99, 1e-8), (0.1, 1e-3), (0.0, 1e-8)),
    abs=0.0,
    mistakes=(
        Mistake(
            "in proportion",
            lambda share, epsilon: epsilon * share,
            "Your step would be |g| / ε. The denominator of the first step is |g| + ε.",
        ),
        Mistake(
            "epsilon is forgotten",
            lambda share, epsilon: share / (1 - share),
            "In your answer ε does not occur: it is right only for ε = 1.",
        ),
        Mistake(
            "upside down",
            lambda share, epsilon: epsilon * (1 - share) / share,
            "Your gradient gets smaller where the share is to be larger.",
        ),
        Mistake(
            "the denominator alone",
            lambda share, epsilon: epsilon / (1 - share),
            "That is |g| + ε, the whole denominator. What is left of it for |g|?",
        ),
        Mistake(
            "under the root",
            lambda share, epsilon: (epsilon * share**2 / (1 - share**2)) ** 0.5,
            "Your ε is under the root. In Adam it is added to the root.",
        ),
        Mistake(
            "the share itself",
            lambda share, epsilon: share,
            "That would be gradient descent, whose step is the gradient times the rate.",
        ),
    ),
)


def _step_51(rate=0.05, steps=50, forget=(), place=False):
    opt = Adam(learning_rate=0.1)
    x, state = 5.0, opt.init(5.0)
    for _ in range(steps):
        x, state = opt.step(x, 2 * x, state)
    second = Adam(learning_rate=rate)
    state = state._replace(**{name: getattr(second.init(x), name) for name in forget})
    moved, _ = second.step(x, 2 * x, state)
    return float(moved if place else moved - x)


SECOND_HALF = Exercise(
    name="01-slower-second-half",
    task="Give the 51st step, the change of x in it, with the rate halved and the memory kept.",
    reference=_step_51(),
    rel=0.005,
    mistakes=(
        Mistake(
            "the state is lost",
            _step_51(forget=("t", "m", "v")),
            "That is a first step, of one whole rate: your second Adam began with an empty state.",
        ),
        Mistake(
            "the rate is not halved",
            _step_51(rate=0.1),
            "That is the step of the run which keeps its rate.",
        ),
        Mistake(
            "one step early",
            _step_51(steps=49),
            "That is one step early: 50 steps come before it.",
        ),
        Mistake(
            "one step late",
            _step_51(steps=51),
            "You took a step too many with the old rate before this one.",
        ),
        Mistake(
            "only the length",
            -_step_51(),
            "The length is right. Which way does x go?",
        ),
        Mistake(
            "the place",
            _step_51(place=True),
            "That is where x is after the step. The step is the change of x.",
        ),
        Mistake(
            "t starts again",
            _step_51(forget=("t",)),
            "m and v are kept and t is not: they are corrected as after a first step.",
        ),
    ),
)


def _places_of(rule):
    """An answer to "write Adam": the places after each step, as lists."""

    def places(start, gradients, learning_rate):
        opt, x = rule(learning_rate=learning_rate), np.array(start)
        state, found = AdamState(0, 0 * x, 0 * x), []
        for g in gradients:
            x, state = opt.update(x, np.array(g), state)
            found.append(x.tolist())
        return found

    return places


def _in_python(memory_of=lambda i: i, hurried=False, left=pow, root=math.sqrt):
    """Adam as a beginner writes it, number by number, and as it goes wrong."""

    def places(start, gradients, learning_rate):
        x, m, v, t, found = list(start), {}, {}, 0, []
        for step, grads in enumerate(gradients, start=1):
            for i, g in enumerate(grads):
                t, k = t + 1 if hurried else step, memory_of(i)
                m[k] = 0.9 * m.get(k, 0.0) + (1 - 0.9) * g
                v[k] = 0.999 * v.get(k, 0.0) + (1 - 0.999) * g * g
                m_hat, v_hat = m[k] / (1 - left(0.9, t)), v[k] / (1 - left(0.999, t))
                x[i] = x[i] - learning_rate * m_hat / (root(v_hat) + 1e-8)
            found.append(list(x))
        return found

    return places


_right = _places_of(Adam)
CLOSED_BOOK = Exercise(
    name="01-adam-in-python",
    task="Write adam_places(start, gradients, learning_rate): the list of places after each step.",
    reference=_right,
    examples=(
        ([0.0], [[1.0]], 0.1),
        ([0.0], [[2.0], [1.0]], 0.1),
        ([1.0, 2.0], [[0.5, -4.0], [1.0, 2.0]], 0.1),
        ([0.0, 5.0], [[1e-8, 1e3], [-2e-8, 10.0], [1e-8, 1.0]], 0.001),
    ),
    mistakes=(
        Mistake(
            "the start is in it",
            lambda start, gradients, rate: [start, *_right(start, gradients, rate)],
            "Your list begins with the start: give the places after the steps only.",
        ),
        Mistake(
            "only the last place",
            lambda start, gradients, rate: _right(start, gradients, rate)[-1],
            "You give the last place alone: a list of all of them is asked for.",
        ),
        Mistake(
            "one list, many times",
            lambda start, gradients, rate: [_right(start, gradients, rate)[-1]] * len(gradients),
            "All your places are the last one: you changed one list and kept it many times. It is "
            "the record that rewrites itself.",
        ),
        Mistake(
            "one memory for all",
            _in_python(memory_of=lambda i: 0),
            "You have one m and one v, and every parameter updates them. Each needs its own.",
        ),
        Mistake(
            "t counts parameters",
            _in_python(hurried=True),
            "Your t advances with every parameter. It counts steps.",
        ),
        *zoo_mistakes(_places_of),
        Mistake(
            "a negative root",
            _in_python(left=operator.mul),
            "From the second step on your v̂ is negative: you have β times t where β to the power "
            "t belongs.",
        ),
        Mistake(
            "a complex step",
            _in_python(left=operator.mul, root=lambda number: number**0.5),
            "Your numbers become complex: a root of a negative v̂. You have β times t where β to "
            "the power t belongs.",
        ),
    ),
)

EXERCISES = (SUM_OR_MEAN, PART_OF_A_STEP, SECOND_HALF, CLOSED_BOOK)
