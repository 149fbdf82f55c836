"""Prepaid credits for AI voice and chat calls."""

__version__ = "0.1.0"
