"""Training of own networks: `bgflow train` makes a model of pictures, which graphs then use by its name.

It needs PyTorch, which nothing else in bgflow does: `pip install 'bgflow[train]'`.
"""

from __future__ import annotations

from importlib.util import find_spec

from bgflow.errors import UsageError


def needs_torch() -> None:
    """Raise UsageError, naming the extra, where PyTorch is not installed."""
    if find_spec("torch") is None:
        raise UsageError("training needs PyTorch: pip install 'bgflow[train]'")
