"""The tests of the tests: every wrong rule is caught, and convergence would not have caught it.

First the wrong Adams of the bug zoo, written by hand, each a mistake that people make.  Then
mistakes made by machine: every operator, number, comparison, function and symbol in the
source of the rules is exchanged for another, one at a time.
"""

import ast
import copy
import inspect
import types

import numpy as np
import pytest
from oracles import corners_of, decimal_run, expected_steps, first_failing_step, torch_run

from adam_course import OPTIMIZERS, Adam, AdamW, averages, optimizers
from adam_course.zoo import WRONG_ADAMS, WRONG_ADAMWS

# ------------------------------------------------------------ Adam, by hand

TARGET = np.array([1.0, -1.0, 1.0, 1.0, 1.0])
TOLERANCE = 3e-2

# Which wrong Adams arrive at both minima all the same.
CONVERGES = {
    "NoCorrection": True,
    "OnlyFirstCorrected": True,
    "OnlySecondCorrected": True,
    "FrozenTime": True,
    "LateTime": True,
    "EarlyTime": True,
    "LinearCorrection": False,
    "MultipliedCorrection": True,
    "CorrectionInPlace": False,
    "EpsilonInsideRoot": True,
    "EpsilonHat": True,
    "EpsilonOnParameter": False,  # 0/0 in the coordinate that starts at its target
    "NoEpsilon": False,  # the same
    "BetasSwapped": False,
    "SumForm": True,
    "GradientTwice": True,
    "MeanOfAbsolutes": True,
    "Variance": True,
    "StaleSecondMoment": False,
    "StaleFirstMoment": False,
    "NormOfAll": True,
    "NoRoot": False,
    "Ascent": False,
    "HiddenSchedule": False,
}


def distance_from_the_minima(opt, steps=5000, last=500):
    """How far a run ends from the minima of a parabola and of Rosenbrock's function.

    The functions and starts are those of a widely used library's convergence tests.  They
    stand side by side, as coordinates 0 to 2 and 3 to 4.  The median over the last steps is
    taken, because a single late step of so long a run hangs on its last bits.
    """
    x = np.array([-1.0, 10.0, 1.0, 0.0, 0.0])
    state = opt.start(x)
    distances = []
    with np.errstate(all="ignore"):
        for t in range(steps):
            off_valley = x[4] - x[3] * x[3]
            g = 2 * (x - TARGET)
            g[3] -= 400 * x[3] * off_valley
            g[4] = 200 * off_valley
            x, state = opt.update(x, g, state)
            if t >= steps - last:
                distances.append(np.abs(x - TARGET).max())
    return np.median(distances)


def test_there_are_enough_wrong_adams_and_each_says_what_is_wrong():
    assert len(WRONG_ADAMS) >= 16
    for mutant in (*WRONG_ADAMS.values(), *WRONG_ADAMWS.values()):
        assert len(mutant.__doc__.splitlines()) == 1


@pytest.mark.parametrize("oracle", [torch_run, decimal_run])
def test_parity_passes_the_true_adam(oracle):
    assert first_failing_step(Adam(), expected_steps(oracle, "Adam")) is None
    assert first_failing_step(AdamW(), expected_steps(oracle, "AdamW")) is None


@pytest.mark.parametrize("oracle", [torch_run, decimal_run])
@pytest.mark.parametrize("mutant", WRONG_ADAMS.values(), ids=WRONG_ADAMS)
def test_parity_catches_every_wrong_adam_within_two_steps(mutant, oracle):
    assert first_failing_step(mutant(), expected_steps(oracle, "Adam")) in (1, 2)


@pytest.mark.parametrize("oracle", [torch_run, decimal_run])
@pytest.mark.parametrize("mutant", WRONG_ADAMWS.values(), ids=WRONG_ADAMWS)
def test_parity_catches_every_wrong_adamw_at_the_first_step(mutant, oracle):
    assert first_failing_step(mutant(), expected_steps(oracle, "AdamW")) == 1


def test_a_convergence_test_lets_most_wrong_adams_pass():
    rate = 0.015
    assert distance_from_the_minima(Adam(rate)) < TOLERANCE
    measured = {name: distance_from_the_minima(wrong(rate)) for name, wrong in WRONG_ADAMS.items()}
    passes = {name: bool(distance < TOLERANCE) for name, distance in measured.items()}
    for name, distance in measured.items():
        caught = first_failing_step(WRONG_ADAMS[name](), expected_steps(decimal_run, "Adam"))
        verdict = "passes" if passes[name] else "fails"
        print(f"{name:22} convergence {verdict:6} ({distance:.0e}), parity fails at step {caught}")
    assert passes == CONVERGES
    assert sum(passes.values()) > len(passes) / 2


# ------------------------------------------------- every rule, by its source

SWAPS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Gt: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
}

# What a function call becomes: another function, or its first argument alone.
CALLS = {
    "maximum": "minimum",
    "sqrt": None,
    "abs": None,
    "sign": None,
    "debias": None,
    "ema": None,
    "zeros_like": "ones_like",
}

# Symbols that are easily taken for one another.
SYMBOLS = {"beta1": "beta2", "m": "v", "m_hat": "v_hat", "mu": "mu_next", "rho": "rho_inf"}
SYMBOLS |= {other: one for one, other in SYMBOLS.items()}

# Mutants that no test could tell from the rule, and why.
EQUIVALENT = {
    "RAdam.rectification: rho > 5 -> rho >= 5": (
        "ρ_t is 5 exactly for no float64 beta2 at any t that is tried here or met in use"
    ),
    "NAdam.start: 1 -> 2": "of mu(1) only the shape is taken",
}


class Exchange(ast.NodeTransformer):
    """Makes the nth possible change in a tree, and says which it was."""

    def __init__(self, n):
        self.left, self.change = n, None

    def _take(self, node, make):
        self.generic_visit(node)
        for new in make(node):
            if self.change is None:
                self.left -= 1
                if self.left < 0:
                    self.change = f"{ast.unparse(node)} -> {ast.unparse(new)}"
                    return ast.copy_location(new, node)
        return node

    def visit_BinOp(self, node):
        return self._take(
            node,
            lambda node: [
                ast.BinOp(node.left, op(), node.right) for op in SWAPS.get(type(node.op), ())
            ],
        )

    def visit_Compare(self, node):
        return self._take(
            node,
            lambda node: [
                ast.Compare(node.left, [op()], node.comparators)
                for op in SWAPS.get(type(node.ops[0]), ())
            ],
        )

    def visit_Constant(self, node):
        return self._take(
            node,
            lambda node: [ast.Constant(node.value + 1)] if type(node.value) in (int, float) else [],
        )

    def visit_Name(self, node):
        return self._take(node, lambda node: self._renamed(node, node.id, ast.Name))

    def visit_Attribute(self, node):
        return self._take(
            node,
            lambda node: self._renamed(
                node, node.attr, lambda name, context: ast.Attribute(node.value, name, context)
            ),
        )

    @staticmethod
    def _renamed(node, name, make):
        is_read = isinstance(node.ctx, ast.Load)
        return [make(SYMBOLS[name], node.ctx)] if is_read and name in SYMBOLS else []

    def visit_Call(self, node):
        def make(node):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called not in CALLS:
                return []
            if CALLS[called] is None:
                return [node.args[0]]
            function = ast.Attribute(node.func.value, CALLS[called], ast.Load())
            return [ast.Call(function, node.args, node.keywords)]

        return self._take(node, make)


def changed(definition):
    """Every version of a function's definition with one thing exchanged, and what it was."""
    n = 0
    while True:
        exchange = Exchange(n)
        new = exchange.visit(copy.deepcopy(definition))
        if exchange.change is None:
            return
        yield exchange.change, new
        n += 1


def executed(definition, module):
    """What a definition defines when it stands in that module."""
    namespace = dict(vars(module))
    tree = ast.fix_missing_locations(ast.Module([definition], []))
    exec(compile(tree, f"<changed {definition.name}>", "exec"), namespace)
    return namespace[definition.name]


def wrong_versions(rule):
    """The rule with one thing changed in one of the methods that are its own."""
    (original,) = ast.parse(inspect.getsource(rule)).body
    for i, method in enumerate(original.body):
        if not isinstance(method, ast.FunctionDef):
            continue
        for change, new in changed(method):
            definition = copy.deepcopy(original)
            definition.body[i] = new
            yield f"{rule.__name__}.{method.name}: {change}", executed(definition, optimizers)


def is_caught(rule, name):
    """Whether one of a few settings shows a step at which the rule is wrong."""
    for chosen in corners_of(name):
        try:
            expected = expected_steps(decimal_run, name, **chosen)
            if first_failing_step(rule(**chosen), expected, rtol=1e-10) is not None:
                return True
        except (ArithmeticError, AttributeError, NameError, TypeError, ValueError):
            return True
    return False


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_change_to_the_source_of_a_rule_is_caught(name):
    rule = OPTIMIZERS[name]
    versions = list(wrong_versions(rule))
    assert len(versions) >= 3
    survivors = {change for change, wrong in versions if not is_caught(wrong, name)}
    assert survivors == {change for change in EQUIVALENT if change.startswith(f"{name}.")}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_unchanged_source_executed_in_the_same_way_is_not_caught(name):
    # Else the test above would pass whatever the changes are.
    (original,) = ast.parse(inspect.getsource(OPTIMIZERS[name])).body
    assert not is_caught(executed(original, optimizers), name)


@pytest.mark.parametrize("atom", ["ema", "debias"])
def test_every_change_to_the_source_of_an_average_is_caught_through_adam(atom):
    (original,) = ast.parse(inspect.getsource(getattr(averages, atom))).body
    (adam,) = ast.parse(inspect.getsource(Adam)).body
    versions = list(changed(original))
    assert len(versions) >= 3
    survivors = []
    for change, new in versions:
        around = types.SimpleNamespace(**vars(optimizers))
        setattr(around, atom, executed(new, averages))
        if not is_caught(executed(adam, around), "Adam"):
            survivors.append(change)
    assert survivors == []
