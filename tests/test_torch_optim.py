"""The course's rules as torch optimizers: torch's numbers, torch's habits, the course's checks.

Each is run on the gradients that the rules themselves are tested with, and held against
torch.optim after every step.  Everything around the arithmetic (groups, schedulers,
checkpoints, closures) is run side by side with an optimizer of torch's own.
"""

import copy
import inspect
import io
import math
import pickle
import re
from typing import NamedTuple

import numpy as np
import pytest
import torch
from oracles import (
    GRADIENTS,
    NOT_IN_TORCH,
    START,
    TORCH,
    corners_of,
    expected_steps,
    label,
    settings_of,
    torch_float64,
    torch_run,
)

import adam_course
from adam_course import OPTIMIZERS
from adam_course.pytorch import RuleOptimizer, from_rule, optim

every_rule = pytest.mark.parametrize("name", OPTIMIZERS)

RTOL = 1e-12


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def parameter(values, dtype=torch.float64):
    return torch.nn.Parameter(torch.tensor(np.array(values), dtype=dtype))


def set_gradient(p, g):
    p.grad = torch.tensor(np.array(g)).to(p.dtype)


def walk(optimizer, parameters, gradients):
    """All parameters after every step, for gradients (steps, parameters, ...)."""
    path = []
    for row in gradients:
        for p, g in zip(parameters, row):
            set_gradient(p, g)
        optimizer.step()
        path.append([p.detach().numpy().copy() for p in parameters])
    return path


def reloaded(state_dict):
    """A state dict after a way through a file, with nothing but weights allowed in it."""
    file = io.BytesIO()
    torch.save(state_dict, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def problem(shapes, steps=12, seed=0):
    """Starts and gradients for parameters of some shapes."""
    rng = np.random.default_rng(seed)
    starts = [rng.normal(size=shape) for shape in shapes]
    return starts, [[rng.normal(size=shape) for shape in shapes] for _ in range(steps)]


# -------------------------------------------------------------- the arithmetic


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        pytest.param(name, chosen, id=f"{name}-{label(chosen)}")
        for name in TORCH
        for chosen in (settings_of if name in ("Adam", "Momentum") else corners_of)(name)
    ],
)
def test_equals_torch_at_every_step(name, chosen):
    """As the oracle's, row 0 is put back to zero before each step, and row 1 goes on."""
    x = parameter(np.stack([np.zeros_like(START), START]))
    opt = getattr(optim, name)([x], **chosen)
    way, before = np.abs(START), START
    for g, wanted in zip(GRADIENTS, expected_steps(torch_run, name, **chosen)):
        with torch.no_grad():
            x[0] = 0
        set_gradient(x, [g, g])
        opt.step()
        move, carried = x.detach().numpy()
        np.testing.assert_allclose(move, wanted.move, rtol=RTOL, atol=0)
        # Each sum x + step is rounded in units of x, so this is relative to the whole way.
        way = way + np.abs(wanted.x - before)
        before = wanted.x
        assert (np.abs(carried - wanted.x) <= RTOL * way).all()
        for key, value in wanted.kept.items():
            kept = np.asarray(opt.state[x][key])
            np.testing.assert_allclose(kept[0] if kept.ndim else kept, value, rtol=RTOL, atol=0)


def test_what_torch_does_not_have_is_equal_by_hand():
    assert set(OPTIMIZERS) - set(TORCH) == NOT_IN_TORCH == {"SignDescent"}
    x, wanted = parameter(START), START.copy()
    opt = optim.SignDescent([x], learning_rate=0.25)
    for g in GRADIENTS:
        set_gradient(x, g)
        opt.step()
        for i, slope in enumerate(g):
            wanted[i] -= math.copysign(0.25, slope) if slope else 0.0
        np.testing.assert_array_equal(x.detach().numpy(), wanted)


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_the_rules_own_step_bit_for_bit(name, dtype):
    rule = OPTIMIZERS[name](learning_rate=0.1)
    x = START.astype(dtype)
    state = rule.init(x)
    p = torch.nn.Parameter(torch.tensor(x))
    opt = from_rule([p], rule)
    for g in GRADIENTS.astype(dtype):
        x, state = rule.step(x, g, state)
        set_gradient(p, g)
        opt.step()
        np.testing.assert_array_equal(p.detach().numpy(), x)
        for field, value in state._asdict().items():
            np.testing.assert_array_equal(np.asarray(opt.state[p][field]), value)
    assert p.dtype == torch.tensor(x).dtype


@every_rule
def test_float32_stays_float32_in_all_of_the_state(name):
    p = parameter([1.0, 2.0], torch.float32)
    opt = getattr(optim, name)([p])
    walk(opt, [p], [[[0.1, 0.2]]] * 2)
    tensors = [value for value in opt.state[p].values() if isinstance(value, torch.Tensor)]
    assert len(tensors) >= len(OPTIMIZERS[name].State._fields) - 2
    assert {value.dtype for value in [p, *tensors]} == {torch.float32}
    assert p.grad.dtype == torch.float32


# torch's own way of making an optimizer for these parameters, with its names.
SHAPES = [(3, 4), (4,), (), (0,), (2, 1, 3)]


class Groups(NamedTuple):
    """Two groups for an optimizer of ours and the same for one of torch's."""

    ours: torch.optim.Optimizer
    theirs: torch.optim.Optimizer
    our_parameters: list
    their_parameters: list


def in_groups(name):
    """A rule at its defaults, but for another learning rate in a second group."""
    starts, _ = problem(SHAPES)
    ours, theirs = ([parameter(start) for start in starts] for _ in range(2))
    opt = getattr(optim, name)(
        [{"params": ours[:2]}, {"params": ours[2:], "lr": 0.05}], learning_rate=0.01
    )
    rule = OPTIMIZERS[name](learning_rate=0.01)
    reference = TORCH[name](rule.hyperparameters, theirs[0])
    reference.param_groups[0]["params"] = theirs[:2]
    reference.add_param_group({"params": theirs[2:], "lr": 0.05})
    if name == "AdaGrad":  # torch's makes its state in its constructor
        for p in theirs:
            reference.state[p] = {"step": torch.tensor(0.0), "sum": torch.zeros_like(p)}
    return Groups(opt, reference, ours, theirs)


def assert_close(ours, theirs):
    """All parameters after every step."""
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs):
        assert len(one) == len(other) > 0
        for a, b in zip(one, other):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", TORCH)
def test_several_parameters_in_groups_equal_torch(name):
    _, gradients = problem(SHAPES)
    with torch_float64():
        made = in_groups(name)
        ours = walk(made.ours, made.our_parameters, gradients)
        assert_close(ours, walk(made.theirs, made.their_parameters, gradients))
    assert (ours[0][0] != ours[-1][0]).all()
    assert ours[-1][2].shape == ()
    assert ours[-1][3].shape == (0,)


def test_a_group_has_hyperparameters_of_its_own():
    starts, gradients = problem([(3,), (3,)])
    a, b = (parameter(start) for start in starts)
    opt = optim.Adam([{"params": [a], "beta1": 0.5, "learning_rate": 0.2}, {"params": b}], 0.1)
    path = walk(opt, [a, b], gradients)
    for k, settings in enumerate([{"learning_rate": 0.2, "beta1": 0.5}, {"learning_rate": 0.1}]):
        alone = parameter(starts[k])
        single = optim.Adam([alone], **settings)
        wanted = walk(single, [alone], [[row[k]] for row in gradients])
        np.testing.assert_array_equal([row[k] for row in path], [row[0] for row in wanted])


def test_hyperparameters_may_be_changed_between_steps():
    a, b = parameter([1.0, 2.0]), parameter([1.0, 2.0])
    opt, reference = optim.Adam([a], 0.1), torch.optim.Adam([b], 0.1)
    for t in range(6):
        for one in (opt, reference):
            one.param_groups[0]["lr"] = 0.1 / (1 + t)
        opt.param_groups[0]["beta1"] = 0.9 - 0.1 * t
        reference.param_groups[0]["betas"] = (0.9 - 0.1 * t, 0.999)
        for p, one in ((a, opt), (b, reference)):
            set_gradient(p, [0.1 * t, -1.0])
            one.step()
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-12)


# ------------------------------------------------------------------ schedulers

schedulers = torch.optim.lr_scheduler
SCHEDULERS = {
    "StepLR": lambda opt: schedulers.StepLR(opt, step_size=2, gamma=0.5),
    "MultiStepLR": lambda opt: schedulers.MultiStepLR(opt, [2, 5]),
    "CosineAnnealingLR": lambda opt: schedulers.CosineAnnealingLR(opt, T_max=8),
    "OneCycleLR": lambda opt: schedulers.OneCycleLR(
        opt, max_lr=0.3, total_steps=20, cycle_momentum=False
    ),
    "LambdaLR": lambda opt: schedulers.LambdaLR(opt, lambda t: 1 / (1 + t)),
    "ReduceLROnPlateau": lambda opt: schedulers.ReduceLROnPlateau(opt, patience=1, factor=0.5),
    "SequentialLR": lambda opt: schedulers.SequentialLR(
        opt,
        [schedulers.LinearLR(opt, total_iters=3), schedulers.ExponentialLR(opt, 0.9)],
        milestones=[3],
    ),
}


def scheduled(optimizer, scheduler, parameters, gradients):
    """All parameters after every step, and the rates it was made with."""
    path, rates = [], []
    for row in gradients:
        rates.append([group["lr"] for group in optimizer.param_groups])
        path += walk(optimizer, parameters, [row])
        plateau = isinstance(scheduler, schedulers.ReduceLROnPlateau)
        scheduler.step(1.0) if plateau else scheduler.step()
    return path, rates


@pytest.mark.parametrize("kind", SCHEDULERS)
@pytest.mark.parametrize("name", ["Adam", "Nesterov"])
def test_a_scheduler_steps_alongside_torchs_own(name, kind):
    _, gradients = problem(SHAPES)
    made = in_groups(name)
    ours, our_rates = scheduled(
        made.ours, SCHEDULERS[kind](made.ours), made.our_parameters, gradients
    )
    theirs, their_rates = scheduled(
        made.theirs, SCHEDULERS[kind](made.theirs), made.their_parameters, gradients
    )
    assert our_rates == their_rates
    assert len({rates[0] for rates in our_rates}) > 2, "it changes the rates"
    assert_close(ours, theirs)


def test_one_cycle_may_cycle_the_momentum_that_has_torchs_name():
    a, b = parameter([1.0, 2.0]), parameter([1.0, 2.0])
    opt, reference = optim.Momentum([a], 0.1), torch.optim.SGD([b], 0.1, momentum=0.9)
    cycles = [schedulers.OneCycleLR(one, max_lr=0.3, total_steps=20) for one in (opt, reference)]
    momenta = set()
    for _ in range(12):
        for p, one, cycle in zip((a, b), (opt, reference), cycles):
            set_gradient(p, [0.3, -1.0])
            one.step()
            cycle.step()
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-12)
        momenta.add(opt.param_groups[0]["momentum"])
    assert len(momenta) > 5


def test_a_rate_that_a_scheduler_set_out_of_range_is_refused_and_nothing_moves():
    x = parameter([1.0])
    opt = optim.Adam([x], 0.1)
    schedulers.LambdaLR(opt, lambda t: -1.0)
    set_gradient(x, [1.0])
    with pytest.raises(ValueError, match=r"^learning_rate must be .* got -0.1"):
        opt.step()
    assert x.item() == 1.0
    assert not opt.state


# ----------------------------------------------------------------- checkpoints


@every_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_checkpoint_in_the_middle_goes_on_bit_for_bit(name, dtype):
    starts, gradients = problem(SHAPES, steps=9)

    def made():
        parameters = [parameter(start, dtype) for start in starts]
        groups = [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.5}]
        return parameters, getattr(optim, name)(groups, learning_rate=0.05)

    def steps(parameters, optimizer, part):
        for row in part:
            for p, g in zip(parameters, row):
                set_gradient(p, g)
            optimizer.step()

    straight, opt = made()
    steps(straight, opt, gradients)
    before, first = made()
    steps(before, first, gradients[:4])
    saved = reloaded([first.state_dict(), [p.detach() for p in before]])
    after, second = made()
    second.load_state_dict(saved[0])
    with torch.no_grad():
        for p, value in zip(after, saved[1]):
            p.copy_(value)
    steps(after, second, gradients[4:])
    for p, q in zip(straight, after):
        assert torch.equal(p, q)
        assert opt.state[p].keys() == second.state[q].keys()
        for field, value in opt.state[p].items():
            other = second.state[q][field]
            assert type(value) is type(other)
            same = torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other
            assert same, field
            if isinstance(value, torch.Tensor):
                assert value.dtype == other.dtype
    assert [{**group, "params": 0} for group in opt.param_groups] == [
        {**group, "params": 0} for group in second.param_groups
    ]


def test_a_state_dict_is_not_changed_by_later_steps_and_shares_nothing_with_what_loads_it():
    x = parameter([1.0, 2.0])
    opt = optim.Adam([x], 0.1)
    walk(opt, [x], [[[1.0, 2.0]]])
    saved = opt.state_dict()
    kept = copy.deepcopy(saved)
    walk(opt, [x], [[[3.0, 4.0]]] * 3)
    assert saved["state"][0]["t"] == 1
    opt.load_state_dict(saved)
    walk(opt, [x], [[[3.0, 4.0]]] * 3)
    assert saved["state"][0]["t"] == 1
    for field in ("m", "v"):
        assert torch.equal(saved["state"][0][field], kept["state"][0][field])
    opt.load_state_dict(saved)
    saved["state"][0]["m"].fill_(7.0)
    assert torch.equal(opt.state[x]["m"], kept["state"][0]["m"])


def test_loading_respects_the_hooks_that_change_what_is_loaded():
    x = parameter([1.0])
    opt = optim.Adam([x], 0.1)
    walk(opt, [x], [[[1.0]]])
    saved = opt.state_dict()

    def halved(_, state_dict):
        state = {0: state_dict["state"][0] | {"m": state_dict["state"][0]["m"] / 2}}
        return {**state_dict, "state": state}

    opt.register_load_state_dict_pre_hook(halved)
    opt.load_state_dict(saved)
    assert opt.state[x]["m"].item() == saved["state"][0]["m"].item() / 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_goes_on_by_itself(copied):
    x = parameter([1.0, 2.0])
    opt = optim.NAdam([x], 0.1)
    walk(opt, [x], [[[1.0, 2.0]]] * 2)
    y, other = copied((x, opt))
    assert type(other) is optim.NAdam
    (after,) = walk(other, [y], [[[1.0, -1.0]]])
    assert opt.state[x]["t"] == 2
    (wanted,) = walk(opt, [x], [[[1.0, -1.0]]])
    np.testing.assert_array_equal(after, wanted)


def broken(saved, how):
    saved = copy.deepcopy(saved)
    how(saved)
    return saved


@pytest.mark.parametrize(
    ("how", "match"),
    [
        (lambda s: s["param_groups"][0].update(rule="RAdam"), "^state_dict .* Adam, got RAdam$"),
        (lambda s: s["param_groups"][0].pop("rule"), "^state_dict must be .* another optimizer"),
        (lambda s: s["param_groups"][0].pop("beta2"), "^state_dict must have beta2"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "^learning_rate must be .* got -1.0"),
        (lambda s: s["state"][0].pop("v"), "^state_dict must have t, m, v for parameter 0, got"),
        (
            lambda s: s["state"][1].update(m=torch.zeros(3)),
            r"^state_dict must have m of shape \(2,\) for parameter 1, got \(3,\)",
        ),
        (lambda s: s["param_groups"].pop(), r"^state_dict must .* \[1, 1\] .*, got \[1\]"),
        (lambda s: s["param_groups"][0]["params"].pop(), r"^state_dict must .*, got \[0, 1\]"),
    ],
)
def test_a_state_dict_of_something_else_is_refused_and_nothing_is_loaded(how, match):
    parameters = [parameter([1.0]), parameter([1.0, 2.0])]
    opt = optim.Adam([{"params": parameters[:1]}, {"params": parameters[1:]}])
    walk(opt, parameters, [[[1.0], [1.0, 2.0]]])
    saved = copy.deepcopy(opt.state_dict())
    walk(opt, parameters, [[[3.0], [1.0, 2.0]]])
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(ValueError, match=match):
        opt.load_state_dict(broken(saved, how))
    now = opt.state_dict()
    assert now["param_groups"] == before["param_groups"]
    for key, kept in before["state"].items():
        assert all(torch.equal(torch.as_tensor(now["state"][key][n]), torch.as_tensor(v))
                   for n, v in kept.items())  # fmt: skip
    opt.load_state_dict(saved)
    assert opt.state[parameters[0]]["t"] == 1, "unbroken, it is loaded"
    assert not opt._optimizer_load_state_dict_pre_hooks, "no hook is left behind"


def test_a_state_dict_of_torchs_adam_is_refused():
    x = parameter([1.0])
    with pytest.raises(ValueError, match=r"^state_dict must be of the course's Adam, .*betas"):
        optim.Adam([x]).load_state_dict(torch.optim.Adam([x]).state_dict())


# ---------------------------------------------------------------- torch's habits


def test_a_parameter_without_a_gradient_is_left_out_of_the_step():
    a, b, frozen = parameter([1.0]), parameter([1.0]), parameter([1.0])
    frozen.requires_grad_(False)
    opt = optim.Adam([a, b, frozen], 0.1)
    for t in range(4):
        set_gradient(a, [1.0])
        b.grad = None
        if t % 2:
            set_gradient(b, [1.0])
        opt.step()
    assert (opt.state[a]["t"], opt.state[b]["t"]) == (4, 2)
    assert frozen not in opt.state
    assert frozen.item() == 1.0
    twice = parameter([1.0])
    walk(optim.Adam([twice], 0.1), [twice], [[[1.0]]] * 2)
    assert b.item() == twice.item() != a.item()


def test_a_gradient_of_zero_is_a_gradient():
    a = parameter([1.0])
    opt = optim.Adam([a], 0.1)
    walk(opt, [a], [[[1.0]], [[0.0]]])
    assert opt.state[a]["t"] == 2


def test_zero_grad_and_a_closure_work_as_in_torch():
    def descend(kind):
        x = parameter([3.0, -4.0])
        opt = kind([x], 0.1)
        losses = []

        def closure():
            opt.zero_grad()
            loss = x.square().sum()
            loss.backward()
            return loss

        for _ in range(5):
            losses.append(opt.step(closure).item())
        return losses, x.detach()

    ours, theirs = descend(optim.Adam), descend(torch.optim.Adam)
    assert ours[0][0] == 25.0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12)
    x = parameter([1.0])
    assert optim.Adam([x]).step() is None


def test_step_hooks_are_called():
    x, called = parameter([1.0]), []
    opt = optim.Adam([x])
    opt.register_step_pre_hook(lambda *_: called.append("before"))
    opt.register_step_post_hook(lambda *_: called.append("after"))
    walk(opt, [x], [[[1.0]]])
    assert called == ["before", "after"]


def test_parameters_may_be_named():
    layer = torch.nn.Linear(2, 1)
    opt = optim.Adam(layer.named_parameters())
    assert opt.param_groups[0]["param_names"] == ["weight", "bias"]
    assert opt.param_groups[0]["params"][0] is layer.weight


@every_rule
def test_what_shares_memory_with_a_parameter_moves_with_it(name):
    memory = torch.arange(12, dtype=torch.float32)
    x = torch.nn.Parameter(memory[2:10].view(2, 4).t())
    assert not x.is_contiguous()
    flat = x.detach().numpy()
    opt = getattr(optim, name)([x], learning_rate=0.5)
    where = x.data_ptr()
    before = memory.clone()
    x.grad = torch.ones(4, 2)
    opt.step()
    assert x.data_ptr() == where
    assert (memory[2:10] != before[2:10]).all()
    assert torch.equal(memory[2:10].view(2, 4).t(), x.detach())
    assert np.array_equal(flat, x.detach().numpy())
    assert torch.equal(memory[:2], before[:2])
    assert torch.equal(memory[10:], before[10:])


def test_a_shared_layer_is_moved_once():
    embedding = torch.nn.Linear(3, 3, bias=False)
    model = torch.nn.Sequential(embedding, torch.nn.Tanh(), embedding)
    opt = optim.SignDescent(model.parameters(), 0.5)
    before = embedding.weight.detach().clone()
    model(torch.ones(1, 3)).sum().backward()
    opt.step()
    np.testing.assert_allclose((embedding.weight.detach() - before).abs(), 0.5, rtol=1e-6)


def test_autograd_notices_that_a_parameter_was_changed_in_place():
    x = parameter([2.0])
    loss = x.square().sum()
    set_gradient(x, [1.0])
    optim.GradientDescent([x], 0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_gradients_are_not_written_to_and_not_remembered_by_reference():
    x = parameter([1.0, 2.0])
    g = torch.tensor([3.0, -4.0], dtype=torch.float64)
    x.grad = g
    opt = optim.Momentum([x], 0.1, momentum=0.0)
    opt.step()
    assert g.tolist() == [3.0, -4.0]
    g.zero_()
    assert opt.state[x]["m"].tolist() == [3.0, -4.0]


class KeepsGradient(adam_course.Optimizer):
    """A reader's own rule, whose state is the very array that it was given."""

    State = adam_course.Momentum.State

    @property
    def hyperparameters(self):
        return {}

    def update(self, x, g, state):
        return x - g, self.State(state.t + 1, g)


def test_a_readers_own_rule_works_too_and_cannot_lose_its_memory():
    x = parameter([1.0])
    opt = from_rule([x], KeepsGradient())
    assert type(opt).__name__ == "KeepsGradient"
    set_gradient(x, [0.25])
    opt.step()
    x.grad.zero_()
    assert x.item() == 0.75
    assert opt.state[x]["m"].item() == 0.25


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_goes_through_as_in_torch(bad):
    ours, theirs = parameter([1.0, 2.0]), parameter([1.0, 2.0])
    for p, kind in ((ours, optim.Adam), (theirs, torch.optim.Adam)):
        walk(kind([p], 0.1), [p], [[[bad, 1.0]]])
    np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-12)
    assert math.isnan(ours[0].item())
    assert "NaN" in RuleOptimizer.__doc__


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded(dtype):
    half = parameter([1.0, -3.0, 0.1], dtype)
    opt = optim.Adam([half], 0.01)
    full = torch.nn.Parameter(half.detach().float())
    reference = optim.Adam([full], 0.01)
    for g in ([0.1, 1.0, -2.0], [0.3, -1.0, 5.0], [1e-3, 0.0, 1.0]):
        set_gradient(half, g)
        full.grad = half.grad.float()
        opt.step()
        reference.step()
        assert half.dtype == dtype
        assert torch.equal(half.detach(), full.detach().to(dtype))
        with torch.no_grad():
            full.copy_(half)
    assert opt.state[half]["v"].dtype == torch.float32
    assert torch.equal(opt.state[half]["v"], reference.state[full]["v"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_parameters_on_a_gpu_move_as_on_the_cpu():
    starts, gradients = problem(SHAPES)
    here, there = ([parameter(start) for start in starts] for _ in range(2))
    there = [torch.nn.Parameter(p.detach().cuda()) for p in there]
    ours, other = optim.Adam(here, 0.1), optim.Adam(there, 0.1)
    for row in gradients:
        for p, q, g in zip(here, there, row):
            set_gradient(p, g)
            q.grad = p.grad.cuda()
        ours.step()
        other.step()
        other.load_state_dict(reloaded(other.state_dict()))
    for p, q in zip(here, there):
        assert q.is_cuda
        assert torch.equal(p, q.cpu())


# ------------------------------------------------------------------- refusals


def test_a_sparse_gradient_is_refused_with_advice_and_nothing_moves():
    embedding = torch.nn.Embedding(10, 3, sparse=True)
    layer = torch.nn.Linear(3, 1)
    opt = optim.Adam([*layer.parameters(), *embedding.parameters()], 0.1)
    layer(embedding(torch.tensor([1, 2]))).sum().backward()
    before = [p.detach().clone() for p in opt.param_groups[0]["params"]]
    with pytest.raises(ValueError, match=r"^params\[2\] of group 0, of shape \(10, 3\), has a"):
        opt.step()
    with pytest.raises(ValueError, match=r"sparse=False, or leave it to torch.optim.SparseAdam"):
        opt.step()
    for p, value in zip(opt.param_groups[0]["params"], before):
        assert torch.equal(p, value)
    assert not opt.state


def test_a_named_parameter_is_named_when_it_is_refused():
    embedding = torch.nn.Embedding(10, 3, sparse=True)
    opt = optim.Adam(embedding.named_parameters(), 0.1)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match=r"^weight, of shape"):
        opt.step()


def test_what_is_wrong_in_the_last_group_keeps_the_first_from_moving():
    a, b = parameter([1.0]), parameter([1.0])
    opt = optim.Adam([{"params": [a]}, {"params": [b]}])
    set_gradient(a, [1.0])
    set_gradient(b, [1.0])
    opt.param_groups[1]["beta2"] = 1.0
    with pytest.raises(ValueError, match=r"^beta2 must be in \[0, 1\), got 1.0"):
        opt.step()
    assert (a.item(), b.item()) == (1.0, 1.0)
    assert not opt.state


@pytest.mark.parametrize(
    ("dtype", "match"),
    [
        (
            torch.complex64,
            r"^params\[1\] must be of real floats, got torch.complex64.*view_as_real",
        ),
        (torch.int64, r"^params\[1\] must be of real floats, got torch.int64"),
    ],
)
def test_parameters_that_are_no_real_floats_are_refused(dtype, match):
    odd = torch.nn.Parameter(torch.ones(2, dtype=dtype), requires_grad=dtype.is_complex)
    with pytest.raises(ValueError, match=match):
        optim.Adam([parameter([1.0]), odd])


HYPERPARAMETERS = {
    "learning_rate": -0.1,
    "momentum": 1.0,
    "beta1": 1.5,
    "beta2": math.nan,
    "epsilon": -1e-8,
    "weight_decay": math.inf,
    "momentum_decay": "0.1",
    "initial_accumulator": None,
}


@pytest.mark.parametrize(
    ("name", "hyperparameter"),
    [(name, key) for name, rule in OPTIMIZERS.items() for key in rule().hyperparameters],
)
def test_hyperparameters_are_checked_as_the_rule_checks_them(name, hyperparameter):
    wrong = {hyperparameter: HYPERPARAMETERS[hyperparameter]}
    with pytest.raises(ValueError, match=f"^{hyperparameter} must") as theirs:
        OPTIMIZERS[name](**wrong)
    with pytest.raises(ValueError, match=f"^{hyperparameter} must") as ours:
        getattr(optim, name)([parameter([1.0])], **wrong)
    assert str(ours.value) == str(theirs.value)
    key = "lr" if hyperparameter == "learning_rate" else hyperparameter
    with pytest.raises(ValueError, match=f"^{hyperparameter} must"):
        getattr(optim, name)([{"params": [parameter([1.0])], key: wrong[hyperparameter]}])


def test_an_array_of_hyperparameters_is_refused_for_torchs_groups_hold_one_number():
    with pytest.raises(ValueError, match=r"^learning_rate must be a single number, got"):
        optim.Adam([parameter([1.0])], learning_rate=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"^learning_rate must be a single number, got"):
        from_rule([parameter([1.0])], adam_course.Adam(np.array([[0.1], [0.2]])))


def test_a_number_of_any_kind_becomes_a_plain_one():
    for rate in (1, np.float32(1), torch.tensor(1.0), np.array(1.0)):
        opt = optim.Adam([parameter([1.0])], rate)
        assert opt.param_groups[0]["lr"] == 1.0
        assert type(opt.param_groups[0]["lr"]) is float


@pytest.mark.parametrize(
    ("group", "match"),
    [
        ({"betas": (0.9, 0.99)}, r"^param_group has betas=\(0.9, 0.99\), which Adam has not: it"),
        (
            {"weight_decay": 0.1},
            "^param_group has weight_decay=0.1, .* learning_rate, beta1",
        ),
        ({"lr": 0.1, "learning_rate": 0.2}, "^param_group must have lr or .* both: 0.1 and 0.2"),
        ({"lr": -1}, "^learning_rate must be .* got -1"),
        ({"rule": "RAdam"}, "^param_group is one of RAdam, not of Adam"),
    ],
)
def test_a_group_that_does_not_fit_is_refused_and_not_added(group, match):
    opt = optim.Adam([parameter([1.0])])
    group = {"params": [parameter([1.0])], **group}
    before = dict(group)
    with pytest.raises(ValueError, match=match):
        opt.add_param_group(group)
    assert len(opt.param_groups) == 1
    assert group == before


def test_a_group_must_be_a_dict_with_params():
    opt = optim.Adam([parameter([1.0])])
    for wrong in ([parameter([1.0])], {"lr": 0.1}):
        with pytest.raises(ValueError, match=r"^param_group must be a dict with params"):
            opt.add_param_group(wrong)


def test_a_group_may_be_added_later_and_is_not_written_to():
    a, b = parameter([1.0]), parameter([1.0])
    opt = optim.Adam([a], 0.1)
    walk(opt, [a], [[[1.0]]])
    group = {"params": iter([b]), "learning_rate": 0.3, "name": "head", "initial_lr": 0.5}
    opt.add_param_group(group)
    assert set(group) == {"params", "learning_rate", "name", "initial_lr"}
    assert opt.param_groups[1]["lr"] == 0.3
    assert opt.param_groups[1]["name"] == "head"
    assert opt.param_groups[1]["beta1"] == 0.9
    walk(opt, [a, b], [[[1.0], [1.0]]])
    assert (opt.state[a]["t"], opt.state[b]["t"]) == (2, 1)
    assert b.item() == pytest.approx(0.7)


def test_a_learning_rate_under_the_wrong_key_is_not_ignored():
    x = parameter([1.0])
    opt = optim.Adam([x])
    opt.param_groups[0]["learning_rate"] = 0.5
    set_gradient(x, [1.0])
    with pytest.raises(ValueError, match=r'as "lr", got learning_rate=0.5'):
        opt.step()
    assert x.item() == 1.0


def test_torchs_own_refusals_are_kept():
    x = parameter([1.0])
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.Adam([])
    with pytest.raises(TypeError, match="iterable of Tensors"):
        optim.Adam(x)
    with pytest.raises(TypeError, match="ordered collections"):
        optim.Adam([{"params": {x}}])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.Adam([{"params": [x]}, {"params": [x]}])
    with pytest.raises(TypeError, match="'lr'"):
        optim.Adam([x], lr=0.1)


def test_from_rule_wants_a_rule():
    with pytest.raises(ValueError, match=r"^rule must be a rule such as .* got 'Adam'"):
        from_rule([parameter([1.0])], "Adam")
    with pytest.raises(TypeError, match=r"^RuleOptimizer is the base"):
        RuleOptimizer([parameter([1.0])])


# ------------------------------------------------------------------ the classes


@every_rule
def test_each_class_has_its_rules_name_signature_and_docstring(name):
    made, rule = getattr(optim, name), OPTIMIZERS[name]
    assert issubclass(made, torch.optim.Optimizer)
    assert made.rule is rule
    assert (made.__name__, made.__module__) == (name, "adam_course.pytorch.optim")
    first, *others = inspect.signature(made).parameters.values()
    assert first.name == "params"
    assert {p.name: p.default for p in others} == rule().hyperparameters
    text = inspect.getdoc(made)
    assert text.splitlines()[0] == inspect.getdoc(rule).splitlines()[0]
    assert "x_t = " in text or "x'_{t-1} = " in text
    stated = dict(re.findall(r"^(\w+) : float, default (.+)$", text, flags=re.M))
    assert {key: float(value) for key, value in stated.items()} == rule().hyperparameters
    assert re.search(r"^Source: ", text, flags=re.M)
    assert ".init(" not in text, "no example of the pure rule is left"


@every_rule
def test_from_rule_makes_that_class_with_the_rules_hyperparameters(name):
    rule = OPTIMIZERS[name](learning_rate=0.25)
    opt = from_rule([parameter([1.0])], rule)
    assert type(opt) is getattr(optim, name)
    (group,) = opt.param_groups
    values = {"lr" if k == "learning_rate" else k: v for k, v in rule.hyperparameters.items()}
    assert {key: group[key] for key in values} == values
    assert set(group) == {"params", "rule", *values}
    assert f"{name} (" in repr(opt)
    assert "lr: 0.25" in repr(opt)


def test_all_rules_are_listed():
    assert set(OPTIMIZERS) < set(optim.__all__)
    for name in optim.__all__:
        assert hasattr(optim, name)


def test_hyperparameters_may_be_given_by_position_as_in_torch():
    (group,) = optim.Adam([parameter([1.0])], 0.1, 0.5).param_groups
    assert (group["lr"], group["beta1"], group["beta2"]) == (0.1, 0.5, 0.999)
