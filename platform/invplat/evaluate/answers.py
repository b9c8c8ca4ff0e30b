"""What was said beside what came: one row a (series, cutoff, step), as parallel arrays.

Rows that nobody may judge (unobserved, censored) are dropped on entry. Knows nothing of metrics or of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Label:
    """A column of names, kept once each: `names[codes]`."""

    codes: Ints
    names: tuple[Any, ...]

    @classmethod
    def of(cls, values: Sequence[Any] | npt.NDArray[Any]) -> Label:
        """Names in order of their value, unknown (None) last."""
        plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
        there = sorted({value for value in plain if value is not None})
        names = (*there, None) if None in set(plain) else tuple(there)
        place = {name: code for code, name in enumerate(names)}
        return cls(np.fromiter((place[value] for value in plain), np.int64, len(plain)), names)

    def rows(self, which: Any) -> Label:
        return Label(self.codes[which], self.names)


@dataclass(frozen=True)
class Answers:
    actual: Doubles
    predicted: Doubles
    quantiles: Doubles  # rows × levels
    levels: tuple[float, ...] = ()
    absolute_scale: Doubles | None = None  # of each row's series: mean absolute error of the naive forecast in its past
    squared_scale: Doubles | None = None  # and its mean squared error
    labels: Mapping[str, Label] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        actual: npt.ArrayLike,
        predicted: npt.ArrayLike,
        *,
        mask: npt.ArrayLike | None = None,
        quantiles: npt.ArrayLike | None = None,
        levels: Sequence[float] = (),
        absolute_scale: npt.ArrayLike | None = None,
        squared_scale: npt.ArrayLike | None = None,
        labels: Mapping[str, Sequence[Any] | npt.NDArray[Any] | Label] | None = None,
    ) -> Answers:
        """Arrays of any one shape (quantiles: one axis more). `mask`: which rows count; a scale or a label may also
        be one value a leading axis, such as one a series."""
        truth = np.asarray(actual, np.float64)
        said = np.asarray(predicted, np.float64)
        if truth.shape != said.shape:
            raise DatasetError(
                f"actual has shape {truth.shape}, predicted {said.shape}", hint="give one prediction for each value"
            )
        wanted = (*truth.shape, len(levels))
        parts = np.zeros(wanted) if quantiles is None else np.asarray(quantiles, np.float64)
        if parts.shape != wanted:
            raise DatasetError(
                f"quantiles have shape {parts.shape}; {len(levels)} levels need {wanted}",
                hint="name the level of each quantile, on the last axis",
            )
        if not all(0 < level < 1 for level in levels) or list(levels) != sorted(levels):
            raise DatasetError(f"quantile levels {tuple(levels)}", hint="between 0 and 1, ascending: 0.1, 0.5, 0.9")
        keep = np.ones(truth.shape, np.bool_) if mask is None else np.asarray(mask, np.bool_)
        if keep.shape != truth.shape:
            raise DatasetError(f"the mask has shape {keep.shape}, actual {truth.shape}", hint="one flag for each value")
        named = {}
        for name, values in (labels or {}).items():
            label = values if isinstance(values, Label) else Label.of(values)
            named[name] = Label(_spread(label.codes, truth.shape, f"label {name}")[keep], label.names)
        return cls(
            actual=truth[keep],
            predicted=said[keep],
            quantiles=parts[keep],
            levels=tuple(levels),
            absolute_scale=_scale(absolute_scale, keep),
            squared_scale=_scale(squared_scale, keep),
            labels=named,
        )

    def __len__(self) -> int:
        return len(self.actual)

    def where(self, which: Any) -> Answers:
        """Some of the rows, by a mask or by their indices."""
        return replace(
            self,
            actual=self.actual[which],
            predicted=self.predicted[which],
            quantiles=self.quantiles[which],
            absolute_scale=None if self.absolute_scale is None else self.absolute_scale[which],
            squared_scale=None if self.squared_scale is None else self.squared_scale[which],
            labels={name: label.rows(which) for name, label in self.labels.items()},
        )

    def label(self, name: str) -> Label:
        if name not in self.labels:
            raise DatasetError(
                f"the answers have no {name!r} to group by",
                hint=f"group by {', '.join(self.labels)}" if self.labels else "give labels with the answers",
            )
        return self.labels[name]


def joined(parts: Sequence[Answers]) -> Answers:
    """The rows of all parts, which must have the same levels and labels."""
    if not parts:
        raise DatasetError("no answers were given", hint="join at least one")
    first = parts[0]
    if any(part.levels != first.levels or set(part.labels) != set(first.labels) for part in parts):
        raise DatasetError("the parts differ in their quantile levels or labels", hint="judge them apart")
    return Answers(
        actual=np.concatenate([part.actual for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        quantiles=np.concatenate([part.quantiles for part in parts]),
        levels=first.levels,
        absolute_scale=_joined_scales([part.absolute_scale for part in parts]),
        squared_scale=_joined_scales([part.squared_scale for part in parts]),
        labels={name: _joined_labels([part.labels[name] for part in parts]) for name in first.labels},
    )


def _joined_scales(parts: Sequence[Doubles | None]) -> Doubles | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None


def _joined_labels(parts: Sequence[Label]) -> Label:
    if all(part.names == parts[0].names for part in parts):
        return Label(np.concatenate([part.codes for part in parts]), parts[0].names)
    whole = Label.of([name for part in parts for name in part.names])
    place = {name: code for code, name in enumerate(whole.names)}
    codes = [np.array([place[name] for name in part.names], np.int64)[part.codes] for part in parts]
    return Label(np.concatenate(codes), whole.names)


def _scale(values: npt.ArrayLike | None, keep: npt.NDArray[np.bool_]) -> Doubles | None:
    if values is None:
        return None
    found: Doubles = _spread(np.asarray(values, np.float64), keep.shape, "scale")[keep]
    return found


def _spread(values: Any, shape: tuple[int, ...], what: str) -> Any:
    """One value a leading axis becomes one a row."""
    if values.shape != shape[: values.ndim]:
        raise DatasetError(f"{what} has shape {values.shape}, actual {shape}", hint="one a row, or one a leading axis")
    return np.broadcast_to(values.reshape(values.shape + (1,) * (len(shape) - values.ndim)), shape)
