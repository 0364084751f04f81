"""The loop of a training: steps until the budget is spent, a look at the exam now and then, the best is kept."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bgflow.errors import ModelError
from bgflow.train import curve
from bgflow.train.batches import Batch, Batches
from bgflow.train.checkpoint import Checkpoint
from bgflow.train.curve import Row
from bgflow.train.exam import Exam
from bgflow.train.recipe import Recipe
from bgflow.train.sample import Size

WARM_UP = 0.03  # of the budget, in which the rate rises
LEAST = 0.01  # of the highest rate, at the end
LOOKS = 20  # at the exam, over the whole budget
CLIP = 2.0  # the longest gradient

Told = Callable[[float, str], None]
"""Is told which share of the budget is spent, and how it goes."""


@dataclass(frozen=True)
class Budget:
    """How long to train: so many steps, or so many seconds of the clock, those of earlier runs included."""

    steps: int = 0
    seconds: float = 0.0

    def spent(self, step: int, seconds: float) -> float:
        """The share that is spent, 1 at the end."""
        return min(step / self.steps if self.steps else seconds / max(self.seconds, 1e-9), 1.0)


def train(
    recipe: Recipe, network: Any, batches: Batches, exam: Exam, budget: Budget, at: Checkpoint, folder: Path,
    told: Told, began: float,
) -> None:  # fmt: skip
    """Train `network` from the checkpoint `at` on, which is brought up to date and saved in `folder`.

    With a budget of steps the same seed gives the same weights on the same machine, in one run or in several; with one
    of seconds it does not. `began` is when this run did, by `time.monotonic`.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once everything is saved.
        ModelError: the loss is no number any more.
    """
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=1e-3)
    if at.network:
        network.load_state_dict(at.network)
        optimiser.load_state_dict(at.optimiser)
    before, losses = at.seconds, list[float]()
    looked = budget.spent(at.step, at.seconds)

    def size(step: int) -> Size:
        return recipe.size(budget.spent(step, before + time.monotonic() - began))

    network.to(memory_format=torch.channels_last).train()  # a quarter faster on a processor
    with _interrupts() as interrupted, ThreadPoolExecutor(1, "bgflow:batches") as ahead:
        for step, (x, alpha) in _drawn(batches, at.step, ahead, size):
            spent = budget.spent(step, before + time.monotonic() - began)
            done = spent >= 1
            if not done:
                for group in optimiser.param_groups:
                    group["lr"] = rate(spent) * recipe.rate
                losses.append(_step(recipe, network, optimiser, x, alpha))
                at.step = step + 1
                told(spent, f"step {at.step}, loss {losses[-1]:.3f}, IoU {max(at.best_iou, 0):.3f}")
            at.seconds = before + time.monotonic() - began
            spent = budget.spent(at.step, at.seconds)
            ends = done or spent >= 1 or interrupted.is_set()
            if losses and (ends or spent - looked >= 1 / LOOKS):
                looked = spent
                _look(network, exam, at, rate(spent) * recipe.rate, losses)
                losses = []
                at.network, at.optimiser = network.state_dict(), optimiser.state_dict()
                curve.save(at.curve, folder)
                at.save(folder)
            if ends:
                break
    if interrupted.is_set():
        raise KeyboardInterrupt


def rate(spent: float) -> float:
    """The learning rate as a share of the highest: up in a line, then down along a cosine (Loshchilov, 2017)."""
    if spent < WARM_UP:
        return max(spent / WARM_UP, LEAST)
    return LEAST + (1 - LEAST) * 0.5 * (1 + math.cos(math.pi * (spent - WARM_UP) / (1 - WARM_UP)))


def _step(recipe: Recipe, network: Any, optimiser: Any, x: Any, alpha: Any) -> float:
    loss = recipe.loss(network(x.contiguous(memory_format=torch.channels_last)), alpha)
    value = float(loss.item())
    if not math.isfinite(value):
        raise ModelError(f"the loss is {value} and will stay so; begin again with a lower --rate")
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimiser.step()
    return value


def _look(network: Any, exam: Exam, at: Checkpoint, rate: float, losses: list[float]) -> None:
    """Add a row to the curve, and keep the weights if they are the best."""
    mark = exam.mark(network)
    row = Row(at.step, at.seconds, rate, sum(losses) / len(losses), mark.loss, mark.iou)
    at.rows.append(asdict(row))
    if mark.iou > at.best_iou:
        at.best_iou, at.best = mark.iou, deepcopy(network.state_dict())


def _drawn(
    batches: Batches, first: int, ahead: ThreadPoolExecutor, size: Callable[[int], Size]
) -> Iterator[tuple[int, Batch]]:
    """Step after step with its batch, of the step's size; the next is made while this one is learned from."""
    step, coming = first, ahead.submit(batches, first, size(first))
    while True:
        batch = coming.result()
        coming = ahead.submit(batches, step + 1, size(step + 1))
        yield step, batch
        step += 1


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Whether Ctrl-C was pressed; a second one does what it did before."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
