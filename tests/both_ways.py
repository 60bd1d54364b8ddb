"""The two engines of `sweep`, held against each other."""

import numpy as np

from adam_course import sweep
from adam_course.fused import sweeps


def watched(monkeypatch):
    """A list of what the compiled engine returns from now on, each time that it is called."""
    returned, final_losses = [], sweeps.final_losses

    def told(*arguments, **options):
        returned.append(final_losses(*arguments, **options))
        return returned[-1]

    monkeypatch.setattr(sweeps, "final_losses", told)
    return returned


def same(one, other):
    """Assert that two sweeps are equal, to the last bit."""
    assert one.loss.shape == other.loss.shape
    assert one.loss.dtype == other.loss.dtype == np.float64
    assert one.loss.tobytes() == np.ascontiguousarray(other.loss).tobytes()
    assert (one.rule, one.steps, one.stopped) == (other.rule, other.steps, other.stopped)
    assert list(one.axes) == list(other.axes)


def hold(landscape, rule, start=None, steps=57, **axes):
    """Sweep both ways; the number of combinations that came through."""
    fused = sweep(landscape, rule, start, steps, engine="fused", **axes)
    array = sweep(landscape, rule, start, steps, engine="array", **axes)
    same(fused, array)
    return np.isfinite(array.loss).sum()


def starts_on(surface, name, count):
    """Points near where one would begin; the dimension may be in the name."""
    d = int(name.split(" in ")[1]) if " in " in name else surface.d or 2
    begin = np.resize(surface.start, d)
    return begin + np.random.default_rng(d).uniform(-0.5, 0.5, (count, d))
