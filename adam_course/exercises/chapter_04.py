"""Chapter 4: natural scales, what a tuner finds, and how long a memory has to be."""

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake

TUNE_ANOTHER_RULE = Exercise(
    name="04-tune-another-rule",
    task='Say which region RMSProp chooses: "column" (rates near 1, a long memory) or "island" '
    "(rates near 0.005, a short one).",
    reference="island",
    mistakes=(
        Mistake(
            "column",
            "column",
            "At a rate near 1 Adam lives on its momentum, which averages the steps from wall to "
            "wall away. What does RMSProp do there?",
        ),
        Mistake(
            "both",
            "both",
            "Look at the best rates of the five seeds: they lie within half a decade.",
        ),
        Mistake(
            "neither",
            "neither",
            "Its losses are far above Adam's, but its settings are in one of the two. Look at the "
            "best rates of the five seeds.",
        ),
    ),
)


def _edge(learning_rate, gradient, steps):
    return (learning_rate / (19 * gradient)) ** (2 / steps)


MOVE_THE_EDGE = Exercise(
    name="04-move-the-edge",
    task="Write edge_of(learning_rate, gradient, steps): the β₂ below which the run has come back.",
    reference=_edge,
    examples=((1.0, 1.0, 2), (1.0, 16.0, 200), (0.1, 16.0, 200), (1.0, 16.0, 1600)),
    mistakes=(
        Mistake(
            "v for its root",
            lambda learning_rate, gradient, steps: (learning_rate / (19 * gradient)) ** (1 / steps),
            "v shrinks by β₂ a step, but Adam divides by its root. What does the root shrink by?",
        ),
        Mistake(
            "not solved",
            lambda learning_rate, gradient, steps: (learning_rate / (19 * gradient)) ** (steps / 2),
            "β₂ to the power T/2 is on the left. To have β₂ alone you need the inverse power.",
        ),
        Mistake(
            "the other way round",
            lambda learning_rate, gradient, steps: (19 * gradient / learning_rate) ** (2 / steps),
            "Your β₂ is above 1. The fraction stands upside down.",
        ),
        Mistake(
            "1 − β₂",
            lambda *arguments: 1 - _edge(*arguments),
            "That is 1 − β₂, the part that is new, and not the memory.",
        ),
        Mistake(
            "without the curvature",
            lambda learning_rate, gradient, steps: _edge(learning_rate, 2 * gradient, steps),
            "38 is curvature times rate. The bowl's curvature is 2: which rate is that?",
        ),
        Mistake(
            "without the gradient",
            lambda learning_rate, gradient, steps: _edge(learning_rate, 1.0, steps),
            "How large the gradients were at the beginning is missing: v has to shrink from there.",
        ),
    ),
)

DECIDES = Exercise(
    name="04-where-beta2-decides",
    task="Give a list: those β₂ of 0.9, 0.99, 0.999 and 0.9999 with which the parameter goes down.",
    reference=(0.9999,),
    mistakes=(
        Mistake(
            "all",
            (0.9, 0.99, 0.999, 0.9999),
            "The mean gradient says so. But each is divided by what v is at its time: what "
            "is v when the small ones come, with a short memory?",
        ),
        Mistake(
            "none",
            (),
            "A hundred small ones against one large. If all were divided by the same number, who "
            "would win?",
        ),
        Mistake(
            "the short one",
            (0.9,),
            "It is the other way round: with a short memory the small gradients are divided by "
            "their own small size.",
        ),
        Mistake(
            "two of them",
            (0.999, 0.9999),
            "0.999 remembers about ten rounds, and that is nearly enough. See how far v still "
            "falls within a round.",
        ),
        Mistake("three of them", (0.99, 0.999, 0.9999), "0.99 has half forgotten after 69 steps."),
        Mistake("no list", 0.9999, "Give a list, even if there is one only."),
    ),
)


def _place(name, value):
    return -np.log10(1 - value) if name.startswith("beta") else np.log10(value)


def _value(name, place):
    return 1 - 10.0**-place if name.startswith("beta") else 10.0**place


def _draw(name, low, high, u):
    low, high = _place(name, low), _place(name, high)
    return _value(name, low + u * (high - low))


def _by_memory(name, low, high, u):
    if not name.startswith("beta"):
        return _draw(name, low, high, u)
    return 1 - 1 / (1 / (1 - low) + u * (1 / (1 - high) - 1 / (1 - low)))


DRAW = Exercise(
    name="04-a-crooked-draw",
    task="Mend crooked_draw(name, low, high, u): the value at the part u of the way from low to "
    "high, on the natural scale.",
    reference=_draw,
    examples=(
        ("learning_rate", 0.01, 1.0, 0.5),
        ("beta1", 0.9, 0.99, 0.0),
        ("beta2", 0.9, 0.999, 0.5),
        ("beta2", 0.5, 0.9999, 0.25),
        ("epsilon", 1e-10, 1.0, 0.1),
    ),
    mistakes=(
        Mistake(
            "the logarithm of β",
            lambda name, low, high, u: _draw("learning_rate", low, high, u),
            "It takes the logarithm of β itself. Between 0.9 and 0.999 that is nearly a straight "
            "line: which number goes over decades there?",
        ),
        Mistake(
            "linear",
            lambda name, low, high, u: low + u * (high - low),
            "That is linear in everything. A rate is a factor.",
        ),
        Mistake(
            "linear in β",
            lambda name, low, high, u: (
                low + u * (high - low) if name.startswith("beta") else _draw(name, low, high, u)
            ),
            "The rates are right, a β is still drawn evenly.",
        ),
        Mistake(
            "from the other end",
            lambda name, low, high, u: _draw(name, low, high, 1 - u if "beta" in name else u),
            "Right scale, wrong end: u = 0 has to be low. log(1 − β) falls where β rises.",
        ),
        Mistake(
            "even in the memory",
            _by_memory,
            "You made the memory 1 / (1 − β) even. Then half of the draws lie in its upper half: "
            "a memory is a factor too.",
        ),
        Mistake(
            "not back again",
            lambda name, low, high, u: (
                1 - _draw(name, low, high, u)
                if name.startswith("beta")
                else _draw(name, low, high, u)
            ),
            "You give back 1 − β: the last subtraction is missing.",
        ),
        Mistake(
            "the place",
            lambda name, low, high, u: _place(name, _draw(name, low, high, u)),
            "You give back the place on the scale, not the value there.",
        ),
    ),
)

EXERCISES = (TUNE_ANOTHER_RULE, MOVE_THE_EDGE, DECIDES, DRAW)
