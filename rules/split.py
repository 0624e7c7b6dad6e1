"""Views that cut a tensor into pieces along a dimension."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers, spellings, wrap_dim

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op(*spellings("unbind"), alias="input")
def unbind(input: TensorSpec, dim: int = 0) -> tuple[TensorSpec, ...]:
    """The slices along dim, without it.

    Cost: nothing, they are views.
    Source: torch.unbind
    """
    axis = wrap_dim(dim, input.ndim)
    if not input.shape:
        raise ShapeError(f"input must have a dimension to unbind, got {input}")
    piece = input.with_shape(*input.shape[:axis], *input.shape[axis + 1 :])
    return tuple([piece for _ in range(input.shape[axis])])


def _cut(input: TensorSpec, axis: int, sizes: Any) -> tuple[TensorSpec, ...]:
    before, after = input.shape[:axis], input.shape[axis + 1 :]
    return tuple([input.with_shape(*before, size, *after) for size in sizes])


def _axis(input: TensorSpec, dim: Any) -> int:
    axis = wrap_dim(dim, check_tensor(input, "input").ndim)
    if not input.shape:
        raise ShapeError(f"input must have a dimension to cut along, got {input}")
    return axis


def _even(input: TensorSpec, axis: int, size: int) -> tuple[TensorSpec, ...]:
    """Pieces of one size, the last of what is left."""
    total = input.shape[axis]
    if size == 0:
        if total != 0:
            raise ShapeError(f"split_size may be 0 for an empty dimension alone, got {total}")
        return (input,)
    count = max(-(-total // size), 1)
    piece = _cut(input, axis, (size,))[0] if count > 1 else input
    return (*[piece for _ in range(count - 1)], *_cut(input, axis, (total - size * (count - 1),)))


@RULES.op(*spellings("chunk", "unsafe_chunk"), alias="input")
def chunk(input: TensorSpec, chunks: int, dim: int = 0) -> tuple[TensorSpec, ...]:
    """At most that many pieces along dim, all of one size but the last.

    Cost: nothing, they are views.
    Source: torch.chunk
    """
    axis = _axis(input, dim)
    (chunks,) = numbers(chunks, "chunks")
    if chunks < 1:
        raise ShapeError(f"chunks must be 1 or more, got {chunks}")
    size = (input.shape[axis] + chunks - 1) // chunks
    if size == 0:
        return tuple([input for _ in range(chunks)])
    return _even(input, axis, size)


@RULES.op(torch.functional.split, "split", torch.Tensor.split, *spellings("unsafe_split"), alias="input")
def split(input: TensorSpec, split_size_or_sections: Any, dim: int = 0) -> tuple[TensorSpec, ...]:
    """Pieces of one size along dim, the last of what is left; or pieces of the given sizes.

    Cost: nothing, they are views.
    Source: torch.split
    """
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes(input, split_size_or_sections, dim)  # type: ignore[no-any-return]
    axis = _axis(input, dim)
    (size,) = numbers(split_size_or_sections, "split_size")
    if size < 0:
        raise ShapeError(f"split_size must be 0 or more, got {size}")
    return _even(input, axis, size)


@RULES.op(*spellings("split_with_sizes", "unsafe_split_with_sizes"), alias="input", name="split")
def split_with_sizes(input: TensorSpec, split_sizes: Any, dim: int = 0) -> tuple[TensorSpec, ...]:
    """Pieces of the given sizes along dim, which make it up.

    Cost: nothing, they are views.
    Source: torch.Tensor.split
    """
    axis = _axis(input, dim)
    sizes = numbers(list(split_sizes), "split_sizes")
    if any(size < 0 for size in sizes) or sum(sizes) != input.shape[axis]:
        raise ShapeError(f"split_sizes {sizes} do not make up dimension {dim}, {input.shape[axis]}")
    return _cut(input, axis, sizes)


def _sections(input: TensorSpec, axis: int, sections: int) -> tuple[TensorSpec, ...]:
    """As even as can be: the first ones one longer."""
    if sections < 1:
        raise ShapeError(f"sections must be 1 or more, got {sections}")
    size, longer = input.shape[axis] // sections, input.shape[axis] % sections
    return _cut(input, axis, [size + 1 if place < longer else size for place in range(sections)])


def _at(input: TensorSpec, axis: int, indices: tuple[int, ...]) -> tuple[TensorSpec, ...]:
    """Cut before each index, as slices are: a negative one counts from the end, one out of range is cut down."""
    total = input.shape[axis]
    ends = [max(min(index + total if index < 0 else index, total), 0) for index in indices]
    return _cut(input, axis, [max(end - start, 0) for start, end in zip([0, *ends], [*ends, total], strict=True)])


@RULES.op(*spellings("tensor_split"), alias="input")
def tensor_split(
    input: TensorSpec, indices_or_sections: Any = None, dim: int = 0, indices: Any = None, sections: Any = None,
    tensor_indices_or_sections: Any = None,
) -> tuple[TensorSpec, ...]:  # fmt: skip
    """So many pieces along dim, as even as can be; or cut at the given indices.

    Cost: nothing, they are views.
    Source: torch.tensor_split
    """
    given = (indices_or_sections, indices, sections, tensor_indices_or_sections)
    where = next((value for value in given if value is not None), None)
    axis = _axis(input, dim)
    if isinstance(where, (tuple, list)):
        return _at(input, axis, numbers(list(where), "indices"))
    return _sections(input, axis, numbers(where, "sections")[0])


def _split_along(name: str, axis_of: Any, least: int) -> None:
    def shape(input: TensorSpec, indices_or_sections: Any = None, indices: Any = None, sections: Any = None) -> Any:
        given = (indices_or_sections, indices, sections)
        where = next((value for value in given if value is not None), None)
        if input.ndim < least:
            raise ShapeError(f"input must have {least} or more dimensions, got {input.ndim}")
        axis = axis_of(input.ndim)
        if isinstance(where, (tuple, list)):
            return _at(input, axis, numbers(list(where), "indices"))
        (count,) = numbers(where, "sections")
        if count < 1 or input.shape[axis] % count != 0:
            raise ShapeError(f"sections must divide the dimension evenly, got {count} for {input.shape[axis]}")
        return _sections(input, axis, count)

    shape.__doc__ = "Pieces of one size, or cut at the given indices.\n\nCost: nothing, they are views.\n"
    shape.__doc__ += f"Source: torch.{name}"
    RULES.op(*spellings(name), name=name, alias="input")(shape)


_split_along("hsplit", lambda ndim: 0 if ndim == 1 else 1, 1)
_split_along("vsplit", lambda ndim: 0, 2)
_split_along("dsplit", lambda ndim: 2, 3)
