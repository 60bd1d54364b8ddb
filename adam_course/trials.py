"""Running the trials of a search: here, or on somebody's executor.

A trial that fails says why and does not stop the others, and an interrupt keeps what is done.
"""

import math
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    as_completed,
)
from dataclasses import dataclass, replace

import numpy as np

from adam_course.descent import minimize

# Trials that are computed in one array.  The same for every executor, so that the table is.
CHUNK = 25


@dataclass(frozen=True, eq=False)
class Task:
    """What every trial has in common; it can travel to other processes and machines."""

    objective: object
    gradient: object
    rule: type
    starts: np.ndarray  # the tuning starts, then the others
    tuning: int
    steps: int
    summary: object

    def run(self, settings):
        """The trials for these settings, in one array; one by one if that fails."""
        try:
            losses, diverged = self._losses(settings)
            return [self._trial(*one) for one in zip(settings, losses, diverged)]
        except Exception as error:
            if len(settings) > 1:
                return [trial for one in settings for trial in self.run([one])]
            return [settings[0] | _failure(error)]

    def _trial(self, setting, losses, diverged):
        with np.errstate(all="ignore"):  # infinite losses are for `summary` to make sense of
            score = float(self.summary(losses[: self.tuning]))
            held_out = float(self.summary(losses[self.tuning :]))
        status = "ok"
        if diverged.any():
            status = f"diverged from {diverged.sum()} of {len(diverged)} starts"
        elif math.isnan(score) or math.isnan(held_out):
            status = "summary gave nan"
        return setting | {"score": score, "held_out": held_out, "status": status}

    def _losses(self, settings):
        """The last losses (settings, starts), and which of the runs diverged."""
        names = [name for name in self.rule().hyperparameters if name in settings[0]]
        arrays = {n: np.array([one[n] for one in settings])[:, None, None] for n in names}
        objective, gradient = _Watched(self.objective), _Watched(self.gradient)
        path = minimize(
            objective,
            self.rule(**arrays),
            np.broadcast_to(self.starts, (len(settings), *self.starts.shape)),
            self.steps,
            gradient=gradient,
            record=self.steps,
        )
        if path.stopped and path.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
        if (objective.overflowed or gradient.overflowed) and path.loss[-1].size > 1:
            # Python's floats raise for all runs of an array where one is too large.
            if len(settings) > 1:
                parts = [self._losses([one]) for one in settings]
                return tuple(np.concatenate(part) for part in zip(*parts))
            parts = [replace(self, starts=start[None])._losses(settings) for start in self.starts]
            return tuple(np.concatenate(part, axis=1) for part in zip(*parts))
        return path.loss[-1], path.diverged_at >= 0


class _Watched:
    """A function that remembers whether Python's floats overflowed in it."""

    def __init__(self, function):
        self.function, self.overflowed = function, False
        if at_step := getattr(function, "at_step", None):
            self.at_step = lambda x, t: self._call(at_step, x, t)

    def __call__(self, x):
        return self._call(self.function, x)

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except OverflowError:
            self.overflowed = True
            raise


def _failure(error):
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return {"score": math.nan, "held_out": math.nan, "status": words}


def run_here(task, chunks, advance):
    """The trials one chunk after the other, as far as they come."""
    trials = []
    try:
        for chunk in chunks:
            trials += task.run(chunk)
            advance(len(chunk))
    except KeyboardInterrupt:
        pass  # `tune` sees that some are missing
    return trials


def run_elsewhere(task, chunks, advance, executor):
    """The trials by an executor, in their order, as far as they come."""
    futures = {}
    try:
        for chunk in chunks:
            futures[_submitted(task, chunk, executor)] = chunk
        for future in as_completed(futures):
            advance(len(futures[future]))
    except KeyboardInterrupt:
        _cancel(futures)
    except Exception:  # what cannot be sent at all: for the caller to see
        _cancel(futures)
        raise
    trials = []
    for future, chunk in futures.items():
        if not future.done():
            continue
        try:
            trials += future.result()
        except (CancelledError, KeyboardInterrupt):
            continue
        except Exception as error:  # the worker itself failed: lost, or could not be reached
            trials += [one | _failure(error) for one in chunk]
    return trials


def _submitted(task, chunk, executor):
    try:
        if isinstance(executor, ThreadPoolExecutor):
            return executor.submit(task.run, chunk)
        # What a reader defines in a notebook has no module that another process could load.
        import cloudpickle

        return executor.submit(_run_pickled, cloudpickle.dumps((task, chunk)))
    except BrokenExecutor as error:  # a worker was lost while others are still handed out
        lost = Future()
        lost.set_exception(error)
        return lost


def _cancel(futures):
    for future in futures:
        future.cancel()


def _run_pickled(pickled):
    import cloudpickle

    task, chunk = cloudpickle.loads(pickled)
    return task.run(chunk)
