"""How much work a label is: clicks after the pre-label, and from nothing, on synthetic scenes whose truth is known.

    python -m bgflow.bench.labelling

A person is imitated by a greedy one. After a pre-label: whatever piece of the mask is wrong as a whole is clicked with
the region tool; then brush and eraser dab where the largest circle fits into what is wrong, a click each. From nothing:
the points of the coarsest polygons (Douglas and Peucker, 1973) that are as good. Both stop at the wanted IoU. Needs
opencv-python-headless.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from bgflow.evaluate.scenes import COMMON, SCENES
from bgflow.label.pictureset import PictureSet
from bgflow.label.prelabel import Mode, Prelabels
from bgflow.stages.synth import Source
from bgflow.testing import opened

SIZE = {"width": 640, "height": 480}
FRAMES = (60, 100, 140)  # somebody has come in by then
MOST = 99  # clicks; a person would have begun anew long before
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = (mask | truth).sum()
    return float((mask & truth).sum() / union) if union else 1.0


def _pieces(mask: Mask) -> Iterator[Mask]:
    """The connected pieces, largest first."""
    import cv2

    count, labels, about, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    for n in sorted(range(1, count), key=lambda n: -about[n, cv2.CC_STAT_AREA]):
        yield labels == n


def clicks(mask: Mask, truth: Mask, wanted: float) -> int:
    """Clicks that bring a mask to the wanted IoU."""
    import cv2

    mask, done = mask.copy(), 0
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    while iou(mask, truth) < wanted and done < MOST:
        done += 1
        flipped = next((p for side in (mask, ~mask) for p in _pieces(side) if (truth ^ mask)[p].mean() > 0.9), None)
        if flipped is not None:
            mask ^= flipped
            continue
        wrong = cv2.copyMakeBorder((mask ^ truth).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        depth = cv2.distanceTransform(wrong, cv2.DIST_L2, 5)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        dab = (y - row) ** 2 + (x - column) ** 2 <= max(depth[row, column], 1.0) ** 2
        mask[dab] = truth[row, column]
    return done


def points(truth: Mask, wanted: float) -> int:
    """Points of polygons, holes included, that reach the wanted IoU from nothing."""
    import cv2

    outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for tolerance in np.arange(12, 0, -0.25):
        coarse = [cv2.approxPolyDP(line, float(tolerance), True) for line in outlines]
        coarse = [line for line in coarse if len(line) > 2]
        drawn = np.zeros(truth.shape, np.uint8)
        cv2.fillPoly(drawn, coarse, 1)
        if iou(drawn > 0, truth) >= wanted:
            return sum(map(len, coarse))
    return sum(map(len, outlines))


def labelled(folder: Path, name: str, mode: Mode) -> Iterator[tuple[Mask, Mask, float]]:
    """Pre-label, truth and seconds of each picture of a scene, as a folder that was captured."""
    from PIL import Image

    truths = {}
    with opened(Source(**{**COMMON, **SCENES[name], **SIZE}), wired={"image", "alpha"}) as source:
        for pts, made in source.frames():
            if pts == 0:
                Image.fromarray(made["image"]).save(folder / "bkg.png")
            if pts in FRAMES:
                Image.fromarray(made["image"]).save(folder / f"{pts}.png")
                truths[f"{pts}.png"] = made["alpha"] >= 0.5
    pictures = PictureSet(folder)
    with Prelabels(pictures, mode) as prelabels:
        for entry in pictures.look():
            start = time.perf_counter()
            while not prelabels.ready(entry):
                time.sleep(0.002)
            took = time.perf_counter() - start
            label = prelabels.get(entry)
            assert label is not None
            yield label > 127, truths[entry.name], took


@click.command()
@click.option("--wanted", type=click.FloatRange(0.5, 0.999), default=0.98, show_default=True, help="IoU to be reached.")
@click.option("--prelabel", type=click.Choice(["auto", "plate", "net"]), default="auto", show_default=True)
def main(wanted: float, prelabel: Mode) -> None:
    """Print a Markdown table, a line for each scene class."""
    click.echo(f"| scene | IoU of the pre-label | clicks to {wanted} | points from nothing | s a pre-label |")
    click.echo("| --- | --- | --- | --- | --- |")
    every: list[tuple[float, int, int, float]] = []
    for name in SCENES:
        with tempfile.TemporaryDirectory(prefix="bgflow-") as folder:
            found = list(labelled(Path(folder), name, prelabel))
        rows = [(iou(m, t), clicks(m, t, wanted), points(t, wanted), s) for m, t, s in found]
        every += rows
        good, after, before, seconds = (list(column) for column in zip(*rows, strict=True))
        told = " ".join(map(str, after)), " ".join(map(str, before))
        click.echo(f"| {name} | {np.mean(good):.3f} | {told[0]} | {told[1]} | {np.median(seconds):.2f} |")
    good, after, before, seconds = (list(column) for column in zip(*every, strict=True))
    told = f"{np.median(after):.0f}", f"{np.median(before):.0f}"
    click.echo(f"| all, median clicks | {np.mean(good):.3f} | {told[0]} | {told[1]} | {np.median(seconds):.2f} |")
    few = sum(n <= 3 for n in after)
    click.echo(f"\nNo click: {after.count(0)} of {len(after)} pictures; three at most: {few}.")


if __name__ == "__main__":
    main()
