"""Camp: a self-hosted hub for a training camp, a study group or a small team."""

__version__ = "0.5.1"
