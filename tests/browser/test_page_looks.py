"""How the page looks and reads: themes, contrast, print, pictures, screen readers, marks."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from functools import cache

import pytest
from torch import nn
from torchvision.models import resnet50

from analyzer import analyze, skeleton


@cache
def resnet():
    return analyze(skeleton(resnet50).eval(), (1, 3, 224, 224))


def test_a_screen_reader_is_told(visit):
    page = visit(resnet(), "#open=layer1")
    item = page.get_by_role("treeitem", name="layer1, Sequential, 1.33 G FLOPs, 16.3 %")
    assert (item.get_attribute("aria-level"), item.get_attribute("aria-expanded")) == ("2", "true")
    assert page.get_by_role("treeitem", name="1-2, Bottleneck, 2 equal ones").count() == 1
    for role, name in (
        ("combobox", "Search"), ("tree", "Modules and calls"), ("application", "Graph of the model"),
        ("complementary", "Details"), ("navigation", "Place in the model"), ("button", "Whole graph"),
    ):  # fmt: skip
        assert page.get_by_role(role, name=name).count() == 1
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select')]"
        ".filter((e) => !e.textContent.trim() && !e.ariaLabel && !e.labels?.length).length"
    )
    assert nameless == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(scheme, visit):
    page = visit(resnet(), color_scheme=scheme)

    def brightness():
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(","))

    assert (brightness() > 600) == (scheme == "light")
    page.click("#theme")
    assert (brightness() > 600) == (scheme == "dark")
    page.click("#theme")
    assert (brightness() > 600) == (scheme == "light")


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2, relative luminance and contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(theme, visit):
    page = visit(resnet(), color_scheme=theme)

    def ratio(ink, ground):
        style = "getComputedStyle(document.documentElement)"
        return contrast(*(page.evaluate(f"{style}.getPropertyValue('--{name}')").strip() for name in (ink, ground)))

    pairs = [(f"t{step}", f"s{step}") for step in range(7)]
    pairs += [(ink, ground) for ink in ("ink", "faint", "accent") for ground in ("paper", "pane", "raised")]
    pairs += [("ink", ground) for ground in ("accent-soft", "hover", "line")]
    pairs += [(word, "pane") for word in ("added", "removed", "changed")]
    assert [pair for pair in pairs if ratio(*pair) < 4.5] == []


def test_print_has_the_whole_graph_and_the_list(visit):
    page = visit(resnet(), "#open=layer4")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    drawn = page.locator("#graph .box").count()
    assert drawn == 13 + 2  # all of the model's, layer4 open
    assert page.locator("#graph").get_attribute("viewBox")
    assert page.locator("#tree .row").last.is_visible()
    assert "8,172,874,240 FLOPs" in page.locator("#facts").inner_text()
    assert not page.locator("#details").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#graph").get_attribute("viewBox") is None
    assert page.pdf().startswith(b"%PDF")


def test_pictures(visit, tmp_path):
    page = visit(resnet(), "#open=layer1")
    for button, name in (("#save-svg", "ResNet.svg"), ("#save-png", "ResNet.png")):
        with page.expect_download() as download:
            page.click(button)
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    tree = ElementTree.parse(tmp_path / "ResNet.svg")
    texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"conv1", "layer1", "1x64x112x112 float32", "2 ×"} <= set(texts)
    assert "var(--s" in (tmp_path / "ResNet.svg").read_text()
    assert "--s3:#fac77c" in (tmp_path / "ResNet.svg").read_text().replace(" ", "")
    assert (tmp_path / "ResNet.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_of_names_that_no_document_may_hold(visit, tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self._modules["bell\a\x1b[31m"], self._modules["\U0001f600" * 99] = nn.Linear(5, 5), nn.Linear(5, 7)

        def forward(self, x):
            for layer in self._modules.values():
                x = layer(x)
            return x

    page = visit(analyze(Odd().eval(), (3, 5)))
    for button, name in (("#save-svg", "Odd.svg"), ("#save-png", "Odd.png")):
        with page.expect_download() as download:
            page.click(button)
        download.value.save_as(tmp_path / name)
    texts = [text.text for text in ElementTree.parse(tmp_path / "Odd.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert "bell\ufffd\ufffd[31m" in texts
    assert any(set(text) == {"\U0001f600", "…"} for text in texts)


def test_a_png_of_what_is_too_large_has_what_is_in_view(visit, tmp_path):
    layers = [nn.Linear(16 + index % 7, 16 + (index + 1) % 7) for index in range(900)]
    page = visit(analyze(nn.Sequential(*layers).eval(), (1, 16)))
    page.click("#open-level")
    page.wait_for_selector("#graph .box.open", timeout=60_000)
    with page.expect_download() as download:
        page.click("#save-png")
    assert "The whole graph is too large for a PNG" in page.locator("#busy").text_content()
    download.value.save_as(tmp_path / "view.png")
    width, height = struct.unpack(">II", (tmp_path / "view.png").read_bytes()[16:24])
    shown = page.locator("#graph").bounding_box()
    assert width / height == pytest.approx(shown["width"] / shown["height"], rel=0.01)


def test_narrow_windows_show_names_and_do_not_scroll_aside(visit):
    page = visit(resnet(), "#at=layer1.0.conv2")
    for width in (800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.steady()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        name = page.row("conv2").locator("b")
        assert name.evaluate("(element) => element.scrollWidth <= element.clientWidth")
        assert page.locator("#graph").bounding_box()["height"] > 200


def test_changes_are_marked_and_filtered(visit):
    page = visit(resnet(), "#open=layer1", changes={"layer1": "changed", "layer1.0": "added", "fc": "removed"})
    assert "change-added" in page.box("0").get_attribute("class")
    page.check("#only-changes input")
    page.steady()
    assert page.labels() == ["ResNet", "layer1", "0", "fc"]
    assert page.locator("#graph .box").count() == 3
    assert not visit(resnet()).locator("#only-changes").is_visible()


def test_without_javascript_styles_a_small_screen_still_has_the_graph(visit):
    page = visit(resnet())
    page.set_viewport_size({"width": 760, "height": 700})
    page.steady()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 760
    assert page.locator("#graph").bounding_box()["height"] > 100
