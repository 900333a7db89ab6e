"""Serves one Python AI agent for Axon, the actor runtime of Node.js.

Owns the names that a user's module may import: `Event` and `Result`. Importing this package imports nothing else, so
that a process is connected to Node before anything slow or broken is loaded.
"""

from axon_agent.values import Event, Result

__all__ = ["Event", "Result", "__version__"]

__version__ = "0.1.0"
