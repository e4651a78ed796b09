"""What a row of measurements says: medians, how they compare, whether that is within the bound."""

import dataclasses
import enum
import statistics


class Kind(enum.Enum):
    """How the two sides of a row are compared."""

    RATIO = "ratio"  # acre / other, of seconds
    EXCESS = "excess"  # acre - other, in seconds
    SHARE = "share"  # acre / other, of bytes


@dataclasses.dataclass(frozen=True)
class Bound:
    """The most that the comparison may come to."""

    kind: Kind
    limit: float | None = None

    def __str__(self) -> str:
        if self.limit is None:
            return "-"
        if self.kind is Kind.EXCESS:
            return f"+{self.limit * 1000:.0f} ms"
        return f"{self.limit:.2f}"


@dataclasses.dataclass(frozen=True)
class Result:
    """The measurements of one row, the warm-up left out."""

    row: str
    other: str
    bound: Bound
    acre_values: list[float]
    other_values: list[float]

    @property
    def acre_median(self) -> float:
        return statistics.median(self.acre_values)

    @property
    def other_median(self) -> float:
        return statistics.median(self.other_values)

    @property
    def comparison(self) -> float:
        """The number that the bound limits."""
        if self.bound.kind is Kind.EXCESS:
            return self.acre_median - self.other_median
        return self.acre_median / self.other_median

    @property
    def kept(self) -> bool:
        return self.bound.limit is None or self.comparison <= self.bound.limit

    def as_json(self) -> dict:
        return {
            "row": self.row,
            "against": self.other,
            "unit": "bytes" if self.bound.kind is Kind.SHARE else "seconds",
            "acre": side_as_json(self.acre_median, self.acre_values),
            "other": side_as_json(self.other_median, self.other_values),
            "comparison": {"kind": self.bound.kind.value, "value": round(self.comparison, 6), "limit": self.bound.limit},
            "kept": self.kept,
        }


def side_as_json(median: float, values: list[float]) -> dict:
    """One side's values, to the microsecond."""
    return {"median": round(median, 6), "values": [round(value, 6) for value in values]}


def shown(value: float, kind: Kind) -> str:
    """A measured value for a person."""
    return f"{value / 1024:.1f} KiB" if kind is Kind.SHARE else f"{value * 1000:.1f} ms"


def table(results: list[Result]) -> str:
    """The results as aligned text."""
    rows = [("row", "against", "n", "acre", "other", "comparison", "bound", "")]
    for result in results:
        kind = result.bound.kind
        comparison = f"{result.comparison * 1000:+.1f} ms" if kind is Kind.EXCESS else f"{result.comparison:.3f}"
        rows.append((
            result.row,
            result.other,
            str(len(result.acre_values)),
            shown(result.acre_median, kind),
            shown(result.other_median, kind),
            comparison,
            str(result.bound),
            "ok" if result.kept else "MISSED",
        ))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
