"""The page in a browser. Every test fails too where the page complains on its console or asks for a file."""

from __future__ import annotations

from functools import cache

from torchvision.models import resnet50

from analyzer import analyze, skeleton


@cache
def resnet():
    return analyze(skeleton(resnet50).eval(), (1, 3, 224, 224))


def test_it_opens_with_the_totals(visit):
    page = visit(resnet())
    assert page.title() == "ResNet · flopgraph"
    table = page.costs()
    assert table["FLOPs"] == ["8,172,874,240", "100.0 %"]
    assert table["MACs"] == ["4,089,184,256", "100.0 %"]
    assert table["Parameters"] == ["25,557,032", "100.0 %"]
    assert "1x3x224x224 float32 → 1x1000 float32" in page.locator("header").first.text_content()
    assert page.box("conv1").is_visible()
    assert "1x64x112x112 float32" in page.locator("#graph .shape").all_text_contents()
    assert page.locator("#icicle .cell").count() > 10


def test_boxes_open_and_fold(visit):
    page = visit(resnet(), "#open=")
    assert page.labels() == [
        "ResNet", "input", "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool",
        "flatten", "fc", "output",
    ]  # fmt: skip
    page.click("#fit")
    page.steady()
    page.box("layer3").dblclick()
    page.steady()
    assert "1-5" in page.labels()
    assert page.box("layer3").get_attribute("aria-expanded") == "true"
    assert "5 ×" in page.row("1-5").text_content()
    page.row("layer3").locator(".sign").click()
    page.steady()
    assert "1-5" not in page.labels()
    page.click("#open-level")
    page.steady()
    assert "1-5" in page.labels()
    page.click("#fold-all")
    page.steady()
    assert len(page.labels()) == 14


def test_a_click_selects_and_says_all(visit):
    page = visit(resnet(), "#open=layer1.0")
    page.row("conv2").click()
    assert page.selected() == "layer1.0.conv2"
    details = page.locator("#details").text_content()
    for text in (
        "64·56·56·64·3·3 = 115,605,504", "(2·64·3·3 − 1)·64·56·56 = 231,010,304", "resnet.py:", "out = self.conv2(out)",
        "64x64x3x3", "dilation(1, 1)", "Cost: per output one dot product",
    ):  # fmt: skip
        assert text in details
    assert page.costs()["MACs"][0] == "115,605,504"
    page.locator("#details .links a", has_text="layer1.0.bn2").click()
    assert page.selected() == "layer1.0.bn2"
    assert "folded into the operation in front" in page.locator("#details").text_content()
    page.locator("#breadcrumb button", has_text="layer1").click()
    assert page.selected() == "layer1"


def test_folded_blocks_tell_one_and_all(visit):
    page = visit(resnet(), "#at=layer3.4.conv2")
    assert page.selected() == "layer3.1-5.conv2"
    # 256·14·14·256·3·3 = 115,605,504 and five times that
    assert page.costs()["MACs"] == ["116 M", "578 M", "14.1 %"]
    page.row("1-5").click()
    assert "5 equal ones, in a row" in page.locator("#details").text_content()


def test_search(visit):
    page = visit(resnet(), "#open=")
    page.keyboard.press("/")
    page.keyboard.type("conv 1x512x7x7")
    assert page.locator("#results b").all_text_contents() == ["layer4.0.conv2", "layer4.1-2.conv1", "layer4.1-2.conv2"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.selected() == "layer4.1-2.conv1"
    page.steady()
    assert page.box("conv1").is_visible()
    page.fill("#query", "layer2.3.bn1")  # which is among folded neighbours
    assert page.locator("#results b").first.text_content() == "layer2.1-3.bn1"
    page.fill("#query", "no such thing")
    assert page.locator("#results").text_content() == "nothing found"


def test_the_measure_changes_colours_and_numbers(visit):
    page = visit(resnet(), "#open=")
    assert "4.10 M" in page.row("fc").text_content()
    before = page.box("fc").get_attribute("class")
    page.select_option("#measure", label="Parameters")
    # 2048·1000 + 1000 of 25,557,032
    assert "2.05 M" in page.row("fc").text_content()
    assert "8.0 %" in page.row("fc").text_content()
    assert "% of Parameters" in page.locator("#legend").text_content()
    page.click("#fit")
    page.steady()
    assert (before.split()[1], page.box("fc").get_attribute("class").split()[1]) == ("step1", "step4")


def test_a_link_shows_the_same_again(visit):
    page = visit(resnet(), "#open=")
    page.select_option("#measure", label="MACs")
    page.row("layer2").locator(".sign").click()
    page.row("0").click()
    link = page.evaluate("location.hash")
    assert link == "#by=macs&at=layer2.0&open=layer2"
    again = visit(resnet(), link)
    assert again.selected() == "layer2.0"
    assert "1-3" in again.labels()
    assert again.locator("#measure option:checked").text_content() == "MACs"
    again.evaluate("location.hash = '#at=fc'")
    again.wait_for_function("document.querySelector('#details h2').textContent === 'fc'")


def test_a_link_to_nothing_is_no_harm(visit):
    page = visit(resnet(), "#at=%zz&open=gone,%3Cscript%3E&by=beauty")
    assert page.selected() == "ResNet"


def test_keyboard_in_the_graph(visit):
    page = visit(resnet(), "#open=")
    page.focus("#graph")
    for key, place in (
        ("ArrowDown", "input"), ("ArrowDown", "conv1"), ("ArrowRight", "bn1"), ("ArrowLeft", "conv1"),
        ("ArrowUp", "input"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.selected() == place
    assert page.locator("#announcer").text_content().startswith("input, ")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    assert page.selected() == "layer1"
    page.keyboard.press("Enter")
    page.steady()
    page.keyboard.press("ArrowDown")
    assert page.selected() == "layer1.0"
    page.keyboard.press("Escape")
    assert page.selected() == "layer1"
    page.keyboard.press("Enter")
    page.steady()
    assert "1-2" not in page.labels()
    page.keyboard.press("Escape")
    assert page.selected() == "ResNet"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    assert "Eclipse Public License 2.0" in page.locator("#help").text_content()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_keyboard_in_the_list(visit):
    page = visit(resnet(), "#at=layer1&open=")
    page.row("layer1").focus()
    for key, place in (
        ("ArrowRight", "layer1"), ("ArrowRight", "layer1.0"), ("ArrowLeft", "layer1"), ("ArrowLeft", "layer1"),
        ("ArrowDown", "layer2"), ("Home", "ResNet"), ("End", "output"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.selected() == place
        assert page.evaluate("document.activeElement.getAttribute('role')") == "treeitem"


def test_keyboard_from_part_to_part(visit):
    page = visit(resnet(), "#at=fc&open=")
    address = page.evaluate("location.hash")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("fc, Linear")
    assert page.evaluate("location.hash") == address
    stops = []
    for _ in range(5):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id"))
    assert stops == ["", "graph", "zoom-in", "zoom-out", "fit"]  # the first is in the breadcrumb
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "details"
