"""Names, torch.export's Dim and its dynamic_shapes=, and what an analysis says of them."""

import pytest
import torch
from torch import nn
from torch.export import Dim

from analyzer import InputError, TensorSpec, analyze
from analyzer.symbolic.domain import ConditionError


def _relu(x):
    return x.relu()


def test_a_dim_in_a_spec_is_a_name_with_a_range():
    total = analyze(_relu, TensorSpec((Dim("B", min=3, max=64), 7))).total("all")
    assert str(total) == "7·B"
    assert total.at(B=64) == 448
    assert total.domain.hints == {"B": 3}
    with pytest.raises(ConditionError, match="B is at least 3 and at most 64, not 65"):
        total.at(B=65)


def test_a_range_decides_and_leaves_no_condition():
    def model(x):
        return x.relu() if x.shape[0] <= 64 else x

    assert analyze(model, TensorSpec((Dim("B", max=64), 7))).conditions == ()
    assert [str(one) for one in analyze(model, TensorSpec(("B", 7))).conditions] == ["B ≤ 64"]
    assert analyze(model, TensorSpec((Dim("B", min=65), 7))).total("all") == 0


def test_dynamic_shapes_are_those_of_torch_export():
    model = nn.Linear(7, 5)
    batch = Dim("batch", min=2, max=64)
    args, shapes = (torch.zeros(4, 7),), {"input": {0: batch}}
    torch.export.export(model, args, dynamic_shapes=shapes)  # torch takes the same
    analysis = analyze(model, args, dynamic_shapes=shapes)
    assert str(analysis.total("macs")) == "35·batch"
    assert analysis.hints == {"batch": 4}
    assert analyze(model, args, dynamic_shapes=({0: batch},)).total() == analysis.total()
    assert analyze(model, args, dynamic_shapes=((batch, None),)).total() == analysis.total()
    assert analyze(model, args, dynamic_shapes={"input": {0: batch}}, hints={"batch": 9}).hints == {"batch": 9}


def test_dims_that_torch_names_by_itself():
    shapes = {"x": {0: Dim.DYNAMIC, 1: Dim.STATIC}, "y": (Dim.AUTO(min=2, max=9), None)}
    analysis = analyze(lambda x, y: x @ y.mT, (TensorSpec((4, 7)), TensorSpec((5, 7))), dynamic_shapes=shapes)
    assert str(analysis.total("macs")) == "7·x_0·y_0"
    assert [(name.name, name.hint, name.least, name.most) for name in analysis.domain.names] == [
        ("x_0", 4, 1, None),
        ("y_0", 5, 2, 9),
    ]


def test_a_dim_made_of_another():
    half = Dim("half", max=50)
    shapes = {"x": {0: 2 * half + 1}, "y": {0: half}}
    analysis = analyze(
        lambda x, y: (x.relu(), y.relu()), (TensorSpec((23, 3)), TensorSpec((11, 5))), dynamic_shapes=shapes
    )
    assert analysis.hints == {"half": 11}
    assert analysis.total("all").at(half=13) == 27 * 3 + 13 * 5


def test_structures_and_keywords():
    def model(pair, *, more):
        return pair[0].relu(), pair[1]["a"].relu(), more.relu()

    kwargs = {"more": TensorSpec((3, 2))}
    shapes = {"pair": [{0: Dim("B")}, {"a": {1: Dim("S")}}], "more": None}
    analysis = analyze(model, ([TensorSpec((4, 7)), {"a": TensorSpec((5, 11))}],), kwargs, dynamic_shapes=shapes)
    assert analysis.total("all").at(B=13, S=17) == 13 * 7 + 5 * 17 + 6


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"z": {}}, "dynamic_shapes has 'z', and the inputs are x"),
        ({"x": {0: 3}}, "dynamic_shapes has 3 for dimension 0 of x, which is 9"),
        ({"x": {5: Dim("S")}}, "axes"),
        ({"x": (Dim("S"),)}, "1 sizes for x"),
        (3, "a dict by the names of inputs"),
        ({"x": {0: Dim("S"), 1: Dim("S")}}, "S is 9 and 8 in the inputs"),
        ({"x": {0: "B"}}, "a Dim of torch.export"),
        (({}, {}), "2 entries for 1 inputs"),
        ({"x": {0: Dim("S", max=5)}}, "S is at least 1 and at most 5, and its hint is 9"),
    ],
)
def test_shapes_that_do_not_fit_are_one_sentence(shapes, said):
    with pytest.raises(InputError, match=said):
        analyze(_relu, (TensorSpec((9, 8)),), dynamic_shapes=shapes)


def test_names_that_cannot_be_ones():
    for name in ("lambda", "max"):
        with pytest.raises(InputError, match="cannot name a dimension"):
            analyze(_relu, TensorSpec((name, 3)))
    with pytest.raises(InputError, match="two ranges"):
        analyze(_relu, TensorSpec((Dim("B", min=2), Dim("B", min=3))))


# --- what an analysis says --------------------------------------------------------------------------------------------


def _net():
    parts = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*parts, nn.Linear(5, 7)).eval()


def test_tables_show_names_and_at_which_sizes_the_numbers_are():
    analysis = analyze(_net(), TensorSpec(("B", 3, "H", "W")), hints={"B": 2, "H": 22, "W": 26})
    macs = 2 * 11 * 13 * 5 * 27 + 2 * 35  # by hand
    assert analysis.total("macs").at(B=2, H=22, W=26) == int(analysis.total("macs")) == macs
    for text in (str(analysis), str(analysis.table()), analysis.export("md")):
        assert "Bx3xHxW" in text
        assert "numbers at B = 2, H = 22, W = 26" in text
        assert f"{macs:,}" in text
    assert "Bx5x⌈H/2⌉x⌈W/2⌉" in str(analysis.table(by="node"))


def test_a_concrete_table_says_nothing_of_it():
    assert "numbers at" not in str(analyze(_net(), (2, 3, 22, 26)))


def test_json_has_the_formulas():
    import json

    data = json.loads(analyze(_net(), TensorSpec(("B", 3, "H", "W"))).export("json"))
    assert data["open"]["totals"]["macs"] == "135·B·⌈H/2⌉·⌈W/2⌉ + 35·B"
    assert data["open"]["modules"]["4"]["macs"] == "35·B"
    assert data["inputs"][0]["formulas"] == ["B", "3", "H", "W"]
    assert "open" not in json.loads(analyze(_net(), (2, 3, 22, 26)).export("json"))


def test_why_has_the_names():
    analysis = analyze(nn.Linear(7, 5), TensorSpec(("B", "S", 7)))
    text = analysis.why(analysis.graph.nodes()[1], "macs")
    assert "B·S" in text
    assert "35·B·S" in text


@pytest.mark.parametrize("format", ["csv", "md", "html", "dot", "mermaid", "graphml", "gexf", "nodelink", "netron"])
def test_every_export_takes_open_sizes(format):
    analysis = analyze(_net(), TensorSpec(("B", 3, "H", "W")))
    text = analysis.export(format)
    assert text
    assert "Expression" not in text
    assert "SymInt" not in text


def test_the_peak_is_a_formula_for_all_sizes():
    """Twice the input while relu runs, or one row of 1,000 numbers beside it: which is larger depends on the size."""

    def model(x, y):
        return x.relu().sum(), y.relu()

    analysis = analyze(model, (TensorSpec(("S", 3)), TensorSpec((1000,))), hints={"S": 5})
    peak = analysis.memory.peak
    for size in (1, 5, 300, 400, 5000):
        assert peak.at(S=size) == analyze(model, (TensorSpec((size, 3)), TensorSpec((1000,)))).memory.peak
    assert analysis.memory.largest.at(S=5000) == 4 * 15_000
    assert analysis.memory.largest.at(S=5) == 4 * 1000
    assert peak.growth("S") == "∝ S"


def test_every_node_and_module_is_exact_at_other_sizes():
    open_ = analyze(_net(), TensorSpec(("B", 3, "H", "W")))
    sizes = {"B": 3, "H": 23, "W": 17}
    fresh = analyze(_net(), (3, 3, 23, 17))

    def at(number):
        return number.at(**sizes) if hasattr(number, "at") else number

    for name in ("macs", "flops", "all"):
        assert [at(cost) for cost in open_.costs(name)] == fresh.costs(name)
        assert {path: at(cost) for path, cost in open_.by_module(name).items()} == fresh.by_module(name)
    assert at(open_.traffic.read) == fresh.traffic.read
    assert [tuple(map(at, node.outputs[0].shape)) for node in open_.graph if node.outputs] == [
        node.outputs[0].shape for node in fresh.graph if node.outputs
    ]
