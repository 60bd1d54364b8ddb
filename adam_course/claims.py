"""Claims: sentences of the course that a cell measures and holds.

A claim is a sentence, a measured value, the value it is expected to have, and a
tolerance.  The number in the sentence is filled in from the expected value, so
the two cannot drift apart; a measured value outside its tolerance stops the
notebook.  On data that the sentences are not about (`claims_about`) it is shown instead.
"""

import html
import math
import sys
from dataclasses import asdict, dataclass

import numpy as np


class ClaimError(AssertionError):
    """A claim that does not hold."""


# What the sentences are about, where these are not the data at hand; else None.
_elsewhere = None


@dataclass(frozen=True)
class Claim:
    """A claim that holds: what `claim` shows and a page of claims collects.

    `measured` is rounded to six significant digits: it is for reading, and
    differs in its last digits between processors.
    """

    sentence: str
    measured: float | list | str
    expected: float | list | str
    tolerance: str
    source: str

    def __str__(self):
        return f"✓ {self.sentence} [{self.tolerance}; {self.source}]"

    def _repr_html_(self):
        return _line("claim", "✓", "holds", self.sentence, f"{self.tolerance}; {self.source}")


@dataclass(frozen=True)
class Contrast:
    """A sentence about other data than the ones at hand, on which it is not so."""

    sentence: str
    measured: float | list | str
    about: str

    def __str__(self):
        return f"≠ {self.sentence} [said of {self.about}; measured here: {self.measured}]"

    def _repr_html_(self):
        basis = f"said of {self.about}; measured here: {self.measured}"
        return _line("claim contrast", "≠", "differs here", self.sentence, basis)


def claims_about(what, here):
    """Say what a notebook's claims are about, so that it also runs on something else.

    A chapter's numbers belong to its data.  Where a reader puts others in their place,
    a claim that holds there too is shown with its ✓; one that does not is shown with ≠
    and what was measured, and the notebook goes on.

    Parameters
    ----------
    what : str
        What the sentences are about, such as "the digits that ship".
    here : bool
        Whether that is what is at hand.  If it is, claims stop the notebook as always.

    Raises
    ------
    ValueError
        If `what` is no text, or `here` no bool.

    Examples
    --------
    >>> claims_about("twelve tosses", here=False)
    >>> claim("Half of the tosses, {}, were heads", 510, 6)
    ≠ Half of the tosses, 6, were heads [said of twelve tosses; measured here: 510]
    >>> claims_about("twelve tosses", here=True)
    """
    global _elsewhere
    if not isinstance(what, str) or not what.strip():
        raise ValueError(f"what must be a text, got {what!r}")
    if not isinstance(here, bool | np.bool_):
        raise ValueError(f"here must be True or False, got {here!r}")
    _elsewhere = None if here else what


def claim(
    sentence,
    measured,
    expected=None,
    *,
    rel=0.0,
    abs=0.0,
    at_least=None,
    at_most=None,
    source="measured here",
):
    """State a sentence, check it, and show one line that reads like it.

    Parameters
    ----------
    sentence : str
        With a format field, such as ``{}`` or ``{:.2f}``, for each expected number
        (or bound): they are filled in from there.
    measured : number, sequence of numbers, or bool
        What the code gave.
    expected : like measured
        What it should be; omitted for a bool, which should be True.
    rel, abs : float, default 0
        Tolerances, relative to the expected value and absolute; the larger one
        counts.  Without either the values must be equal.
    at_least, at_most : number
        Bounds to hold in place of an expected value: either one, or both.
    source : str
        Where the expected value comes from: "derived", a paper's equation, or
        "measured here".

    Returns
    -------
    None
        In a notebook the claim is displayed, elsewhere it is printed.  What is
        shown has no digit of the measured value in it, so that it is the same on
        every processor; the value itself goes into the output's metadata.

    Raises
    ------
    ClaimError
        If it does not hold; the message has the measured and the expected value.  After
        `claims_about` something else than what is at hand, the difference is shown instead.
    ValueError
        If there is nothing to hold (no expected value and no bound for a number), or a
        tolerance beside bounds.

    Examples
    --------
    >>> claim("The diagonal of a unit square is {:.3f} long", 2**0.5, 1.41421, rel=1e-5,
    ...       source="derived")
    ✓ The diagonal of a unit square is 1.414 long [within 0.001 %; derived]
    >>> claim("A hundred tosses gave at most {} heads", 48, at_most=60)
    ✓ A hundred tosses gave at most 60 heads [at most 60; measured here]
    >>> claim("Two and two are {}", 2 + 2, 5)
    Traceback (most recent call last):
    adam_course.claims.ClaimError: Two and two are 5: measured 4, expected 5 (exactly)
    """
    values = np.asarray(measured)
    if at_least is not None or at_most is not None:
        if expected is not None:
            raise ValueError("a claim has an expected value or bounds, not both")
        if rel or abs:
            raise ValueError(f"rel and abs need an expected value, got rel={rel!r}, abs={abs!r}")
        _check_tolerance(at_least=at_least, at_most=at_most)
        lower = -np.inf if at_least is None else at_least
        upper = np.inf if at_most is None else at_most
        bounds = [bound for bound in (at_least, at_most) if bound is not None]
        tolerance = " and ".join(
            f"{words} {bound:g}"
            for words, bound in (("at least", at_least), ("at most", at_most))
            if bound is not None
        )
        holds = bool(((values >= lower) & (values <= upper)).all()) and values.size > 0
        expected = tuple(bounds) if len(bounds) > 1 else bounds[0]
    else:
        if expected is None:
            if values.dtype.kind != "b" or values.ndim:
                raise ValueError(
                    f"a claim about {measured!r} needs an expected value, at_least or at_most"
                )
            expected = True
        _check_tolerance(rel=rel, abs=abs)
        target = np.asarray(expected)
        tolerance = _tolerance(rel, abs)
        same_shape = values.shape == target.shape and values.size > 0
        holds = same_shape and _close(values, target, rel, abs)
        bounds = [] if expected is True else _fields(expected)
    text = sentence.format(*bounds)
    if not holds and _elsewhere is not None:
        _show(Contrast(text, _rounded(measured), _elsewhere))
        return
    if not holds:
        raise ClaimError(
            f"{text}: measured {_plain(measured)}, expected {_plain(expected)} ({tolerance})"
        )
    _show(Claim(text, _rounded(measured), _rounded(expected), tolerance, source))


def claims_of(notebook):
    """The claims that a notebook stores, in its order.

    Parameters
    ----------
    notebook : dict
        A notebook as its file has it (nbformat 4).

    Returns
    -------
    list of dict
        For each the fields of `Claim`: sentence, measured, expected, tolerance, source.

    Examples
    --------
    >>> held = {"claim": {"sentence": "It is so", "measured": True}}
    >>> output = {"output_type": "display_data", "metadata": {"adam_course": held}}
    >>> claims_of({"cells": [{"cell_type": "code", "outputs": [output]}]})[0]["sentence"]
    'It is so'
    """
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    found = [output.get("metadata", {}).get("adam_course", {}).get("claim") for output in outputs]
    return [claim for claim in found if claim]


def _close(values, target, rel, abs):
    numbers = values.dtype.kind in "biuf" and target.dtype.kind in "biuf"
    if not numbers or not (rel or abs):
        return values.tolist() == target.tolist()  # as Python does: whole numbers exactly
    values, target = values.astype(float), target.astype(float)
    with np.errstate(invalid="ignore"):
        near = np.abs(values - target) <= np.maximum(abs, rel * np.abs(target))
    return bool((near & np.isfinite(target) | (values == target)).all())


def _check_tolerance(**numbers):
    for name, value in numbers.items():
        if value is not None and not np.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value!r}")
        if name in ("rel", "abs") and value < 0:
            raise ValueError(f"{name} must be at least 0, got {value!r}")


def _tolerance(rel, abs):
    parts = [f"within {100 * rel:g} %"] if rel else []
    parts += [f"± {abs:g}"] if abs else []
    return " or ".join(parts) or "exactly"


def _plain(value):
    """A value as Python would write it, without NumPy's type names."""
    return np.asarray(value).tolist()


def _fields(expected):
    """The expected numbers one by one, whole numbers staying whole beside floats."""
    if isinstance(expected, list | tuple):
        return [number for part in expected for number in _fields(part)]
    return np.ravel(expected).tolist()


def _rounded(value):
    """For the metadata: six digits, and in words what JSON has no number for."""
    value = _plain(value)
    if isinstance(value, list):
        return [_rounded(number) for number in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value


def _line(kind, mark, meaning, sentence, basis):
    """A claim as a page shows it."""
    sentence, basis = html.escape(sentence, quote=False), html.escape(basis, quote=False)
    return (
        f'<div class="{kind}"><span class="claim-mark" role="img" aria-label="{meaning}">{mark}'
        f'</span> {sentence} <small class="claim-basis">{basis}</small></div>'
    )


def _show(line):
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(line)
        return
    from IPython.display import display

    data = {"text/plain": str(line), "text/html": line._repr_html_()}
    # Only a claim that holds is one for `claims_of`.
    kind = "claim" if isinstance(line, Claim) else "contrast"
    display(data, raw=True, metadata={"adam_course": {kind: asdict(line)}})
