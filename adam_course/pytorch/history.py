"""The record of a training run."""

import math
from dataclasses import dataclass

import numpy as np

# What is recorded of each step, and of each epoch.
STEPS = ("loss", "gradient_norm", "learning_rate")
EPOCHS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What happened in a training run.

    Attributes
    ----------
    loss, gradient_norm, learning_rate : array (steps,)
        For each step: the loss of its batch before it, the length of the whole gradient
        before any clipping, the learning rate of the first group.
    train_loss, train_accuracy, test_loss, test_accuracy : array (epochs,)
        After each epoch, over all examples; NaN where it was not evaluated.
    seconds : array (epochs,)
        What each epoch took.  Not compared: two runs are equal if everything else is.
    stopped : str or None
        Why it ended before its time.

    Derived: `steps`, `epochs`, `table`.
    """

    loss: np.ndarray
    gradient_norm: np.ndarray
    learning_rate: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    test_loss: np.ndarray
    test_accuracy: np.ndarray
    seconds: np.ndarray
    stopped: str | None = None

    @property
    def steps(self):
        """How many steps were taken."""
        return len(self.loss)

    @property
    def epochs(self):
        """How many epochs were finished."""
        return len(self.train_loss)

    @property
    def table(self):
        """A row for each epoch, as a pandas DataFrame, of what was evaluated."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in EPOCHS if name != "seconds"}
        columns = {name: part for name, part in columns.items() if not np.isnan(part).all()}
        epochs = pd.RangeIndex(1, self.epochs + 1, name="epoch")
        return pd.DataFrame(columns, index=epochs)

    def __eq__(self, other):
        if not isinstance(other, History):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True)
            for name in (*STEPS, *EPOCHS)
            if name != "seconds"
        ) and (self.stopped == other.stopped)

    __hash__ = None

    def __repr__(self):
        counts = ((self.epochs, "epoch"), (self.steps, "step"))
        text = ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts)
        text = f"<History: {text}"
        for name in ("train", "test"):
            losses, shares = getattr(self, f"{name}_loss"), getattr(self, f"{name}_accuracy")
            if self.epochs and not math.isnan(losses[-1]):
                text += f"; {name} loss {losses[-1]:.3g}"
                text += "" if math.isnan(shares[-1]) else f", accuracy {shares[-1]:.3f}"
        return text + (f"; {self.stopped}>" if self.stopped else ">")
