"""How the pictures and truths of a data set lie in its folder; `LAYOUTS` names every way that is known.

pairs         two folders of pictures of the same names, photos and masks; 8-bit masks are alphas
webcam_plate  in DIR or each folder below: bkg.png (the empty room), k.png and k_mask.png
davis         CLIP/frames and CLIP/masks, or JPEGImages[/480p]/CLIP and Annotations[/480p]/CLIP
cdnet         [dataset/]CATEGORY/VIDEO/{input,groundtruth,ROI.bmp,temporalROI.txt}, DIR being any level of it
synth         no folder: scenes that bgflow renders, with exact alpha (see `bgflow.evaluate.scenes`)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.document import near
from bgflow.errors import MediaError, UsageError
from bgflow.evaluate.cdnet import LABELS, OUTSIDE
from bgflow.evaluate.footage import Footage, Kind, Sample
from bgflow.evaluate.truth import fits, labels, matte
from bgflow.media.pictures import EXTENSIONS, found, natural, read

PHOTOS = ("images", "image", "imgs", "img", "photos", "input", "inputs", "frames", "test_images", "rgb")
TRUTHS = ("masks", "mask", "truth", "gt", "groundtruth", "ground_truth", "alpha", "alphas", "mattes", "labels")
PLATE_FRAMES = 30  # how long a background model sees the empty room before somebody comes

Pair = tuple[Path, Path | None]


def pairs(folder: Path, limit: int) -> list[Footage]:
    """Two folders of photos and truths; a photo without a truth is an error, as a misspelt name would be."""
    below = [p for p in sorted(folder.iterdir()) if _pictured(p)]
    photos = [p for p in below if p.name.lower() in PHOTOS]
    truths = [p for p in below if p.name.lower() in TRUTHS] or [p for p in below if len(below) == 2 and p not in photos]
    if len(photos) != 1 or len(truths) != 1:
        there = ", ".join(p.name for p in below) or "none"
        raise UsageError(
            f"{folder}: holds no pairs; a folder of pictures ({', '.join(PHOTOS[:4])} …) and one of truths "
            f"({', '.join(TRUTHS[:4])} …) were wanted, the folders with pictures in them are: {there}"
        )
    files = match(photos[0], truths[0])[: limit or None]
    return [_footage(folder.resolve().name, "stills", files)]


def webcam_plate(folder: Path, limit: int) -> list[Footage]:
    """A still camera: the empty room for a while, then pictures with somebody in it."""
    out = []
    for here in (folder, *sorted(folder.iterdir(), key=natural)):
        plate = here / "bkg.png"
        if not plate.is_file():
            continue
        masks = sorted(here.glob("*_mask.png"), key=natural)[: limit or None]
        files: list[Pair] = [(here / m.name.replace("_mask", ""), m) for m in masks]
        if missing := [p.name for p, _ in files if not p.is_file()]:
            raise UsageError(f"{here}: {missing[0].replace('.', '_mask.')} has no picture; {missing[0]} is wanted")
        if files:
            out.append(_with_plate(here.name, files, plate))
    if not out:
        raise UsageError(f"{folder}: holds no bkg.png with k.png and k_mask.png beside it, here or one folder below")
    return out


def davis(folder: Path, limit: int) -> list[Footage]:
    """Clips with a mask for every frame."""
    clips = [(p.parent, p, p.parent / "masks") for p in _folders(folder, "frames", 2) if (p.parent / "masks").is_dir()]
    for root in (folder / "JPEGImages", folder / "JPEGImages" / "480p"):
        marks = Path(str(root).replace("JPEGImages", "Annotations"))
        clips += [(p, p, marks / p.name) for p in sorted(root.glob("*")) if _pictured(p) and _pictured(marks / p.name)]
    if not clips:
        raise UsageError(f"{folder}: holds no CLIP/frames with CLIP/masks, and no JPEGImages with Annotations")
    return [_footage(name.resolve().name, "video", match(a, b)[: limit or None]) for name, a, b in clips]


def cdnet(folder: Path, limit: int) -> list[Footage]:
    """Videos of changedetection.net; frames before temporalROI are seen and not judged, those after it left out."""
    out = [_cdnet(p.parent, folder, limit) for p in _folders(folder, "groundtruth", 4) if (p.parent / "input").is_dir()]
    if not out:
        raise UsageError(f"{folder}: holds no VIDEO/input with VIDEO/groundtruth, at up to three levels below it")
    return out


def _cdnet(video: Path, top: Path, limit: int) -> Footage:
    pictures, truths = ({_number(p): p for p in found(str(video / n))} for n in ("input", "groundtruth"))
    first, last = min(truths), max(truths)
    span = video / "temporalROI.txt"
    if span.is_file():
        words = span.read_text().split()
        if len(words) < 2 or not all(w.isdecimal() for w in words[:2]):
            raise UsageError(f"{span}: is {' '.join(words)!r}; two frame numbers were wanted, such as '470 1700'")
        first, last = int(words[0]), int(words[1])
    judged = sorted(n for n in truths if first <= n <= last)[: limit or None]
    if lost := [n for n in judged if n not in pictures]:
        raise UsageError(f"{video}: the truth of frame {lost[0]} has no picture in input; is the download whole?")
    if not judged:
        raise UsageError(f"{video}: no truth lies in the frames {first}-{last} of temporalROI.txt")
    seen = [n for n in sorted(pictures) if n <= judged[-1]]
    files: list[Pair] = [(pictures[n], truths[n] if n in judged else None) for n in seen]
    roi = next(iter(sorted(video.glob("ROI.bmp"))), None)
    fits(((p, t) for p, t in files if t), exactly=True)
    fits([(files[0][0], roi)], exactly=True)
    group = video.resolve().parent.name if video.resolve() != top.resolve() else "all"
    return Footage(video.resolve().name, group, "cdnet", len(files), partial(_labelled, files, roi))


def _labelled(files: Sequence[Pair], roi: Path | None) -> Iterator[Sample]:
    outside = labels(roi) == 0 if roi else None
    for picture, file in files:
        truth = None
        if file:
            truth = labels(file)
            if odd := set(np.unique(truth).tolist()) - set(LABELS):
                raise MediaError(f"{file}: has the label {min(odd)}; CDnet's are {', '.join(map(str, LABELS))}")
            if outside is not None:
                truth[outside] = OUTSIDE
        yield Sample(picture.stem, read(picture), truth)


def match(photos: Path, truths: Path) -> list[Pair]:
    """The pictures of two folders by name, in natural order.

    Raises:
        UsageError: one has no partner, or sizes that are not of one shape.
    """
    left, right = ({p.stem: p for p in found(str(f))} for f in (photos, truths))
    lone = [n for n in left if n not in right] + [n for n in right if n not in left]
    if len(lone) == len(left) + len(right):
        raise UsageError(f"{photos} and {truths}: no two names are the same, as {left.popitem()[0]!r} would have to be")
    if lone:
        (here, folder), (other, there) = (left, photos), (right, truths)
        if lone[0] not in here:
            (here, folder), (other, there) = (other, there), (here, folder)
        name = here[lone[0]].name
        more = f" (and {len(lone) - 1} more)" if len(lone) > 1 else ""
        raise UsageError(
            f"{folder / name}: has no partner in {there}{more}{near(name, (p.name for p in other.values()))}"
        )
    out = [(left[n], right[n]) for n in sorted(left, key=lambda n: natural(Path(n)))]
    fits(out)
    return list(out)


def _footage(name: str, kind: Kind, files: Sequence[Pair]) -> Footage:
    return Footage(name, name if kind == "stills" else "all", kind, len(files), partial(_mattes, files))


def _with_plate(name: str, files: Sequence[Pair], plate: Path) -> Footage:
    fits((p, t) for p, t in files if t)

    def samples() -> Iterator[Sample]:
        empty = read(plate)
        for _ in range(PLATE_FRAMES - 1):
            yield Sample("empty", empty)
        yield Sample("empty", empty, np.zeros(empty.shape[:2], np.float32))
        yield from _mattes(files)

    return Footage(name, "all", "stills", PLATE_FRAMES + len(files), samples, partial(read, plate))


def _mattes(files: Iterable[Pair]) -> Iterator[Sample]:
    for picture, truth in files:
        image = read(picture)
        yield Sample(picture.stem, image, matte(truth, image.shape[:2]) if truth else None)


def _folders(top: Path, name: str, depth: int) -> list[Path]:
    """Folders of this name in `top` and up to `depth` - 1 levels below it."""
    levels = ("*/" * n + name for n in range(depth))
    return [p for level in levels for p in sorted(top.glob(level), key=natural) if p.is_dir()]


def _pictured(folder: Path) -> bool:
    return folder.is_dir() and any(p.suffix.lower() in EXTENSIONS for p in folder.iterdir())


def _number(file: Path) -> int:
    digits = re.findall(r"\d+", file.stem)
    if not digits:
        raise UsageError(f"{file}: has no frame number in its name; CDnet's are such as in000001.jpg")
    return int(digits[-1])


def _scenes(folder: Path, limit: int) -> list[Footage]:
    from bgflow.evaluate.scenes import scenes

    return scenes(limit)


Layout = Callable[[Path, int], list[Footage]]
LAYOUTS: dict[str, Layout] = {
    "webcam_plate": webcam_plate,
    "cdnet": cdnet,
    "davis": davis,
    "pairs": pairs,
    "synth": _scenes,
}


def read_data(folder: str, layout: str, limit: int, only: Sequence[str] = ()) -> tuple[str, list[Footage]]:
    """The layout's name and the footage of a data set; `limit` judged pictures of each at most, 0 is all.

    Raises:
        UsageError: there is no such folder or layout, or the folder is not laid out so.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"--layout {layout}: there is no such layout{near(layout, LAYOUTS)}")
    if layout != "synth":
        _is_folder(folder)
    names = [n for n in LAYOUTS if n != "synth"] if layout == "auto" else [layout]
    said = []
    for name in names:
        try:
            footage = LAYOUTS[name](Path(folder), limit)
        except UsageError as e:
            if layout != "auto" or "holds no" not in str(e):
                raise
            said.append(str(e))
            continue
        return name, _chosen(footage, only)
    raise UsageError(f"{folder}: is laid out in no known way; name it with --layout: {', '.join(LAYOUTS)}")


def _is_folder(folder: str) -> None:
    if not folder:
        raise UsageError("bgflow eval needs --data DIR; only --layout synth needs none")
    path = Path(folder)
    if not path.is_dir():
        beside = [p.name for p in islice(path.parent.iterdir(), 1000) if p.is_dir()] if path.parent.is_dir() else []
        raise UsageError(f"--data {folder}: there is no such folder{near(path.name, beside)}")


def _chosen(footage: list[Footage], only: Sequence[str]) -> list[Footage]:
    names: Any = [f.name for f in footage]
    for name in only:
        if name not in names:
            raise UsageError(f"--only {name}: the data has no such clip{near(name, names)}")
    return [f for f in footage if not only or f.name in only]
