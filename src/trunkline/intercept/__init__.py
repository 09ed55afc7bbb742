"""Floor 9, intercept: how Python's own modules reach `system` inside a host, and only there."""

from trunkline.intercept.install import install, installed, uninstall

__all__ = ["install", "installed", "uninstall"]
