// Search: by path, type, operation, shape and dtype; every word must be found.

const MOST = 60;

class Search {
  constructor(model, state) {
    Object.assign(this, { model, state, found: [], at: -1 });
    this.input = document.getElementById("query");
    this.list = document.getElementById("results");
    this.input.addEventListener("input", () => this.#search());
    this.input.addEventListener("focus", () => this.#search());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // keep the focus
      const option = event.target.closest("[role=option]");
      if (option) this.#choose(this.found[option.dataset.number]);
    });
    this.input.addEventListener("blur", () => this.#show([]));
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** What fits a query, the best first: an exact place, then names that begin with it, then the rest in order. */
  find(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const place = this.model.find(query.trim());
    const ranked = [];
    for (const item of this.model.items) {
      if (item === place || !item.parent) continue;
      const text = this.#text(item);
      if (!words.every((word) => text.includes(word))) continue;
      const label = item.label.toLowerCase();
      const sort = kind(item).toLowerCase();
      ranked.push({ item, rank: label === words[0] ? 0 : label.startsWith(words[0]) ? 1 : sort.startsWith(words[0]) ? 2 : 3 });
    }
    ranked.sort((a, b) => a.rank - b.rank || a.item.index - b.item.index);
    return [...(place && place.parent ? [place] : []), ...ranked.map(({ item }) => item)];
  }

  #text(item) {
    const tensors = [...(item.inputs ?? []), ...(item.outputs ?? [])].map((index) => tensorText(this.model.tensors[index]));
    return (item.searched ??= [item.where, item.id, item.type, item.op, item.target, item.status, ...tensors]
      .filter(Boolean).join(" ").toLowerCase());
  }

  #search() {
    this.#show(this.find(this.input.value));
  }

  #show(found) {
    this.found = found;
    this.at = found.length ? 0 : -1;
    const options = found.slice(0, MOST).map((item, number) => {
      const output = item.outputs?.length ? tensorText(this.model.tensors[item.outputs[0]]) : "";
      const option = html("li", { role: "option", id: `option-${number}` },
        html("b", { textContent: item.where || item.label }), html("span", { textContent: kind(item) }),
        html("span", { className: "shape", textContent: output }));
      option.dataset.number = number;
      return option;
    });
    const asked = this.input.value.trim() && document.activeElement === this.input;
    if (!found.length && asked) options.push(html("li", { className: "none", textContent: "nothing found" }));
    if (found.length > MOST) options.push(html("li", { className: "none", textContent: `and ${plural(found.length - MOST, "more")}`.replace(/s$/, "") }));
    this.list.replaceChildren(...options);
    this.list.hidden = !options.length;
    this.input.setAttribute("aria-expanded", Boolean(options.length));
    this.#mark();
  }

  #mark() {
    [...this.list.querySelectorAll("[role=option]")].forEach((option, number) => {
      option.setAttribute("aria-selected", number === this.at);
      if (number === this.at) option.scrollIntoView({ block: "nearest" });
    });
    this.input.setAttribute("aria-activedescendant", this.at >= 0 ? `option-${this.at}` : "");
  }

  #choose(item) {
    this.input.value = "";
    this.#show([]);
    this.state.reveal(item);
    document.getElementById("graph").focus();
  }

  #key(event) {
    const last = Math.min(this.found.length, MOST) - 1;
    if (event.key === "ArrowDown") this.at = Math.min(last, this.at + 1);
    else if (event.key === "ArrowUp") this.at = Math.max(0, this.at - 1);
    else if (event.key === "Enter" && this.found[this.at]) return this.#choose(this.found[this.at]);
    else if (event.key === "Escape") {
      this.input.value = "";
      this.#show([]);
      event.stopPropagation();
      return document.getElementById("graph").focus();
    } else return undefined;
    event.preventDefault();
    return this.#mark();
  }
}
