// How boxes and arrows look: their sizes, which the layout needs, and their elements.

const SVG = "http://www.w3.org/2000/svg";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const WIDEST = 250;
const RADIUS = 6;

/** An SVG element with attributes; text is always text. */
function svg(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** An HTML element with properties and children; text is always text. */
function html(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

function textWidth(text, size = 12, weight = 400) {
  const key = `${weight} ${size} ${text}`;
  if (!widths.has(key)) {
    ruler.font = `${weight} ${size}px ${FONT}`;
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

/** The text, its end cut off where it is too wide. */
function fitted(text, width, size = 12, weight = 400) {
  if (textWidth(text, size, weight) <= width) return text;
  const letters = [...text]; // code points: none is cut in two
  let length = Math.floor((letters.length * width) / textWidth(text, size, weight));
  const start = () => `${letters.slice(0, length).join("")}…`;
  while (length > 1 && textWidth(start(), size, weight) > width) length--;
  return start();
}

function canOpen(item) {
  return item.children.some((child) => !child.idle);
}

/** What stands on a box. The widths hold for every measure, so that choosing another moves nothing. */
class Glyphs {
  constructor(model) {
    this.model = model;
    this.costWidth = Math.ceil(textWidth("888 M · 88.8 %", 11)) + 4;
  }

  lead(item) {
    return canOpen(item) ? 16 : 0;
  }

  badge(item) {
    return item.times > 1 ? `${item.times} ×` : "";
  }

  badgeWidth(item) {
    return item.times > 1 ? textWidth(this.badge(item), 11, 600) + 16 : 0;
  }

  /** The grey word behind the name; nothing where it says the same. */
  sort(item) {
    const word = kind(item);
    return item.label.replace(/:\d+$/, "") === word ? "" : word;
  }

  isDear(item) {
    return this.model.measures.some((_, measure) => this.model.cost(item, measure).size > 0);
  }

  /** Size of a box that is closed, or a call. */
  closed(item) {
    const name = textWidth(item.label, 12, 600);
    const title = name + (this.sort(item) ? 7 + textWidth(this.sort(item), 12) : 0);
    const row = this.lead(item) + title + this.badgeWidth(item);
    const width = Math.min(WIDEST, Math.max(row, this.isDear(item) ? this.costWidth + this.lead(item) : 0, 34) + 22);
    return { width: Math.ceil(width), height: this.isDear(item) ? 42 : 26 };
  }

  /** The least size of a box that is open. */
  header(item) {
    if (!item.parent) return { width: 10, height: 10 };
    const title = textWidth(item.label, 12, 600) + (this.sort(item) ? 7 + textWidth(this.sort(item), 12) : 0);
    return { width: Math.ceil(Math.min(420, 44 + title + this.badgeWidth(item) + this.costWidth + 22)), height: 60 };
  }

  label(text) {
    return { width: Math.ceil(textWidth(text, 10)) + 8, height: 15 };
  }

  costText(item, measure) {
    const cost = this.model.cost(item, measure);
    if (!cost.size && !cost.sign) return "";
    const share = cost.share(this.model.total(measure));
    return `${cost.human(this.model.measures[measure].unit)}${share ? ` · ${share}` : ""}`;
  }

  /** What a screen reader says of a box. */
  spoken(item, measure) {
    const { title, unit } = this.model.measures[measure];
    const cost = this.model.cost(item, measure);
    const parts = [item.label, this.sort(item), item.times > 1 ? `${item.times} equal ones` : ""];
    parts.push(`${cost.human(unit)} ${title}, ${cost.share(this.model.total(measure))}`);
    if (item.change) parts.push(item.change);
    return parts.filter(Boolean).join(", ");
  }

  // --- elements ---

  box(placed, { measure, selected }) {
    const { item, width, height, level } = placed;
    const names = ["box", `step${this.model.step(item, measure)}`];
    if (level) names.push("open");
    if (!item.children.length && ["input", "output", "constant"].includes(item.op)) names.push("end");
    if (item.status) names.push(`is-${item.status}`);
    if (item.change) names.push(`change-${item.change}`);
    if (item === selected) names.push("selected");
    const group = svg("g", {
      class: names.join(" "), transform: `translate(${placed.x} ${placed.y})`, "data-item": item.index,
      id: `box-${item.index}`, role: "button", "aria-label": this.spoken(item, measure),
    });
    if (canOpen(item)) group.setAttribute("aria-expanded", Boolean(level));
    if (item.times > 1 && !level) {
      for (const shift of [6, 3]) group.append(svg("rect", { class: "behind", x: shift, y: shift, width, height, rx: RADIUS }));
    }
    group.append(svg("rect", { class: "body", width, height, rx: RADIUS }));
    return group;
  }

  /** Name, kind, cost and badge of a box; the head of an open one. */
  face(placed, { measure }) {
    const { item, width, level } = placed;
    const face = svg("g", { class: "face" });
    if (level) face.append(svg("path", { class: "head", d: roofPath(width, HEADER) }));
    const cost = this.costText(item, measure);
    const middle = level ? HEADER / 2 : cost ? 14 : placed.height / 2;
    if (canOpen(item)) face.append(this.sign(item, middle, Boolean(level)));
    const right = this.badgeWidth(item) + (level && cost ? textWidth(cost, 11) + 12 : 0);
    const left = 10 + this.lead(item);
    const name = fitted(item.label, width - left - right - 8, 12, 600);
    face.append(svg("text", { class: "name", x: left, y: middle + 4 }, name));
    const start = left + textWidth(name, 12, 600) + 7;
    const room = width - start - right - 8;
    if (this.sort(item) && room > 20) {
      face.append(svg("text", { class: "sort", x: start, y: middle + 4 }, fitted(this.sort(item), room)));
    }
    if (item.times > 1) this.#badge(face, placed, middle);
    if (!cost) return face;
    const at = level ? { x: width - 10 - this.badgeWidth(item), y: middle + 4, "text-anchor": "end" } : { x: left, y: 33 };
    face.append(svg("text", { class: "cost", ...at }, cost));
    return face;
  }

  #badge(face, { item, width }, middle) {
    const wide = this.badgeWidth(item) - 6;
    face.append(svg("rect", { class: "badge", x: width - wide - 6, y: middle - 8, width: wide, height: 16, rx: 8 }));
    const middleX = width - wide / 2 - 6;
    face.append(svg("text", { class: "times", x: middleX, y: middle + 4, "text-anchor": "middle" }, this.badge(item)));
  }

  /** What is said of a level in which not all arrows are drawn. */
  omission({ item, omitted }) {
    const text = `${plural(omitted, "long arrow")} left out: the details of a box have all`;
    return svg("text", { class: "omission", x: 14, y: item.parent ? HEADER + 13 : -8 }, text);
  }

  /** What is clicked to open or fold. */
  sign(item, middle, isOpen) {
    const group = svg("g", { class: "sign", "data-toggle": item.index, transform: `translate(15 ${middle})` });
    group.append(svg("rect", { class: "hit", x: -13, y: -13, width: 24, height: 26 }));
    group.append(svg("path", { d: isOpen ? "M-4.5 -2.5 L0 2.5 L4.5 -2.5" : "M-2.5 -4.5 L2.5 0 L-2.5 4.5" }));
    return group;
  }

  arrow(arrow, isLit) {
    const { points, label, to } = arrow;
    const group = svg("g", { class: isLit ? "arrow lit" : "arrow" });
    group.append(svg("title", {}, [...arrow.tensors.values()].map(tensorText).join("\n")));
    // The layout's lines run through inline labels; these stand on a patch of their own.
    group.append(svg("path", { class: "line", d: roundedPath(points), "marker-end": !to ? "" : isLit ? "url(#tip-lit)" : "url(#tip)" }));
    if (label) {
      const { x, y, width, height } = label;
      group.append(svg("rect", { class: "patch", x, y: y + 1, width, height: height - 2, rx: 3 }));
      group.append(svg("text", { class: "shape", x: x + width / 2, y: y + 11, "text-anchor": "middle" }, arrow.text));
    }
    return group;
  }
}

/** A line through points with round corners. */
function roundedPath(points, radius = 6) {
  if (points.length < 2) return "";
  const parts = [`M${points[0].x} ${points[0].y}`];
  for (let index = 1; index < points.length - 1; index++) {
    const [before, corner, after] = points.slice(index - 1, index + 2);
    const enter = toward(corner, before, radius);
    const leave = toward(corner, after, radius);
    parts.push(`L${enter.x} ${enter.y}Q${corner.x} ${corner.y} ${leave.x} ${leave.y}`);
  }
  const last = points[points.length - 1];
  return `${parts.join("")}L${last.x} ${last.y}`;
}

/** The point that lies from one point toward another, at most half way. */
function toward(from, other, distance) {
  const length = Math.hypot(other.x - from.x, other.y - from.y);
  if (!length) return from;
  const part = Math.min(distance, length / 2) / length;
  return { x: from.x + (other.x - from.x) * part, y: from.y + (other.y - from.y) * part };
}

/** The upper part of a rounded box. */
function roofPath(width, height) {
  const r = RADIUS;
  return `M0 ${height}V${r}Q0 0 ${r} 0H${width - r}Q${width} 0 ${width} ${r}V${height}Z`;
}
