"""A terminal console for machine-learning training jobs, wherever they run."""

__version__ = "0.1.0"
