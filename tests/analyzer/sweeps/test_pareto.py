"""The picture of a sweep: which models are its front, and that names keep apart."""

from __future__ import annotations

import builtins
import itertools

import pytest

from analyzer import InputError, Result
from analyzer.sweeps import pareto

ZOO = [
    Result(f"zoo:model_{a}_{b}", params=10**6 * 2**a, macs=10**9 * 3**b, bound="exact")
    for a, b in itertools.product(range(7), range(7))
    if a + b > 3
]


def test_the_front_is_what_no_model_beats_in_both():
    front = pareto.front([*ZOO, Result("failed", error="no"), Result("nothing", params=0, macs=5)])
    assert [result.name for result in front] == [
        "zoo:model_0_4",
        "zoo:model_1_3",
        "zoo:model_2_2",
        "zoo:model_3_1",
        "zoo:model_4_0",
    ]
    assert pareto.front([Result("a", 3, 5), Result("b", 3, 5)])[0].name == "a"
    assert pareto.front([]) == []


@pytest.fixture
def texts():
    pytest.importorskip("matplotlib")

    def draw(results):
        figure = pareto.figure(results)
        figure.draw_without_rendering()
        return {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}

    return draw


def test_the_front_is_named_and_names_do_not_overlap(texts):
    found = texts(ZOO)
    assert {result.name.removeprefix("zoo:") for result in pareto.front(ZOO)} <= set(found)
    for one, other in itertools.combinations(found.values(), 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_file_is_written_of_one_model_or_many(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"pareto.{suffix}"
    pareto.save([Result("one", 5, 7, bound="upper"), Result("none", error="no")], path)
    assert path.stat().st_size > 1000


def test_what_cannot_be_drawn_is_told(tmp_path):
    with pytest.raises(InputError, match="a picture is a file that ends in"):
        pareto.check("a.bmp")
    with pytest.raises(InputError, match="there is no folder"):
        pareto.check(tmp_path / "no" / "a.png")
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="there is nothing to draw"):
        pareto.save([Result("none", error="no")], tmp_path / "a.png")


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'flopgraph\[plot\]'"):
        pareto.check(tmp_path / "a.png")
