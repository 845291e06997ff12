"""The compiled modules are not there for a type checker to read."""

from typing import Any

def __getattr__(name: str) -> Any: ...
