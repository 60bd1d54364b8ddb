"""The Quiz: a question, choices, and for each wrong one what is wrong with it."""

from typing import ClassVar

import traitlets

from adam_course.widgets.assets import module, style
from adam_course.widgets.live import Live, described


class Quiz(Live):
    """A question with several choices, answered on the page, with a kernel or without.

    Whoever answers sees what is right or wrong about the choice.  The page keeps the score
    on the reader's own machine, and nowhere else.

    Parameters
    ----------
    question : str
    choices : list of (text, why), or dicts with text, right and why
        The first pair is the right one; dicts say themselves, by `right`.  They are
        shown in an order made from the question.  Every `why` is a sentence.

    Raises
    ------
    ValueError
        Naming the argument: fewer than two choices, none or several right, two alike, one
        without its why.

    Examples
    --------
    >>> Quiz(
    ...     question="How long is Adam's first step for a gradient of 1000?",
    ...     choices=[
    ...         ("one learning rate", "m̂ is g and √v̂ is |g|: their ratio is 1."),
    ...         ("1000 learning rates", "That is gradient descent."),
    ...     ],
    ... )
    Quiz("How long is Adam's first step for a gradient of 1000?", 2 choices)
    """

    KIND: ClassVar[str] = "quiz"
    _esm = module(KIND)
    _css = style()

    question = described(traitlets.Unicode())
    choices = described(traitlets.List(traitlets.Dict()))

    def __init__(self, question, choices):
        if not isinstance(question, str) or not question.strip():
            raise ValueError(f"question must be a sentence, got {question!r}")
        choices = _choices(choices)
        # The same for every reader, and not the right one first.
        turn = sum(map(ord, question)) % len(choices)
        super().__init__(question=question, choices=choices[turn:] + choices[:turn])

    def fallback(self):
        offered = " ".join(f"({'abcdef'[k]}) {c['text']}" for k, c in enumerate(self.choices))
        return f"{self.question} {offered} (It needs JavaScript, or a kernel, to be answered.)"

    def __repr__(self):
        return f"Quiz({self.question!r}, {len(self.choices)} choices)"


def _choices(choices):
    if not isinstance(choices, list | tuple) or not 2 <= len(choices) <= 6:
        raise ValueError(f"choices must be a list of 2 to 6, got {choices!r}")
    made = []
    for number, choice in enumerate(choices):
        if isinstance(choice, tuple | list) and len(choice) == 2:
            choice = {"text": choice[0], "right": number == 0, "why": choice[1]}
        if not isinstance(choice, dict) or choice.keys() != {"text", "right", "why"}:
            raise ValueError(
                f"choices must be (text, why) or have text, right, why; got {choice!r}"
            )
        for part in ("text", "why"):
            if not isinstance(choice[part], str) or not choice[part].strip():
                raise ValueError(f"choices must have words as their {part}, got {choice!r}")
        made.append(dict(choice))
    if sum(bool(choice["right"]) for choice in made) != 1:
        raise ValueError(f"choices must have exactly one that is right, got {choices!r}")
    if len({choice["text"] for choice in made}) != len(made):
        raise ValueError(f"choices must differ, got {choices!r}")
    return made
