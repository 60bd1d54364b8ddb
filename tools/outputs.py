"""Whether two sets of outputs of a cell say the same.

Text is compared by nbval, exactly.  Here is the rest: pictures, by what they show, and
the claims that stand in the metadata of an output, where nbval does not look.
"""

import base64
import math

from adam_course.claims import claims_of
from tools.figures import materially_equal

# By how much a claim's measured value may differ from the stored one.  Its own tolerance
# is checked where it is measured; a chaotic run may differ in its digits elsewhere.
MEASURED = 0.01
ROUNDING = 1e-6  # below this a measured value may be rounding alone


def pictures(outputs):
    """The PNGs among the outputs of a cell, as bytes."""
    found = [output.get("data", {}).get("image/png") for output in outputs]
    return [base64.b64decode("".join(png)) for png in found if png]


def claims(outputs):
    """The claims in the metadata of a cell's outputs."""
    return claims_of({"cells": [{"outputs": outputs}]})


def picture_difference(stored, computed):
    """What differs between the pictures of two sets of outputs, in words; empty if nothing."""
    one, other = pictures(stored), pictures(computed)
    if len(one) != len(other):
        return f"{len(one)} pictures stored, {len(other)} computed"
    for number, pair in enumerate(zip(one, other), start=1):
        same, words = materially_equal(*pair)
        if not same:
            return f"picture {number} of the cell differs: {words}"
    return ""


def claim_difference(stored, computed):
    """What differs between the claims of two sets of outputs, in words; empty if nothing."""
    one, other = claims(stored), claims(computed)
    if len(one) != len(other):
        return f"{len(one)} claims stored, {len(other)} computed"
    for a, b in zip(one, other):
        for key in ("sentence", "expected", "tolerance", "source"):
            if a.get(key) != b.get(key):
                return f"claim {a.get('sentence')!r}: {key} {a.get(key)!r}, computed {b.get(key)!r}"
        # A claim that states bounds leaves open where between them a run ends.
        bounded = a["tolerance"].startswith(("at least", "at most"))
        if not bounded and not _near(a.get("measured"), b.get("measured")):
            return (
                f"claim {a['sentence']!r}: measured {a.get('measured')!r}, "
                f"computed {b['measured']!r}"
            )
    return ""


def _near(stored, computed):
    """Equal within `MEASURED`; words and truths exactly."""
    one, other = _flat(stored), _flat(computed)
    return len(one) == len(other) and all(
        math.isclose(x, y, rel_tol=MEASURED, abs_tol=ROUNDING)
        if _number(x) and _number(y)
        else x == y
        for x, y in zip(one, other)
    )


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(value):
    if isinstance(value, list | tuple):
        return [number for part in value for number in _flat(part)]
    return [value]
