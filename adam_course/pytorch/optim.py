"""The course's rules as `torch.optim` optimizers: the same arithmetic, for networks.

`Adam` and its kin here are made from the rules of `adam_course.optimizers`, one class for
each, with the rule's name, hyperparameters and defaults.  What they share is in
`RuleOptimizer`.
"""

import dataclasses
import inspect
from functools import cache
from itertools import chain

import numpy as np
import torch

from adam_course.optimizer import SHARED_STATE, Optimizer
from adam_course.optimizers import OPTIMIZERS

__all__ = ["OPTIMIZERS", "RuleOptimizer", "from_rule", *OPTIMIZERS]

# What each type of parameter is computed in.
COMPUTED_IN = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}


class RuleOptimizer(torch.optim.Optimizer):
    """A rule of the course as a `torch.optim.Optimizer`: the base of one class for each rule.

    Every step is the rule's own `update`, on the memory of the parameters: float32 stays
    float32, and what shares memory with a parameter moves with it.

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        As torch takes them.  A dict is a group with hyperparameters of its own, its
        learning rate under "lr" (or "learning_rate").
    **hyperparameters : float
        The rule's, under the rule's names; checked as the rule checks them, and once more
        before every step.

    Notes
    -----
    In `param_groups` the learning rate has torch's name, "lr", which is where torch's
    schedulers look for it.  `state` holds for each parameter what the rule's state holds,
    under the same names.

    As in torch a parameter without a gradient is left out of a step, its t too, and a
    gradient with NaN or infinities goes through: whoever wants to stop there has to look
    (`adam_course.pytorch.train` does).

    float16 and bfloat16 are computed in float32 and rounded at the end of each step, and
    their state is float32.  Parameters on a GPU are computed on the CPU, where their state
    stays: right, but slow.

    Raises
    ------
    ValueError
        Naming the hyperparameter and its value; for a parameter that is complex or of
        whole numbers; in `step`, for a sparse gradient.  Nothing has moved then.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1)
    >>> optimizer = Momentum(
    ...     [{"params": [layer.weight], "lr": 0.1}, {"params": [layer.bias]}], momentum=0.5
    ... )
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.1, 0.001]
    """

    rule = None

    def __init__(self, params, **hyperparameters):
        if self.rule is None:
            raise TypeError("RuleOptimizer is the base: take Adam or another, or from_rule")
        rule = self.rule(**{name: _number(name, value) for name, value in hyperparameters.items()})
        super().__init__(params, {"rule": self.rule.__name__, **_in_group(rule)})

    def add_param_group(self, param_group):
        """Add parameters, with hyperparameters of their own where they are given.

        Parameters
        ----------
        param_group : dict
            "params", and hyperparameters by name, the learning rate as "lr" or
            "learning_rate".  It is not changed.

        Raises
        ------
        ValueError
            Naming the key and its value; nothing is added then.
        """
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise ValueError(f"param_group must be a dict with params, got {param_group!r}")
        group = dict(param_group)  # torch would write into the caller's
        if "learning_rate" in group:
            if "lr" in group:
                raise ValueError(
                    f"param_group must have lr or learning_rate, got both: {group['lr']!r} and "
                    f"{group['learning_rate']!r}"
                )
            group["lr"] = group.pop("learning_rate")
        for key, value in group.items():
            if not (key in self._keys() or _is_torchs_own(key)):
                raise ValueError(
                    f"param_group has {key}={value!r}, which {self.rule.__name__} has not: it "
                    f"has {', '.join(self._names())}"
                )
        if group.get("rule", self.rule.__name__) != self.rule.__name__:
            raise ValueError(f"param_group is one of {group['rule']}, not of {self.rule.__name__}")
        group |= _in_group(self._rule_in({**self.defaults, **group}))
        if not isinstance(group["params"], torch.Tensor | set):  # these are torch's to judge
            group["params"] = list(group["params"])
            for k, entry in enumerate(group["params"]):
                self._check_parameter(k, entry)
        super().add_param_group(group)

    @torch.no_grad()
    def step(self, closure=None):
        """One step of the rule for every parameter that has a gradient.

        Parameters
        ----------
        closure : function, optional
            Computes the loss and its gradients anew, before the step.

        Returns
        -------
        The closure's loss, or None.

        Raises
        ------
        ValueError
            For a hyperparameter out of its range, and for a sparse gradient; nothing has
            moved then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Everything is checked before anything moves.
        rules = [self._rule_in(group) for group in self.param_groups]
        for number, group in enumerate(self.param_groups):
            for k, p in enumerate(group["params"]):
                if p.grad is not None and p.grad.layout != torch.strided:
                    raise ValueError(
                        f"{_label(number, k, group)}, of shape {tuple(p.shape)}, has a sparse "
                        "gradient: give its embedding sparse=False, or leave it to "
                        "torch.optim.SparseAdam; nothing has moved"
                    )
        with np.errstate(all="ignore"):  # infinities and NaN go through
            for group, rule in zip(self.param_groups, rules):
                for p in group["params"]:
                    if p.grad is not None:
                        self._move(p, rule)
        return loss

    def load_state_dict(self, state_dict):
        """Go on from a `state_dict` of an optimizer of the same rule.

        Unlike torch's own, a `state_dict` is not changed by later steps, and its state is
        loaded in the precision that it has.

        Raises
        ------
        ValueError
            If it is of another rule or optimizer, or for other parameters; nothing is
            loaded then.
        """
        final = {}

        def look(_, loading):  # as the last of the hooks, it sees what is loaded in the end
            self._check_saved(loading)
            final.update(loading)

        hook = self.register_load_state_dict_pre_hook(look)
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()
        # torch has cast the state to each parameter's type and device.
        for key, p in zip(_parameters(final["param_groups"]), _parameters(self.param_groups)):
            if key in final["state"]:
                self.state[p] = {
                    name: value.detach().to("cpu", COMPUTED_IN[p.dtype], copy=True)
                    if isinstance(value, torch.Tensor)
                    else value
                    for name, value in final["state"][key].items()
                }

    def _move(self, p, rule):
        dtype = COMPUTED_IN[p.dtype]
        x, g = _numpy(p, dtype), _numpy(p.grad, dtype)
        if p in self.state:
            kept = self.state[p]
            state = rule.State(
                *(
                    kept[name] if name in SHARED_STATE else _numpy(kept[name], dtype)
                    for name in rule.State._fields
                )
            )
        else:
            state = rule.start(x)
        moved, state = rule.update(x, g, state)
        p.copy_(torch.from_numpy(np.asarray(moved)))
        # A new dict of new tensors, so that a state_dict taken before stays what it is.
        self.state[p] = {
            name: value if name in SHARED_STATE else _tensor(value, x, g)
            for name, value in state._asdict().items()
        }

    def _names(self):
        return [field.name for field in dataclasses.fields(self.rule)]

    def _keys(self):
        return ["rule", *("lr" if name == "learning_rate" else name for name in self._names())]

    def _rule_in(self, group):
        """The rule with the hyperparameters of a group, which it checks."""
        if "learning_rate" in group:
            value = group["learning_rate"]
            raise ValueError(f'a group has its learning rate as "lr", got learning_rate={value!r}')
        values = {name: group["lr" if name == "learning_rate" else name] for name in self._names()}
        return self.rule(**{name: _number(name, value) for name, value in values.items()})

    def _check_parameter(self, k, entry):
        name, p = entry if isinstance(entry, tuple) else (f"params[{k}]", entry)
        if isinstance(p, torch.Tensor) and p.dtype not in COMPUTED_IN:
            what = "two real ones (torch.view_as_real)" if p.is_complex() else "float32 or float64"
            raise ValueError(f"{name} must be of real floats, got {p.dtype}: make it {what}")

    def _check_saved(self, state_dict):
        wanted = self.rule.__name__
        for group in state_dict["param_groups"]:
            if group.get("rule") != wanted:
                got = group.get("rule", f"another optimizer, with {', '.join(sorted(group))}")
                raise ValueError(f"state_dict must be of the course's {wanted}, got {got}")
            missing = [key for key in self._keys() if key not in group]
            if missing:
                raise ValueError(f"state_dict must have {missing[0]} in each of its param_groups")
            self._rule_in(group)
        groups = (state_dict["param_groups"], self.param_groups)
        theirs, ours = ([len(group["params"]) for group in part] for part in groups)
        if theirs != ours:
            raise ValueError(f"state_dict must have groups of {ours} parameters, got {theirs}")
        for key, p in zip(*map(_parameters, groups)):
            kept = state_dict["state"].get(key)
            if kept is None:
                continue
            if tuple(kept) != self.rule.State._fields:
                raise ValueError(
                    f"state_dict must have {', '.join(self.rule.State._fields)} for parameter "
                    f"{key}, got {', '.join(map(str, kept))}"
                )
            for name, value in kept.items():
                if name not in SHARED_STATE and value.shape != p.shape:
                    raise ValueError(
                        f"state_dict must have {name} of shape {tuple(p.shape)} for parameter "
                        f"{key}, got {tuple(value.shape)}"
                    )


def from_rule(params, rule):
    """The torch optimizer that takes the steps of a rule.

    Parameters
    ----------
    params : as for `RuleOptimizer`
    rule : Optimizer
        Such as ``adam_course.Adam(learning_rate=0.1)``: any rule, a reader's own too.

    Returns
    -------
    RuleOptimizer

    Raises
    ------
    ValueError
        If it is no rule, or one with arrays of hyperparameters.

    Examples
    --------
    >>> import adam_course
    >>> layer = torch.nn.Linear(2, 1)
    >>> optimizer = from_rule(layer.parameters(), adam_course.Adam(learning_rate=0.1))
    >>> isinstance(optimizer, Adam), optimizer.param_groups[0]["lr"]
    (True, 0.1)
    """
    if not isinstance(rule, Optimizer):
        raise ValueError(f"rule must be a rule such as adam_course.Adam(), got {rule!r}")
    return _torch_class(type(rule))(params, **rule.hyperparameters)


@cache
def _torch_class(rule):
    """The subclass of RuleOptimizer for a rule, with its name, signature and docstring."""
    parameters = list(inspect.signature(rule).parameters.values())
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter("self", kind), inspect.Parameter("params", kind), *parameters]
    )

    def initialize(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        RuleOptimizer.__init__(**bound.arguments)

    initialize.__signature__ = signature
    initialize.__name__, initialize.__qualname__ = "__init__", f"{rule.__name__}.__init__"
    contents = {"__init__": initialize, "__module__": __name__, "rule": rule}
    return type(rule.__name__, (RuleOptimizer,), contents | {"__doc__": _docstring(rule)})


def _docstring(rule):
    """The rule's own, with what differs for torch: the parameters and the example."""
    text = inspect.getdoc(rule) or f"{rule.__name__}."
    idea = text.partition("\nParameters\n---")[0].partition("\nExamples\n---")[0]
    idea = idea.partition("\nSource: ")[0].strip()
    source = text.partition("\nSource: ")[2].strip()
    values = inspect.signature(rule).parameters.values()
    return "\n".join(
        [
            idea,
            "",
            "As a `torch.optim.Optimizer`; what all of these share is said in `RuleOptimizer`.",
            "",
            "Parameters",
            "----------",
            "params : iterable of Parameter, of (name, Parameter), or of dict",
            *(f"{value} : float" if value.default is value.empty else
              f"{value.name} : float, default {value.default!r}" for value in values),
            "",
            "Raises",
            "------",
            "ValueError",
            "    Naming the hyperparameter and its value.",
            "",
            "Examples",
            "--------",
            ">>> x = torch.nn.Parameter(torch.tensor([3.0, -4.0]))",
            f">>> optimizer = {rule.__name__}([x], learning_rate=0.01)",
            ">>> x.square().sum().backward()",
            ">>> optimizer.step()",
            ">>> bool(x.square().sum() < 25)",
            "True",
            *(["", f"Source: {source}"] if source else []),
        ]
    )  # fmt: skip


def _number(name, value):
    """A hyperparameter as a plain number: torch's groups, unlike a sweep, hold one each."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if np.ndim(value):
        raise ValueError(f"{name} must be a single number, got {value!r}")
    return value


def _in_group(rule):
    """A rule's hyperparameters as they are called in torch's groups."""
    values = dict(rule.hyperparameters)
    return {"lr" if name == "learning_rate" else name: value for name, value in values.items()}


def _is_torchs_own(key):
    """Whether a key is one that torch or its schedulers put into a group."""
    return key in ("params", "param_names", "name") or key.endswith(("_lr", "_momentum"))


def _parameters(groups):
    return chain.from_iterable(group["params"] for group in groups)


def _label(number, k, group):
    names = group.get("param_names")
    return names[k] if names else f"params[{k}] of group {number}"


def _numpy(tensor, dtype):
    """A tensor as an array: its own memory, where it is on the CPU and of that type."""
    return tensor.detach().to("cpu", dtype).numpy()


def _tensor(value, *borrowed):
    """What a rule wants to remember, as a tensor that shares no memory with what it was given."""
    array = np.asarray(value)
    if any(np.may_share_memory(array, other) for other in borrowed):
        array = array.copy()
    return torch.from_numpy(array)


globals().update({name: _torch_class(rule) for name, rule in OPTIMIZERS.items()})
