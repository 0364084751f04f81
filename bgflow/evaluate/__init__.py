"""How good a graph's matte is: run it over pictures with ground truth, measure, and show where it fails."""
