// The keyboard, where no field has it.

class Keys {
  constructor(model, state, graph, search, actions) {
    Object.assign(this, { model, state, graph, search, actions });
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input[type=search], select")) return;
    const inGraph = target === this.graph.surface || target === document.body;
    const actions = { ...this.#everywhere(), ...(inGraph ? this.#inGraph() : {}) };
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }

  #everywhere() {
    const { camera } = this.graph;
    return {
      "/": () => this.search.focus(),
      "?": () => this.actions.help(),
      f: () => camera.fit({ glide: true }),
      "+": () => camera.zoom(1.25),
      "=": () => camera.zoom(1.25),
      "-": () => camera.zoom(0.8),
      o: () => this.state.openLevel(),
      c: () => this.state.foldAll(),
      t: () => this.actions.theme(),
      m: () => this.state.set({ measure: (this.state.measure + 1) % this.model.measures.length }),
      Escape: () => this.#out(),
    };
  }

  #inGraph() {
    const { selected } = this.state;
    return {
      ArrowDown: () => this.#go(this.#along(1)),
      ArrowUp: () => this.#go(this.#along(-1)),
      ArrowRight: () => this.#go(this.#beside(1)),
      ArrowLeft: () => this.#go(this.#beside(-1)),
      Enter: () => selected && canOpen(selected) && selected.parent && this.state.toggle(selected),
    };
  }

  #go(item) {
    if (item) this.state.set({ selected: item });
  }

  #out() {
    const { selected } = this.state;
    if (selected) this.state.set({ selected: selected.parent?.parent ? selected.parent : null });
  }

  /** The next box along the data, or against them; the first inside, where a box is open. */
  #along(direction) {
    const { selected } = this.state;
    if (!selected || selected === this.model.root) return this.#level(this.model.root)[0];
    if (direction > 0 && this.state.open.has(selected)) return this.#level(selected)[0];
    const { reads, readers } = this.model.crossing(selected);
    const others = direction > 0 ? readers.map((link) => link.target) : reads.map((link) => link.source);
    const near = others.sort((a, b) => Math.abs(a.index - selected.index) - Math.abs(b.index - selected.index))[0];
    return near ? this.#visible(near) : this.#beside(direction);
  }

  #beside(direction) {
    const { selected } = this.state;
    if (!selected?.parent) return this.#level(this.model.root)[0];
    const level = this.#level(selected.parent);
    return level[level.indexOf(selected) + direction];
  }

  #level(item) {
    return item.children.filter((child) => !child.idle && this.graph.shown(child));
  }

  /** The closed box that an item is in, or itself. */
  #visible(item) {
    return ancestors(item).find((box) => !this.state.open.has(box)) ?? item;
  }
}
