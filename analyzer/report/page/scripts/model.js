// The data as a tree of items with links between its leaves, and for every level the arrows to draw in it.

/** Up to which share of the whole a box has which colour; see the steps of graph.css. */
const STEPS = [0, 0.001, 0.01, 0.03, 0.1, 0.3];

class Model {
  constructor(data) {
    this.data = data;
    this.name = data.name;
    this.measures = data.measures;
    this.tensors = data.tensors.map(([shape, dtype, bytes]) => ({ shape, dtype, bytes: Quantity.read(bytes) }));
    this.items = data.items.map((raw, index) => ({ ...raw, index, children: [], times: raw.times ?? 1 }));
    this.root = this.items[0];
    this.byAddress = new Map();
    this.byId = new Map();
    for (const item of this.items) this.#place(item);
    this.links = data.links.map(([source, output, target, slot, tensor], index) => ({
      index, source: this.items[source], output, target: this.items[target], slot, tensor: this.tensors[tensor],
    }));
    for (const item of this.items) Object.assign(item, { reads: [], readers: [], arrows: [] });
    for (const link of this.links) this.#connect(link);
    this.hasChanges = this.items.some((item) => item.change);
  }

  #place(item) {
    item.parent = item.index ? this.items[item.parent] : null;
    item.parent?.children.push(item);
    item.depth = item.parent ? item.parent.depth + 1 : 0;
    item.scale = item.times * (item.parent?.scale ?? 1);
    // A stretch of a long level is no place in the model: it is left out of paths, but not of addresses.
    const lead = item.parent?.where ? `${item.parent.where}.` : "";
    item.where = item.stretch ? item.parent.where : item.parent ? lead + item.label : "";
    let address = item.stretch ? `${lead}[${item.label}]` : item.where;
    while (this.byAddress.has(address)) address += "~";
    item.address = address;
    this.byAddress.set(address, item);
    if (item.id !== undefined) this.byId.set(item.id, item);
  }

  /** Cut a link at the borders of the boxes that it crosses: in each level it is one arrow. */
  #connect(link) {
    link.source.readers.push(link);
    link.target.reads.push(link);
    let from = link.source;
    let to = link.target;
    while (from.parent !== to.parent) {
      if (from.depth > to.depth) {
        from.parent.arrows.push({ link, from, to: null });
        from = from.parent;
      } else if (to.depth > from.depth) {
        to.parent.arrows.push({ link, from: null, to });
        to = to.parent;
      } else {
        from.parent.arrows.push({ link, from, to: null });
        to.parent.arrows.push({ link, from: null, to });
        from = from.parent;
        to = to.parent;
      }
    }
    if (from !== to) from.parent.arrows.push({ link, from, to });
  }

  /** What an item costs, all that it stands for together. */
  cost(item, measure) {
    item.totals ??= [];
    return (item.totals[measure] ??= Quantity.read(item.costs[measure]).times(item.scale));
  }

  total(measure) {
    return this.cost(this.root, measure);
  }

  share(item, measure) {
    return this.total(measure).size ? this.cost(item, measure).size / this.total(measure).size : 0;
  }

  /** The colour of a share: 0 for nothing, up to 6. */
  step(item, measure) {
    const share = this.share(item, measure);
    if (!share) return 0;
    const above = STEPS.findIndex((limit) => share < limit);
    return above < 0 ? STEPS.length : above;
  }

  /** The tensors that go into an item from outside, and those that come out: links, each tensor once. */
  crossing(item) {
    const inside = (other) => {
      while (other.depth > item.depth) other = other.parent;
      return other === item;
    };
    const reads = new Map();
    const readers = [];
    for (const leaf of leaves(item)) {
      for (const link of leaf.reads) {
        if (!inside(link.source)) reads.set(`${link.source.index} ${link.output}`, link);
      }
      for (const link of leaf.readers) if (!inside(link.target)) readers.push(link);
    }
    return { reads: [...reads.values()], readers };
  }

  /** The item at a place, which may lie within folded neighbours: "layers.57.mlp" is in "layers.0-125". */
  find(place) {
    const exact = this.byAddress.get(place) ?? this.byId.get(place);
    if (exact) return exact;
    let item = this.root;
    let rest = place;
    while (rest) {
      const [next, length] = this.#step(item, rest) ?? [];
      if (!next) return null;
      item = next;
      rest = rest.slice(length);
    }
    return item;
  }

  #step(item, rest) {
    for (const child of item.children) {
      if (child.stretch) {
        const found = this.#step(child, rest);
        if (found) return found;
      } else {
        const name = nameAt(child, rest);
        const end = name === null ? "" : rest[name.length];
        if (name !== null && (end === undefined || end === ".")) return [child, name.length + (end ? 1 : 0)];
      }
    }
    return null;
  }
}

/** With which name a place begins that an item stands for; null where it is another's. */
function nameAt(item, place) {
  if (place.startsWith(item.label)) return item.label;
  const span = item.times > 1 && /^(.*?)(\d+)-(\d+)$/s.exec(item.label);
  if (!span || !place.startsWith(span[1])) return null;
  const number = /^\d+/.exec(place.slice(span[1].length))?.[0];
  if (number === undefined || +number < +span[2] || +number > +span[3]) return null;
  return span[1] + number;
}

function* leaves(item) {
  if (!item.children.length) yield item;
  for (const child of item.children) yield* leaves(child);
}

/** The boxes around an item, outermost first, itself left out. */
function ancestors(item) {
  const found = [];
  for (let box = item.parent; box; box = box.parent) found.unshift(box);
  return found;
}

/** What kind of thing an item is: a module's class, or an operation. */
function kind(item) {
  return item.type ?? item.op ?? "";
}

/** Shape and dtype of a tensor. */
function tensorText(tensor) {
  return `${tensor.shape} ${tensor.dtype}`;
}
