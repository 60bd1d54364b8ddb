"""The Explorer: race the rules on a landscape, and turn everything."""

from typing import ClassVar

import traitlets

from adam_course.descent import minimize
from adam_course.hyperparameters import check
from adam_course.landscapes import LANDSCAPES, quadratic
from adam_course.noise import NoisyGradient
from adam_course.optimizers import OPTIMIZERS
from adam_course.widgets.assets import OFFERED, landscape_data, module, style
from adam_course.widgets.live import Live, Number, Numbers, described

SHARED = ("learning_rate", "momentum", "beta1", "beta2", "epsilon", "weight_decay")


class Explorer(Live):
    """A landscape, a start you can grab, and any of the rules racing from it.

    In a live notebook every argument is a trait, synchronised both ways:
    ``explorer.learning_rate = 0.3`` moves the slider, and moving the slider is seen from
    Python (`observe`, `link`).  On a static page the same widget works without a kernel.

    Parameters
    ----------
    landscape : str
        One of "quadratic", "rosenbrock", "beale", "himmelblau", "saddle",
        "styblinski_tang"; default "quadratic".
    condition, rotation : float
        Of the quadratic: the ratio of its curvatures (1 to 1e6, default 10), the angle of
        its axes in degrees (-90 to 90, default 0).
    rules : list of str
        Names in `OPTIMIZERS`; default Adam and GradientDescent.
    learning_rate, momentum, beta1, beta2, epsilon, weight_decay : float
        What all rules share; defaults 0.1, 0.9, 0.9, 0.999, 1e-8, 0.01.
    settings : dict of dicts
        What a rule has of its own, ``{"GradientDescent": {"learning_rate": 0.05}}``.
    noise : float
        The standard deviation of the noise on every gradient; default 0.
    sparsity : float
        The probability with which a coordinate's gradient is left out; default 0.
    seed : int
        Of the noise; default 0.
    steps : int, 1 to 5000
        Default 100.
    start : (float, float)
        Default: the landscape's own start.
    step : int
        The step that is marked; default 0.
    caption : str
        A sentence under it that says what to try.

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> explorer = Explorer(landscape="rosenbrock", rules=["Adam"], steps=1000)
    >>> explorer
    Explorer(landscape='rosenbrock', rules=['Adam'], steps=1000)
    >>> explorer.paths()["Adam"].first_below(1e-3)
    638
    """

    KIND: ClassVar[str] = "explorer"
    _esm = module(KIND)
    _css = style()

    landscape = described(traitlets.Enum(OFFERED, "quadratic"))
    condition = described(Number(KIND, "condition", 10.0))
    rotation = described(Number(KIND, "rotation", 0.0))
    rules = described(traitlets.List(traitlets.Unicode(), ["Adam", "GradientDescent"]))
    learning_rate = described(Number(KIND, "learning_rate", 0.1))
    momentum = described(Number(KIND, "momentum", 0.9))
    beta1 = described(Number(KIND, "beta1", 0.9))
    beta2 = described(Number(KIND, "beta2", 0.999))
    epsilon = described(Number(KIND, "epsilon", 1e-8))
    weight_decay = described(Number(KIND, "weight_decay", 0.01))
    settings = described(traitlets.Dict())
    noise = described(Number(KIND, "noise", 0.0))
    sparsity = described(Number(KIND, "sparsity", 0.0))
    seed = described(Number(KIND, "seed", 0))
    steps = described(Number(KIND, "steps", 100))
    start = described(Numbers(KIND, "start", least=2, most=2))
    step = described(Number(KIND, "step", 0))
    caption = described(traitlets.Unicode(""))

    @traitlets.default("start")
    def _own_start(self):
        return [float(value) for value in landscape_data()[self.landscape]["start"]]

    @traitlets.validate("rules")
    def _known_rules(self, proposal):
        rules = proposal["value"]
        for rule in rules:
            if rule not in OPTIMIZERS:
                raise traitlets.TraitError(
                    f"rules must be names among {', '.join(OPTIMIZERS)}, got {rule!r}"
                )
        if len(set(rules)) != len(rules):
            raise traitlets.TraitError(f"rules must name each rule once, got {rules!r}")
        return rules

    @traitlets.validate("settings")
    def _known_settings(self, proposal):
        for rule, own in proposal["value"].items():
            if rule not in OPTIMIZERS:
                raise traitlets.TraitError(
                    f"settings must be for rules among {', '.join(OPTIMIZERS)}, got {rule!r}"
                )
            names = OPTIMIZERS[rule]().hyperparameters
            for name, value in own.items():
                if name not in names:
                    raise traitlets.TraitError(
                        f"settings[{rule!r}] must be among {', '.join(names)}, got {name!r}"
                    )
                try:
                    check(name, value)
                except ValueError as error:
                    raise traitlets.TraitError(f"settings[{rule!r}]: {error}") from None
        return proposal["value"]

    def __init__(self, **traits):
        self._start_is_given = "start" in traits
        super().__init__(**traits)
        self._start_is_given = False

    def set_state(self, sync_data):
        # A front end that changes the landscape says itself where to start.
        self._start_is_given = True
        try:
            super().set_state(sync_data)
        finally:
            self._start_is_given = False

    @traitlets.observe("landscape")
    def _start_where_it_is_good(self, change):
        if not self._start_is_given:
            self.start = self._own_start()

    def optimizers(self):
        """The rules that race, with the hyperparameters they have here: a dict by name."""
        built = {}
        for name in self.rules:
            shared = {key: getattr(self, key) for key in SHARED}
            own = shared | self.settings.get(name, {})
            rule = OPTIMIZERS[name]
            built[name] = rule(**{key: own[key] for key in rule().hyperparameters if key in own})
        return built

    def paths(self):
        """What the browser shows, computed here: a Trajectory for each rule, by name."""
        if self.landscape == "quadratic":
            landscape = quadratic(self.condition, self.rotation)
        else:
            landscape = LANDSCAPES[self.landscape]
        gradient = None
        if self.noise or self.sparsity:
            gradient = NoisyGradient(landscape, self.noise, self.sparsity, self.seed)
        return {
            name: minimize(landscape, opt, self.start, self.steps, gradient=gradient)
            for name, opt in self.optimizers().items()
        }

    def fallback(self):
        return (
            f"An explorer stands here: {', '.join(self.rules) or 'no rule'} on the landscape "
            f"“{landscape_data()[self.landscape]['label']}”. It needs JavaScript, or a kernel."
        )
