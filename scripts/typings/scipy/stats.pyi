from typing import Literal

class _Interval:
    low: float
    high: float

class BinomTestResult:
    pvalue: float
    def proportion_ci(
        self, confidence_level: float = ..., method: Literal["exact", "wilson", "wilsoncc"] = ...
    ) -> _Interval: ...

def binomtest(
    k: int, n: int, p: float = ..., alternative: Literal["two-sided", "less", "greater"] = ...
) -> BinomTestResult: ...
