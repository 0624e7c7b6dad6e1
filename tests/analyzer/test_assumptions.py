"""What data decide: answers given by the caller, inputs with values, choices that are spread evenly."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import DataDependentError, InputError, Known, TensorSpec, analyze, skeleton
from analyzer.bounds import is_bound

# --- answers ---


class Exits(nn.Module):
    """A branch on data, and a number read out of it."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(7, 7), nn.Linear(7, 11)

    def forward(self, x):
        x = self.stem(x)
        if self.done(x):
            return x
        steps = int(x.abs().max())
        for _ in range(steps):
            x = self.head(x)[:, :7]
        return x

    def done(self, x):
        return (x > 0).all()


def codes(analysis):
    return [item.code for item in analysis.diagnostics]


def line_of(text):
    with open(__file__) as lines:
        return next(number for number, line in enumerate(lines, 1) if text in line and "line_of" not in line)


def test_an_answer_by_the_line_that_asks():
    model, branch, number = Exits().eval(), line_of("if self.done(x)"), line_of("steps = int(")
    early = analyze(model, (3, 7), assume={f"test_assumptions.py:{branch}": True})
    assert early.total("macs") == 3 * 7 * 7
    late = analyze(model, (3, 7), assume={f"test_assumptions.py:{branch}": False, f"test_assumptions.py:{number}": 5})
    assert late.total("macs") == 3 * 7 * 7 + 5 * 3 * 7 * 11
    assert codes(late) == ["assumed", "assumed"]
    assert str(late.diagnostics[0]).startswith("assumed: data is taken to be False: ")
    assert "if self.done(x):" in str(late.diagnostics[0])


def test_an_answer_by_the_function_that_asks_and_one_for_all():
    model = Exits().eval()
    assert analyze(model, (3, 7), assume={"test_assumptions.py:forward": True}).total("macs") == 147
    assert analyze(model, (3, 7), assume=True).total("macs") == 147
    with pytest.raises(DataDependentError, match="asks for the values"):  # a policy decides branches, and no numbers
        analyze(model, (3, 7), assume=False)


def test_the_error_says_what_to_write():
    line = line_of("if self.done(x)")
    with pytest.raises(DataDependentError) as caught:
        analyze(Exits().eval(), (3, 7))
    assert caught.value.hint == f'say what it is with assume={{"test_assumptions.py:{line}": True}}'


def test_an_answer_that_nothing_asked_for_is_told():
    analysis = analyze(nn.Linear(7, 5).eval(), (3, 7), assume={"model.py:41": True})
    assert codes(analysis) == ["unused-assumption"]


@pytest.mark.parametrize("assume", [{"model.py": True}, {41: True}, "model.py:41", {":41": True}])
def test_an_answer_to_no_place_is_refused(assume):
    with pytest.raises(InputError, match="assume"):
        analyze(nn.Linear(7, 5), (3, 7), assume=assume)


def test_an_answer_of_another_shape_is_refused():
    def lengths(x):
        return x.split(x[:, 0].long().tolist(), 1)

    place = "test_assumptions.py:lengths"
    assert [spec.shape for spec in analyze(lengths, (TensorSpec((2, 5)),), assume={place: [2, 3]}).outputs] == [
        (2, 2),
        (2, 3),
    ]
    with pytest.raises(InputError, match=r"has shape \(2,\), assume says \[2, 3, 4\]"):
        analyze(lengths, (TensorSpec((2, 5)),), assume={place: [2, 3, 4]})


def test_how_many_data_take():
    layer = nn.Linear(7, 11).eval()

    def masked(x):
        return layer(x[x[:, 0] > 0])

    place = "test_assumptions.py:masked"
    assert analyze(masked, (TensorSpec((13, 7)),), assume={place: 5}).total("macs") == 5 * 7 * 11
    assert not is_bound(analyze(masked, (TensorSpec((13, 7)),), assume={place: 5}).total("macs"))
    assert is_bound(analyze(masked, (TensorSpec((13, 7)),)).total("macs"))
    with pytest.raises(InputError, match="where there are from 0 to 13"):
        analyze(masked, (TensorSpec((13, 7)),), assume={place: 17})


# --- inputs with values ---


class Patches(nn.Module):
    """Sizes out of a tensor, as models of images with a grid have them."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(5, 7)

    def forward(self, patches, grid):
        parts = patches.split(grid.prod(-1).tolist())
        return [self.embed(part).view(*size, 7) for part, size in zip(parts, grid.tolist(), strict=True)]


def test_the_values_of_an_input_reach_shapes():
    analysis = analyze(Patches().eval(), (TensorSpec((23, 5)), Known([[1, 3, 4], [1, 1, 11]])))
    assert [spec.shape for spec in analysis.outputs] == [(1, 3, 4, 7), (1, 1, 11, 7)]
    assert analysis.total("macs") == 23 * 5 * 7
    assert not analysis.diagnostics


def test_without_values_the_error_names_the_input():
    with pytest.raises(DataDependentError) as caught:
        analyze(Patches().eval(), kwargs={"patches": TensorSpec((23, 5)), "grid": TensorSpec((2, 3), torch.int64)})
    assert caught.value.hint.endswith('": [...]}, or give grid with values, as Known(tensor)')


def test_the_example_is_of_the_kind_that_is_asked_for():
    with pytest.raises(DataDependentError) as caught:
        analyze(lambda x, mask: x[: int(mask.sum(0, keepdim=True))], (TensorSpec((7, 3)), TensorSpec((7,), torch.bool)))
    assert caught.value.hint.endswith('": 7}, or give args.1 with values, as Known(tensor)')


def test_one_number_stands_for_all_of_an_image():
    def model(x):
        return torch.from_numpy(x.numpy().max(axis=(1, 2))) + x.sum()

    with pytest.raises(DataDependentError) as caught:
        analyze(model, (TensorSpec((3, 29, 31)),))
    place = caught.value.hint.split('"')[1]
    assert caught.value.hint == f'say what it is with assume={{"{place}": 7}}'
    assert analyze(model, (TensorSpec((3, 29, 31)),), assume={place: 7}).outputs.shape == (3,)


def test_a_known_input_is_copied_and_not_written_on():
    grid = torch.tensor([[1, 3, 4]])
    known = Known(grid)

    def writes(x, grid):
        grid += 1
        return x.expand(*grid[0].tolist())

    for _ in range(2):
        assert analyze(writes, (TensorSpec(()), known)).outputs.shape == (2, 4, 5)
    assert grid.tolist() == [[1, 3, 4]]


@pytest.mark.parametrize(
    "wrong", ["x", torch.zeros(3, device="meta"), torch.zeros(300, 300)], ids=["text", "meta", "large"]
)
def test_what_has_no_values_is_not_known(wrong):
    with pytest.raises(InputError, match="Known takes"):
        Known(wrong)


# --- experts ---

TOKENS, WIDTH, EXPERTS, CHOSEN = 29, 7, 5, 2


class Experts(nn.Module):
    """Experts behind a router; how tokens find theirs is the subclass's."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(WIDTH, EXPERTS)
        self.experts = nn.ModuleList(nn.Linear(WIDTH, 11) for _ in range(EXPERTS))
        self.back = nn.Linear(11, WIDTH)

    def choose(self, x):
        return self.router(x).softmax(-1).topk(CHOSEN)


class ByWhere(Experts):
    def forward(self, x):
        weights, chosen = self.choose(x)
        out = torch.zeros(len(x), 11)
        for index, expert in enumerate(self.experts):
            row, nth = torch.where(chosen == index)
            if row.numel() == 0:
                continue
            out.index_add_(0, row, expert(x[row]) * weights[row, nth, None])
        return self.back(out)


class ByMask(Experts):
    def forward(self, x):
        _, chosen = self.choose(x)
        out = torch.zeros(len(x), 11)
        for index, expert in enumerate(self.experts):
            mask = (chosen == index).any(-1)
            if mask.any():
                out[mask] += expert(x[mask])
        return self.back(out)


class ByOneHot(Experts):
    def forward(self, x):
        weights, chosen = self.choose(x)
        mask = F.one_hot(chosen, EXPERTS).permute(2, 1, 0)
        out = torch.zeros(len(x), 11)
        for index in (mask.sum((1, 2)) > 0).nonzero():
            nth, row = torch.where(mask[index[0]])
            out.index_add_(0, row, self.experts[index](x[row]) * weights[row, nth, None])
        return self.back(out)


class BySorting(Experts):
    def forward(self, x):
        _, chosen = self.choose(x)
        order = chosen.flatten().argsort()
        counts = torch.bincount(chosen.flatten(), minlength=EXPERTS).tolist()
        parts = x[order // CHOSEN].split(counts)
        rows = torch.cat([expert(part) for expert, part in zip(self.experts, parts, strict=True)])
        return self.back(torch.zeros(len(x), 11).index_add(0, order // CHOSEN, rows))


class ByCounting(Experts):
    def forward(self, x):
        _, chosen = self.choose(x)
        counts = chosen.new_zeros(len(x), EXPERTS)
        counts.scatter_(1, chosen, 1)
        ends = counts.sum(0).cumsum(0).cpu().numpy()
        rows, start, out = x[chosen.view(-1).argsort() // CHOSEN], 0, []
        for expert, end in zip(self.experts, ends, strict=True):
            out.append(expert(rows[start:end]))
            start = end
        return self.back(torch.cat(out)[: len(x)])


@pytest.mark.parametrize("cls", [ByWhere, ByMask, ByOneHot, BySorting, ByCounting], ids=lambda cls: cls.__name__)
def test_experts_together_see_every_choice_once(cls):
    analysis = analyze(cls().eval(), (TOKENS, WIDTH))
    macs = analysis.by_module("macs")
    assert macs["experts"] == TOKENS * CHOSEN * WIDTH * 11
    assert macs[""] == TOKENS * (WIDTH * EXPERTS + CHOSEN * WIDTH * 11 + 11 * WIDTH)
    shares = [macs[f"experts.{index}"] // (WIDTH * 11) for index in range(EXPERTS)]
    assert sorted(shares) == [11, 11, 12, 12, 12]
    assert not is_bound(analysis.total("macs"))
    expert = WIDTH * 11 + 11
    assert analysis.params - analysis.active_params == (EXPERTS - CHOSEN) * expert
    assert codes(analysis) == ["even-choice"]
    assert cls().eval()(torch.rand(TOKENS, WIDTH)).shape == analysis.outputs.shape


def test_a_choice_that_decides_nothing_is_not_remarked():
    assert not analyze(lambda x: x.topk(2), (TensorSpec((3, 7)),)).diagnostics


def test_the_largest_of_data_decides_no_branch():
    def early(x):
        return x if (x.argmax(-1) == 0).all() else -x

    with pytest.raises(DataDependentError, match="branches on the value"):
        analyze(early, (TensorSpec((3, 7)),))


@pytest.mark.parametrize("experts", ["eager", "batched_mm", "grouped_mm"])
def test_experts_of_a_library_in_all_its_ways(experts):
    transformers = pytest.importorskip("transformers")
    config = transformers.MixtralConfig(
        num_hidden_layers=2, hidden_size=56, intermediate_size=88, num_attention_heads=7, num_key_value_heads=1,
        vocab_size=103, num_local_experts=5, num_experts_per_tok=2,
    )  # fmt: skip
    make = transformers.MixtralForCausalLM._from_config
    model = skeleton(make, config, experts_implementation=experts).eval()
    analysis = analyze(model, kwargs={"input_ids": TensorSpec((1, 31), torch.int64)})
    each = 3 * 56 * 88
    assert analysis.by_module("macs")["model.layers.1.mlp.experts"] == 31 * 2 * each
    assert analysis.params - analysis.active_params == 2 * (5 - 2) * each
    assert "active   " in str(analysis)
    assert f"{analysis.params:,} params ({analysis.active_params:,} active a token), " in str(analysis.table())


def test_every_parameter_of_a_dense_model_is_active():
    model = nn.Sequential(nn.Embedding(13, 7), nn.Linear(7, 5), nn.LayerNorm(5)).eval()
    analysis = analyze(model, (TensorSpec((2, 3), torch.int64),))
    assert analysis.active_params == analysis.params
    assert "active" not in str(analysis)


def test_an_answer_takes_the_place_of_an_even_choice():
    def model(x):
        for period in x.sum(0).topk(2).indices.tolist():
            x = torch.cat([x, x[:period]])
        return x

    place = f"test_assumptions.py:{line_of('.topk(2).indices.tolist()')}"
    assert analyze(model, (TensorSpec((3, 7)),), assume={place: [1, 2]}).outputs.shape == (3 + 1 + 2, 7)


SIZES = {
    "repeats": (lambda x: x.repeat_interleave(x.argmax(0), 1), (3, 11), {"output_size": 11}),
    "classes": (lambda x: torch.nn.functional.one_hot(x.argmax(0)), (7, 11), {"num_classes": 11}),
}


@pytest.mark.parametrize(("model", "shape", "said"), SIZES.values(), ids=SIZES)
def test_a_size_that_an_argument_would_say(model, shape, said):
    x, place = (TensorSpec((3, 7)),), f"test_assumptions.py:{model.__code__.co_firstlineno}"
    with pytest.raises(DataDependentError) as caught:
        analyze(model, x)
    assert caught.value.hint == f'say how many with {next(iter(said))}= in the call, or assume={{"{place}": 7}}'
    answer = analyze(model, x, assume={place: 11})
    assert answer.outputs.shape == shape
    assert "assumed" in codes(answer)
