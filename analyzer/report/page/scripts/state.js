// What is open, selected and shown; kept in the address, so that a link shows the same.

class State {
  #listeners = [];

  constructor(model) {
    this.model = model;
    this.open = new Set([model.root]);
    this.selected = null;
    this.measure = 0;
    this.onlyChanges = false;
  }

  /** Call back with the names of what changed. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Set fields, tell all listeners, and put the state into the address. */
  set(fields, { keepAddress = false } = {}) {
    Object.assign(this, fields);
    if (!keepAddress) this.#write();
    for (const listener of this.#listeners) listener(fields);
  }

  toggle(item) {
    const open = new Set(this.open);
    if (!open.delete(item)) open.add(item);
    this.set({ open, selected: item });
  }

  /** Select an item and open all boxes around it. */
  reveal(item) {
    const open = new Set([...this.open, ...ancestors(item)]);
    this.set({ open, selected: item });
  }

  /** Open all boxes that are seen closed. */
  openLevel() {
    const open = new Set(this.open);
    for (const item of this.seen()) if (item.children.length) open.add(item);
    this.set({ open });
  }

  foldAll() {
    this.set({ open: new Set([this.model.root]) });
  }

  /** Items that are drawn, outer ones first. */
  *seen(item = this.model.root) {
    for (const child of item.children) {
      if (child.idle) continue;
      yield child;
      if (this.open.has(child)) yield* this.seen(child);
    }
  }

  /** Open boxes from the outside in, the dearest first and only those, as long as few enough are seen. */
  openSome(most = 26) {
    let seen = this.model.root.children.length;
    const closed = [this.model.root];
    const open = new Set();
    while (closed.length) {
      const box = closed.shift();
      const more = box.children.length;
      if (box !== this.model.root) {
        if (seen + more > most || this.model.share(box, this.measure) < 0.05) continue;
        seen += more;
      }
      open.add(box);
      closed.push(...box.children.filter((child) => child.children.length && !child.idle));
      closed.sort((a, b) => a.depth - b.depth || this.model.share(b, this.measure) - this.model.share(a, this.measure));
    }
    this.set({ open }, { keepAddress: true });
  }

  // --- the address ---

  #write() {
    const deepest = [...this.open].filter((item) => !item.children.some((child) => this.open.has(child)));
    const parts = [`by=${this.model.measures[this.measure].name}`];
    if (this.selected) parts.push(`at=${encodeURIComponent(this.selected.address)}`);
    parts.push(`open=${deepest.map((item) => encodeURIComponent(item.address)).join(",")}`);
    const address = `#${parts.join("&")}`;
    try {
      history.replaceState(null, "", address);
    } catch {
      // A browser that forbids this for files still shows the page; only its link stays what it was.
    }
  }

  /** Take over what the address says; return whether it says anything. */
  read() {
    const said = Object.fromEntries(location.hash.slice(1).split("&").map((part) => part.split("=")));
    const fields = {};
    const measure = this.model.measures.findIndex(({ name }) => name === said.by);
    if (measure >= 0) fields.measure = measure;
    if (said.at !== undefined) fields.selected = this.model.find(decode(said.at));
    if (said.open !== undefined) {
      const boxes = said.open.split(",").map((address) => this.model.find(decode(address))).filter(Boolean);
      fields.open = new Set([this.model.root, ...boxes.flatMap((box) => [...ancestors(box), box])]);
    }
    if (fields.selected) fields.open = new Set([...(fields.open ?? this.open), ...ancestors(fields.selected)]);
    this.set(fields, { keepAddress: true });
    return fields.open !== undefined;
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
