"""How an answer is checked: run on examples, compared, and told which known mistake it made.

An `Exercise` has a reference, which is right, and known mistakes, which are wrong in the
ways that people are.  The answer runs on the exercise's examples, from the smallest on.
If it differs from the reference, the mistakes run on the same examples, and the one that
gives what the answer gives is named.  A reader sees the smallest example that fails and
the hint, never the solution.
"""

import copy
import html
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

SECONDS = 5  # after which an answer is stopped


class TimeUp(BaseException):
    """An answer ran too long.  Not an Exception, so that its `except Exception` lets it pass."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that somebody will give, and what to tell them.

    Attributes
    ----------
    name : str
    answer : function or value
        Behaves as the mistake does.
    hint : str
        What is wrong, and where to look; never the solution.
    """

    name: str
    answer: object
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked, what is right, and what goes wrong.

    Attributes
    ----------
    name : str
        Two digits of the chapter, and words: "02-bias-correction".
    task : str
        What is asked, in a sentence.
    reference : function, or value
        Right.  A value (a number, a word, a list) where the answer is not a function.
    examples : tuple of tuples
        Arguments to call with, the smallest first; none where the answer is a value.
    mistakes : tuple of Mistake
    rel, abs : float
        How far numbers may be from the reference.
    judge : function of an answer to a sentence, or None
        In place of comparing with the reference, where many answers are right: what is
        wrong with this one, and None if nothing is.
    """

    name: str
    task: str
    reference: object
    examples: tuple = ()
    mistakes: tuple = ()
    rel: float = 1e-9
    abs: float = 1e-12
    judge: Callable | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Feedback:
    """What a check says.

    Attributes
    ----------
    right : bool
    attempted : bool
    message : str
        In words, with the smallest example that fails.
    mistake : str or None
        The name of the known mistake that was recognised.
    """

    right: bool
    message: str
    attempted: bool = True
    mistake: str | None = None

    def __repr__(self):
        mark = "✓" if self.right else "✗" if self.attempted else "–"
        return f"{mark} {self.message}"

    def _repr_html_(self):
        mark, state = ("✓", "right") if self.right else ("✗", "wrong")
        if not self.attempted:
            mark, state = "–", "open"
        return (
            f'<div class="feedback feedback-{state}" role="status">'
            f'<span class="feedback-mark" aria-hidden="true">{mark}</span> '
            f"{html.escape(self.message, quote=False)}</div>"
        )


def checked(exercise, answer, seconds=SECONDS):
    """The feedback on an answer to an exercise; see `adam_course.exercises.check`."""
    if answer is None or answer is ...:
        return _open(exercise)
    if callable(exercise.reference) and not callable(answer):
        return Feedback(False, f"The answer must be a function, got {_short(answer)}.")
    if not callable(exercise.reference) and callable(answer):
        return Feedback(False, "The answer must be a value, not a function: call it first.")
    try:
        with _limited(seconds):
            return _judged(exercise, answer) if exercise.judge else _compared(exercise, answer)
    except TimeUp:
        return Feedback(
            False,
            f"Your answer was stopped after {seconds:g} seconds. Does a loop end? Examples are "
            "small: an answer takes a fraction of a second.",
        )


def _open(exercise):
    return Feedback(False, f"Not attempted yet. {exercise.task}", attempted=False)


def _judged(exercise, answer):
    try:
        wrong = exercise.judge(answer)
    except NotImplementedError:
        return _open(exercise)
    except Exception as error:
        return Feedback(False, f"Your answer raises {type(error).__name__}: {error}")
    if wrong is NotImplemented:
        return _open(exercise)
    if wrong is None:
        return Feedback(True, "Right.")
    for mistake in exercise.mistakes:
        if mistake.name == wrong:
            return Feedback(False, mistake.hint, mistake=mistake.name)
    return Feedback(False, str(wrong))


def _compared(exercise, answer):
    examples = exercise.examples or ((),)
    if not callable(exercise.reference):
        return _value_compared(exercise, answer)
    outcomes = []
    for number, example in enumerate(examples):
        got = _outcome(answer, example)
        if number == 0 and got.unwritten:
            return _open(exercise)
        outcomes.append(got)
        if got.raised and not got.expected_error:
            break
        if not _same(got, _outcome(exercise.reference, example), exercise):
            break
    else:
        changed = next((e for e, got in zip(examples, outcomes) if got.changed), None)
        if changed is None:
            count = len(examples)
            return Feedback(True, f"Right, on all {count} examples." if count > 1 else "Right.")
        return Feedback(
            False,
            f"The values are right, but your function changes its arguments: for "
            f"{_called(changed)} the caller's own data are different afterwards.",
            mistake="changes its arguments",
        )
    return _explained(exercise, answer, examples[: len(outcomes)], outcomes)


def _explained(exercise, answer, examples, outcomes):
    """The feedback on an answer that fails on the last of these examples."""
    failing, got = examples[-1], outcomes[-1]
    wanted = _outcome(exercise.reference, failing)
    shown = f"Smallest example that fails: {_called(failing)} gives {got}, not {wanted}."
    # All the examples, not just those up to the failure, tell the mistakes apart.
    everything = [_outcome(answer, example) for example in exercise.examples]
    for mistake in exercise.mistakes:
        theirs = [_outcome(mistake.answer, example) for example in exercise.examples]
        if all(_same(mine, other, exercise) for mine, other in zip(everything, theirs)):
            return Feedback(False, f"{mistake.hint} {shown}", mistake=mistake.name)
    return Feedback(False, shown)


def _value_compared(exercise, answer):
    got, wanted = _Outcome(value=answer), _Outcome(value=exercise.reference)
    if _same(got, wanted, exercise):
        return Feedback(True, "Right.")
    for mistake in exercise.mistakes:
        if _same(got, _Outcome(value=mistake.answer), exercise):
            return Feedback(False, mistake.hint, mistake=mistake.name)
    return Feedback(False, f"{_short(answer)} is not it.")


# -------------------------------------------------------------------- outcomes


@dataclass(frozen=True)
class _Outcome:
    """What a call gave: a value or an error, and whether it changed its arguments."""

    value: object = None
    raised: str | None = None
    words: str = ""
    changed: bool = False

    @property
    def expected_error(self):
        return self.raised == "ValueError"

    @property
    def unwritten(self):
        nothing = self.raised is None and (self.value is None or self.value is ...)
        return nothing or self.raised == "NotImplementedError"

    def __str__(self):
        return f"{self.raised} ({self.words})" if self.raised else _short(self.value)


def _outcome(function, example):
    arguments, kept = copy.deepcopy(example), copy.deepcopy(example)
    try:
        with np.errstate(all="ignore"):
            value = copy.deepcopy(function(*arguments))
    except Exception as error:
        return _Outcome(raised=type(error).__name__, words=" ".join(str(error).split())[:80])
    return _Outcome(value=value, changed=not _equal(arguments, kept, 0, 0))


def _same(one, other, exercise):
    if one.raised or other.raised:
        return one.raised == other.raised
    return _equal(one.value, other.value, exercise.rel, exercise.abs)


def _equal(one, other, rel, abs):
    """Equal in what they hold; NaN is equal to NaN, and a list to an array or a tuple."""
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        return (
            isinstance(one, Mapping)
            and isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(_equal(one[key], other[key], rel, abs) for key in one)
        )
    if isinstance(one, str | bytes | bool) or isinstance(other, str | bytes | bool):
        return type(one) is type(other) and one == other
    try:
        a, b = np.asarray(one), np.asarray(other)
    except ValueError:  # ragged
        a = b = np.empty(0, dtype=object)
    if a.dtype.kind in "iufc" and b.dtype.kind in "iufc":
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=rel, atol=abs, equal_nan=True))
    if a.dtype.kind == b.dtype.kind and a.dtype.kind in "bUS":
        return a.shape == b.shape and bool((a == b).all())
    parts = (list, tuple)
    if isinstance(one, parts) and isinstance(other, parts):
        return len(one) == len(other) and all(_equal(x, y, rel, abs) for x, y in zip(one, other))
    return one is other or (type(one) is type(other) and bool(np.all(one == other)))


def _short(value):
    """A value in few letters, without an address in memory."""
    if isinstance(value, bool | str) or value is None:
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key!r}: {_short(part)}" for key, part in value.items())
        return f"{{{inside}}}"
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        if len(value) > 6:
            return f"[{', '.join(map(_short, value[:5]))}, … ({len(value)} in all)]"
        return f"[{', '.join(map(_short, value))}]"
    return getattr(value, "__name__", type(value).__name__)


def _called(example):
    return f"({', '.join(map(_short, example))})"


# ---------------------------------------------------------------------- limits


@contextmanager
def _limited(seconds):
    """Raise TimeUp in this thread after so many seconds, in the middle of a loop too."""
    main = threading.current_thread() is threading.main_thread()
    if main and hasattr(signal, "setitimer"):

        def ring(*_):
            raise TimeUp

        before = signal.signal(signal.SIGALRM, ring)
        # It rings again, should a bare `except` have swallowed it.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return
    # Elsewhere: look at the clock at each line of Python.
    end, before = time.monotonic() + seconds, sys.gettrace()

    def look(frame, event, argument):
        if time.monotonic() > end:
            raise TimeUp
        return look

    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)
