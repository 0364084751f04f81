"""What is done to pictures and plates: always the same for a seed, and never to the truth."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from bgflow.train import augment  # noqa: E402
from bgflow.train.augment import Dice  # noqa: E402


def scene(n: int = 8, h: int = 48, w: int = 64) -> tuple[Any, Any, Any]:
    dice = torch.Generator().manual_seed(5)
    plate = torch.nn.functional.interpolate(torch.rand(n, 3, 6, 8, generator=dice), (h, w), mode="bilinear")
    alpha = torch.zeros(n, 1, h, w)
    alpha[:, :, 10:40, 20:40] = 1
    return plate * (1 - alpha) + alpha * 0.9, plate, alpha


def test_a_seed_gives_one_pair_and_another_seed_another() -> None:
    first = augment.pair(*scene(), seed=3)
    assert torch.equal(first, augment.pair(*scene(), seed=3))
    assert not torch.equal(first, augment.pair(*scene(), seed=4))


def test_colours_stay_colours() -> None:
    x = augment.pair(*scene(32), seed=1)
    assert x.shape == (32, 6, 48, 64)
    assert float(x.min()) >= 0
    assert float(x.max()) <= 1


def test_picture_and_plate_change_apart_from_each_other() -> None:
    _, plate, alpha = scene(32)
    x = augment.pair(plate, plate, alpha * 0, seed=1)
    assert float((x[:, :3] - x[:, 3:]).abs().mean((1, 2, 3)).median()) > 0.02


def test_a_shadow_never_falls_on_the_subject() -> None:
    _, _, alpha = scene(32)
    factor = augment.shadow(Dice(32, 2), alpha)
    assert torch.all(factor[alpha == 1] == 1)
    assert float(factor.min()) < 0.7
    assert float(factor.max()) <= 1


def test_colours_become_paler_and_no_darker() -> None:
    _, plate, _ = scene(32)
    pale = augment.muted(Dice(32, 6), plate)
    torch.testing.assert_close(pale.mean(1), plate.mean(1))
    spread = (pale.amax(1) - pale.amin(1)).mean((1, 2)) / (plate.amax(1) - plate.amin(1)).mean((1, 2))
    assert float(spread.max()) < 1.001
    assert float(spread.min()) < 0.3


def test_a_plate_moves_by_a_few_pixels_at_most() -> None:
    h, w = 240, 320
    spot = torch.zeros(64, 1, h, w)
    spot[:, :, 119:121, 159:161] = 1
    seen = augment.moved(Dice(64, 3), spot)[:, 0]
    rows, columns = torch.arange(h) - 119.5, torch.arange(w) - 159.5
    mass = seen.sum((1, 2))
    dy, dx = (seen.sum(2) * rows).sum(1) / mass, (seen.sum(1) * columns).sum(1) / mass
    assert float(dy.abs().max()) <= augment.SHIFT + augment.SWAY / 2 + 0.05
    assert float(dx.abs().max()) <= augment.SHIFT + augment.SWAY + 0.05
    assert float(dx.abs().median()) <= augment.SHIFT
    assert float(dx.abs().max()) > 1


def test_noise_is_as_strong_as_it_may_be_and_no_stronger() -> None:
    flat = torch.full((64, 3, 48, 64), 0.5)
    spread = augment.grainy(Dice(64, 4), flat, 0.05).std((1, 2, 3))
    assert float(spread.max()) < 0.055
    assert float(spread.max()) > 0.03
