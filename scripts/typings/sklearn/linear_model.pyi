from typing import Any, Self

from numpy.typing import ArrayLike, NDArray

class LogisticRegression:
    classes_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    def __init__(self, *, C: float = ..., fit_intercept: bool = ..., tol: float = ..., max_iter: int = ...) -> None: ...
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = ...) -> Self: ...
