from typing import Any

from numpy.typing import NDArray

def midrank_moments(own: tuple[NDArray[Any], ...], other: tuple[NDArray[Any], ...]) -> tuple[int, int, int]: ...
