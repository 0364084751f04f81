"""Render the README's picture with bgflow's own stages: a synthetic camera, its matte, and a new background.

python docs/picture.py docs/images/synth.png
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

import numpy as np
from PIL import Image

from bgflow.stages.compose import Blur, Mask, Replace
from bgflow.stages.edge import Refine
from bgflow.stages.synth import Source
from bgflow.stages.u2net import Mask as Network
from bgflow.testing import opened


def main(path: str) -> None:
    """Run one frame through synth, U²-Netp, edge refinement and three compositors; write them side by side."""
    with ExitStack() as stack:
        source = stack.enter_context(opened(Source(width=960, height=540, count=1, speed=0)))
        image = next(source.frames(1))[1]["image"]
        alpha = stack.enter_context(opened(Network(height=320, width=320)))(image=image)
        fine = stack.enter_context(opened(Refine()))(image=image, alpha=alpha)
        matte = stack.enter_context(opened(Mask()))(alpha=fine)
        dusk = stack.enter_context(opened(Replace(background="gallery:dusk")))(image=image, alpha=fine)["out"]
        blur = stack.enter_context(opened(Blur(radius=8)))(image=image, alpha=fine)["out"]
        panels = np.concatenate([np.concatenate([image, matte], 1), np.concatenate([dusk, blur], 1)], 0)
        Image.fromarray(panels).resize((1280, 720), Image.Resampling.LANCZOS).save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
