// The list of modules and calls beside the graph: a tree that says the same, for keyboards and screen readers.

class TreeView {
  #rows = new Map(); // item -> row

  constructor(model, state, glyphs) {
    Object.assign(this, { model, state, glyphs });
    this.element = document.getElementById("tree");
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address keeps the view
      this.element.querySelector("[tabindex='0']").focus();
    });
    state.listen((fields) => {
      if (fields.open || fields.measure !== undefined || fields.onlyChanges !== undefined) this.draw();
      else if (fields.selected !== undefined) this.#mark();
    });
  }

  *visible(item = this.model.root) {
    if (this.state.onlyChanges && !item.changed) return;
    yield item;
    if (this.state.open.has(item)) for (const child of item.children) yield* this.visible(child);
  }

  draw() {
    const hadFocus = this.element.contains(document.activeElement);
    this.#rows.clear();
    const rows = [];
    for (const item of this.visible()) {
      const row = this.#row(item);
      this.#rows.set(item, row);
      rows.push(row);
    }
    this.element.replaceChildren(...rows);
    document.getElementById("tree-measure").textContent = this.model.measures[this.state.measure].title;
    this.#mark(hadFocus);
  }

  #row(item) {
    const { measure, open } = this.state;
    const cost = this.model.cost(item, measure);
    const total = this.model.total(measure);
    const row = html("div", {
      className: `row${item.idle ? " idle" : ""}${item.change ? ` change-${item.change}` : ""}`,
      role: "treeitem", tabIndex: -1, "aria-level": item.depth + 1, "aria-label": this.glyphs.spoken(item, measure),
      "aria-selected": false,
    });
    row.dataset.item = item.index;
    if (item.children.length) row.setAttribute("aria-expanded", open.has(item));
    const name = html("span", { className: "label" });
    name.style.setProperty("--depth", item.depth);
    name.append(html("span", { className: "sign", "aria-hidden": "true", textContent: item.children.length ? (open.has(item) ? "▾" : "▸") : "" }));
    name.append(html("b", { textContent: item.label }));
    if (item.times > 1) name.append(html("span", { className: "badge", textContent: `${item.times} ×` }));
    name.append(html("span", { className: "sort", textContent: this.glyphs.sort(item) }));
    const bar = html("span", { className: `bar step${this.model.step(item, measure)}` });
    bar.style.setProperty("--share", this.model.share(item, measure));
    const unit = this.model.measures[measure].unit;
    const number = html("span", { className: "number", textContent: cost.size || cost.sign ? cost.human(unit) : "·" });
    const share = html("span", { className: "share", textContent: cost.size ? cost.share(total) : "" }, bar);
    row.append(name, number, share);
    return row;
  }

  #mark(focus = false) {
    const selected = this.state.selected ?? this.model.root;
    for (const row of this.element.querySelectorAll("[aria-selected=true], [tabindex='0']")) {
      row.setAttribute("aria-selected", false);
      row.tabIndex = -1;
    }
    const row = this.#rows.get(selected) ?? this.element.firstElementChild;
    if (!row) return;
    row.setAttribute("aria-selected", this.state.selected === selected);
    row.tabIndex = 0;
    if (focus || this.element.contains(document.activeElement)) row.focus({ preventScroll: true });
    const { top, bottom } = row.getBoundingClientRect();
    const pane = this.element.getBoundingClientRect();
    if (top < pane.top || bottom > pane.bottom) this.element.scrollTop += top - pane.top - pane.height / 3;
  }

  #click(event) {
    const row = event.target.closest("[data-item]");
    if (!row) return;
    const item = this.model.items[row.dataset.item];
    if (event.target.closest(".sign") || event.detail === 2) {
      if (item.children.length) this.state.toggle(item);
    } else this.state.set({ selected: item });
  }

  #key(event) {
    const row = event.target.closest("[data-item]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = this.model.items[row.dataset.item];
    const isOpen = this.state.open.has(item);
    const select = (other) => other && this.state.set({ selected: other });
    const beside = (other) => other && this.model.items[other.dataset.item];
    const actions = {
      ArrowDown: () => select(beside(row.nextElementSibling)),
      ArrowUp: () => select(beside(row.previousElementSibling)),
      ArrowRight: () => (item.children.length && !isOpen ? this.state.toggle(item) : isOpen && select(item.children[0])),
      ArrowLeft: () => (isOpen && item.parent ? this.state.toggle(item) : select(item.parent)),
      Enter: () => item.children.length && item.parent && this.state.toggle(item),
      Home: () => select(this.model.root),
      End: () => select(beside(this.element.lastElementChild)),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }
}
