// Where everything stands. Every open box is laid out by itself, inner ones first, with ports where data cross its border:
// so what was laid out once is kept, and opening a box lays out only what is around it.

const HEADER = 28;
const SPACING = {
  "elk.spacing.nodeNode": 22,
  "elk.spacing.edgeNode": 14,
  "elk.spacing.edgeEdge": 9,
  "elk.spacing.edgeLabel": 3,
  "elk.layered.spacing.nodeNodeBetweenLayers": 14,
  "elk.layered.spacing.edgeNodeBetweenLayers": 11,
  "elk.layered.spacing.edgeEdgeBetweenLayers": 9,
};
const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.edgeLabels.sideSelection": "SMART_DOWN",
  ...SPACING,
};
// What ELK may leave out where a level is large, or where arrows go past many boxes: it then takes a fraction of the
// time, and long chains cross little.
const LARGE = 60;
const FAR = 300;
// A level with more than this takes minutes (DenseNet: every layer reads all before it), and would be read by nobody.
// Of its arrows only the shortest are drawn, up to this much.
const CROWDED = 2000;
const KEPT = 1000;
const FAST = { "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF", "elk.layered.thoroughness": 2, "elk.layered.crossingMinimization.greedySwitch.type": "OFF" };

/**
 * A level that was laid out: `boxes` and `arrows` at their places in it, `ports` on its border, and how many arrows were
 * `omitted`.
 */
class Layout {
  #engine;
  #kept = new Map(); // item -> { key, level }

  constructor(engine, sizes) {
    this.#engine = engine;
    this.sizes = sizes;
  }

  /** Lay out an open box and all that is open in it. `shown` says which items are drawn at all. */
  async level(item, open, shown = () => true) {
    const key = this.#key(item, open, shown);
    const kept = this.#kept.get(item);
    if (kept?.key === key) return kept.level;
    const children = item.children.filter((child) => !child.idle && shown(child));
    const opened = children.filter((child) => open.has(child));
    const levels = await Promise.all(opened.map((child) => this.level(child, open, shown)));
    const inner = new Map(opened.map((child, index) => [child, levels[index]]));
    const { graph, arrows, omitted } = describe(item, children, inner, this.sizes);
    const done = await this.#engine.layout(graph);
    const level = { ...place(item, done.children[0], children, inner, arrows), omitted };
    this.#kept.set(item, { key, level });
    return level;
  }

  #key(item, open, shown) {
    const opened = [];
    const walk = (box) => {
      for (const child of box.children) {
        if (!shown(child)) opened.push(-child.index);
        else if (open.has(child)) {
          opened.push(child.index);
          walk(child);
        }
      }
    };
    walk(item);
    return opened.join();
  }
}

/** A level as a graph for ELK. */
function describe(item, children, inner, sizes) {
  const drawn = new Set(children);
  const gathered = gather(item, drawn, inner);
  const arrows = shortest(children, gathered.arrows);
  const options = children.length > LARGE || sum(reach(children, arrows)) > FAR ? { ...OPTIONS, ...FAST } : OPTIONS;
  const least = sizes.header(item);
  const box = {
    id: "box",
    children: children.map((child) => {
      const level = inner.get(child);
      const node = { id: `n${child.index}`, ...(level ?? sizes.closed(child)) };
      if (!level) return { id: node.id, width: node.width, height: node.height };
      return {
        id: node.id, width: level.width, height: level.height, ports: level.ports,
        layoutOptions: { "elk.portConstraints": "FIXED_POS" },
      };
    }),
    ports: [...gathered.ports].map(([id, side]) => ({ id, width: 0, height: 0, layoutOptions: { "elk.port.side": side } })),
    edges: arrows.map((arrow, index) => ({
      id: `e${index}`, sources: [arrow.source], targets: [arrow.target],
      labels: arrow.text
        ? [{ text: arrow.text, ...sizes.label(arrow.text), layoutOptions: { "elk.edgeLabels.inline": true } }]
        : [],
    })),
    layoutOptions: {
      ...options,
      "elk.portConstraints": "FIXED_SIDE",
      "elk.padding": item.parent ? `[top=${HEADER + 16},left=14,bottom=16,right=14]` : "[top=4,left=4,bottom=4,right=4]",
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.contentAlignment": "[H_CENTER, V_TOP]",
      "elk.nodeSize.minimum": `(${least.width},${least.height})`,
    },
  };
  const omitted = gathered.arrows.length - arrows.length;
  return { graph: { id: "root", layoutOptions: OPTIONS, children: [box] }, arrows, omitted };
}

/** How many boxes each arrow goes past. */
function reach(children, arrows) {
  const place = new Map(children.map((child, index) => [child, index]));
  return arrows.map(({ from, to }) => Math.abs((place.get(to) ?? children.length) - (place.get(from) ?? -1)));
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The arrows to draw: all, or in a crowded level those that cross its border, and the shortest between its boxes. */
function shortest(children, arrows) {
  const inside = arrows.filter(({ from, to }) => from && to);
  const lengths = new Map(reach(children, inside).map((length, index) => [inside[index], length]));
  if (sum([...lengths.values()]) <= CROWDED) return arrows;
  let used = 0;
  const kept = new Set();
  for (const [arrow, length] of [...lengths].sort((a, b) => a[1] - b[1])) {
    used += length;
    if (used <= KEPT) kept.add(arrow);
  }
  return arrows.filter((arrow) => kept.has(arrow) || !lengths.has(arrow));
}

/** The arrows of a level, those between the same two ends together, and the ports on its border. */
function gather(item, drawn, inner) {
  const arrows = new Map();
  const ports = new Map();
  const labelled = new Set();
  for (const { link, from, to } of item.arrows) {
    if ((from && !drawn.has(from)) || (to && !drawn.has(to))) continue;
    const tensor = `${link.source.index}.${link.output}`;
    const source = end(item, from, "i", "o", tensor, inner);
    const target = end(item, to, "o", "i", tensor, inner);
    if (!from) ports.set(source, "NORTH");
    if (!to) ports.set(target, "SOUTH");
    const key = `${source} ${target}`;
    const arrow = arrows.get(key) ?? { source, target, from, to, links: [], tensors: new Map() };
    arrow.links.push(link);
    arrow.tensors.set(tensor, link.tensor);
    arrows.set(key, arrow);
  }
  for (const arrow of arrows.values()) {
    // A tensor is labelled once in a level, and not at all where it only crosses the border.
    const fresh = [...arrow.tensors].filter(([tensor]) => !labelled.has(tensor));
    if (!arrow.from || !arrow.to || !fresh.length) continue;
    for (const [tensor] of fresh) labelled.add(tensor);
    arrow.text = fresh.length === 1 ? tensorText(fresh[0][1]) : `${fresh.length} tensors`;
  }
  return { arrows: [...arrows.values()], ports };
}

/** One end of an arrow: a box, a port of an open box, or a port on the border of the level. */
function end(item, child, outside, inside, tensor, inner) {
  if (!child) return `p${item.index}${outside}${tensor}`;
  return inner.has(child) ? `p${child.index}${inside}${tensor}` : `n${child.index}`;
}

/** What ELK found, as a level. */
function place(item, box, children, inner, arrows) {
  const boxes = children.map((child, index) => {
    const { x, y, width, height } = box.children[index];
    return { item: child, x, y, width, height, level: inner.get(child) ?? null };
  });
  const drawn = arrows.map((arrow, index) => {
    const { sections = [], labels = [] } = box.edges[index];
    const points = sections.flatMap(({ startPoint, bendPoints = [], endPoint }) => [startPoint, ...bendPoints, endPoint]);
    return { ...arrow, points, label: labels[0] ?? null };
  });
  const ports = (box.ports ?? []).map(({ id, x, y, layoutOptions }) => ({
    id, x, y, width: 0, height: 0, layoutOptions: { "elk.port.side": layoutOptions["elk.port.side"] },
  }));
  return { item, width: box.width, height: box.height, boxes, arrows: drawn, ports };
}
