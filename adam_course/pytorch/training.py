"""Training a network: one loop for images and texts, the course's optimizers and torch's.

Everything random comes from the seed, so that a run gives the same weights every time; one
that was interrupted goes on from its checkpoint to the very same weights.
"""

import math
import time
from dataclasses import dataclass, field
from numbers import Real
from weakref import WeakKeyDictionary, ref

import numpy as np
import torch

from adam_course.checks import check_whole
from adam_course.pytorch import checkpoints
from adam_course.pytorch.evaluation import (
    Examples,
    check_labels,
    classification_loss,
    evaluating,
)
from adam_course.pytorch.evaluation import evaluate as evaluated
from adam_course.pytorch.history import EPOCHS, STEPS, History
from adam_course.pytorch.interrupts import uninterrupted
from adam_course.pytorch.randomness import check_seed, drawn_from, random_state, set_random_state


def train(
    model,
    optimizer,
    data,
    epochs,
    *,
    batch_size,
    test=None,
    loss=None,
    seed=0,
    clip_norm=None,
    scheduler=None,
    scheduler_every=None,
    progress=False,
    checkpoint=None,
    evaluate=True,
):
    """Train a network on mini-batches, each epoch going once through all examples.

    Parameters
    ----------
    model : torch.nn.Module
        Returns logits.  It is trained in place, on the device where its parameters are.
    optimizer : torch.optim.Optimizer, or a list of several
        Of the model's parameters: torch's own, or one of `adam_course.pytorch.optim`.  Of
        several each has parameters of its own, and all step after each backward pass.
    data : (inputs, labels)
        Arrays or tensors; where the model takes several inputs, a tuple of them, as in
        ((tokens, lengths), labels).  Floats are converted to the model's type.
    epochs : int
    batch_size : int
        The last batch of an epoch may be smaller.
    test : (inputs, labels), default None
        Is evaluated after each epoch, and used for nothing else.
    loss : function of (logits, labels) to a mean over the batch
        Default: `classification_loss`.
    seed : int, default 0
        Of the order of the examples, and of all that the model itself draws (dropout).
        torch's global generators are left as they are.
    clip_norm : float, default None
        A gradient that is longer is scaled to this length (as one, over all parameters).
    scheduler : a scheduler of torch.optim.lr_scheduler, default None
        Of the optimizer, or of one of several.
    scheduler_every : "step" or "epoch"
        When the scheduler steps.  Default: "step" for OneCycleLR and CyclicLR, as they are
        meant, else "epoch".  ReduceLROnPlateau is given the epoch's mean training loss.
    progress : bool
        Show a progress bar.
    checkpoint : path, default None
        A file to keep the run in, written at the start and after each epoch.  Where it
        exists, the run goes on from it, to the same weights bit for bit as if it had never
        stopped.  `epochs` may be larger than before.
    evaluate : True, False or "test"; default True
        Whether to go through all of `data` and `test` after each epoch for the loss and
        the accuracy, or through `test` alone.

    Returns
    -------
    History
        A run whose loss or gradient is not finite ends before that step: the model is as
        the last step left it, and `stopped` says what to try.  On an interrupt (Ctrl-C),
        which waits for the end of a step, what is done so far is returned.

    Raises
    ------
    ValueError
        Naming the argument: data of another form, an optimizer of other parameters, a
        checkpoint that is damaged or of a run with other settings, data or weights to
        start from.  Nothing has changed then, the checkpoint neither.

    Examples
    --------
    >>> from adam_course.pytorch import optim
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = optim.Adam(model.parameters(), learning_rate=0.1)
    >>> history = train(model, optimizer, (x, x.sum(axis=1) > 0), epochs=5, batch_size=20)
    >>> history.steps, bool(history.train_accuracy[-1] > 0.9)
    (50, True)
    """
    run = _Run(
        model, optimizer, data, test, loss, batch_size, seed, clip_norm, scheduler,
        scheduler_every, evaluate,
    )  # fmt: skip
    check_whole("epochs", epochs, 1)
    bar = None
    with drawn_from(seed, run.device):
        if checkpoint is not None:
            checkpoint = checkpoints.checked_path(checkpoint)
            run.go_on_from(checkpoint, epochs)
        stopped = None
        try:
            bar = _bar(epochs, run) if progress else None
            while run.epoch < epochs:
                run.one_epoch(bar, checkpoint)
        except _NotFiniteError as error:
            stopped = str(error)
        except KeyboardInterrupt:
            stopped = f"interrupted at step {run.step + 1}, in epoch {run.epoch + 1} of {epochs}"
            if checkpoint is not None:
                stopped += "; with the same checkpoint train goes on after the last full epoch"
        finally:
            if bar is not None:
                bar.close()
    return run.history(stopped)


class _NotFiniteError(Exception):
    """The loss or the gradient is infinite or NaN."""


# What each model began its run with: the digest of its weights, its optimizer and scheduler.
# After an interrupt they are half-way through an epoch, and still may go on from a checkpoint.
_BEGAN = WeakKeyDictionary()


@dataclass
class _Run:
    """A training run: what `train` was given, what is recorded, and where it stands."""

    model: torch.nn.Module
    optimizers: torch.optim.Optimizer | list
    data: object
    test: object
    loss: object
    batch_size: int
    seed: int
    clip_norm: float | None
    scheduler: object
    scheduler_every: str | None
    evaluate: bool | str
    record: dict = field(default_factory=lambda: {name: [] for name in (*STEPS, *EPOCHS)})

    def __post_init__(self):
        if not isinstance(self.model, torch.nn.Module):
            raise ValueError(f"model must be a torch.nn.Module, got {self.model!r}")
        if not isinstance(self.optimizers, list | tuple):
            self.optimizers = [self.optimizers]
        names = {id(p): name for name, p in self.model.named_parameters()}
        for optimizer in self.optimizers:
            check_optimizer(optimizer, names)
        self.parameters = [p for group in self.groups for p in group["params"]]
        if len({id(p) for p in self.parameters}) < len(self.parameters) or not self.parameters:
            raise ValueError(
                "optimizer must be one or several that share no parameter, got "
                f"{', '.join(type(one).__name__ for one in self.optimizers) or 'none'}"
            )
        self.names = [
            [[names[id(p)] for p in group["params"]] for group in one.param_groups]
            for one in self.optimizers
        ]
        scheduled = getattr(self.scheduler, "optimizer", self.optimizers[0])
        self.scheduled = next((i for i, o in enumerate(self.optimizers) if o is scheduled), None)
        if self.scheduled is None:
            raise ValueError(f"scheduler must be one of this optimizer, got {self.scheduler!r}")
        schedulers = torch.optim.lr_scheduler
        self.on_plateau = isinstance(self.scheduler, schedulers.ReduceLROnPlateau)
        if self.scheduler_every is None:
            each_step = isinstance(self.scheduler, schedulers.OneCycleLR | schedulers.CyclicLR)
            self.scheduler_every = "step" if each_step else "epoch"
        if self.scheduler_every not in ("step", "epoch"):
            raise ValueError(
                f'scheduler_every must be "step" or "epoch", got {self.scheduler_every!r}'
            )
        if self.on_plateau and self.scheduler_every == "step":
            raise ValueError('scheduler_every must be "epoch" for ReduceLROnPlateau, got "step"')
        self.data = Examples.of("data", self.data, self.model)
        self.test = None if self.test is None else Examples.of("test", self.test, self.model)
        self.loss = classification_loss if self.loss is None else self.loss
        if not callable(self.loss):
            raise ValueError(f"loss must be a function of (logits, labels), got {self.loss!r}")
        check_whole("batch_size", self.batch_size, 1)
        check_seed(self.seed)
        if not (isinstance(self.evaluate, bool | np.bool_) or self.evaluate == "test"):
            raise ValueError(f'evaluate must be True, False or "test", got {self.evaluate!r}')
        if self.test is None and self.evaluate == "test":
            raise ValueError('evaluate must be True or False where there is no test, got "test"')
        clip = self.clip_norm
        if not (clip is None or (isinstance(clip, Real) and 0 < clip < math.inf)):
            raise ValueError(f"clip_norm must be finite and above 0, or None, got {clip!r}")
        self.device = self.data.device
        self.generator = torch.Generator().manual_seed(int(self.seed))
        self.try_out()

    def try_out(self):
        """Let the model say what it does not like in the data, before anything has moved."""
        with drawn_from(self.seed, self.device), evaluating(self.model), torch.no_grad():
            for examples in (self.data, self.test):
                if examples is not None:
                    inputs, _ = examples.batch(torch.tensor([0]))
                    logits = self.model(*inputs)
                    if self.loss is classification_loss:
                        check_labels(logits, examples.labels)

    # ------------------------------------------------------------------- where it stands

    @property
    def groups(self):
        """The parameter groups of all optimizers; what loads a state makes them anew."""
        return [group for one in self.optimizers for group in one.param_groups]

    @property
    def step(self):
        return len(self.record["loss"])

    @property
    def epoch(self):
        return len(self.record["seconds"])

    @property
    def steps_per_epoch(self):
        return math.ceil(len(self.data) / self.batch_size)

    def history(self, stopped):
        return History(**{n: np.array(v, dtype=float) for n, v in self.record.items()},
                       stopped=stopped)  # fmt: skip

    # ------------------------------------------------------------------------ the loop

    def one_epoch(self, bar, checkpoint):
        began = time.perf_counter()
        self.model.train()
        order = torch.randperm(len(self.data), generator=self.generator)
        for chosen in order.split(self.batch_size):
            self.one_step(chosen)
            if bar is not None:
                bar.set_postfix(loss=f"{self.record['loss'][-1]:.3g}", refresh=False)
                bar.update()
        if not all(bool(torch.isfinite(p).all()) for p in self.parameters):
            self.stop("parameters were no longer finite after")
        row = dict.fromkeys(EPOCHS, math.nan)
        if self.evaluate:
            for name, examples in (("train", self.data), ("test", self.test)):
                if examples is not None and self.evaluate in (True, name):
                    pair = (examples.inputs, examples.labels)
                    found = evaluated(self.model, pair, loss=self.loss)
                    row[f"{name}_loss"], row[f"{name}_accuracy"] = found.loss, found.accuracy
        with uninterrupted():
            if self.on_plateau:
                self.scheduler.step(float(np.mean(self.record["loss"][-self.steps_per_epoch :])))
            elif self.scheduler is not None and self.scheduler_every == "epoch":
                self.scheduler.step()
            row["seconds"] = time.perf_counter() - began
            for name, value in row.items():
                self.record[name].append(value)
            if checkpoint is not None:
                self.save(checkpoint)

    def one_step(self, chosen):
        inputs, labels = self.data.batch(chosen)
        self.model.zero_grad()
        loss = self.loss(self.model(*inputs), labels)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            raise ValueError(f"loss must return a tensor of one number, got {loss!r}")
        value = loss.item()
        if not math.isfinite(value):
            self.stop(f"loss was {value} at", (*inputs, labels))
        loss.backward()
        norm = gradient_norm(self.parameters)
        if not math.isfinite(norm):
            self.stop(f"gradient had length {norm} at", (*inputs, labels))
        if self.clip_norm is not None and norm > self.clip_norm:
            for p in self.parameters:
                if p.grad is not None:
                    p.grad.mul_(self.clip_norm / norm)
        rate = float(self.groups[0]["lr"])
        with uninterrupted():  # so that what is recorded is what has moved
            for optimizer in self.optimizers:
                optimizer.step()
            if self.scheduler is not None and self.scheduler_every == "step":
                self.scheduler.step()
            for name, number in zip(STEPS, (value, norm, rate)):
                self.record[name].append(number)

    def stop(self, what, batch=None):
        """End the run, saying what is wrong, where, and what to try."""
        step = self.step if batch is None else self.step + 1
        rates = sorted({float(group["lr"]) for group in self.groups})
        text = f"the {what} step {step}, in epoch {self.epoch + 1}, with learning rate "
        text += ", ".join(f"{rate:g}" for rate in rates)
        if batch is None or all(bool(torch.isfinite(part).all()) for part in batch):
            raise _NotFiniteError(text + ": try a smaller learning rate, or clip_norm")
        raise _NotFiniteError(text + ": check the data, this batch has NaN or infinities in it")

    # ------------------------------------------------------------------- checkpoints

    def weights(self):
        return checkpoints.digest(self.model.state_dict().values())

    def settings(self):
        """What must be the same for a run to go on, and does not change in it."""
        shapes = [f"{n} {tuple(v.shape)} {v.dtype}" for n, v in self.model.state_dict().items()]
        return {
            "model": "\n".join([repr(self.model), *shapes]),
            "optimizer": alone(
                [f"{type(one).__module__}.{type(one).__qualname__}" for one in self.optimizers]
            ),
            "order of parameters": alone(self.names),
            "data": checkpoints.digest((*self.data.inputs, self.data.labels)),
            "test": self.test and checkpoints.digest((*self.test.inputs, self.test.labels)),
            "loss": checkpoints.plain(self.loss),
            "batch_size": int(self.batch_size),
            "seed": int(self.seed),
            "clip_norm": self.clip_norm and float(self.clip_norm),
            "scheduler": self.scheduler and type(self.scheduler).__qualname__,
            "scheduler_every": self.scheduler and self.scheduler_every,
            "evaluate": self.evaluate if self.evaluate == "test" else bool(self.evaluate),
            **({"scheduled optimizer": self.scheduled} if len(self.optimizers) > 1 else {}),
        }

    def moving_settings(self):
        """What the optimizer and the scheduler are set to; a scheduler changes some of it."""
        groups = [
            [
                {key: value for key, value in group.items() if key not in ("params", "param_names")}
                for group in one.param_groups
            ]
            for one in self.optimizers
        ]
        scheduler = None if self.scheduler is None else self.scheduler.state_dict()
        return checkpoints.plain({"optimizer": alone(groups), "scheduler": scheduler})

    def go_on_from(self, path, epochs):
        """Begin where a checkpoint stands, or begin one."""
        self.fixed, moving = self.settings(), self.moving_settings()
        content = checkpoints.load(path)
        if content is None:
            self.began = {"weights": self.weights(), "moving": moving}
            self.remember()
            self.save(path)
            return
        self.began = content["began"]
        checkpoints.refuse_other(path, content["settings"], self.fixed)
        known_weights, same_objects = self.remembered()
        if not same_objects and moving != content["moving"]:
            checkpoints.refuse_other(path, self.began["moving"], moving)
        theirs = {self.began["weights"], checkpoints.digest(content["model"].values())}
        if not theirs & {known_weights, self.weights()}:
            checkpoints.refuse(path, "a model that had other weights before its first step")
        finished = len(content["record"]["seconds"])
        if finished > epochs:
            raise ValueError(
                f"epochs must be at least {finished}, as many as checkpoint {str(path)!r} has, "
                f"got {epochs}"
            )
        with uninterrupted():
            self.remember()
            self.model.load_state_dict(content["model"])
            states = content["optimizer"]
            states = states if isinstance(states, list) else [states]
            for optimizer, state in zip(self.optimizers, states):
                optimizer.load_state_dict(state)
            if self.scheduler is not None:
                self.scheduler.load_state_dict(content["scheduler"])
            self.generator.set_state(content["generator"])
            set_random_state(content["random"], self.device)
            self.record = {name: list(content["record"][name]) for name in self.record}

    def remember(self):
        scheduler = None if self.scheduler is None else ref(self.scheduler)
        optimizers = [ref(one) for one in self.optimizers]
        _BEGAN[self.model] = self.began["weights"], optimizers, scheduler

    def remembered(self):
        """What the model began with, and whether with this optimizer and scheduler."""
        weights, optimizers, scheduler = _BEGAN.get(self.model, (None, None, None))
        if weights != self.began["weights"]:
            return None, False
        scheduler = None if scheduler is None else scheduler()
        same = [id(one()) for one in optimizers] == [id(one) for one in self.optimizers]
        return weights, same and scheduler is self.scheduler

    def save(self, path):
        checkpoints.save(
            path,
            {
                "settings": self.fixed,
                "began": self.began,
                "moving": self.moving_settings(),
                "model": self.model.state_dict(),
                "optimizer": alone([one.state_dict() for one in self.optimizers]),
                "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
                "generator": self.generator.get_state(),
                "random": random_state(self.device),
                "record": self.record,
            },
        )


def check_optimizer(optimizer, names):
    """Refuse what is no optimizer that `train` can use; `names` are those of the parameters."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(
            f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}: "
            "adam_course.pytorch.optim.from_rule makes one of a rule"
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError("optimizer must step without a closure, got LBFGS")
    if not all(id(p) in names for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "optimizer must have parameters of this model, got others: make it anew, after "
            "the model"
        )


def alone(parts):
    """What is stored of several optimizers: a list, or of a single one its part as it is."""
    return parts[0] if len(parts) == 1 else parts


def gradient_norm(parameters):
    """The length of the gradient over all parameters, as one vector; sparse ones too.

    Examples
    --------
    >>> x, y = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(()))
    >>> x.grad, y.grad = torch.tensor([3.0, 4.0]), torch.tensor(12.0)
    >>> gradient_norm([x, y])
    13.0
    """
    lengths = []
    for p in parameters:
        if p.grad is not None:
            if p.grad.layout != torch.strided:
                p.grad = p.grad.coalesce()  # a row that occurs twice is the sum of the two
            grad = p.grad if p.grad.layout == torch.strided else p.grad.values()
            half = grad.dtype in (torch.float16, torch.bfloat16)
            norm = torch.linalg.vector_norm(grad, dtype=torch.float32 if half else None)
            lengths.append(norm.item())
    return math.hypot(*lengths)


def _bar(epochs, run):
    from tqdm.auto import tqdm

    total = epochs * run.steps_per_epoch
    return tqdm(total=total, initial=run.step, unit="step", leave=False)
