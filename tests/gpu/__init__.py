"""Tests that need an NVIDIA GPU; each skips and says why where there is none."""
