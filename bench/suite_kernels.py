"""Kernels at 720p and 1080p beside what one would write with OpenCV, and as a share of the speed of a copy.

Both sides use as many threads and work on the same pictures. Needs opencv-python-headless.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bgflow.bench.crowd import crowd
from bgflow.bench.pictures import Picture, Size, pictures
from bgflow.bench.result import Absent, Goal
from bgflow.bench.suite import Case, Item, Scope
from bgflow.kernels import blur, box, guided, over, overyuv, resize, tensor, yuv
from bgflow.stages.mog import Mask, Running
from bgflow.testing import Opened, opened

SIZES, TINY = (Size(1280, 720), Size(1920, 1080)), (Size(64, 48),)
JUDGED = "1920x1080"  # the goals are about this size
FRAMES = 40  # of a scene; a background model has seen each of them before it is timed
SCENES = {"one person": 1, "three people": 3}
SIDE = 320  # of a network's input
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MOG2 = "OpenCV MOG2"
GUIDED_RADIUS, GUIDED_EPS, GUIDED_SHRINK = 0.005, 1e-4, 4  # edge.refine's own; the radius in heights
BLUR_SIGMA = 0.025  # heights; compose.blur's own

Array = np.ndarray[Any, Any]


def cases(scope: Scope) -> Iterator[Item]:
    """Every kernel at every size."""
    try:
        import cv2
    except ImportError:
        yield Absent(suite="kernels", name="all", why="cv2 is not installed; pip install 'bgflow[bench]'")
        return
    import numba

    config: Any = numba.config
    cv2.setNumThreads(config.NUMBA_NUM_THREADS)
    for size in TINY if scope.tiny else SIZES:
        shots = pictures(size)
        yield from _models(cv2, size, 4 if scope.tiny else FRAMES)
        yield from _colours(shots[0], size)
        yield from _sizes(shots[0], size)
        yield from _filters(shots[0], size)
        yield from _composites(shots[0], size)


def _goals(size: Size, ratio: float, peer: str = "OpenCV", share: float | None = None) -> list[Goal]:
    if str(size) != JUDGED:
        return []
    asked = [Goal(of="ratio", peer=peer, least=ratio)]
    return asked if share is None else [*asked, Goal(of="share", least=share)]


def _models(cv2: Any, size: Size, count: int) -> Iterator[Item]:
    """The background models of a fixed camera, beside MOG2 on the same frames, in a calm scene and in a busy one."""
    for scene, people in SCENES.items():
        images = crowd(size, people, count)
        kinds: list[tuple[str, Any, set[str], list[Goal]]] = [
            ("mog.mask", Mask(light=False), {"weight", "gauss"}, _goals(size, 2.5, MOG2)),
            ("mog.running", Running(light=False), set(), _goals(size, 5, MOG2, share=0.4)),
        ]
        for name, stage, heaviest, goals in kinds:
            theirs = cv2.createBackgroundSubtractorMOG2()
            with opened(stage, wired={"label"}) as model:
                frames, others = itertools.cycle(images), itertools.cycle(images)
                ours = _fed(functools.partial(_label, model), frames)
                peer = _fed(theirs.apply, others)
                equal = [float(np.mean(ours() == peer())) for _ in range(count)]
                # of a mixture the heaviest mode only: most pixels touch no other
                arrays = [a[0] if part in heaviest else a for part, a in stage.model.arrays.items()]
                yield Case(
                    f"{name}, {scene}, {size}",
                    ours,
                    {MOG2: peer},
                    moved=images[0].nbytes + 2 * sum(a.nbytes for a in arrays) + images[0].nbytes // 3,
                    goals=goals,
                    note=f"{np.mean(equal):.2%} of labels equal to MOG2's over {count} frames",
                )


def _label(model: Opened, image: Array) -> Any:
    return model(image=image)["label"]


def _fed(run: Callable[[Array], Any], frames: Iterator[Array]) -> Callable[[], Any]:
    return lambda: run(next(frames))


def _colours(shot: Picture, size: Size) -> Iterator[Item]:
    """YUV to RGB and back; OpenCV knows BT.601 only, so both use it."""
    from bgflow.bench import twins

    w, h = size
    image, out, theirs = shot.image, np.empty_like(shot.image), np.empty_like(shot.image)
    planes = yuv.nv12_planes(shot.nv12, h, w)
    i420 = np.empty((h * 3 // 2, w), np.uint8)
    y, u, v = _planes(i420, size)
    yuv.rgb_to_i420(image, y, u, v, "bt601")
    moved = shot.nv12.nbytes + image.nbytes
    for name, ours, twin in (
        ("nv12 to rgb", _call(yuv.nv12_to_rgb, *planes, out, "bt601"), twins.nv12_to_rgb(shot.nv12, theirs)),
        ("i420 to rgb", _call(yuv.i420_to_rgb, y, u, v, out, "bt601"), twins.i420_to_rgb(i420, theirs)),
    ):
        ours()
        note = _apart(out, twin())
        yield Case(f"{name} {size}", ours, {"OpenCV": twin}, moved=moved, goals=_goals(size, 1), note=note)
    back, made = np.empty_like(i420), np.empty_like(i420)
    to = _planes(made, size)

    def encode() -> None:
        yuv.rgb_to_i420(image, *to, "bt601")

    twin = twins.rgb_to_i420(image, back)
    encode()
    note = _apart(made, twin())
    yield Case(f"rgb to i420 {size}", encode, {"OpenCV": twin}, moved=moved, goals=_goals(size, 1), note=note)


def _planes(i420: Array, size: Size) -> tuple[Array, Array, Array]:
    w, h = size
    u, v = i420[h:].reshape(2, h // 2, w // 2)
    return i420[:h], u, v


def _sizes(shot: Picture, size: Size) -> Iterator[Item]:
    """Resizing, and what a network is given."""
    import cv2

    from bgflow.bench import twins

    image, (w, h) = shot.image, size
    out, theirs = (np.empty((h * 4 // 9, w * 4 // 9, 3), np.uint8) for _ in range(2))
    for name, kernel, how in (
        ("resize.linear", resize.linear, cv2.INTER_LINEAR),
        ("resize.area", resize.area, cv2.INTER_AREA),
    ):
        ours, twin = _call(kernel, image, out), twins.resize(image, theirs, how)
        ours()
        note, moved = f"to 4/9 of the size; {_apart(out, twin())}", image.nbytes + out.nbytes
        yield Case(f"{name} {size}", ours, {"OpenCV": twin}, moved=moved, goals=_goals(size, 1), note=note)
    blob, memory = np.empty((1, 3, SIDE, SIDE), np.float32), _scratch()
    note = "ours smooths by a cubic, as the network was trained; OpenCV's by the mean of a box"
    yield Case(
        f"resize + normalise {size}",
        lambda: tensor.fill(image, blob, MEAN, STD, "nchw", memory),
        {"OpenCV": twins.network_input(image, SIDE, MEAN, STD)},
        moved=image.nbytes + blob.nbytes,
        goals=_goals(size, 1),
        note=note,
    )


def _filters(shot: Picture, size: Size) -> Iterator[Item]:
    """Means, Gaussians and the guided filter."""
    from bgflow.bench import twins

    image, alpha, h = shot.image, shot.alpha, size.height
    r, memory = max(round(0.02 * h), 1), _scratch()
    plane, out, between = alpha[None], np.empty_like(alpha[None]), np.empty_like(alpha[None])
    yield Case(
        f"box mean {size}",
        lambda: box.mean(plane, out, r, between),
        {"OpenCV": twins.box(alpha, r, np.empty_like(alpha))},
        moved=2 * alpha.nbytes,
        note=f"f32, radius {r}",
    )
    sigma, blurred = BLUR_SIGMA * h, np.empty_like(image)
    twin, k = twins.gaussian(image, sigma, np.empty_like(image)), max(2, int(sigma / 1.6))
    blur.picture(image, blurred, sigma, memory)
    yield Case(
        f"Gaussian blur {size}",
        lambda: blur.picture(image, blurred, sigma, memory),
        {"OpenCV, shrunk": twins.shrunk_gaussian(image, sigma, k, np.empty_like(image)), "OpenCV": twin},
        moved=2 * image.nbytes,
        note=f"sigma {sigma:g}; ours and one peer shrink {k} times; from the full one ours {_apart(blurred, twin())}",
    )
    radius = max(round(GUIDED_RADIUS * h), 1)
    shrink = min(GUIDED_SHRINK, -(-radius // 2))
    fitted = np.empty_like(alpha)
    coarse = np.empty_like(alpha)
    resize.matte(np.ascontiguousarray(alpha[::8, ::8]), coarse)
    fast = twins.guided(image, coarse, radius, GUIDED_EPS, shrink)
    full = twins.full_guided(image, coarse, radius, GUIDED_EPS)
    guided.refine(image, coarse, fitted, radius, GUIDED_EPS, shrink, memory)
    off, before = (float(np.abs(fitted - other).mean()) for other in (fast(), coarse))
    yield Case(
        f"guided filter {size}",
        lambda: guided.refine(image, coarse, fitted, radius, GUIDED_EPS, shrink, memory),
        {"OpenCV": fast} | ({"OpenCV ximgproc": full} if full else {}),
        moved=image.nbytes + 2 * alpha.nbytes,
        goals=_goals(size, 1),
        note=f"radius {radius}, both shrink {shrink} times; alpha {off:.5f} apart, {before:.5f} from the input",
    )


def _composites(shot: Picture, size: Size) -> Iterator[Item]:
    """One picture over another, alone and with what comes before and after it."""
    import cv2

    from bgflow.bench import twins

    image, alpha, behind, (w, h) = shot.image, shot.alpha, shot.plate[::-1].copy(), size
    out, mixed, memory = np.empty_like(image), np.empty_like(image), _scratch()
    blend = twins.blend(image, alpha, behind, mixed)
    over.replace(image, alpha, behind, out)
    yield Case(
        f"composite {size}",
        lambda: over.replace(image, alpha, behind, out),
        {"OpenCV": blend},
        moved=3 * image.nbytes + alpha.nbytes,
        goals=_goals(size, 1),
        note=_apart(out, blend()),
    )
    encoded, decoded, i420 = np.empty_like(shot.nv12), np.empty_like(image), np.empty_like(shot.nv12)
    planes = yuv.nv12_planes(shot.nv12, h, w)
    decode = twins.nv12_to_rgb(shot.nv12, mixed)
    over_decoded = twins.blend(mixed, alpha, behind, out)

    def chain() -> None:
        yuv.nv12_to_rgb(*planes, decoded, "bt601")
        overyuv.replace(decoded, alpha, behind, encoded, "bt601", False, memory)

    def their_chain() -> None:
        decode()
        cv2.cvtColor(over_decoded(), cv2.COLOR_RGB2YUV_I420, dst=i420)

    yield Case(
        f"nv12, composite, nv12 {size}",
        chain,
        {"OpenCV": their_chain},
        moved=2 * shot.nv12.nbytes + behind.nbytes + alpha.nbytes,
        goals=_goals(size, 2),
        note="OpenCV ends in i420: it writes no nv12",
    )
    blob = np.empty((1, 3, SIDE, SIDE), np.float32)
    network = twins.network_input(mixed, SIDE, MEAN, STD)

    def their_input() -> None:
        decode()
        network()

    yield Case(
        f"nv12, resize + normalise {size}",
        lambda: tensor.fill_nv12(shot.nv12, h, w, blob, MEAN, STD, "nchw", memory),
        {"OpenCV": their_input},
        moved=shot.nv12.nbytes + blob.nbytes,
        goals=_goals(size, 2),
    )


def _call(kernel: Callable[..., None], *values: Any) -> Callable[[], None]:
    return lambda: kernel(*values)


def _apart(ours: Array, theirs: Array) -> str:
    """How far two results are from each other, in levels of 255."""
    off = np.abs(ours.astype(np.int16) - theirs)
    return f"differs by {off.mean():.2f} of 255 on the mean, {off.max()} at most"


def _scratch() -> Callable[[str, tuple[int, ...], Any], Array]:
    """Memory by name, as a stage has it."""
    kept: dict[str, Array] = {}

    def take(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        if name not in kept or (kept[name].shape, kept[name].dtype) != (shape, np.dtype(dtype)):
            kept[name] = np.empty(shape, dtype)
        return kept[name]

    return take
