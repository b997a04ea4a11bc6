"""The default engine: rewrite the mouth of the footage itself, at its own resolution, with its own lips and teeth."""

from lipwright.engines.rewrite.engine import RewriteEngine

__all__ = ["RewriteEngine"]
