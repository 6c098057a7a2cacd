"""In Touch: a council's two-way line to its residents."""

__version__ = "0.1.0"
