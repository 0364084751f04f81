"""Engines that run a network; one a file, found by its name."""
