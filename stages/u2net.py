"""Masks by a salient-object network: U²-Net (Qin et al., Pattern Recognition 2020, https://arxiv.org/abs/2005.09007)."""

from __future__ import annotations

from typing import Any

from bgflow import Param
from bgflow.stages import net


class Mask(net.Mask, use="u2net.mask"):
    """Finds the subject of a picture with U²-Net and gives its alpha, at the picture's size.

    It is `net.mask` with U²-Net's model and size: the picture is stretched to the network's input, and the network's
    map is stretched back. `scale: minmax`, as the authors do it, is for stills: see `net.mask`.
    """

    model: str | dict[str, Any] = Param(
        "u2netp", description="a name from `bgflow models list`, or a file of the same layout"
    )
    height: int = Param(320, ge=32, le=2048, unit="px", hot=True, slow=True, description="rows of the network's input")
    width: int = Param(
        320, ge=32, le=2048, unit="px", hot=True, slow=True, description="columns of its input; 192x320 suits 16:9"
    )
