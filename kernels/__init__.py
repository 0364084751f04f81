"""The kernels: one Python signature, a numba body and a CUDA body beside it."""

if __name__ != "bgflow.kernels":  # a second copy under another name must be impossible
    raise ImportError("import bgflow.kernels, not kernels; pyproject.toml maps this folder")
