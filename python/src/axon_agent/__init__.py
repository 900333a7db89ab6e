"""Serves one Python AI agent for Axon, the actor runtime of Node.js.

Owns the names that a user's module may import: `Event` and `Result`. Importing this package imports nothing else, so
that a process is guarded and connected to Node before anything slow or broken is loaded.
"""

TYPE_CHECKING = False  # typing's own constant would load typing
if TYPE_CHECKING:
    from axon_agent.values import Event, Result

__all__ = ["Event", "Result", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in ("Event", "Result"):
        from axon_agent import values  # noqa: PLC0415

        return getattr(values, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
