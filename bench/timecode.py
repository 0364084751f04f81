"""A frame's number drawn as black and white blocks, which an encoder leaves readable.

Each bit is a pair of blocks, white then black for 1, black then white for 0, so that it needs no threshold (Manchester
code); a pair whose blocks are alike is no bit. A last pair makes the number of ones even. Blocks are macroblocks of
16x16 pixels in the upper left corner, of which the inner half counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK, BITS = 16, 8
WIDTH, HEIGHT = 2 * (BITS + 1) * BLOCK, BLOCK
CYCLE = 1 << BITS
"""Numbers begin anew after so many."""
APART = 64  # levels of 255 by which the blocks of a pair must differ; encoded ones differ by about 200

READ = f"""
function readCode(pixels) {{
  let number = 0, ones = 0;
  for (let bit = 0; bit <= {BITS}; bit++) {{
    const [left, right] = [0, 1].map((side) => {{
      let sum = 0;
      for (let y = 4; y < 12; y++)
        for (let x = 4; x < 12; x++) sum += pixels[4 * (y * {WIDTH} + (2 * bit + side) * {BLOCK} + x) + 1];
      return sum / 64;
    }});
    if (Math.abs(left - right) < {APART}) return -1;
    const one = left > right ? 1 : 0;
    ones += one;
    if (bit < {BITS}) number |= one << bit;
  }}
  return ones % 2 ? -1 : number;
}}
"""
"""`read` for a browser, of the RGBA pixels of the upper left corner."""


def draw(image: np.ndarray[Any, Any], number: int) -> None:
    """Write the number, modulo CYCLE, into `u8[h,w,3]` of at least WIDTH x HEIGHT."""
    bits = [number >> n & 1 for n in range(BITS)]
    for n, bit in enumerate([*bits, sum(bits) % 2]):
        left = 2 * n * BLOCK
        image[:HEIGHT, left : left + BLOCK] = 255 * bit
        image[:HEIGHT, left + BLOCK : left + 2 * BLOCK] = 255 * (1 - bit)


def read(image: np.ndarray[Any, Any]) -> int | None:
    """The number in `u8[h,w,3]`, by its green; None where it cannot be read."""
    green = image[:HEIGHT, :WIDTH, 1].reshape(BLOCK, 2 * (BITS + 1), BLOCK)[4:12, :, 4:12].mean(axis=(0, 2))
    left, right = green[::2], green[1::2]
    if (abs(left - right) < APART).any():
        return None
    bits = left > right
    return None if bits.sum() % 2 else sum(1 << n for n in range(BITS) if bits[n])
