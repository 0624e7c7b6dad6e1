"""Views, copies in another order, square brackets and sums by equation, with random arguments, right and wrong ones."""

from __future__ import annotations

import torch
from hypothesis import assume, given, strategies as st

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)
SOME_EMPTY = st.lists(st.integers(0, 4), max_size=4).map(tuple)
DIM = st.integers(-5, 4)


@st.composite
def reshapings(draw):
    """A shape, and another that often has as many elements."""
    shape = draw(st.one_of(SHAPES, SOME_EMPTY))
    primes = [factor for size in shape for factor in ((2, 2) if size == 4 else (size,)) if factor != 1]
    target = [1] * draw(st.integers(0, 4))
    for factor in draw(st.permutations(primes)):
        if target:
            target[draw(st.integers(0, len(target) - 1))] *= factor
    if target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = draw(st.sampled_from([-1, -1, 0, 5, -2]))
    return torch.zeros(shape), tuple(target)


@given(reshapings(), st.sampled_from(["reshape", "view"]))
def test_reshape_and_view(agree, drawn, name):
    input, shape = drawn
    agree(f"{name}{shape}", lambda x: getattr(x, name)(*shape), input)
    agree(f"{name}({list(shape)})", lambda x: getattr(x, name)(list(shape)), input)


@st.composite
def moves(draw):
    """A method with arguments that move or cut dimensions."""
    size = st.integers(-1, 4)
    sizes = st.lists(size, max_size=5)
    dims = st.one_of(DIM, st.lists(DIM, max_size=3).map(tuple))
    name, args = draw(
        st.one_of(
            st.tuples(st.just("permute"), st.tuples(st.lists(DIM, max_size=4))),
            st.tuples(st.just("permute"), st.permutations(range(3)).map(lambda order: (order,))),
            st.tuples(st.just("expand"), st.tuples(sizes)),
            st.tuples(st.just("broadcast_to"), st.tuples(sizes)),
            st.tuples(st.just("flatten"), st.tuples(DIM, DIM)),
            st.tuples(st.just("unflatten"), st.tuples(DIM, sizes)),
            st.tuples(st.sampled_from(["unsqueeze", "squeeze", "unbind", "glu"]), st.tuples(DIM)),
            st.tuples(st.just("squeeze"), st.tuples(st.lists(DIM, max_size=3).map(tuple))),
            st.tuples(st.sampled_from(["transpose", "movedim", "select", "diagonal"]), st.tuples(DIM, DIM)),
            st.tuples(st.just("diagonal"), st.tuples(DIM, DIM, DIM)),
            st.tuples(st.just("narrow"), st.tuples(DIM, size, size)),
            st.tuples(st.just("unfold"), st.tuples(DIM, size, size)),
            st.tuples(st.sampled_from(["chunk", "tensor_split"]), st.tuples(size, DIM)),
            st.tuples(st.just("split"), st.tuples(st.one_of(size, sizes), DIM)),
            st.tuples(st.just("tensor_split"), st.tuples(st.lists(DIM, max_size=3).map(tuple), DIM)),
            st.tuples(st.sampled_from(["repeat", "tile"]), st.tuples(sizes)),
            st.tuples(st.just("flip"), st.tuples(dims)),
            st.tuples(st.just("roll"), st.tuples(dims, dims)),
            st.tuples(st.just("rot90"), st.tuples(DIM, st.lists(DIM, min_size=1, max_size=3))),
            st.tuples(st.just("repeat_interleave"), st.tuples(size, st.one_of(st.none(), DIM))),
        )
    )
    shape = draw(st.one_of(SHAPES, SOME_EMPTY, st.just((2, 3, 4))))
    return torch.zeros(shape), name, args


@given(moves())
def test_dimensions_moved_and_cut(agree, drawn):
    input, name, args = drawn
    owner = torch.nn.functional if name == "glu" else torch.Tensor
    agree(f"{name}{args}", lambda x: getattr(owner, name)(x, *args), input)


BOUND = st.one_of(st.none(), st.integers(-5, 5))
SLICE = st.builds(slice, BOUND, BOUND, st.sampled_from([None, None, 1, 2, 3, 0, -1]))
PLAIN_ITEM = st.one_of(st.integers(-3, 3), SLICE, st.none(), st.just(...), st.booleans())


@st.composite
def indices(draw):
    """A shape, and an index with holes where index tensors go, which come as arguments."""
    shape = draw(st.lists(st.integers(1, 4), max_size=4).map(tuple))
    items, places = [], []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.integers(0, 2)) == 0:
            sizes = draw(st.sampled_from([(), (1,), (2,), (3, 1), (2, 2), (0,)]))
            places.append(torch.zeros(sizes, dtype=draw(st.sampled_from([torch.int64, torch.int32, torch.uint8]))))
            items.append(torch.Tensor)
        elif draw(st.integers(0, 9)) == 7:
            items.append([0, -1, 0][: draw(st.integers(0, 3))])
        else:
            items.append(draw(PLAIN_ITEM))
    assume(not items or not all(isinstance(item, bool) for item in items))
    return torch.zeros(shape), tuple(items), places


def filled(items, places):
    """The index itself."""
    rest = iter(places)
    return tuple(next(rest) if item is torch.Tensor else item for item in items)


def integer(places):
    """Whether no index is a mask: uint8 tensors are, and how many they choose is data."""
    return [place.to(torch.int64) if place.dtype is torch.uint8 else place for place in places]


@given(indices())
def test_square_brackets_read(agree, drawn):
    input, items, places = drawn
    agree(f"x[{items}]", lambda x, places: x[filled(items, places)], input, integer(places))


@given(indices(), st.sampled_from([(), (), (1,), (1, 1), (2,), (3,), (2, 2), (1, 3), (1, 1, 2)]))
def test_square_brackets_written(agree, drawn, sizes):
    input, items, places = drawn

    def write(x, places, value):
        x[filled(items, places)] = value
        return x

    agree(f"x[{items}] = value", write, input, integer(places), torch.zeros(sizes))


@given(st.data())
def test_a_single_index_without_a_tuple(agree, data):
    input = torch.zeros(data.draw(SHAPES))
    item = data.draw(st.one_of(PLAIN_ITEM, st.lists(st.sampled_from([0, -1]), max_size=3)))
    agree(f"x[{item}]", lambda x: x[item], input)


@st.composite
def equations(draw):
    """An equation and operands that mostly fit it."""
    sizes = dict(zip("abcd", draw(st.permutations([1, 2, 3, 5])), strict=True))
    lead = draw(st.sampled_from([None, None, (), (2,), (2, 1)]))
    terms, operands = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = draw(st.text("abcd", max_size=3))
        shape = [sizes[letter] for letter in term]
        if shape and draw(st.integers(0, 14)) == 11:
            shape[0] = draw(st.integers(0, 3))
        if lead is not None and draw(st.booleans()):
            cut = draw(st.integers(0, len(term)))
            own = lead[draw(st.integers(0, len(lead))) :]
            term, shape = f"{term[:cut]}...{term[cut:]}", [*shape[:cut], *own, *shape[cut:]]
        terms.append(term)
        operands.append(torch.zeros(shape))
    equation = ",".join(terms)
    if draw(st.booleans()):
        known = sorted(set(equation) & set("abcd")) or ["a"]
        result = "".join(draw(st.lists(st.sampled_from(known), max_size=3, unique=draw(st.integers(0, 9)) != 7)))
        dots = "..." if draw(st.booleans()) else ""
        equation += f"->{dots}{result}"
    return equation, operands


@given(equations())
def test_einsum(agree, drawn):
    equation, operands = drawn
    agree(f"einsum({equation!r})", lambda *operands: torch.einsum(equation, *operands), *operands)
