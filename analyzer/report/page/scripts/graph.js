// The graph: draws what is in view, and nothing else, so that thousands of boxes stay fluid.

const MARGIN = 300; // pixels around the view that are drawn too
const LEGIBLE = 0.36; // below this scale texts are left out
const SMALLEST = 2.5; // pixels; what is smaller is left out

class GraphView {
  #frame = 0;
  #turn = 0; // counts layouts: a late one is dropped
  #drawn = new Map(); // key -> element
  #clicked = false; // what is clicked is in view, and stays where it is

  constructor(model, state, layout, glyphs) {
    Object.assign(this, { model, state, layout, glyphs });
    this.surface = document.getElementById("graph");
    this.busy = document.getElementById("busy");
    this.root = null;
    this.scene = svg("g", { class: "scene" });
    this.surface.append(tips(), this.scene);
    this.camera = new Camera(this.surface, () => this.#soon(), () => this.root ?? { width: 1, height: 1 });
    this.surface.addEventListener("click", (event) => this.#click(event));
    this.surface.addEventListener("dblclick", (event) => this.#doubleClick(event));
    new ResizeObserver(() => this.#soon()).observe(this.surface);
    state.listen((fields) => this.#react(fields));
  }

  shown = (item) => !this.state.onlyChanges || item.changed;

  // --- what changed ---

  async #react(fields) {
    if (fields.open || fields.onlyChanges !== undefined) return this.arrange({ show: !this.#clicked });
    if (fields.measure !== undefined) this.redraw();
    if (fields.selected !== undefined) {
      this.redraw();
      if (!this.#clicked) this.bringIntoView();
    }
  }

  /** Lay out what is open, and keep what is looked at where it is. */
  async arrange({ fit = false, show = true } = {}) {
    const turn = ++this.#turn;
    const waiting = setTimeout(() => this.tell("laying out …"), 250);
    const anchor = this.state.selected;
    const before = anchor && this.root ? this.find(anchor) : null;
    try {
      const root = await this.layout.level(this.model.root, this.state.open, this.shown);
      if (turn !== this.#turn) return;
      this.root = root;
      this.tell("");
    } catch (error) {
      if (turn === this.#turn) this.tell(`Too much is open to be laid out: fold a box (${error.message})`);
      return;
    } finally {
      clearTimeout(waiting);
    }
    const after = anchor ? this.find(anchor) : null;
    if (fit) this.camera.fit({ start: entrance(this.root) });
    else if (before && after) {
      const { x, y, scale } = this.camera;
      this.camera.set(x + (before.x - after.x) * scale, y + (before.y - after.y) * scale);
    }
    this.redraw();
    if (anchor && show) this.bringIntoView();
  }

  /** Show a sentence over the graph, until the next one or for some milliseconds; none where it is empty. */
  tell(text, time = 0) {
    this.busy.textContent = text;
    this.busy.hidden = !text;
    if (time) setTimeout(() => this.busy.textContent === text && this.tell(""), time);
  }

  bringIntoView() {
    const found = this.state.selected && this.root ? this.find(this.state.selected) : null;
    if (found && this.state.selected !== this.model.root) this.camera.show(found, found.level && entrance(found.level));
  }

  /** Where an item is drawn; that of the closed box that it is in, where it is not. */
  find(item) {
    const path = [...ancestors(item).slice(1), item];
    let x = 0;
    let y = 0;
    let found = null;
    let level = this.root;
    for (const step of path) {
      const placed = level?.boxes.find((box) => box.item === step);
      if (!placed) break;
      x += placed.x;
      y += placed.y;
      found = { ...placed, x, y };
      level = placed.level;
    }
    return found;
  }

  // --- drawing ---

  /** Draw all anew, at once: a second click must find what the first one hit. */
  redraw() {
    this.scene.replaceChildren();
    this.#drawn.clear();
    const { selected } = this.state;
    this.surface.setAttribute("aria-activedescendant", selected ? `box-${selected.index}` : "");
    this.draw();
  }

  #soon() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.draw());
  }

  /** Draw what is in view and remove what is not. */
  draw() {
    if (!this.root) return;
    const { x, y, scale } = this.camera;
    this.scene.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.surface.classList.toggle("far", scale < LEGIBLE);
    this.seen = new Set();
    this.#level(this.root, this.scene, this.camera.view(MARGIN));
    for (const [key, element] of this.#drawn) {
      if (this.seen.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
  }

  /** Draw one level into a group; `view` is in its coordinates. */
  #level(level, group, view) {
    const arrows = this.#kept(`arrows ${level.item.index}`, group, () => svg("g"));
    level.arrows.forEach((arrow, index) => {
      arrow.bounds ??= bounds(arrow.points);
      if (!meets(arrow.bounds, view)) return;
      this.#kept(`arrow ${level.item.index} ${index}`, arrows, () => this.glyphs.arrow(arrow, this.#isLit(arrow)));
    });
    if (level.omitted) this.#kept(`omission ${level.item.index}`, group, () => this.glyphs.omission(level));
    const boxes = this.#kept(`boxes ${level.item.index}`, group, () => svg("g"));
    for (const placed of level.boxes) {
      if (!meets(rectangle(placed), view) || placed.height * this.camera.scale < SMALLEST) continue;
      this.#box(placed, boxes, view);
    }
  }

  #box(placed, group, view) {
    const { item, level } = placed;
    const box = this.#kept(`box ${item.index}`, group, () => this.glyphs.box(placed, this.state));
    if (level && placed.height * this.camera.scale > 30) {
      const inner = { left: view.left - placed.x, top: view.top - placed.y, right: view.right - placed.x, bottom: view.bottom - placed.y };
      this.#level(level, this.#kept(`inside ${item.index}`, box, () => svg("g")), inner);
    }
    if (this.camera.scale >= LEGIBLE || level) this.#kept(`face ${item.index}`, box, () => this.glyphs.face(placed, this.state));
  }

  #kept(key, parent, make) {
    this.seen.add(key);
    let element = this.#drawn.get(key);
    if (!element) {
      element = make();
      // The face of an open box lies over the arrows in it.
      if (key.startsWith("inside")) parent.insertBefore(element, parent.querySelector(":scope > .face"));
      else parent.append(element);
      this.#drawn.set(key, element);
    }
    return element;
  }

  /** Whether an arrow brings or takes away a tensor of what is selected. */
  #isLit(arrow) {
    const { selected } = this.state;
    if (!selected || selected === this.model.root) return false;
    const within = (item) => {
      while (item.depth > selected.depth) item = item.parent;
      return item === selected;
    };
    return arrow.links.some((link) => within(link.source) !== within(link.target));
  }

  /** The whole graph, in a group of its own, whatever is in view: for pictures and for print. */
  whole() {
    const scene = svg("g", { class: "scene" });
    const add = (level, group) => {
      for (const arrow of level.arrows) group.append(this.glyphs.arrow(arrow, false));
      if (level.omitted) group.append(this.glyphs.omission(level));
      for (const placed of level.boxes) {
        const box = this.glyphs.box(placed, { measure: this.state.measure });
        if (placed.level) add(placed.level, box);
        box.append(this.glyphs.face(placed, this.state));
        group.append(box);
      }
    };
    add(this.root, scene);
    return scene;
  }

  // --- mouse ---

  #item(event, name = "item") {
    const key = name === "item" ? "[data-item]" : "[data-toggle]";
    const element = event.target.closest(key);
    return element ? this.model.items[element.dataset[name]] : null;
  }

  #click(event) {
    const toggled = this.#item(event, "toggle");
    const item = this.#item(event);
    if (toggled) this.#byClick(() => this.state.toggle(toggled));
    else if (item !== this.state.selected) this.#byClick(() => this.state.set({ selected: item }));
  }

  #doubleClick(event) {
    const item = this.#item(event);
    if (item && canOpen(item) && !this.#item(event, "toggle")) this.#byClick(() => this.state.toggle(item));
  }

  #byClick(act) {
    this.#clicked = true;
    act();
    this.#clicked = false;
  }
}

/** Where reading begins: the middle of the topmost box. */
function entrance(level) {
  const first = level.boxes.reduce((top, box) => (box.y < top.y ? box : top), level.boxes[0]);
  return { x: first ? first.x + first.width / 2 : 0 };
}

/** The tips of arrows, those that are lit too. */
function tips() {
  const defs = svg("defs");
  for (const id of ["tip", "tip-lit"]) {
    const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse" };
    const marker = svg("marker", { id, orient: "auto", ...size });
    marker.append(svg("path", { class: id, d: "M0 0.8 L7.2 4 L0 7.2 Z" }));
    defs.append(marker);
  }
  return defs;
}

function bounds(points) {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function rectangle({ x, y, width, height }) {
  return { left: x, top: y, right: x + width, bottom: y + height };
}

function meets(a, b) {
  return a.left <= b.right && a.right >= b.left && a.top <= b.bottom && a.bottom >= b.top;
}
