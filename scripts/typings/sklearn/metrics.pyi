from typing import Any, Literal

from numpy.typing import ArrayLike

def roc_auc_score(y_true: ArrayLike, y_score: ArrayLike) -> float: ...
def f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: Literal["micro", "macro", "samples", "weighted", "binary"] | None = ...,
    zero_division: float | Literal["warn"] = ...,
) -> Any: ...
