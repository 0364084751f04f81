"""The model of samples: its passes, every branch of which is compared between the twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import lbsp, looks, samples
from bgflow.kernels.figure import mix
from bgflow.kernels.tiles import tiles

H, W, N = 19, 71, 6
Picture = np.ndarray[Any, Any]
NEED, COLOUR, PATTERN, SWING, PACE, ABSORB, MEAN, DARK = 2, 40, 4, 0.5, 2, 20, 0.05, 0.6


def picture(rng: np.random.Generator) -> Picture:
    """A slope with noise, restless on the right, with a shadow and a patch of anything."""
    base = np.linspace(40, 200, H * W * 3).reshape(H, W, 3)
    base[:, W // 2 :] += 50 * (rng.random((H, W - W // 2, 1)) < 0.3)
    base[4:8, 3:20] *= 0.8
    base[9:15, 5:30] = rng.integers(0, 256, 3)
    return np.clip(base + rng.normal(0, 2, (H, W, 3)), 0, 255).astype(np.uint8)


def matte(h: int = H, w: int = W) -> Picture:
    """A freeze that has a frozen block."""
    freeze = np.zeros((h, w), np.float32)
    freeze[h // 2 :, 25:40] = 1
    freeze[h // 2 :, 40:44] = 0.3
    return freeze


class Model:
    """Everything that `update` keeps, for one size."""

    def __init__(self, h: int = H, w: int = W, n: int = N):
        self.samples = np.zeros((n, h, tiles(w), lbsp.LOOK), np.uint8)
        self.state = np.zeros((h, tiles(w), looks.STATE), np.float32)
        self.was = np.zeros((h, w), np.uint8)
        self.turn = np.zeros((1, 2), np.int32)
        self.label = np.zeros((h, w), np.uint8)
        self.made: dict[str, Picture] = {}

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Picture:
        return self.made.setdefault(name, np.zeros(shape, dtype))

    def update(self, image: Picture, freeze: Picture, seed: int, **other: Any) -> Picture:
        params: dict[str, Any] = {
            "need": NEED, "colour": COLOUR, "pattern": PATTERN, "swing": SWING, "pace": PACE, "absorb": ABSORB,
            "mean": MEAN, "learning": False, "shadow": 127, "dark": DARK, "smooth": 1,
        }  # fmt: skip
        arrays = (self.samples, self.state, self.was, self.turn, self.label)
        samples.update(image, freeze, *arrays, self.scratch, seed=seed, **(params | other))
        return self.label


def taught(rng: np.random.Generator) -> Model:
    """A model after some frames; one corner was never learned, half of that no longer frozen."""
    it = Model()
    unseen = matte()
    unseen[:3] = 1
    for n in range(12):
        it.update(picture(rng), unseen, n, learning=n < 4)
    it.made["freeze"] = matte()
    it.made["freeze"][:3, :40] = 1
    return it


def of(name: str) -> Any:
    """The kernel of a pass."""
    return getattr(samples, f"samples_{name}", None) or getattr(looks, f"looks_{name}")


def after(kernel: str, span: int) -> Any:
    """The arguments of a pass on a taught model, whose passes before it are done."""

    def made(rng: np.random.Generator) -> list[Any]:
        it = taught(rng)
        freeze, probe, raw, near = (it.made[name] for name in ("freeze", "probe", "raw", "nearest"))
        where = [-(-W // span), span]
        lbsp.look(picture(rng), it.made["gray"], probe)
        args: dict[str, list[Any]] = {
            "evidence": [
                probe, it.samples, it.state, np.zeros((H, W), np.float32), N, *where, W, NEED, COLOUR, PATTERN,
            ],
            "match": [
                probe, it.samples, it.state, freeze, raw, near, N, *where, W, NEED, COLOUR, PATTERN,
            ],
            "shadow": [probe, it.state, raw, *where, W, DARK],
            "adapt": [probe, it.state, raw, near, it.label, freeze, it.was, *where, W, MEAN, SWING, PACE],
            "renew": [
                probe, it.samples, it.state, raw, freeze, it.made["todo"], np.array([[0, 2**31 - 7]], np.int32), N,
                *where, H, W, 200, ABSORB, PACE,
            ],
        }  # fmt: skip
        for name, kernels in args.items():
            if name == kernel:
                break
            of(name)(*kernels)
        return args[kernel]

    return made


CASES: list[tuple[Any, Any]] = [(of(name), after(name, span)) for name in ("adapt", "renew") for span in (64, 1)]
CASES.append((samples.samples_draw, lambda rng: [np.array([[rng.integers(1000), 0]], np.int32), 2**31 - 9]))


def test_the_chance_of_a_frame_is_drawn_from_seed_and_number_and_the_next_frame_has_the_next_number() -> None:
    turn = np.array([[7, 0]], np.int32)
    samples.samples_draw(turn, 5)
    assert turn.tolist() == [[8, mix(mix(5) + 7) >> 1]]


def test_the_cases_reach_every_branch() -> None:
    rng = np.random.default_rng(7)
    renew = after("renew", 64)(rng)
    _, _, state, raw, freeze, todo = renew[:6]
    assert set(np.unique(raw)) == {0, 127, 255}
    fresh = np.moveaxis(state.reshape(H, tiles(W), 7, 64), 2, 0).reshape(7, H, -1)[5, :, :W] == 0
    assert (fresh & (freeze == 0)).any()
    assert (fresh & (freeze == 1)).any()
    samples.samples_renew(*renew)
    assert {1, 2, 3, 4} <= set(np.unique(todo))
    match = after("match", 64)(rng)
    reach = np.moveaxis(match[2].reshape(H, tiles(W), 7, 64), 2, 0)[4]
    assert reach.max() > 1.1


def test_spans_of_one_pixel_and_of_a_tile_give_the_same() -> None:
    """The first is what a GPU runs, the second what a CPU runs."""
    for name in ("evidence", "match", "shadow", "adapt", "renew"):
        kernel = of(name)
        one, many = after(name, 1)(np.random.default_rng(3)), after(name, 64)(np.random.default_rng(3))
        kernel(*one)
        kernel(*many)
        for arg, p, q in zip(kernel.args, one, many, strict=True):
            if arg.dims:
                np.testing.assert_array_equal(p, q, err_msg=f"{name}: {arg.name}")


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), key=st.integers(0, 2**31 - 1), first=st.booleans())
def test_what_is_frozen_does_not_change(seed: int, key: int, first: bool) -> None:
    rng = np.random.default_rng(seed)
    it = Model() if first else taught(rng)
    freeze = (rng.random((H, W)) < 0.5).astype(np.float32)
    before = it.samples.copy(), it.state.copy()
    it.update(picture(rng), freeze, key)
    held = np.zeros((H, tiles(W) * 64), bool)
    held[:, :W] = freeze > 0.5
    for old, new in zip(before, (it.samples, it.state), strict=True):
        changed = (old != new).reshape(*old.shape[:-2], tiles(W), -1, 64)
        assert not changed.any(axis=-2).reshape(*old.shape[:-2], -1)[..., held].any()
        assert changed.any()


def test_a_neighbour_takes_nothing_from_a_subject_nor_from_what_is_frozen() -> None:
    """Only the frozen half of the picture is red, so red must not spread."""
    image, freeze = np.full((H, W, 3), 90, np.uint8), np.zeros((H, W), np.float32)
    it = Model()
    it.update(image, freeze, 0)
    image[:, 40:] = 255, 0, 0
    for n in range(1, 40):
        it.update(image, freeze, n, absorb=1e9)
    assert (it.samples[:, :, 0, :64] <= 90).all()
    freeze[:, 40:] = 1
    for n in range(40, 80):
        it.update(image, freeze, n, absorb=1, learning=True)
    assert (it.samples[:, :, 0, :64] <= 90).all()


def test_the_shares_of_replaced_samples_are_those_of_the_pace() -> None:
    h, w, n, pace = 64, 640, 4, 8
    it, freeze = Model(h, w, n), np.zeros((h, w), np.float32)
    it.update(np.full((h, w, 3), 90, np.uint8), freeze, 0, pace=pace)
    it.update(np.full((h, w, 3), 91, np.uint8), freeze, 1, pace=pace)
    own, taken = (float(np.mean(it.made["todo"] & bit != 0)) for bit in (samples.OWN, samples.TAKEN))
    assert abs(own - 1 / pace) < 0.006
    assert abs(taken - 1 / pace) < 0.006
    share = [float((s[:, :, :64] == 91).mean()) for s in it.samples]
    np.testing.assert_allclose(share, (2 / pace - 1 / pace**2 / n) / n, atol=0.006)
