// Pan and zoom: with the mouse, one or two fingers, the wheel, and from the outside.

const NEAREST = 3;
const FARTHEST = 0.02;
const still = matchMedia("(prefers-reduced-motion: reduce)");

class Camera {
  #pointers = new Map();
  #moved = false;
  #animation = 0;

  /** `changed` is called whenever the view is another; `extent` returns the size of what is looked at. */
  constructor(surface, changed, extent) {
    this.surface = surface;
    this.changed = changed;
    this.extent = extent;
    this.x = this.y = 0;
    this.scale = 1;
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, (event) => this.#up(event));
    // What ends a drag is no click.
    surface.addEventListener("click", (event) => this.#moved && event.stopPropagation(), { capture: true });
  }

  get width() {
    return this.surface.clientWidth;
  }

  get height() {
    return this.surface.clientHeight;
  }

  /** The part that is seen, in the coordinates of what is looked at. */
  view(margin = 0) {
    const left = (-this.x - margin) / this.scale;
    const top = (-this.y - margin) / this.scale;
    return {
      left, top,
      right: left + (this.width + 2 * margin) / this.scale,
      bottom: top + (this.height + 2 * margin) / this.scale,
    };
  }

  set(x, y, scale = this.scale) {
    cancelAnimationFrame(this.#animation);
    Object.assign(this, { x, y, scale });
    this.changed();
  }

  /** Go there in a fifth of a second. */
  glide(x, y, scale = this.scale) {
    cancelAnimationFrame(this.#animation);
    if (still.matches) return this.set(x, y, scale);
    const from = { x: this.x, y: this.y, scale: this.scale };
    const start = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / 200));
      const eased = t * (2 - t);
      for (const [name, value] of Object.entries({ x, y, scale })) this[name] = from[name] + (value - from[name]) * eased;
      this.changed();
      if (t < 1) this.#animation = requestAnimationFrame(step);
    };
    this.#animation = requestAnimationFrame(step);
  }

  /** Zoom by a factor around a point of the surface, its middle when left out. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(NEAREST, Math.max(FARTHEST, this.scale * factor));
    const by = scale / this.scale;
    this.set(x - (x - this.x) * by, y - (y - this.y) * by, scale);
  }

  /** Show all of it; where that were too small to read, and a `start` is given, what is around it at a readable size. */
  fit({ start = null, glide = false } = {}) {
    const { width, height } = this.extent();
    const margin = 24;
    const whole = Math.min((this.width - 2 * margin) / width, (this.height - 2 * margin) / height, 1.2);
    const scale = start ? Math.max(whole, Math.min(0.8, (this.width - 2 * margin) / width), 0.6) : whole;
    const most = this.width - width * scale; // what is left beside it; negative where it is wider than the view
    const x = most > 0 || !start ? most / 2 : Math.max(most - margin, Math.min(margin, this.width / 2 - start.x * scale));
    const y = Math.max(margin, (this.height - height * scale) / 2);
    this[glide ? "glide" : "set"](x, y, Math.max(scale, FARTHEST));
  }

  /** Bring a rectangle into view, nearer if it is too small to read; of one that is too wide, what is around `start`. */
  show({ x, y, width, height }, start = null) {
    const scale = this.scale < 0.6 ? 0.8 : this.scale;
    const view = this.view(-30);
    const seen = x >= view.left && y >= view.top && x + width <= view.right && y + height <= view.bottom;
    if (seen && scale === this.scale) return;
    const above = height * scale > this.height ? 60 - y * scale : this.height / 2 - (y + height / 2) * scale;
    const middle = width * scale > this.width ? Math.max(start?.x ?? 0, this.width / 2 / scale - 30) : width / 2;
    const left = this.width / 2 - (x + middle) * scale;
    this.glide(left, above, scale);
  }

  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode ? 16 * event.deltaY : event.deltaY;
    const factor = Math.exp(-Math.max(-60, Math.min(60, pixels)) * (event.ctrlKey ? 0.012 : 0.004));
    this.zoom(factor, ...this.#at(event));
  }

  #at(event) {
    const { left, top } = this.surface.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #down(event) {
    if (event.button) return;
    if (!this.#pointers.size) this.#moved = false;
    this.#pointers.set(event.pointerId, this.#at(event));
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    if (!this.#moved && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
    this.#moved = true;
    this.surface.setPointerCapture(event.pointerId);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (!other) return this.set(this.x + now[0] - before[0], this.y + now[1] - before[1]);
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    this.zoom(spread(now) / Math.max(1, spread(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
  }
}
