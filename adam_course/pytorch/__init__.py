"""The course's optimizers, its networks and its training loop, for PyTorch.

Unlike the rest of the package this loads torch.
"""

from adam_course.pytorch import optim
from adam_course.pytorch.evaluation import (
    Evaluation,
    classification_loss,
    confusion_matrix,
    evaluate,
)
from adam_course.pytorch.models import CNN, RNN
from adam_course.pytorch.optim import RuleOptimizer, from_rule
from adam_course.pytorch.training import History, train

__all__ = [
    "CNN",
    "RNN",
    "Evaluation",
    "History",
    "RuleOptimizer",
    "classification_loss",
    "confusion_matrix",
    "evaluate",
    "from_rule",
    "optim",
    "train",
]
