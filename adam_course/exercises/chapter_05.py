"""Chapter 5: Adam on a dict of numbers, and tests that no wrong Adam passes."""

from copy import deepcopy
from functools import partial

import numpy as np

from adam_course.descent import replay
from adam_course.exercises.checking import Exercise, Mistake, checked
from adam_course.exercises.wrong_adams import zoo_mistakes
from adam_course.from_scratch import AdamFromScratch
from adam_course.optimizers import Adam, AdamState, AdamW
from adam_course.zoo import WRONG_ADAMS, WRONG_ADAMWS, WrongAdam, kill_matrix

# ----------------------------- an Adam that remembers, whether by a class or a function


def _places(make, start, gradients, settings):
    """Where a run goes: the parameters after each step, a dict each."""
    made = make(**settings)
    if made is None:
        raise NotImplementedError
    update = getattr(made, "update", made)
    params, places = start, []
    for grads in gradients:
        params = update(params, grads)
        if params is None:
            raise NotImplementedError
        places.append(dict(params))
    return places


def maker(rule, keep=lambda **settings: 1.0):
    """What somebody writes whose Adam is that rule: it makes a function that remembers."""

    def make(weight_decay=0.0, **settings):
        state, decay = None, {"weight_decay": weight_decay}
        opt = rule(**settings, **decay if issubclass(rule, AdamW) else {})

        def update(params, grads):
            nonlocal state
            x, g = (np.array([numbers[k] for k in sorted(params)]) for numbers in (params, grads))
            state = opt.start(x) if state is None else state
            x, state = opt.update(x * keep(**settings, **decay), g, state)
            if np.isnan(x).any():  # as Python does with 0.0 / 0.0
                raise ZeroDivisionError("float division by zero")
            return dict(zip(sorted(params), x.tolist()))

        return update

    return make


def of_makers(name, task, right, settings, mistakes, first=lambda make: None):
    """An exercise whose answer makes an update; it is judged by the places of its runs.

    `first` may find something wrong before that: a mistake's name, or a sentence.
    """
    small = [{"a": 1.0, "b": -3.0}, {"b": 1e-8, "a": 0.0}, {"a": -2.0, "b": 5.0}]
    examples = (
        ({"a": 2.0}, [{"a": 1.0}], settings),
        ({"a": 0.0, "b": 0.0}, [{"a": 1e-8, "b": 4.0}], settings),
        ({"a": 5.0, "b": -1.0}, [{"a": 10.0, "b": -200.0}, {"b": -190.0, "a": 9.0}], settings),
        ({"a": 0.0, "b": 0.0}, [*small, {"a": 1000.0, "b": -0.001}, *small], settings),
        ({"a": 1.0, "b": 2.0}, [{"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 1.0}], settings),
    )
    known = [Mistake(m.name, partial(_places, m.answer), m.hint) for m in mistakes]
    places = Exercise(name, task, partial(_places, right), examples, tuple(known))

    def judge(make):
        run = partial(_places, make)
        run(*deepcopy(examples[0]))
        if wrong := first(make):
            return wrong
        if run(*deepcopy(examples[0])) != run(*deepcopy(examples[0])):
            return "one memory for all"
        feedback = checked(places, run)
        if feedback.right:
            return None
        named = any(m.name == feedback.mistake for m in mistakes)
        return feedback.mistake if named else feedback.message

    return Exercise(name, task, right, judge=judge, mistakes=mistakes)


def _sharing():
    memory = AdamFromScratch(0.1)
    return lambda **settings: memory


def _counting_keys(**settings):
    opt, t, moments = Adam(**settings), 0, {}

    def update(params, grads):
        nonlocal t
        moved = {}
        for key in params:
            before = AdamState(t, *moments.get(key, (0.0, 0.0)))
            moved[key], (t, *moments[key]) = opt.update(params[key], grads[key], before)
        return moved

    return update


def _by_place(**settings):
    update = AdamFromScratch(**settings).update
    return lambda params, grads: update(params, dict(zip(params, grads.values())))


SHARED = Mistake(
    "one memory for all",
    _sharing(),
    "A second run does not do what the first did: the two share a memory. What is remembered "
    "must be made anew for each run.",
)
WITHOUT_A_CLASS = of_makers(
    "05-without-a-class",
    "Write make_adam(learning_rate), which returns a function update(params, grads).",
    AdamFromScratch,
    {"learning_rate": 0.1},
    (
        SHARED,
        Mistake(
            "no memory",
            lambda **settings: lambda *both: AdamFromScratch(**settings).update(*both),
            "Each of your steps is a first step: what it should remember is made anew in it.",
        ),
        Mistake(
            "t counts the keys",
            _counting_keys,
            "Your t advances once for each key. It counts steps, one for all keys together.",
        ),
        Mistake(
            "by place",
            _by_place,
            "You match gradients with parameters by their place. Look each one up by its key.",
        ),
        *zoo_mistakes(maker),
    ),
)

# ----------------------------------------------------------------------- AdamW


def _shrinking(rule, sign=-1):
    return maker(rule, lambda learning_rate, weight_decay: 1 + sign * learning_rate * weight_decay)


_DECAYS = {
    "CoupledDecay": "Your decay goes into the gradient, and so through m, v and the division. "
    "AdamW's goes past them.",
    "DecayWithoutRate": "Your decay is λ x: the learning rate is missing in it.",
    "DecayAfterStep": "Your decay comes after Adam's step, and shrinks the step too.",
}
ADAMW = of_makers(
    "05-adamw",
    "Write the class AdamWFromScratch(learning_rate, weight_decay=...) with its update.",
    maker(AdamW),
    {"learning_rate": 0.1, "weight_decay": 0.5},
    (
        SHARED,
        Mistake("no decay", maker(Adam), "That is Adam: nothing decays."),
        Mistake(
            "it grows", _shrinking(Adam, +1), "Your parameters grow by αλ: they should shrink."
        ),
        *(Mistake(name, maker(WRONG_ADAMWS[name]), hint) for name, hint in _DECAYS.items()),
        *zoo_mistakes(_shrinking),
    ),
)

# ------------------------------------------------------------- a bug that hides


def _thrifty(gradients):
    if not isinstance(gradients, list | tuple | np.ndarray) or not 1 <= len(gradients) <= 10:
        return "Give a list of 1 to 10 numbers, the gradients of one parameter."
    gradients = [float(g) for g in gradients]
    if not np.isfinite(gradients).all():
        return "Every gradient must be a finite number."
    right, thrifty = AdamFromScratch(0.1), AdamFromScratch(0.1)
    x = y = {"x": 0.0}
    for g in gradients:
        x = right.update(x, {"x": g})
        if g == 0:
            thrifty.t += 1
            thrifty.m, thrifty.v = thrifty.m or {"x": 0.0}, thrifty.v or {"x": 0.0}
        else:
            y = thrifty.update(y, {"x": g})
        if x != y:
            return None
    if not any(gradients):
        return "nothing but zeros"
    if all(gradients):
        return "almost zero" if min(map(abs, gradients)) < 1e-6 else "no zero"
    return "zeros before all else"


THRIFTY = Exercise(
    name="05-the-bug-that-hides",
    task="Give at most ten gradients of one parameter on which ThriftyAdam is not Adam.",
    reference=None,
    judge=_thrifty,
    mistakes=(
        Mistake(
            "no zero",
            [1.0, -2.0, 1e4, 1e-4],
            "On these it is Adam in every step. What does the class do otherwise than DictAdam, "
            "and for which gradients?",
        ),
        Mistake(
            "almost zero",
            [1.0, 1e-30],
            "Nearly zero is not skipped: the class asks for 0 exactly.",
        ),
        Mistake(
            "nothing but zeros",
            [0.0, 0.0],
            "Where all gradients are zero, Adam stays where it is too: it remembers nothing else.",
        ),
        Mistake(
            "zeros before all else",
            [0.0, 0.0, 1.0],
            "Your zeros come first, when m and v are still zero: skipped or not, they stay so.",
        ),
    ),
)

# ---------------------------------------------------------------- kill them all


def _first_steps_are_right(names):
    gradients = [[1e-3, 1.0, 1e6]]
    with np.errstate(all="ignore"):
        return all(
            np.allclose(replay(WRONG_ADAMS[n](1.0), gradients).step, -1, rtol=1e-4) for n in names
        )


def _kills(tests):
    if callable(tests):
        tests = [tests]
    tests = list(tests.values()) if isinstance(tests, dict) else list(tests)
    for number, test in enumerate(tests, start=1):
        if not callable(test):
            return f"Test {number} must be a function of a rule, not {test!r}."
        try:
            if test(Adam) is None:
                return NotImplemented
            if not test(Adam):
                return "refuses the right Adam"
            if not test(WrongAdam):  # right in all its pieces, under another name
                return "looks at the name"
        except NotImplementedError:
            return NotImplemented
    caught = kill_matrix({str(number): test for number, test in enumerate(tests)})["caught"]
    alive = list(caught.index[~caught])
    if not alive:
        return None
    if len(alive) == len(caught):
        return "lets every one pass"
    told = " ".join(f"{n}: {WRONG_ADAMS[n].__doc__}" for n in alive[:3])
    more = f" And {', '.join(alive[3:])}." if alive[3:] else ""
    hint = ""
    if all("psilon" in n for n in alive):
        hint = " ε shows where it is as large as the gradients, and where they are zero."
    elif alive == ["NormOfAll"]:
        hint = " Give it two coordinates."
    elif _first_steps_are_right(alive):
        hint = " Their first step is right: look at later ones, on gradients that change."
    return f"{len(alive)} of {len(caught)} survive. {told}{more}{hint}"


KILL_THEM_ALL = Exercise(
    name="05-kill-them-all",
    task="Give a list of tests, functions of a rule, that the right Adam passes and no wrong one.",
    reference=None,
    judge=_kills,
    mistakes=(
        Mistake(
            "refuses the right Adam",
            [lambda rule: rule(learning_rate=1.0).step(0.0, 4.0, rule().init(0.0))[0] == -1],
            "One of your tests refuses the right Adam, so it says nothing. Floating-point "
            "numbers are rarely equal, and ε is not nothing: leave room for both.",
        ),
        Mistake(
            "looks at the name",
            [lambda rule: rule is Adam],
            "Your test knows the right Adam by its name, and refuses another that is as right. "
            "Look at what a rule does.",
        ),
        Mistake(
            "lets every one pass",
            [lambda rule: rule().learning_rate == 0.001],
            "Every wrong Adam passes. Let the rule make steps, and look at where they lead.",
        ),
    ),
)

EXERCISES = (ADAMW, WITHOUT_A_CLASS, THRIFTY, KILL_THEM_ALL)
