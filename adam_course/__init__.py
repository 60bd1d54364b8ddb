"""A course on the Adam optimizer in which every claim is a test.

Importing it loads NumPy and nothing heavier; what draws is loaded on first use.
"""

from importlib import import_module

from adam_course.averages import debias, ema, half_life
from adam_course.claims import ClaimError, claim, claims_about
from adam_course.datasets import Images, Texts, digits, imdb, mnist, reviews
from adam_course.descent import Trajectory, minimize, replay, steps_below
from adam_course.from_scratch import AdamFromScratch
from adam_course.landscapes import (
    LANDSCAPES,
    Landscape,
    beale,
    bowl,
    himmelblau,
    quadratic,
    rosenbrock,
    saddle,
    styblinski_tang,
)
from adam_course.network import NeuralNetwork, Training, gradient_check
from adam_course.noise import NoisyGradient
from adam_course.optimizer import Optimizer
from adam_course.optimizers import (
    OPTIMIZERS,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    GradientDescent,
    Momentum,
    NAdam,
    Nesterov,
    RAdam,
    RMSProp,
    SignDescent,
)
from adam_course.races import Race, race
from adam_course.sparse import SparseLogistic, SparseQuadratic
from adam_course.tuning import AdamTuner, Sweep, Tuning, sweep

__version__ = "0.5.0"

# Names that need more than NumPy, and the module each is loaded from on first use.
_LAZY = {
    "CNN": "pytorch",
    "Fused": "fused",
    "RNN": "pytorch",
    "animate": "plotting",
    "label_line": "plotting",
    "plot_contour": "plotting",
    "plot_loss": "plotting",
    "plot_surface": "plotting",
    "plot_sweep": "plotting",
    "plot_trajectory": "plotting",
    "plot_tuning": "plotting",
    "style_of": "plotting",
    "use_style": "plotting",
}

__all__ = [
    "LANDSCAPES",
    "OPTIMIZERS",
    "AMSGrad",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "AdamFromScratch",
    "AdamTuner",
    "AdamW",
    "ClaimError",
    "GradientDescent",
    "Images",
    "Landscape",
    "Momentum",
    "NAdam",
    "Nesterov",
    "NeuralNetwork",
    "NoisyGradient",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "Race",
    "SignDescent",
    "SparseLogistic",
    "SparseQuadratic",
    "Sweep",
    "Texts",
    "Training",
    "Trajectory",
    "Tuning",
    "beale",
    "bowl",
    "claim",
    "claims_about",
    "debias",
    "digits",
    "ema",
    "gradient_check",
    "half_life",
    "himmelblau",
    "imdb",
    "minimize",
    "mnist",
    "quadratic",
    "race",
    "replay",
    "reviews",
    "rosenbrock",
    "saddle",
    "steps_below",
    "styblinski_tang",
    "sweep",
    *_LAZY,
]


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(f"adam_course.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'adam_course' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
