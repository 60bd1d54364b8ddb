"""What a fused step needs besides its arrays: a few numbers, the same for every parameter.

The bias corrections of m and v are numbers too.  Taken out of the loop they become one
factor and one epsilon, and each parameter is spared two divisions:

    α m̂ / (√v̂ + ε)  =  step · m / (√v + ε'),
    step = α √(1 − β₂^t) / (1 − β₁^t),   ε' = ε √(1 − β₂^t).

The moments do not notice, they are bitwise those of the pure rule; x differs from it by
rounding alone.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from adam_course.optimizers import OPTIMIZERS


class Form(NamedTuple):
    """What the fused form of a rule works on.

    `arrays` are the state's fields in the shape of x; `coefficients(rule, t, mu_product)`
    gives the numbers of step t.
    """

    arrays: tuple
    coefficients: Callable


def form_of(rule):
    """The fused form of a rule's instance.

    Raises
    ------
    ValueError
        If it is none of the package's rules, or has arrays among its hyperparameters.
    """
    name = type(rule).__name__
    if OPTIMIZERS.get(name) is not type(rule):
        raise ValueError(
            f"optimizer must be one of the package's rules ({', '.join(OPTIMIZERS)}), got {rule!r}"
        )
    for hyperparameter, value in rule.hyperparameters.items():
        if getattr(value, "ndim", 0):
            raise ValueError(
                f"{hyperparameter} must be a number for a fused step, got an array of shape "
                f"{value.shape}; `sweep` runs many settings side by side"
            )
    return FORMS[name]


def _gradient_descent(rule, t, mu_product):
    return (rule.learning_rate,)


def _momentum(rule, t, mu_product):
    return rule.learning_rate, rule.momentum


def _adagrad(rule, t, mu_product):
    return rule.learning_rate, rule.epsilon


def _rmsprop(rule, t, mu_product):
    return rule.beta2, 1 - rule.beta2, rule.learning_rate, rule.epsilon


def _moments(rule):
    return rule.beta1, 1 - rule.beta1, rule.beta2, 1 - rule.beta2


def _adam(rule, t, mu_product):
    unbias = math.sqrt(1 - rule.beta2**t)
    step = rule.learning_rate * unbias / (1 - rule.beta1**t)
    return *_moments(rule), step, rule.epsilon * unbias


def _adamw(rule, t, mu_product):
    return *_adam(rule, t, mu_product), 1 - rule.learning_rate * rule.weight_decay


def _nadam(rule, t, mu_product):
    mu, mu_next = rule.mu(t), rule.mu(t + 1)
    unbias = math.sqrt(1 - rule.beta2**t)
    step = rule.learning_rate * unbias
    of_gradient = step * (1 - mu) / (1 - mu_product)
    of_mean = step * mu_next / (1 - mu_product * mu_next)
    return *_moments(rule), of_gradient, of_mean, rule.epsilon * unbias


def _radam(rule, t, mu_product):
    r = rule.rectification(t)
    step = rule.learning_rate / (1 - rule.beta1**t)
    if r == 0:  # α m̂: nothing to divide by
        return *_moments(rule), step, 0.0, 1.0
    return *_moments(rule), step * r * math.sqrt(1 - rule.beta2**t), 1.0, rule.epsilon


def _adamax(rule, t, mu_product):
    step = rule.learning_rate / (1 - rule.beta1**t)
    return rule.beta1, 1 - rule.beta1, rule.beta2, rule.epsilon, step


FORMS = {
    "GradientDescent": Form((), _gradient_descent),
    "SignDescent": Form((), _gradient_descent),
    "Momentum": Form(("m",), _momentum),
    "Nesterov": Form(("m",), _momentum),
    "AdaGrad": Form(("v",), _adagrad),
    "RMSProp": Form(("v",), _rmsprop),
    "Adam": Form(("m", "v"), _adam),
    "AdamW": Form(("m", "v"), _adamw),
    "AMSGrad": Form(("m", "v", "v_max"), _adam),
    "NAdam": Form(("m", "v"), _nadam),
    "RAdam": Form(("m", "v"), _radam),
    "AdaMax": Form(("m", "u"), _adamax),
}
