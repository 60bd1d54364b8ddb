"""The wrong Adams of the bug zoo as known mistakes of an exercise.

An exercise in which an Adam is written knows every one of them: `zoo_mistakes` makes
them from the zoo, given how the exercise calls an answer.
"""

from adam_course.exercises.checking import Mistake
from adam_course.zoo import WRONG_ADAMS

# What to tell whoever wrote it: what is wrong, and where to look.
HINTS = {
    "NoCorrection": "The moments are not corrected for their start at zero: the first steps are "
    "about three times too long.",
    "OnlyFirstCorrected": "m is corrected and v is not: look at what your first step is "
    "divided by.",
    "OnlySecondCorrected": "v is corrected and m is not: your first step is a tenth of a rate.",
    "FrozenTime": "t does not advance: the correction of the first step is used at every step.",
    "LateTime": "t is one too large: at the first step it is 1, not 2.",
    "EarlyTime": "t is one too small from the second step on: advance it before the correction.",
    "LinearCorrection": "You have β times t where β to the power t belongs.",
    "MultipliedCorrection": "You multiply by 1 − βᵗ. The moments start too small: divide.",
    "CorrectionInPlace": "You corrected m and v in place: the second step corrects them again. "
    "Keep what is stored uncorrected.",
    "EpsilonInsideRoot": "Your ε is under the root, where 1e-8 acts as 1e-4.",
    "EpsilonHat": "Your ε stands beside the uncorrected root. That is the paper's other form, "
    "TensorFlow's; Algorithm 1 adds it to the corrected one.",
    "EpsilonOnParameter": "A pair of brackets is missing: your ε is added to the parameter, not "
    "to the root.",
    "NoEpsilon": "There is no ε: where all gradients were zero your step is 0/0.",
    "BetasSwapped": "Your β₁ and β₂ have changed places.",
    "SumForm": "Your m is a sum, without the factor 1 − β₁: it is ten times too large.",
    "GradientTwice": "The gradient goes into m twice in each step.",
    "MeanOfAbsolutes": "Your v is a mean of |g|, of which the root is taken: it needs g².",
    "Variance": "Your v is a mean of (g − m)², the variance. Adam's is a mean of g².",
    "StaleSecondMoment": "Your step divides by v as it was before this gradient: update it first.",
    "StaleFirstMoment": "Your step follows m as it was before this gradient: update it first.",
    "NormOfAll": "You have one v for all coordinates. Each has its own.",
    "NoRoot": "You divide by v̂ itself: the root is missing.",
    "Ascent": "The sign is wrong: your step goes uphill.",
    "HiddenSchedule": "Your learning rate falls with √t. Nobody asked for a schedule.",
}


def zoo_mistakes(answer_from):
    """Every wrong Adam as a known mistake.

    Parameters
    ----------
    answer_from : function of a rule (a class such as `Adam`) to an answer
        The answer that somebody would give whose Adam is that rule.

    Returns
    -------
    tuple of Mistake
    """
    return tuple(
        Mistake(name, answer_from(rule), HINTS[name]) for name, rule in WRONG_ADAMS.items()
    )
