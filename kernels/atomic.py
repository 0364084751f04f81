"""Elements that many threads of a GPU change at once. On the CPU a kernel that calls these runs on one thread."""

# mypy: allow-untyped-defs
from __future__ import annotations

from bgflow.kernel import atomic


@atomic
def add(a, j, i, v):
    """Add an i32 to `a[j, i]`; CUDA's atomicAdd. Sums of integers do not depend on the order of the threads."""
    a[j, i] += v


@atomic
def lower(a, j, i, v):
    """Make `a[j, i]` i32 the least of itself and `v`, and return what it was; CUDA's atomicMin."""
    old = a[j, i]
    a[j, i] = min(old, v)
    return old
