"""Tests of `bgflow eval`."""
