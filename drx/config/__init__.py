"""drx.yaml and what it means: `load_config` reads it, `resolve_target` makes one environment ready for use."""

from drx.config.target import Target

__all__ = ["Target"]
