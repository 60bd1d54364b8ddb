"""The Microscope: one Adam step taken apart."""

from typing import ClassVar

import traitlets

from adam_course.descent import replay
from adam_course.optimizers import Adam
from adam_course.widgets.assets import module, style
from adam_course.widgets.live import Live, Number, Numbers, described


class Microscope(Live):
    """A sequence of gradients, and all that Adam makes of one of them.

    Every quantity of the step (g, m, v, m̂, v̂, the step itself and the largest it could
    be) is shown as a number, with its formula filled in, and as a bar.

    Parameters
    ----------
    gradients : list of float, 1 to 200 of them
        Default: ten times 1.
    learning_rate, beta1, beta2, epsilon : float
        Adam's; defaults 1 (so that a step is measured in learning rates), 0.9, 0.999, 1e-8.
    step : int, at least 1
        The step under the lens; default 1.
    caption : str
        A sentence under it that says what to try.

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> microscope = Microscope(gradients=[1.0, 1.0, -1.0], step=3)
    >>> microscope
    Microscope(gradients=[1.0, 1.0, -1.0], step=3)
    >>> microscope.path().step.round(4)
    array([-1.   , -1.   , -0.262])
    """

    KIND: ClassVar[str] = "microscope"
    _esm = module(KIND)
    _css = style()

    gradients = described(Numbers(KIND, "gradients", least=1, most=200))
    learning_rate = described(Number(KIND, "learning_rate", 1.0))
    beta1 = described(Number(KIND, "beta1", 0.9))
    beta2 = described(Number(KIND, "beta2", 0.999))
    epsilon = described(Number(KIND, "epsilon", 1e-8))
    step = described(Number(KIND, "step", 1))
    caption = described(traitlets.Unicode(""))

    @traitlets.default("gradients")
    def _constant(self):
        return [1.0] * 10

    def path(self):
        """What the browser shows, computed here: a Trajectory."""
        adam = Adam(self.learning_rate, self.beta1, self.beta2, self.epsilon)
        return replay(adam, self.gradients)

    def fallback(self):
        return (
            "A microscope for one step of Adam stands here. It needs JavaScript, or a kernel. "
            f"Its gradients: {', '.join(f'{g:g}' for g in self.gradients)}."
        )
