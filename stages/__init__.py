"""The built-in stages, one family a file."""

if __name__ != "bgflow.stages":  # a second copy under another name must be impossible
    raise ImportError("import bgflow.stages, not stages; pyproject.toml maps this folder")
