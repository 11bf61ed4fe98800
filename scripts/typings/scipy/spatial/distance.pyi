from typing import Any

from numpy.typing import ArrayLike, NDArray

def squareform(X: ArrayLike, force: str = ..., checks: bool = ...) -> NDArray[Any]: ...
