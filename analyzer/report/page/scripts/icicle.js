// Where the cost is: the model on top, below it what it is made of, each as wide as its share.

const ROW = 19;
const NARROWEST = 2; // pixels
const ROWS = 7;

class Icicle {
  constructor(model, state, glyphs) {
    Object.assign(this, { model, state, glyphs });
    this.element = document.getElementById("icicle");
    this.top = model.root;
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("dblclick", (event) => this.#doubleClick(event));
    new ResizeObserver(() => this.element.clientWidth !== this.width && this.draw()).observe(this.element);
    state.listen((fields) => {
      if (fields.measure !== undefined) this.draw();
      else if (fields.selected !== undefined) this.#mark();
    });
  }

  draw() {
    const cells = [];
    const lead = ancestors(this.top);
    this.width = this.element.clientWidth;
    this.rows = 0;
    lead.forEach((item, row) => cells.push(this.#cell(item, 0, this.width, row)));
    this.#add(this.top, 0, this.width, lead.length, cells);
    this.element.replaceChildren(...cells);
    this.element.style.height = `${Math.min(this.rows, ROWS) * ROW + 4}px`;
    this.#mark();
  }

  #add(item, left, width, row, cells) {
    if (width < NARROWEST) return;
    cells.push(this.#cell(item, left, width, row));
    const whole = this.model.cost(item, this.state.measure).size;
    if (!whole) return;
    for (const child of item.children) {
      const part = (width * this.model.cost(child, this.state.measure).size) / whole;
      this.#add(child, left, part, row + 1, cells);
      left += part;
    }
  }

  #cell(item, left, width, row) {
    const { measure } = this.state;
    this.rows = Math.max(this.rows, row + 1);
    const cost = this.glyphs.costText(item, measure);
    const cell = html("div", { className: `cell step${this.model.step(item, measure)}`, title: `${item.where || item.label}\n${cost}` });
    if (width > 24) cell.textContent = `${item.label}${item.times > 1 ? `  ${item.times} ×` : ""}`;
    cell.dataset.item = item.index;
    Object.assign(cell.style, { left: `${left}px`, width: `${Math.max(1, width - 1)}px`, top: `${row * ROW}px` });
    return cell;
  }

  #mark() {
    for (const cell of this.element.children) {
      cell.classList.toggle("selected", this.model.items[cell.dataset.item] === this.state.selected);
    }
  }

  #click(event) {
    const item = this.model.items[event.target.dataset.item];
    if (item) this.state.reveal(item);
  }

  /** Widen what is clicked twice to the whole width; the row above brings the rest back. */
  #doubleClick(event) {
    const item = this.model.items[event.target.dataset.item];
    if (!item) return;
    this.top = item === this.top ? item.parent ?? item : item;
    this.draw();
  }
}
