"""What `bgflow bench` measures."""

if __name__ != "bgflow.bench":  # a second copy under another name must be impossible
    raise ImportError("import bgflow.bench, not bench; pyproject.toml maps this folder")
