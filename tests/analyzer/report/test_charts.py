"""The figure of stages and memory: what is drawn is what was counted."""

from __future__ import annotations

import pytest

from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.errors import InputError
from analyzer.report import charts

pytest.importorskip("matplotlib")


def bars(figure):
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    return list(zip(names, (int(bar.get_width()) for bar in axes.patches), strict=True))


def test_bars_are_the_stages_and_their_costs(residual, repeated):
    assert bars(residual.plot(convention="macs", depth=1)) == [("stem", 202), ("block", 844), ("head", 791)]
    assert bars(repeated.plot(convention="macs")) == [("layers.0-3.fc", 148), ("layers.4.fc", 41)]
    assert bars(repeated.plot(convention="macs", depth=2)) == [("layers.0-3  4 ×", 148), ("layers.4", 41)]
    written = [text.get_text() for text in residual.plot(convention="macs", depth=1).axes[0].texts]
    assert written == [" 202  11.0 %", " 844  45.9 %", " 791  43.1 %"]


def test_bars_carry_signs_and_what_is_unknown_is_there(bounded):
    texts = [text.get_text() for text in bounded.plot().axes[0].texts]
    assert texts == [" ≤3  37.5 %", " ≥0  0 %", " 5  62.5 %"]


def test_the_line_is_the_memory_in_order_and_the_peak_is_named(residual):
    axes = residual.plot().axes[1]
    line = axes.lines[0]
    # every tensor has 8 bytes; the output of the stem is kept for the addition
    assert [int(size) for size in line.get_ydata()] == [8, 16, 16, 24, 24, 16, 8]
    assert axes.texts[0].get_text() == "24 B at block.b"


def test_more_levels_are_told_apart_as_long_as_the_bars_can_be_compared(sketch):
    s = sketch().input()
    for index in range(charts.BARS // 2 + 1):
        s.module(f"b{2 * index}")
        for part in ("a", "b"):
            s.module(f"b{2 * index}.{part}")
            s.node(f"b{2 * index}.{part}", stack=("", f"b{2 * index}", f"b{2 * index}.{part}"), counts=Counts(mac=2))
    assert len(bars(s.done().plot())) == charts.BARS // 2 + 1


def test_names_that_matplotlib_would_read_as_formulas_and_large_numbers_are_drawn(hostile, sketch, tmp_path):
    s = sketch("$x_1$").input().module("$\\frac{").node("$\\frac{", stack=("", "$\\frac{"), counts=Counts(mac=3))
    for number, analysis in enumerate((hostile, s.done())):
        charts.save(analysis, tmp_path / f"{number}.svg", convention("flops"))
        assert (tmp_path / f"{number}.svg").stat().st_size > 1000


def test_a_model_without_any_cost_has_a_figure(sketch, tmp_path):
    s = sketch().input().node("view", "view")
    drawn = s.done().plot()
    assert bars(drawn) == []
    assert drawn.axes[0].get_xlim() == (0, 1)


def test_long_names_leave_room_for_the_bars(sketch):
    name = "x" * 500 + ".end"
    s = sketch().input().module(name).node(name, stack=("", name), counts=Counts(mac=3))
    assert bars(s.done().plot()) == [(f"…{'x' * 44}.end", 6)]  # 2 FLOPs a product that no sum was told of


@pytest.mark.parametrize(
    ("path", "message"), [("net.jpg", "ends in .png, .svg, .pdf"), ("no/net.png", "there is no folder 'no'")]
)
def test_a_wrong_file_is_told_before_the_work(path, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        charts.check(path)
