"""The type of what flows through the model and the search."""

from __future__ import annotations

from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of the backend Keras runs on, or a nest of them; docstrings give shapes."""
