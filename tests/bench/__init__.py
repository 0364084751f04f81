"""Tests of what bgflow is measured with and against."""
