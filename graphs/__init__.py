"""Graphs that run as they are."""

if __name__ != "bgflow.graphs":  # a second copy under another name must be impossible
    raise ImportError("import bgflow.graphs, not graphs; pyproject.toml maps this folder")
