"""Tests of the labelling tool."""
