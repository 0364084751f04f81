"""What a network expects of its picture, what becomes of its answer, and what it wants to be told again."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from bgflow.models.ends import Ends

Side = Annotated[int, pydantic.Field(ge=1, le=8192)]


class Ratio(pydantic.BaseModel):
    """An input that is told by how much the network should shrink the picture for itself."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    input: str
    long: Side
    """It gets `long` / the longer side of the picture, at most 1."""


class Layout(pydantic.BaseModel):
    """The declaration of a network, in a manifest or in a graph; the defaults are U²-Net's."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    input: str = ""
    """The picture's input; may be left out when nothing else is to be fed."""
    output: str | int = 0
    """The mask's output: its name, or its place in the file."""
    size: tuple[Side, Side] = (320, 320)
    """Height and width of the input."""
    multiple: Side = 32
    """Height and width must be multiples of this."""
    resize: Literal["stretch", "short", "within"] = "stretch"
    """How the picture comes to its size: stretched to `size`; its aspect kept, its shorter side that of `size`; or its
    aspect kept and shrunk, where it is larger, into `size`."""
    channels: Literal["rgb", "rgb+plate"] = "rgb"
    """The input's channels: the picture's, or behind them those of the clean plate."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """The order of the dims of input and output."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """The input is (colour - mean) / std, colour in 0..1."""
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    """What is left to do to the output, so that it is 0..1."""
    channel: int = -1
    """Which channel of the output is the subject; -1 is the last."""
    state: dict[str, str] = {}
    """The network's memory: inputs, and the outputs whose last value each of them gets; at first zeros."""
    ratio: Ratio | None = None

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Self:
        if rest := [n for n in self.size if n % self.multiple]:
            raise ValueError(f"size: {near_multiple(rest[0], self.multiple)}")
        if self.plate and self.layout == "nhwc":
            raise ValueError("channels: rgb+plate needs layout: nchw, where the plate lies behind the picture")
        if 0 in self.std:
            raise ValueError("std: the colour is divided by it, so it is not 0")
        return self

    @property
    def plate(self) -> bool:
        """Whether the network compares the picture with a plate."""
        return self.channels == "rgb+plate"

    def fitted(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the input for a picture of that size; a strip is not enlarged beyond 4 x `size`."""
        if self.resize == "stretch":
            return self.size
        if self.resize == "short":
            scale = min(min(self.size) / min(height, width), 4 * max(self.size) / max(height, width))
        else:
            scale = min(self.size[0] / height, self.size[1] / width, 1)
        step = self.multiple
        return max(round(height * scale / step), 1) * step, max(round(width * scale / step), 1) * step

    def shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The input's shape."""
        count = 6 if self.plate else 3
        return (1, count, height, width) if self.layout == "nchw" else (1, height, width, count)

    def ends(self, height: int, width: int) -> Ends:
        """The tensors by name, for an input of that size."""
        constants = {self.ratio.input: min(self.ratio.long / max(height, width), 1.0)} if self.ratio else {}
        return Ends(self.input, self.output, self.state, constants, self.layout)


def near_multiple(value: int, step: int) -> str:
    """That `value` is none, and which are near."""
    low = value - value % step
    return f"{value} is not a multiple of {step}; {f'{low} or {low + step}' if low else step} would be"
