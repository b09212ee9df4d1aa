"""The version, in one place besides pyproject.toml; a test keeps the two the same."""

__all__ = ["__version__"]

__version__ = "0.1.0"
