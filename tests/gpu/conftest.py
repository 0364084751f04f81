"""The GPU, or why there is none."""

from __future__ import annotations

import pytest

from bgflow.devices import Device, device
from bgflow.errors import DeviceError


@pytest.fixture(scope="session")
def cuda() -> Device:
    """The first GPU."""
    try:
        return device("cuda:0")
    except DeviceError as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def u2netp() -> str:
    """The name of the network, which is in the store."""
    from bgflow import models
    from bgflow.errors import ModelError

    try:
        models.find("u2netp")
    except ModelError as why:
        pytest.skip(str(why))
    return "u2netp"
