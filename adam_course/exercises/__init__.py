"""The exercises of the course: `check` says whether an answer is right, or which mistake it is.

One module holds the exercises of each chapter; `EXERCISES` has them all by name.
"""

import importlib
import pkgutil

from adam_course.exercises.checking import Exercise, Feedback, Mistake, checked

__all__ = ["EXERCISES", "Exercise", "Feedback", "Mistake", "check"]


def _collected():
    """Every exercise of the modules `chapter_NN`, by name, in order."""
    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if module.startswith("chapter_"):
            for exercise in importlib.import_module(f"{__name__}.{module}").EXERCISES:
                found[exercise.name] = exercise
    return found


EXERCISES = _collected()


def check(name, answer=None):
    """Check an answer to an exercise.

    Parameters
    ----------
    name : str
        Of the exercise, as its chapter gives it: "02-bias-correction".
    answer : function, number, list ...
        What the exercise asks for.  None, `...`, or a function that returns one of them or
        raises NotImplementedError: not attempted yet.

    Returns
    -------
    Feedback
        Right; or the smallest example on which the answer fails, and a hint where the
        mistake is a known one.  It does not hold the solution.

    Raises
    ------
    ValueError
        If there is no exercise of that name.

    An answer is stopped after five seconds.

    Examples
    --------
    >>> check("02-half-life", lambda half_life: 0.5**half_life).mistake
    'the power, not the root'
    >>> check("02-half-life", lambda half_life: 0.5 ** (1 / half_life))
    ✓ Right, on all 5 examples.
    """
    if name not in EXERCISES:
        near = [known for known in EXERCISES if known[:2] == str(name)[:2]] or list(EXERCISES)
        raise ValueError(f"name must be one of {', '.join(near)}, got {name!r}")
    return checked(EXERCISES[name], answer)
