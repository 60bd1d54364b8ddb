"""How good a classifier is: its loss, its accuracy, and what it takes for what.

Data are pairs (inputs, labels) of arrays or tensors; a model that takes several inputs has
a tuple of them, as in ((tokens, lengths), labels).
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from adam_course.checks import check_whole

# Examples that are evaluated at once: a matter of memory alone.
BATCH = 500

# The types of arrays that become tensors as they are; others are converted first.
TORCH_KNOWS = (np.float16, np.float32, np.float64, np.uint8, np.int32, np.int64, np.bool_)


def classification_loss(logits, labels):
    """The mean cross-entropy of logits: of several for each example, or of a single one.

        (n, classes):   mean of −ln softmax(z)_y
        (n,), (n, 1):   mean of −ln σ(z) where y = 1, −ln(1 − σ(z)) where y = 0

    Parameters
    ----------
    logits : tensor (n, classes), (n,) or (n, 1)
    labels : tensor (n,)
        The number of each example's class.

    Returns
    -------
    tensor ()
        In nats, computed from the logits directly, so that nothing overflows.

    Raises
    ------
    ValueError
        For logits of another shape, or labels that are none of the classes.

    Examples
    --------
    Whoever knows nothing pays the logarithm of the number of classes:

    >>> loss = classification_loss(torch.zeros(4, 10), torch.tensor([3, 1, 4, 1]))
    >>> round(math.exp(loss), 3)
    10.0
    """
    check_labels(logits, labels)
    if _is_single(logits):
        logits = logits.flatten()
        return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return functional.cross_entropy(logits, labels)


def check_labels(logits, labels):
    """Refuse labels that are none of the classes that there are logits for."""
    if _is_single(logits):
        if not ((labels == 0) | (labels == 1)).all():
            raise ValueError(f"labels must be 0 or 1 for a single logit, got {_odd(labels, 2)}")
        return
    if logits.ndim != 2:
        raise ValueError(
            f"the model must return logits (n, classes), (n,) or (n, 1), got {tuple(logits.shape)}"
        )
    if labels.is_floating_point():
        raise ValueError(
            "labels must be whole numbers, one for each class, unless a loss is given for "
            f"others; got {labels.dtype}"
        )
    classes = logits.shape[1]
    if not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(f"labels must be in [0, {classes}), got {_odd(labels, classes)}")


def _is_single(logits):
    return logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1)


def _odd(labels, classes):
    """The first label that is no class."""
    return next(y for y in labels.tolist() if y not in range(classes))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model makes of some data.

    Attributes
    ----------
    loss : float
        The mean over the examples.
    accuracy : float
        The share that is classified right; NaN where the labels are no classes.
    predictions : array (n,) of int
        The class of the largest logit, or whether a single one is positive; where the
        labels are no classes, the outputs themselves.
    logits : array (n, classes) or (n,)
    labels : array (n,)

    Derived: `confusion`.
    """

    loss: float
    accuracy: float
    predictions: np.ndarray = field(repr=False)
    logits: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)

    @property
    def confusion(self):
        """How often class i (row) was taken for class j (column): array (classes, classes)."""
        single = self.logits.ndim == 1
        return confusion_matrix(self.labels, self.predictions, 2 if single else len(self.logits.T))


def confusion_matrix(labels, predictions, classes=None):
    """How often class i (row) was taken for class j (column).

    Parameters
    ----------
    labels, predictions : array (n,) of int
    classes : int
        Default: one more than the largest that is there.

    Returns
    -------
    array (classes, classes) of int

    Raises
    ------
    ValueError
        For lengths that differ, and what is no class.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])
    array([[1, 1],
           [1, 2]])
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(
            f"labels and predictions must be of one shape (n,), got {labels.shape} and "
            f"{predictions.shape}"
        )
    if classes is None:
        classes = int(max(labels.max(initial=-1), predictions.max(initial=-1))) + 1
    for name, values in (("labels", labels), ("predictions", predictions)):
        wrong = ~np.isin(values, np.arange(classes))
        if wrong.any():
            raise ValueError(f"{name} must be in [0, {classes}), got {values[wrong][0]}")
    pairs = labels.astype(int) * classes + predictions.astype(int)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def evaluate(model, data, *, loss=None, batch_size=BATCH):
    """A model's loss, accuracy and predictions on some data.

    Parameters
    ----------
    model : torch.nn.Module
        Returns logits.  It is put into evaluation mode, and back.
    data : (inputs, labels)
        Arrays or tensors; where the model takes several inputs, a tuple of them.
    loss : function of (logits, labels) to a mean over the examples
        Default: `classification_loss`.
    batch_size : int, default 500

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        Naming the argument: data of another form, of different lengths or without examples.

    Examples
    --------
    >>> from adam_course.pytorch import CNN
    >>> images, labels = np.zeros((6, 28, 28)), np.array([0, 1, 2, 3, 4, 5])
    >>> found = evaluate(CNN(seed=0), (images, labels))
    >>> found.confusion.sum(axis=1)
    array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    examples = Examples.of("data", data, model)
    loss = classification_loss if loss is None else loss
    if not callable(loss):
        raise ValueError(f"loss must be a function of (logits, labels), got {loss!r}")
    check_whole("batch_size", batch_size, 1)
    total, outputs = 0.0, []
    with evaluating(model), torch.no_grad():
        for chosen in torch.arange(len(examples)).split(batch_size):
            inputs, labels = examples.batch(chosen)
            logits = model(*inputs)
            total += float(loss(logits, labels)) * len(chosen)
            outputs.append(logits.cpu())
    logits = torch.cat(outputs)
    labels = examples.labels.cpu().numpy()
    if _is_single(logits):
        logits = logits.flatten()
    logits = logits.float().numpy() if logits.dtype == torch.bfloat16 else logits.numpy()
    if not (labels.dtype.kind in "iu" or np.isin(labels, (0, 1)).all()):
        return Evaluation(total / len(examples), math.nan, logits, logits, labels)
    predictions = (logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)
    accuracy = float((predictions == labels).mean())
    return Evaluation(total / len(examples), accuracy, predictions, logits, labels)


@contextmanager
def evaluating(model):
    """Evaluation mode within a block; then each module is back in the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@dataclass(frozen=True, eq=False)
class Examples:
    """Data as tensors: inputs of the model's type, labels, and the device they are to go to."""

    inputs: tuple
    labels: torch.Tensor
    device: torch.device

    @classmethod
    def of(cls, name, data, model):
        """The examples in `data`, which is called `name`, for a model."""
        if not isinstance(data, tuple | list) or len(data) != 2:
            got = f"{len(data)} parts" if isinstance(data, tuple | list) else type(data).__name__
            raise ValueError(f"{name} must be a pair (inputs, labels), got {got}")
        inputs, labels = data
        first = next((p for p in model.parameters() if p.is_floating_point()), None)
        if first is None:
            raise ValueError("model must have parameters, got one without any")
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        tensors = tuple(_tensor(f"{name}'s inputs", part, first.dtype) for part in inputs)
        labels = _tensor(f"{name}'s labels", labels, first.dtype)
        labels = labels if labels.is_floating_point() else labels.long()
        counts = [len(part) if part.ndim else 0 for part in (*tensors, labels)]
        if len(set(counts)) != 1 or not counts[0]:
            raise ValueError(
                f"{name} must have as many inputs as labels, and at least one, got "
                f"{' and '.join(map(str, counts))}"
            )
        return cls(tensors, labels, first.device)

    def __len__(self):
        return len(self.labels)

    def batch(self, chosen):
        """The inputs, a tuple, and the labels of the examples with some numbers."""
        return (
            tuple(part[chosen].to(self.device) for part in self.inputs),
            self.labels[chosen].to(self.device),
        )


def _tensor(name, value, dtype):
    """An array or tensor as a tensor; floats in the model's type, whole numbers as they are."""
    if not isinstance(value, torch.Tensor):
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            raise ValueError(f"{name} must be an array, got a ragged list") from None
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} must be numbers, got {array.dtype}")
        if array.dtype not in TORCH_KNOWS:
            array = array.astype(float if array.dtype.kind == "f" else np.int64)
        # torch wants memory that it may write to, in its order.
        array = np.require(array, requirements=["C", "W"])
        value = torch.from_numpy(array)
    value = value.detach()
    return value.to(dtype) if value.is_floating_point() else value
