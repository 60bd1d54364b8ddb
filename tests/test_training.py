"""Training does what a loop by hand does, gives the same weights every time, and survives.

A run that is interrupted and goes on from its checkpoint is, bit for bit, the run that was
not; one whose loss is not finite says so; nothing that belongs to another run is loaded.
"""

import copy
import math
import os
import re
import signal
from functools import partial

import numpy as np
import pytest
import sklearn.metrics
import torch
import tqdm.auto
from sklearn.datasets import load_digits
from torch import nn

import adam_course
from adam_course.pytorch import (
    CNN,
    RNN,
    Evaluation,
    History,
    classification_loss,
    confusion_matrix,
    evaluate,
    optim,
    train,
)
from adam_course.pytorch.interrupts import uninterrupted
from adam_course.pytorch.training import gradient_norm

schedulers = torch.optim.lr_scheduler


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def points(n=50, seed=0):
    """Points in the plane, in three classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


DATA, TEST = points(), points(30, seed=1)


class Net(nn.Module):
    """Small, but with all that a run has to carry along: dropout, and running means."""

    def __init__(self, seed=0, width=8):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first = nn.Linear(2, width)
            self.norm = nn.BatchNorm1d(width)
            self.dropout = nn.Dropout(0.2)
            self.last = nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.dropout(torch.relu(self.norm(self.first(x)))))


def plain(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))


def parameters(model):
    return [value.clone() for value in model.state_dict().values()]


def assert_same(ours, theirs):
    """Equal bit for bit: tensors, numbers, and what holds them."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert_same(one, other)
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs)
    else:
        assert ours == theirs


# ------------------------------------------------------------------- the loop


def by_hand(model, optimizer, epochs, batch_size, seed):
    """What everybody writes: the losses of all steps."""
    x, y = (torch.tensor(part) for part in DATA)
    generator = torch.Generator().manual_seed(seed)
    losses, norms = [], []
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            norms.append(math.sqrt(sum(p.grad.square().sum().item() for p in model.parameters())))
    return losses, norms


@pytest.mark.parametrize(
    "kind",
    [optim.Adam, optim.Nesterov, torch.optim.Adam, torch.optim.SGD],
    ids=lambda kind: f"{kind.__module__.split('.')[0]}-{kind.__name__}",
)
def test_train_is_the_loop_by_hand(kind):
    ours, theirs = plain(), plain()
    history = train(ours, kind(ours.parameters(), 0.1), DATA, 3, batch_size=8, seed=5)
    losses, norms = by_hand(theirs, kind(theirs.parameters(), 0.1), 3, 8, seed=5)
    assert_same(parameters(ours), parameters(theirs))
    assert history.loss.tolist() == losses
    np.testing.assert_allclose(history.gradient_norm, norms, rtol=1e-5)
    assert (history.learning_rate == 0.1).all()
    assert (history.steps, history.epochs, history.stopped) == (21, 3, None)
    assert all(bool((p != q).any()) for p, q in zip(ours.parameters(), plain().parameters()))


def test_every_epoch_goes_once_through_all_examples_in_an_order_of_its_own():
    seen = []

    def loss(logits, labels):
        seen.append(labels.tolist())
        return logits.square().mean()

    model = plain()
    numbers = np.arange(50)
    opt = optim.Adam(model.parameters())
    train(model, opt, (DATA[0], numbers), 3, batch_size=16, loss=loss, evaluate=False)
    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 3
    epochs = [[y for batch in seen[4 * k : 4 * k + 4] for y in batch] for k in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != sorted(epochs[2])


def test_the_order_of_the_examples_is_the_same_for_every_model():
    def order(model):
        seen = []

        def loss(logits, labels):
            seen.extend(labels.tolist())
            return logits.square().mean()

        data = (DATA[0], np.arange(50))
        train(model, adam(model), data, 3, batch_size=10, loss=loss, evaluate=False)
        return seen

    assert order(plain()) == order(Net()), "though one of them draws numbers, for its dropout"


def run(seed=0, model_seed=0, epochs=2, **options):
    model = Net(model_seed)
    opt = optim.Adam(model.parameters(), 0.05)
    history = train(model, opt, DATA, epochs, batch_size=8, seed=seed, test=TEST, **options)
    return model, history


def test_a_run_is_the_same_every_time_whatever_was_drawn_before_it():
    torch.manual_seed(1)
    one, first = run()
    torch.manual_seed(2)
    torch.rand(7)
    other, second = run()
    assert_same(parameters(one), parameters(other))
    assert first == second
    third, history = run(seed=1)
    assert not torch.equal(third.first.weight, one.first.weight)
    assert history != first


def test_training_and_evaluating_leave_the_global_generator_as_it_is():
    torch.manual_seed(0)
    wanted = torch.rand(5)
    torch.manual_seed(0)
    model, _ = run()
    evaluate(model, TEST)
    assert torch.equal(torch.rand(5), wanted)


def test_evaluating_or_not_changes_nothing_in_the_weights():
    one, loud = run()
    other, quiet = run(evaluate=False)
    assert_same(parameters(one), parameters(other))
    assert (loud.loss == quiet.loss).all()
    assert np.isnan(quiet.train_loss).all()
    assert np.isnan(quiet.test_accuracy).all()
    assert quiet.epochs == 2


def test_after_each_epoch_all_examples_are_evaluated():
    model = Net()
    opt = optim.Adam(model.parameters(), 0.05)
    losses = []
    for seed in range(3):
        history = train(model, opt, DATA, 1, batch_size=8, test=TEST, seed=seed)
        for name, data in (("train", DATA), ("test", TEST)):
            found = evaluate(model, data)
            assert getattr(history, f"{name}_loss").tolist() == [found.loss]
            assert getattr(history, f"{name}_accuracy").tolist() == [found.accuracy]
            losses.append(found.loss)
    assert len(set(losses)) == 6


def test_the_test_data_may_be_evaluated_alone():
    seen = []

    def loss(logits, labels):
        if not torch.is_grad_enabled():
            seen.append(len(labels))
        return classification_loss(logits, labels)

    one, all_of_it = run()
    other, quick = run(evaluate="test", loss=loss)
    assert_same(parameters(one), parameters(other))
    assert seen == 2 * [len(TEST[1])], "the training data are not gone through"
    for name in ("test_loss", "test_accuracy"):
        assert getattr(quick, name).tolist() == getattr(all_of_it, name).tolist()
    assert np.isnan([quick.train_loss, quick.train_accuracy]).all()
    assert list(quick.table) == ["test_loss", "test_accuracy"]


def test_training_is_in_training_mode_with_running_means_and_dropout():
    seen = []

    class Watched(Net):
        def forward(self, x):
            seen.append((self.training, self.dropout.training))
            return super().forward(x)

    model = Watched().eval()
    train(model, adam(model), DATA, 2, batch_size=8, evaluate=False)
    assert set(seen[-14:]) == {(True, True)}
    assert model.norm.num_batches_tracked == 14, "the steps, and no other examples"


def test_the_test_data_are_used_for_nothing():
    one, _ = run()
    model = Net()
    opt = optim.Adam(model.parameters(), 0.05)
    train(model, opt, DATA, 2, batch_size=8)
    assert_same(parameters(one), parameters(model))


def test_parameters_that_the_optimizer_does_not_have_stay():
    model = plain()
    opt = optim.Adam(model[2].parameters(), 0.1)
    before = parameters(model)
    history = train(model, opt, DATA, 1, batch_size=10)
    after = parameters(model)
    assert [torch.equal(p, q) for p, q in zip(before, after)] == [True, True, False, False]
    assert (history.gradient_norm > 0).all()


# --------------------------------------------------------------- several optimizers


def test_several_optimizers_do_what_one_with_groups_does():
    ours, theirs = plain(), plain()
    several = [optim.Adam(ours[0].parameters(), 0.1), optim.Adam(ours[2].parameters(), 0.01)]
    groups = [
        {"params": theirs[0].parameters()},
        {"params": theirs[2].parameters(), "lr": 0.01},
    ]
    options = {"epochs": 3, "batch_size": 8, "test": TEST, "clip_norm": 0.2}
    history = train(ours, several, DATA, **options)
    assert history == train(theirs, optim.Adam(groups, 0.1), DATA, **options)
    assert_same(parameters(ours), parameters(theirs))
    assert (history.gradient_norm > 0.2).any(), "of all parameters together, and clipped"


def test_several_optimizers_are_the_loop_by_hand_each_with_its_own_rule():
    class Both:
        """Two optimizers for a loop that knows one."""

        def __init__(self, model):
            self.two = [
                optim.GradientDescent(model[0].parameters(), 0.3),
                torch.optim.Adam(model[2].parameters(), 0.02),
            ]

        def zero_grad(self):
            for one in self.two:
                one.zero_grad()

        def step(self):
            for one in self.two:
                one.step()

    ours, theirs = plain(), plain()
    history = train(ours, Both(ours).two, DATA, 3, batch_size=8, seed=5)
    losses, norms = by_hand(theirs, Both(theirs), 3, 8, seed=5)
    assert_same(parameters(ours), parameters(theirs))
    assert history.loss.tolist() == losses
    np.testing.assert_allclose(history.gradient_norm, norms, rtol=1e-5)
    assert (history.learning_rate == 0.3).all(), "the first group's of the first"


@pytest.mark.parametrize(
    ("several", "match"),
    [
        (lambda m: [], "^optimizer must be one or several that share no parameter, got none"),
        (
            lambda m: [adam(m), torch.optim.SGD(m.last.parameters(), 0.1)],
            "^optimizer must be one or several that share no parameter, got Adam, SGD",
        ),
        (
            lambda m: [adam(m.first), adam_course.Adam(0.1)],
            r"^optimizer must be a torch\.optim\.Optimizer, got Adam.*from_rule",
        ),
        (
            lambda m: [adam(m.first), torch.optim.LBFGS(m.last.parameters())],
            "^optimizer must step without a closure",
        ),
        (
            lambda m: [adam(m.first), adam(Net().last)],
            "^optimizer must have parameters of this model",
        ),
    ],
    ids=["none", "shared", "a rule", "LBFGS", "another model"],
)
def test_several_optimizers_that_do_not_fit_are_refused(several, match):
    model = Net()
    with pytest.raises(ValueError, match=match):
        train(model, several(model), DATA, 1, batch_size=8)
    assert_same(parameters(model), parameters(Net()))


# ---------------------------------------------------------------- real networks


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's digits of 8 × 8 pixels, made 28 × 28: each pixel 3 × 3, and a margin."""
    data = load_digits()
    images = np.kron(data.images / 16, np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1000], order[1000:]
    return (images[train], data.target[train]), (images[test], data.target[test])


def test_the_cnn_learns_the_digits_and_gives_the_same_weights_twice(digits):
    weights, histories = [], []
    for _ in range(2):
        model = CNN(seed=0)
        opt = optim.Adam(model.parameters(), learning_rate=0.003)
        histories.append(train(model, opt, digits[0], 3, batch_size=50, test=digits[1]))
        weights.append(parameters(model))
    assert histories[0].test_accuracy[-1] > 0.9
    assert histories[0].test_loss[-1] < 0.3
    assert histories[0].test_accuracy[0] < histories[0].test_accuracy[-1]
    assert_same(*weights)
    assert histories[0] == histories[1]
    assert sum(p.numel() for p in weights[0]) == 225_034


def texts(n, seed):
    """Texts of 3 to 12 words out of 20: is there more of word 1 or of word 2 in it?"""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, n)
    tokens = rng.integers(1, 20, (n, 12)) * (np.arange(12) < lengths[:, None])
    likely = rng.random(n) < 0.5
    first = (tokens > 0) & (rng.random((n, 12)) < 0.5)
    tokens[first] = np.where(likely, 1, 2)[:, None].repeat(12, 1)[first]
    return (tokens, lengths), (tokens == 1).sum(1) > (tokens == 2).sum(1)


def test_the_rnn_learns_from_texts_of_several_lengths():
    model = RNN(20, 8, 16, seed=0)
    opt = optim.Adam(model.parameters(), learning_rate=0.01)
    history = train(model, opt, texts(600, 0), 4, batch_size=30, test=texts(300, 1), clip_norm=1.0)
    assert history.test_accuracy[-1] > 0.9
    assert history.steps == 80
    found = evaluate(model, texts(300, 1))
    assert found.logits.shape == found.predictions.shape == (300,)
    assert found.confusion.shape == (2, 2)


# -------------------------------------------------------------------- clipping


@pytest.mark.parametrize("clip_norm", [0.5, 1e-3, 1e6])
def test_clipping_is_torchs(clip_norm):
    ours, theirs = plain(), plain()
    opt = optim.GradientDescent(ours.parameters(), 0.1)
    history = train(ours, opt, DATA, 1, batch_size=50, clip_norm=clip_norm)
    x, y = (torch.tensor(part) for part in DATA)
    reference = torch.optim.SGD(theirs.parameters(), 0.1)
    nn.functional.cross_entropy(theirs(x), y).backward()
    norm = nn.utils.clip_grad_norm_(theirs.parameters(), clip_norm)
    reference.step()
    assert history.gradient_norm[0] == pytest.approx(norm.item(), rel=1e-5), "before clipping"
    for p, q in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.detach(), q.detach(), rtol=1e-4, atol=1e-6)
    length = math.sqrt(
        sum((p - q).square().sum().item() for p, q in zip(plain().parameters(), ours.parameters()))
    )
    assert length == pytest.approx(0.1 * min(clip_norm, norm.item()), rel=1e-3)


def test_the_length_of_a_sparse_gradient_is_that_of_the_dense_one():
    lengths = []
    for sparse in (True, False):
        torch.manual_seed(0)
        embedding = nn.Embedding(10, 3, sparse=sparse)
        embedding(torch.tensor([1, 1, 4])).square().sum().backward()
        assert embedding.weight.grad.is_sparse is sparse
        lengths.append(gradient_norm([embedding.weight, nn.Parameter(torch.ones(2))]))
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-6)
    assert lengths[0] > 0
    assert gradient_norm([nn.Parameter(torch.ones(2))]) == 0.0


def test_the_length_of_gradients_in_half_precision_does_not_overflow():
    x = nn.Parameter(torch.zeros(100, dtype=torch.float16))
    x.grad = torch.full((100,), 6e4, dtype=torch.float16)
    assert gradient_norm([x]) == pytest.approx(6e5, rel=1e-2)


def test_torchs_sparse_adam_trains_a_sparse_embedding_with_clipping():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 3, sparse=True)

        def forward(self, tokens, lengths):
            return self.words(tokens.long()).sum(1)

    torch.manual_seed(0)
    (tokens, lengths), labels = texts(60, 0)
    tokens[tokens == 7] = 3
    model = Bag()
    before = model.words.weight.detach().clone()
    opt = torch.optim.SparseAdam(model.parameters(), 0.01)
    history = train(model, opt, ((tokens, lengths), labels), 2, batch_size=20, clip_norm=0.1)
    assert history.train_loss[1] < history.train_loss[0]
    moved = (model.words.weight != before).any(1)
    assert not moved[7]
    assert moved[1]
    assert (history.gradient_norm > 0.1).any()


# ------------------------------------------------------------------ schedulers


def rates(scheduler, epochs=4, **options):
    model = plain()
    opt = optim.Adam(model.parameters(), 0.1)
    made = scheduler(opt)
    history = train(model, opt, DATA, epochs, batch_size=25, scheduler=made, **options)
    return history, made


def test_a_scheduler_steps_after_each_epoch():
    history, _ = rates(lambda opt: schedulers.StepLR(opt, 1, 0.5))
    np.testing.assert_allclose(history.learning_rate, np.repeat(0.1 / 2.0 ** np.arange(4), 2))


def test_a_scheduler_may_step_after_each_step():
    history, _ = rates(lambda opt: schedulers.StepLR(opt, 1, 0.5), scheduler_every="step")
    np.testing.assert_allclose(history.learning_rate, 0.1 / 2.0 ** np.arange(8))


@pytest.mark.parametrize(
    "kind",
    [
        lambda opt: schedulers.OneCycleLR(opt, 0.5, total_steps=8, cycle_momentum=False),
        lambda opt: schedulers.CyclicLR(opt, 0.1, 0.5, 3, cycle_momentum=False),
    ],
)
def test_a_scheduler_that_is_meant_to_steps_after_each_step(kind):
    history, _ = rates(kind)
    alone = optim.Adam([nn.Parameter(torch.ones(1))], 0.1)
    reference, wanted = kind(alone), []
    for _ in range(8):
        wanted.append(alone.param_groups[0]["lr"])
        alone.step()
        reference.step()
    assert history.learning_rate.tolist() == wanted
    assert len(set(wanted)) > 5


@pytest.mark.parametrize("evaluated", [True, False])
def test_reduce_on_plateau_is_given_the_epochs_mean_training_loss(evaluated):
    given = []

    class Plateau(schedulers.ReduceLROnPlateau):
        def step(self, metrics, epoch=None):
            given.append(metrics)
            super().step(metrics)

    history, _ = rates(lambda opt: Plateau(opt), test=TEST, evaluate=evaluated)
    np.testing.assert_allclose(given, history.loss.reshape(4, 2).mean(axis=1), rtol=1e-12)


def test_torchs_optimizer_and_ours_are_scheduled_alike():
    losses = []
    for kind in (optim.Adam, torch.optim.Adam):
        model = plain()
        opt = kind(model.parameters(), 0.1)
        made = schedulers.CosineAnnealingLR(opt, 4)
        losses.append(train(model, opt, DATA, 4, batch_size=25, scheduler=made))
    assert (losses[0].learning_rate == losses[1].learning_rate).all()
    np.testing.assert_allclose(losses[0].loss, losses[1].loss, rtol=1e-3)


# ------------------------------------------------------------- what is not finite


def test_a_loss_that_is_not_finite_ends_the_run_before_its_step():
    calls = []

    def loss(logits, labels):
        calls.append(parameters(model))
        return logits.square().mean() * (math.nan if len(calls) == 4 else 1.0)

    model = plain()
    opt = optim.Adam(model.parameters(), 0.25)
    history = train(model, opt, DATA, 5, batch_size=25, loss=loss, evaluate=False)
    assert history.stopped == (
        "the loss was nan at step 4, in epoch 2, with learning rate 0.25: try a smaller learning "
        "rate, or clip_norm"
    )
    assert (history.steps, history.epochs) == (3, 1)
    assert len(history.loss) == len(history.gradient_norm) == len(history.learning_rate) == 3
    assert_same(parameters(model), calls[3])
    assert opt.state[model[0].weight]["t"] == 3
    assert "step 4" in repr(history)


def test_a_learning_rate_that_is_far_too_large_ends_the_run():
    model = plain()
    opt = optim.GradientDescent(model.parameters(), 1e38)
    history = train(model, opt, DATA, 5, batch_size=10)
    assert re.search(r"learning rate 1e\+38: try a smaller learning rate", history.stopped)
    assert history.steps < 10


def test_data_that_are_not_finite_are_named_as_the_cause():
    x = DATA[0].copy()
    x[7, 1] = math.inf
    model = plain()
    opt = optim.Adam(model.parameters(), 0.1)
    history = train(model, opt, (x, DATA[1]), 3, batch_size=50)
    assert history.stopped.endswith("check the data, this batch has NaN or infinities in it")
    assert history.steps == 0
    assert_same(parameters(model), parameters(plain()))


def test_a_gradient_that_is_not_finite_ends_the_run_before_it_does_harm():
    def loss(logits, labels):
        return torch.sqrt((0 * logits).abs()).sum()  # 0, with the slope 1/0 times 0

    model = plain()
    opt = optim.Adam(model.parameters(), 0.1)
    history = train(model, opt, DATA, 3, batch_size=50, loss=loss)
    assert history.stopped.startswith("the gradient had length nan at step 1")
    assert_same(parameters(model), parameters(plain()))


def test_parameters_that_the_last_step_broke_are_noticed():
    model = plain()
    opt = optim.GradientDescent(model.parameters(), 1e300)  # infinite in float32
    history = train(model, opt, DATA, 1, batch_size=50, evaluate=False)
    assert history.stopped.startswith("the parameters were no longer finite after step 1, in ")
    assert (history.steps, history.epochs) == (1, 0)


def test_the_learning_rates_of_all_optimizers_are_named():
    model = plain()
    several = [
        optim.GradientDescent(model[0].parameters(), 0.5),
        optim.GradientDescent(model[2].parameters(), 1e38),
    ]
    history = train(model, several, DATA, 5, batch_size=10)
    assert "with learning rate 0.5, 1e+38:" in history.stopped


def test_all_learning_rates_are_named():
    model = plain()
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 1e38}]
    opt = optim.GradientDescent(groups, 0.5)
    history = train(model, opt, DATA, 5, batch_size=10)
    assert "with learning rate 0.5, 1e+38:" in history.stopped


# ------------------------------------------------------------------- interrupts


class Interrupted:
    """The usual loss, with a Ctrl-C at its k-th call; or an error."""

    def __init__(self, at=None, error=KeyboardInterrupt):
        self.left, self.error = at, error

    def __call__(self, logits, labels):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise self.error
        return classification_loss(logits, labels)


def test_an_interrupt_returns_what_is_done():
    full_model, full = run()
    model, history = run(loss=Interrupted(at=4))
    assert history.stopped == "interrupted at step 4, in epoch 1 of 2"
    assert (history.steps, history.epochs) == (3, 0)
    assert history.loss.tolist() == full.loss[:3].tolist()
    assert not torch.equal(model.first.weight, full_model.first.weight)
    assert not torch.equal(model.first.weight, Net().first.weight)


def test_an_interrupt_while_evaluating_keeps_all_steps():
    # 7 steps, then one call for the training and one for the test data.
    _, history = run(loss=Interrupted(at=9))
    assert (history.steps, history.epochs) == (7, 0)


def test_other_errors_are_passed_on():
    with pytest.raises(ZeroDivisionError):
        run(loss=Interrupted(at=4, error=ZeroDivisionError))


class PressesCtrlC(torch.optim.SGD):
    """An optimizer during whose third step somebody presses Ctrl-C, `times` times."""

    steps, times, finished = 0, 1, 0

    def step(self, closure=None):
        self.steps += 1
        if self.steps == 3:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        super().step()
        self.finished += 1


def test_a_ctrl_c_within_a_step_waits_for_its_end():
    model = plain()
    opt = PressesCtrlC(model.parameters(), 0.1)
    history = train(model, opt, DATA, 3, batch_size=10)
    assert history.stopped == "interrupted at step 4, in epoch 1 of 3"
    assert (history.steps, opt.finished) == (3, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait():
    model = plain()
    opt = PressesCtrlC(model.parameters(), 0.1)
    opt.times = 2
    history = train(model, opt, DATA, 3, batch_size=10)
    assert (history.steps, opt.finished) == (2, 2)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_of_ctrl_c_is_left_alone():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            assert heard == [1]
    finally:
        signal.signal(signal.SIGINT, before)


# ------------------------------------------------------------------- checkpoints


def adam(model):
    return optim.Adam(model.parameters(), 0.05)


def in_groups(model):
    groups = [
        {"params": [*model.first.parameters(), *model.norm.parameters()], "lr": 0.02},
        {"params": model.last.parameters()},
    ]
    return optim.AMSGrad(groups, 0.05)


def in_two(model):
    body = [*model.first.parameters(), *model.norm.parameters()]
    return [optim.Momentum(body, 0.02), torch.optim.Adam(model.last.parameters(), 0.05)]


KINDS = {
    "the course's Adam": (adam, None),
    "the course's NAdam, scheduled": (
        lambda model: optim.NAdam(model.parameters(), 0.05),
        lambda opt: schedulers.StepLR(opt, 2, 0.5),
    ),
    "groups, a cycle": (
        in_groups,
        lambda opt: schedulers.OneCycleLR(opt, 0.1, total_steps=40, cycle_momentum=False),
    ),
    "momentum, cycled too": (
        lambda model: optim.Momentum(model.parameters(), 0.05),
        lambda opt: schedulers.OneCycleLR(opt, 0.1, total_steps=40),
    ),
    "torch's AdamW, plateau": (
        lambda model: torch.optim.AdamW(model.parameters(), 0.05),
        lambda opt: schedulers.ReduceLROnPlateau(opt, patience=0, factor=0.5),
    ),
    "torch's SGD": (lambda model: torch.optim.SGD(model.parameters(), 0.05), None),
    "torch's SGD, a sequence": (
        lambda model: torch.optim.SGD(model.parameters(), 0.05, momentum=0.9),
        lambda opt: schedulers.SequentialLR(
            opt,
            [schedulers.LinearLR(opt, total_iters=2), schedulers.ExponentialLR(opt, 0.9)],
            milestones=[2],
        ),
    ),
    "two rules": (in_two, None),
    "two rules, one in a cycle": (
        in_two,
        lambda two: schedulers.OneCycleLR(two[1], 0.1, total_steps=40, cycle_momentum=False),
    ),
}


class Session:
    """A model with its optimizer and scheduler, and how it is trained."""

    def __init__(self, kind="the course's Adam", seed=0):
        optimizer, scheduler = KINDS[kind]
        self.model = Net(seed)
        self.optimizer = optimizer(self.model)
        self.scheduler = scheduler and scheduler(self.optimizer)

    def train(self, path=None, at=None, epochs=4, error=KeyboardInterrupt, **options):
        settings = {"batch_size": 8, "test": TEST, "clip_norm": 0.5, "seed": 3}
        loss = Interrupted(at, error)
        return train(
            self.model, self.optimizer, DATA, epochs, loss=loss, scheduler=self.scheduler,
            checkpoint=path, **(settings | options),
        )  # fmt: skip

    @property
    def all(self):
        """All that a run has changed."""
        scheduler = self.scheduler and dict(self.scheduler.state_dict())
        several = isinstance(self.optimizer, list)
        optimizers = self.optimizer if several else [self.optimizer]
        return [self.model.state_dict(), [one.state_dict() for one in optimizers], scheduler]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.pt"


# An epoch has 7 steps, and two calls of the loss for evaluation after them.
MOMENTS = {
    "the first step": 1,
    "the first epoch": 5,
    "the first evaluation": 8,
    "the first step of an epoch": 10,
    "the second epoch": 15,
    "the last evaluation": 36,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["in a new session", "with the same objects"])
def test_an_interrupted_run_goes_on_bit_for_bit(kind, moment, how, path):
    straight = Session(kind)
    wanted = straight.train()
    session = Session(kind)
    broken = session.train(path, at=MOMENTS[moment])
    assert broken.stopped.startswith("interrupted at step")
    assert "same checkpoint" in broken.stopped
    assert broken.epochs < 4
    if how == "in a new session":
        session = Session(kind)
    history = session.train(path)
    assert_same(session.all, straight.all)
    assert history == wanted
    assert history.stopped is None
    assert history.steps == 28


def test_a_run_may_be_interrupted_again_and_again(path):
    straight = Session()
    wanted = straight.train()
    for at in (12, 3, 14, 9, 4):
        session = Session()
        assert session.train(path, at=at).stopped
    history = session.train(path)
    assert_same(session.all, straight.all)
    assert history == wanted


def test_writing_checkpoints_changes_nothing(path):
    straight, session = Session(), Session()
    assert straight.train() == session.train(path)
    assert_same(session.all, straight.all)
    assert os.listdir(path.parent) == ["run.pt"]


def test_a_finished_run_is_returned_at_once(path):
    straight = Session()
    wanted = straight.train(path)
    session = Session()
    before = path.read_bytes()
    assert session.train(path, at=1) == wanted, "the loss is not called"
    assert_same(session.all, straight.all)
    assert path.read_bytes() == before


def test_more_epochs_go_on_where_fewer_ended(path):
    straight = Session()
    wanted = straight.train(epochs=4)
    Session().train(path, epochs=2)
    session = Session()
    assert session.train(path, epochs=4) == wanted
    assert_same(session.all, straight.all)


def test_fewer_epochs_than_a_checkpoint_has_are_refused(path):
    Session().train(path, epochs=2)
    with pytest.raises(ValueError, match=r"^epochs must be at least 2, .*, got 1"):
        Session().train(path, epochs=1)


def test_the_seconds_of_all_epochs_are_kept(path):
    Session().train(path, at=20)
    history = Session().train(path)
    assert history.seconds.shape == (4,)
    assert (history.seconds > 0).all()


def test_a_checkpoint_holds_nothing_but_data(path):
    Session("momentum, cycled too").train(path, epochs=1)
    content = torch.load(path, weights_only=True)
    assert_same(content["model"], torch.load(path, weights_only=True)["model"])
    assert len(content["record"]["loss"]) == 7


def refused(path, match, session=None, **options):
    """Assert that a checkpoint is refused: neither it nor the session has changed."""
    session = session or Session()
    before, file = copy.deepcopy(session.all), path.read_bytes()
    with pytest.raises(ValueError, match=match):
        session.train(path, **options)
    assert path.read_bytes() == file
    assert_same(session.all, before)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 10}, "another batch_size: 8 there, 10 here"),
        ({"seed": 4}, "another seed: 3 there, 4 here"),
        ({"clip_norm": None}, "another clip_norm: 0.5 there, None here"),
        ({"evaluate": False}, "another evaluate: True there, False here"),
        ({"evaluate": "test"}, "another evaluate: True there, test here"),
        ({"test": None}, "another test;"),
        ({"test": points(30, seed=2)}, "another test;"),
    ],
    ids=str,
)
def test_a_checkpoint_of_other_settings_is_refused(options, match, path):
    Session().train(path, at=12)
    message = rf"^checkpoint '.*run.pt' is of another run, with {match}"
    refused(path, message, **options)
    refused(path, "it is left as it is: choose another path, or move it away", **options)


def test_a_checkpoint_of_another_loss_is_refused(path):
    Session().train(path, at=12)
    session = Session()
    with pytest.raises(ValueError, match="another loss: Interrupted there, classification_loss"):
        train(
            session.model, session.optimizer, DATA, 4, batch_size=8, test=TEST, clip_norm=0.5,
            seed=3, checkpoint=path,
        )  # fmt: skip


def test_a_checkpoint_of_other_data_is_refused(path):
    session = Session()
    x, y = DATA[0].copy(), DATA[1]
    opt = {"batch_size": 8, "checkpoint": path}
    train(session.model, session.optimizer, (x, y), 1, **opt)
    x[3, 1] = np.nextafter(x[3, 1], 2)
    other = Session()
    with pytest.raises(ValueError, match="another data;"):
        train(other.model, other.optimizer, (x, y), 1, **opt)


class Wide(Session):
    def __init__(self):
        self.model, self.scheduler = Net(width=9), None
        self.optimizer = adam(self.model)


class Tuned(Session):
    """The same model with another optimizer or scheduler."""

    def __init__(self, optimizer, scheduler=None):
        self.model = Net()
        self.optimizer = optimizer(self.model)
        self.scheduler = scheduler and scheduler(self.optimizer)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (Wide, "another model;"),
        (lambda: Session(seed=1), "a model that had other weights before its first step"),
        (lambda: Tuned(lambda m: optim.Adam(m.parameters(), 0.04)), "lr: 0.05 there, 0.04 here"),
        (
            lambda: Tuned(lambda m: optim.Adam(m.parameters(), 0.05, beta1=0.8)),
            "another beta1: 0.9 there, 0.8 here",
        ),
        (lambda: Tuned(lambda m: torch.optim.Adam(m.parameters(), 0.05)), "another optimizer"),
        (lambda: Tuned(lambda m: optim.RAdam(m.parameters(), 0.05)), "another optimizer"),
        (lambda: Tuned(in_two), "another optimizer"),
        (
            lambda: Tuned(lambda m: optim.Adam(list(m.parameters())[::-1], 0.05)),
            "another order of parameters",
        ),
        (
            lambda: Tuned(adam, lambda opt: schedulers.StepLR(opt, 2)),
            "another scheduler: None there, StepLR here",
        ),
    ],
)
def test_a_checkpoint_of_another_model_or_optimizer_is_refused(make, match, path):
    Session().train(path, at=12)
    refused(path, match, make())


@pytest.mark.parametrize(
    ("scheduler", "match"),
    [
        (lambda opt: schedulers.StepLR(opt, 3, 0.5), "another step_size: 2 there, 3 here"),
        (lambda opt: schedulers.StepLR(opt, 2, 0.1), "another gamma: 0.5 there, 0.1 here"),
        (lambda opt: schedulers.ExponentialLR(opt, 0.5), "another scheduler: StepLR there"),
    ],
)
def test_a_checkpoint_of_another_schedule_is_refused(scheduler, match, path):
    kind = "the course's NAdam, scheduled"
    Session(kind).train(path, at=30)
    refused(path, match, Tuned(KINDS[kind][0], scheduler))
    refused(path, "another scheduler_every: epoch there, step", Session(kind),
            scheduler_every="step")  # fmt: skip


def halves(model, order=1, inside=1, first=0.02, second=0.05):
    """Two Adams: what each has, in which order, and at which rate."""
    last = [*model.norm.parameters(), *model.last.parameters()][::inside]
    return [optim.Adam(model.first.parameters(), first), optim.Adam(last, second)][::order]


def parted_otherwise(model):
    first = [*model.first.parameters(), *model.norm.parameters()]
    return [optim.Adam(first, 0.02), optim.Adam(model.last.parameters(), 0.05)]


@pytest.mark.parametrize(
    ("optimizer", "match"),
    [
        (adam, "another optimizer"),
        (in_two, "another optimizer"),
        (parted_otherwise, "another order of parameters"),
        (lambda model: halves(model, order=-1), "another order of parameters"),
        (lambda model: halves(model, inside=-1), "another order of parameters"),
        (lambda model: halves(model, first=0.03), "another lr: 0.02 there, 0.03 here"),
        (lambda model: halves(model, second=0.06), "another lr: 0.05 there, 0.06 here"),
    ],
    ids=[
        "a single one", "other rules", "parted otherwise", "the other way round",
        "within the second", "the first's rate", "the second's rate",
    ],
)  # fmt: skip
def test_a_checkpoint_of_several_other_optimizers_is_refused(optimizer, match, path):
    Tuned(halves).train(path, at=12)
    refused(path, match, Tuned(optimizer))


def test_a_checkpoint_in_which_another_of_several_optimizers_is_scheduled_is_refused(path):
    def scheduled(which):
        return Tuned(partial(halves, first=0.05), lambda two: schedulers.StepLR(two[which], 2))

    scheduled(0).train(path, at=12)
    refused(path, "another scheduled optimizer: 0 there, 1 here", scheduled(1))


def test_a_model_that_goes_on_with_another_of_its_optimizers_is_refused(path):
    session = Tuned(halves)
    session.train(path, at=12)
    last = [*session.model.norm.parameters(), *session.model.last.parameters()]
    session.optimizer[1] = optim.Adam(last, 0.06)
    refused(path, "another lr: 0.05 there, 0.06 here", session)


def test_a_list_of_one_optimizer_is_that_optimizer(path):
    straight = Session()
    wanted = straight.train()
    Session().train(path, epochs=2)
    assert isinstance(torch.load(path, weights_only=True)["optimizer"], dict)
    session = Tuned(lambda model: [adam(model)])
    assert session.train(path) == wanted
    assert_same(session.all, straight.all)


def test_a_model_that_was_loaded_from_the_checkpoint_itself_may_go_on(path):
    straight = Session()
    wanted = straight.train()
    Session().train(path, epochs=2)
    session = Session(seed=7)
    session.model.load_state_dict(torch.load(path, weights_only=True)["model"])
    assert session.train(path) == wanted
    assert_same(session.all, straight.all)


def test_a_model_that_was_trained_elsewhere_in_between_is_refused(path):
    Session().train(path, at=12)
    session = Session()
    session.train(epochs=3)
    refused(path, "other weights before its first step", session)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused_and_left_as_it_is(part, path):
    Session().train(path, at=12)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path, r"^checkpoint '.*run.pt' cannot be read: it is damaged, or no checkpoint")


@pytest.mark.parametrize("content", [b"# my notes\n", b"\x80\x02}q\x00."], ids=["text", "pickle"])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(content, path):
    path.write_bytes(content)
    refused(path, r"^checkpoint '.*run.pt' (cannot be read|is a file of another kind)")


def test_a_file_of_torchs_with_something_else_in_it_is_refused(path):
    torch.save(Net().state_dict(), path)
    refused(path, "is a file of another kind; it is left as it is")
    torch.save([1, 2], path)
    refused(path, "is a file of another kind")


class Evil:
    def __reduce__(self):
        return os.system, ("echo executed",)


def test_a_checkpoint_cannot_run_code(path, capfd):
    torch.save({"format": Evil()}, path)
    refused(path, "cannot be read")
    assert "executed" not in capfd.readouterr().out


def test_a_path_that_cannot_be_written_to_is_refused_before_the_first_step(tmp_path):
    session = Session()
    with pytest.raises(ValueError, match=r"^checkpoint must be .* is a folder$"):
        session.train(tmp_path)
    with pytest.raises(ValueError, match=r"^checkpoint must be .* a folder that does not exist$"):
        session.train(tmp_path / "nowhere" / "run.pt")
    assert_same(session.all, Session().all)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_the_checkpoint_before_it(error, path, monkeypatch):
    straight = Session()
    wanted = straight.train()
    save, left = torch.save, [3]

    def fails_half_way(content, file):
        left[0] -= 1
        if left[0] == 0:
            file.write(b"half of a checkpoint")
            raise error
        save(content, file)

    monkeypatch.setattr(torch, "save", fails_half_way)
    if error is OSError:
        with pytest.raises(OSError):  # noqa: PT011
            Session().train(path)
    else:
        assert Session().train(path).stopped
    assert os.listdir(path.parent) == ["run.pt"]
    assert len(torch.load(path, weights_only=True)["record"]["seconds"]) == 1
    session = Session()
    assert session.train(path) == wanted
    assert_same(session.all, straight.all)


def test_a_new_checkpoint_takes_the_place_of_the_old_one_and_never_writes_into_it(path):
    Session().train(path, epochs=1)
    before = path.read_bytes()
    other_name = path.with_name("the same file")
    os.link(path, other_name)
    Session().train(path, epochs=2)
    assert other_name.read_bytes() == before != path.read_bytes()


def test_a_run_that_stopped_goes_on_from_its_last_epoch(path):
    def explode(logits, labels):
        loss = classification_loss(logits, labels)
        return loss * math.nan if exploding and logits.shape[0] == 8 else loss

    exploding = False
    session = Session()
    run = {"epochs": 1, "batch_size": 8, "loss": explode, "checkpoint": path}
    train(session.model, session.optimizer, DATA, **run)
    exploding, before = True, path.read_bytes()
    run["epochs"] = 2
    history = train(session.model, session.optimizer, DATA, **run)
    assert "the loss was nan at step 8, in epoch 2" in history.stopped
    assert path.read_bytes() == before


# -------------------------------------------------------------------- evaluation


def test_an_evaluation_is_that_of_all_examples_at_once():
    model = Net().eval()
    x, y = (torch.tensor(part) for part in TEST)
    logits = model(x).detach()
    for batch_size in (1, 7, 30, 1000):
        found = evaluate(model, TEST, batch_size=batch_size)
        np.testing.assert_allclose(found.logits, logits, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(found.predictions, logits.argmax(1))
        assert found.loss == pytest.approx(nn.functional.cross_entropy(logits, y).item(), rel=1e-5)
        assert found.accuracy == (logits.argmax(1) == y).double().mean().item()
        np.testing.assert_array_equal(found.labels, TEST[1])
    assert repr(found) == f"Evaluation(loss={found.loss!r}, accuracy={found.accuracy!r})"


def test_evaluating_is_without_dropout_and_puts_every_mode_back():
    model = Net()
    model.norm.eval()
    one, other = evaluate(model, TEST), evaluate(model, TEST)
    np.testing.assert_array_equal(one.logits, other.logits)
    assert model.training
    assert model.dropout.training
    assert not model.norm.training
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(ZeroDivisionError):
        evaluate(model, TEST, loss=Interrupted(1, ZeroDivisionError))
    assert model.dropout.training


def test_the_confusion_matrix_is_scikit_learns():
    found = evaluate(Net(), TEST)
    wanted = sklearn.metrics.confusion_matrix(found.labels, found.predictions, labels=range(3))
    np.testing.assert_array_equal(found.confusion, wanted)
    np.testing.assert_array_equal(confusion_matrix(found.labels, found.predictions), wanted)
    assert np.trace(found.confusion) / 30 == pytest.approx(found.accuracy)
    assert wanted[0, 1] != wanted[1, 0], "rows and columns can be told apart"
    assert confusion_matrix([0, 3], [0, 1], classes=5).shape == (5, 5)
    assert confusion_matrix([], []).shape == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0, 1], [0]), r"^labels and predictions must be of one shape .* \(2,\) and \(1,\)"),
        (([0, -1], [0, 1]), r"^labels must be in \[0, 2\), got -1"),
        (([0, 1], [0, 5], 3), r"^predictions must be in \[0, 3\), got 5"),
        (([0, 0.5], [0, 1], 3), r"^labels must be in \[0, 3\), got 0.5"),
    ],
    ids=str,
)
def test_a_confusion_of_what_is_no_class_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        confusion_matrix(*arguments)


class Single(nn.Module):
    """One logit for each example, with a last axis of one or without."""

    def __init__(self, flat):
        super().__init__()
        self.flat = flat
        self.layer = nn.Linear(2, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
            self.layer.bias.zero_()

    def forward(self, x):
        z = self.layer(x)
        return z[:, 0] if self.flat else z


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("kind", [bool, int, np.uint8, np.float32])
def test_a_single_logit_is_judged_by_its_sign(flat, kind):
    x = TEST[0]
    labels = (x[:, 0] > x[:, 1]).astype(kind)
    z = x.astype(float) @ [1.0, -2.0]
    found = evaluate(Single(flat), (x, labels))
    wrong = np.where(labels, -z, z)
    assert found.loss == pytest.approx(np.logaddexp(0, wrong).mean(), rel=1e-5)
    assert found.accuracy == pytest.approx((wrong < 0).mean())
    np.testing.assert_array_equal(found.predictions, z > 0)
    assert found.confusion.sum() == 30
    assert 0.5 < found.accuracy < 1


def test_the_loss_is_cross_entropy_and_does_not_overflow():
    z = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    loss = classification_loss(z, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == 100.0
    np.testing.assert_allclose(z.grad, [[0, 0], [-0.5, 0.5]], atol=1e-30)
    logits = torch.tensor(np.random.default_rng(0).normal(size=(7, 4)))
    labels = torch.tensor([0, 1, 2, 3, 3, 2, 1])
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    by_hand = -np.log(probabilities[range(7), labels.numpy()]).mean()
    assert classification_loss(logits, labels).item() == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("logits", "labels", "match"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 3]), r"^labels must be in \[0, 3\), got 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), r"^labels must be in \[0, 3\), got -1"),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), "^labels must be whole numbers"),
        (torch.zeros(2), torch.tensor([0, 2]), "^labels must be 0 or 1 for .*, got 2"),
        (torch.zeros(2, 1), torch.tensor([0.5, 1.0]), "^labels must be 0 or 1 for .*, got 0.5"),
        (torch.zeros(2, 3, 4), torch.tensor([0, 1]), r"^the model must return .* \(2, 3, 4\)"),
    ],
)
def test_what_is_no_classification_is_refused(logits, labels, match):
    with pytest.raises(ValueError, match=match):
        classification_loss(logits, labels)


def test_with_a_loss_of_ones_own_any_numbers_may_be_fitted():
    x = DATA[0]
    model = nn.Linear(2, 1)
    opt = optim.Adam(model.parameters(), 0.1)
    slope = np.array([3.0, -1.0])

    def squares(outputs, targets):
        return (outputs[:, 0] - targets).square().mean()

    history = train(model, opt, (x, x @ slope + 0.5), 60, batch_size=10, loss=squares)
    np.testing.assert_allclose(model.weight.detach()[0], slope, atol=0.05)
    assert history.train_loss[-1] < 1e-3
    assert np.isnan(history.train_accuracy).all()
    assert list(history.table) == ["train_loss"]
    found = evaluate(model, (x, x @ slope), loss=squares)
    assert math.isnan(found.accuracy)
    np.testing.assert_array_equal(found.predictions, found.logits)


# ---------------------------------------------------------------- kinds of data


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "convert",
    [
        frozen,
        np.ndarray.tolist,
        lambda a: a[::-1][::-1],
        lambda a: a.astype(a.dtype.newbyteorder()),
        torch.tensor,
        lambda a: torch.tensor(a).double() if a.dtype.kind == "f" else torch.tensor(a).int(),
        lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a.astype(np.uint16),
    ],
    ids=["read-only", "list", "reversed", "big-endian", "tensor", "double tensor", "double"],
)
def test_arrays_tensors_and_lists_are_the_same_data(convert):
    models = [Net(), Net()]
    histories = [
        train(model, adam(model), data, 2, batch_size=8)
        for model, data in zip(models, (DATA, tuple(map(convert, DATA))))
    ]
    assert histories[0] == histories[1]
    assert_same(*map(parameters, models))


def test_a_label_that_is_wrong_in_the_last_batch_is_found_before_the_first_step():
    labels = DATA[1].copy()
    labels[-1] = 7
    model, other = Net(), Net()
    for data in ({"data": (DATA[0], labels)}, {"data": DATA, "test": (DATA[0], labels)}):
        with pytest.raises(ValueError, match=r"^labels must be in \[0, 3\), got 7"):
            train(model, adam(model), **data, epochs=1, batch_size=1)
        assert_same(parameters(model), parameters(other))


def test_the_data_that_were_given_are_not_changed():
    x, y = (part.copy() for part in DATA)
    model = Net()
    train(model, adam(model), (x, y), 1, batch_size=8)
    assert (x == DATA[0]).all()
    assert (y == DATA[1]).all()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (DATA[0], "^data must be a pair .*, got ndarray"),
        ((*DATA, DATA[1]), "^data must be a pair .*, got 3 parts"),
        ((DATA[0], DATA[1][:-1]), "^data must have as many inputs as labels, .* 50 and 49"),
        ((DATA[0][:0], DATA[1][:0]), "^data must have .* at least one, got 0 and 0"),
        (((DATA[0], DATA[0][:3]), DATA[1]), "^data must have .* got 50 and 3 and 50"),
        ((np.array(["a"] * 50), DATA[1]), "^data's inputs must be numbers, got <U1"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "^data's inputs must be an array, got a ragged list"),
        ((DATA[0], DATA[1] + 1), r"^labels must be in \[0, 3\), got 3"),
        ((DATA[0], DATA[1] + 0.5), "^labels must be whole numbers"),
        ((1.0, 2.0), "^data must have as many"),
        ((DATA[0][:, :1], DATA[1]), "shapes cannot be multiplied"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_data_of_another_form_are_refused(data, match):
    model = Net()
    before = parameters(model)
    opt = adam(model)
    for use in (
        lambda: train(model, opt, data, 1, batch_size=50),
        lambda: evaluate(model, data),
    ):
        with pytest.raises((ValueError, RuntimeError), match=match):
            use()
    with pytest.raises((ValueError, RuntimeError), match=match.replace("^data", "^test")):
        train(model, opt, DATA, 1, batch_size=50, test=data)
    assert_same(parameters(model), before)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"model": torch.relu}, "^model must be a torch.nn.Module, got"),
        ({"optimizer": adam_course.Adam(0.1)}, "^optimizer must be .* got Adam.*from_rule"),
        ({"epochs": 0}, "^epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, "^epochs must be .* got 1.5"),
        ({"batch_size": 0}, "^batch_size must be .* got 0"),
        ({"batch_size": True}, "^batch_size must be .* got True"),
        ({"seed": -1}, "^seed must be .* got -1"),
        ({"clip_norm": 0}, "^clip_norm must be finite and above 0, or None, got 0"),
        ({"clip_norm": math.nan}, "^clip_norm must be .* got nan"),
        ({"loss": "mse"}, "^loss must be a function .* got 'mse'"),
        ({"loss": lambda z, y: z}, "^loss must return a tensor of one number, got tensor"),
        ({"loss": lambda z, y: 1.0}, "^loss must return a tensor of one number, got 1.0"),
        ({"scheduler_every": "batch"}, "^scheduler_every must be .* got 'batch'"),
        ({"evaluate": "train"}, "^evaluate must be True, False or .* got 'train'"),
        ({"evaluate": None}, "^evaluate must be .* got None"),
        ({"evaluate": "test"}, "^evaluate must be True or False where there is no test"),
    ],
    # Without the addresses of functions, which differ from process to process.
    ids=lambda part: re.sub(r" at 0x[0-9a-f]+", "", str(part)),
)
def test_bad_arguments_are_refused_by_name(wrong, match):
    model = Net()
    before = parameters(model)
    arguments = {"model": model, "optimizer": adam(model), "data": DATA, "epochs": 1}
    with pytest.raises(ValueError, match=match):
        train(**(arguments | {"batch_size": 8} | wrong))
    if "loss" not in wrong:
        assert_same(parameters(model), before)


def test_an_optimizer_of_another_model_is_refused():
    opt = adam(Net())
    with pytest.raises(ValueError, match=r"^optimizer must have parameters of this model"):
        train(Net(), opt, DATA, 1, batch_size=8)


def test_a_scheduler_of_another_optimizer_is_refused():
    model = Net()
    made = schedulers.StepLR(adam(model), 1)
    with pytest.raises(ValueError, match=r"^scheduler must be one of this optimizer, got"):
        train(model, adam(model), DATA, 1, batch_size=8, scheduler=made)


def test_what_needs_a_closure_or_an_epoch_is_refused():
    model = Net()
    with pytest.raises(ValueError, match=r"^optimizer must step without a closure, got LBFGS"):
        train(model, torch.optim.LBFGS(model.parameters()), DATA, 1, batch_size=8)
    opt = adam(model)
    made = schedulers.ReduceLROnPlateau(opt)
    with pytest.raises(ValueError, match=r'^scheduler_every must be "epoch" for'):
        train(model, opt, DATA, 1, batch_size=8, scheduler=made, scheduler_every="step")


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match=r"^model must have parameters"):
        evaluate(nn.Tanh(), DATA)


# ------------------------------------------------------------ history, progress


def test_the_table_has_a_row_for_each_epoch_of_what_was_evaluated():
    _, history = run(epochs=3)
    table = history.table
    assert list(table) == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert list(table.index) == [1, 2, 3]
    assert table.index.name == "epoch"
    for name in table:
        assert table[name].tolist() == getattr(history, name).tolist()
    model = Net()
    history = train(model, adam(model), DATA, 2, batch_size=8)
    assert list(history.table) == ["train_loss", "train_accuracy"]
    model = Net()
    history = train(model, adam(model), DATA, 2, batch_size=8, evaluate=False)
    assert history.table.shape == (2, 0)


def some_history(**changes):
    fields = {
        "loss": [1.0, 0.5],
        "gradient_norm": [2.0, 1.0],
        "learning_rate": [0.1, 0.1],
        "train_loss": [0.7],
        "train_accuracy": [0.5],
        "test_loss": [math.nan],
        "test_accuracy": [math.nan],
        "seconds": [3.0],
    }
    fields = {name: np.array(value) for name, value in fields.items()} | {"stopped": None}
    return History(**(fields | changes))


def test_histories_are_equal_when_all_but_the_seconds_are():
    assert some_history() == some_history()
    assert some_history() == some_history(seconds=np.array([4.0]))
    for name in ("loss", "gradient_norm", "learning_rate"):
        assert some_history() != some_history(**{name: np.array([1.0, math.nan])})
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert some_history() != some_history(**{name: np.array([0.25])})
    assert some_history() != some_history(stopped="interrupted")
    assert some_history() != some_history(loss=np.array([1.0]))
    assert some_history() != "a history"


def test_a_history_reads_like_a_sentence():
    assert repr(some_history()) == ("<History: 1 epoch, 2 steps; train loss 0.7, accuracy 0.500>")
    tested = some_history(
        test_loss=np.array([0.25]), test_accuracy=np.array([0.75]), stopped="interrupted"
    )
    assert repr(tested).endswith("; test loss 0.25, accuracy 0.750; interrupted>")
    nothing = {name: np.array([]) for name in ("train_loss", "train_accuracy", "test_loss")}
    assert repr(some_history(**nothing)) == "<History: 0 epochs, 2 steps>"


def test_progress_shows_a_bar_and_changes_nothing(capsys):
    _, quiet = run()
    assert capsys.readouterr() == ("", "")
    _, loud = run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "/14" in err
    assert "step" in err
    assert quiet == loud


@pytest.mark.parametrize("end", ["interrupted", "failed", "not finite"])
def test_the_bar_is_closed_however_the_run_ends_and_starts_where_it_goes_on(end, monkeypatch, path):
    closed, steps, begins, shown = [], [], [], []

    class Bar:
        def __init__(self, total, initial, **options):
            assert total == 28
            begins.append(initial)

        def set_postfix(self, **options):
            shown.append(options["loss"])

        def update(self):
            steps.append(1)

        def close(self):
            closed.append(1)

    Session().train(path, epochs=1)
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    session = Session()
    if end == "failed":
        with pytest.raises(ZeroDivisionError):
            session.train(path, at=3, error=ZeroDivisionError, progress=True)
    elif end == "interrupted":
        session.train(path, at=3, progress=True)
    else:
        monkeypatch.setattr("adam_course.pytorch.training.gradient_norm", lambda _: math.nan)
        session.train(path, progress=True)
    assert closed == [1]
    assert begins == [7]
    assert len(steps) == len(shown) == (0 if end == "not finite" else 2)
    wanted = Session().train(epochs=2).loss[7:9]
    assert shown == [f"{loss:.3g}" for loss in wanted][: len(shown)]


def test_an_evaluation_is_an_evaluation():
    assert isinstance(evaluate(Net(), TEST), Evaluation)
