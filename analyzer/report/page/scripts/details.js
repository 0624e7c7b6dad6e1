// All that is known of what is selected.

const LONGEST_LIST = 500;

class Details {
  constructor(model, state) {
    Object.assign(this, { model, state });
    this.element = document.getElementById("details");
    this.element.addEventListener("click", (event) => {
      const link = event.target.closest("[data-item]");
      if (!link) return;
      event.preventDefault();
      state.reveal(model.items[link.dataset.item]);
    });
    state.listen((fields) => {
      if (fields.selected !== undefined || fields.measure !== undefined) this.draw();
    });
  }

  draw() {
    const item = this.state.selected ?? this.model.root;
    this.element.replaceChildren(...[
      this.#head(item), this.#costs(item), this.#facts(item), this.#tensors(item), this.#why(item), this.#parameters(item),
      this.#arguments(item), this.#neighbours(item), this.#remarks(item),
    ].filter(Boolean));
    this.element.scrollTop = 0;
  }

  #head(item) {
    const head = html("header", {}, html("h2", { textContent: item.where || item.label }));
    const words = [item.type, item.op && item.op !== item.type ? item.op : ""].filter(Boolean).join(" · ");
    if (words) head.append(html("p", { className: "sort", textContent: words }));
    if (item.times > 1) {
      const how = item.chained ? "in a row, drawn once" : "side by side, drawn once";
      head.append(html("p", { className: "fold", textContent: `${item.times} equal ones, ${how}` }));
    } else if (item.scale > 1) {
      head.append(html("p", { className: "fold", textContent: `stands for ${item.scale.toLocaleString("en-US")} equal ones` }));
    }
    if (item.change) head.append(html("p", { className: `change-${item.change}`, textContent: item.change }));
    if (item.status) head.append(html("p", { className: `status is-${item.status}`, textContent: STATUS[item.status] ?? item.status }));
    return head;
  }

  #costs(item) {
    const many = item.scale > 1;
    const table = html("table", { className: "costs" });
    const titles = ["", ...(many ? ["one", `all ${item.scale.toLocaleString("en-US")}`] : ["exactly"]), "share"];
    if (item.before) titles.splice(1, 0, many ? "one before" : "before");
    table.append(html("tr", {}, ...titles.map((textContent) => html("th", { textContent, scope: "col" }))));
    this.model.measures.forEach(({ title, unit, note }, measure) => {
      const all = this.model.cost(item, measure);
      const one = Quantity.read(item.costs[measure]);
      const numbers = many ? [one.human(unit), all.human(unit)] : [all.exact(unit)];
      if (item.before) numbers.unshift(Quantity.read(item.before[measure]).human(unit));
      const cells = [...numbers, all.share(this.model.total(measure))];
      const row = html("tr", { className: measure === this.state.measure ? "chosen" : "", title: note },
        html("th", { textContent: title, scope: "row" }), ...cells.map((textContent) => html("td", { textContent })));
      table.append(row);
    });
    return section("Cost", table);
  }

  /** What holds for the whole model. */
  #facts(item) {
    if (item.parent) return null;
    const list = html("ul", { className: "remarks" }, ...this.model.data.facts.map((textContent) => html("li", { textContent })));
    return section("Totals and remarks", list);
  }

  #tensors(item) {
    const crossing = this.model.crossing(item);
    const inputs = item.inputs?.map((index) => this.model.tensors[index])
      ?? (item.op ? item.reads : crossing.reads).map((link) => link.tensor);
    const outputs = (item.outputs ?? []).map((index) => this.model.tensors[index]);
    if (!inputs.length && !outputs.length) return null;
    const list = html("dl", { className: "tensors" });
    const add = (name, tensors) => {
      for (const tensor of tensors.slice(0, 12)) {
        list.append(html("dt", { textContent: name }),
          html("dd", {}, html("code", { textContent: tensor.shape }), ` ${tensor.dtype} `,
            html("span", { className: "faint", textContent: tensor.bytes.human("B") })));
      }
      if (tensors.length > 12) list.append(html("dt", { textContent: "" }), html("dd", { textContent: `and ${tensors.length - 12} more` }));
    };
    add("in", inputs);
    add("out", outputs);
    return section("Tensors", list);
  }

  /** How the cost comes about: the rule, the counts as formulas, and the cost in every convention. */
  #why(item) {
    if (!item.counts) return null;
    const list = html("dl", { className: "why" });
    const row = (name, textContent, className = "formula") =>
      list.append(html("dt", { textContent: name }), html("dd", { textContent, className }));
    row("target", item.target);
    if (item.source) {
      row("at", item.source[0]);
      list.lastElementChild.append(html("code", { className: "line", textContent: item.source[1] }));
    }
    const rule = item.rule === undefined ? [] : this.model.data.rules[item.rule];
    rule.forEach((text, line) => row(line ? "" : "rule", text, "text"));
    for (const [name, formula] of item.counts) row(name, formula);
    item.formulas.forEach((formula, measure) => row(this.model.measures[measure].title, formula));
    if (item.alias) row("shares", `memory with ${item.alias}`);
    return section("Why", list);
  }

  #parameters(item) {
    if (!item.params) return null;
    const list = html("dl", { className: "tensors" });
    for (const [name, index, special] of item.params.slice(0, LONGEST_LIST)) {
      const tensor = this.model.tensors[index];
      list.append(html("dt", { textContent: name.split(".").pop(), title: name }),
        html("dd", {}, html("code", { textContent: tensor.shape }), ` ${tensor.dtype} `,
          html("span", { className: "faint", textContent: special })));
    }
    return section("Parameters", list);
  }

  #arguments(item) {
    if (!item.arguments) return null;
    const list = html("dl", { className: "tensors" });
    for (const [name, value] of Object.entries(item.arguments)) {
      list.append(html("dt", { textContent: name }), html("dd", {}, html("code", { textContent: value })));
    }
    return section("Arguments", list);
  }

  #neighbours(item) {
    if (!item.parent) return null;
    const { reads, readers } = this.model.crossing(item);
    const list = html("ul", { className: "links" });
    const add = (sign, word, other, link) => list.append(html("li", {},
      html("span", { className: "faint", textContent: sign, title: word }), this.#link(other, word),
      html("span", { className: "faint", textContent: tensorText(link.tensor) })));
    const seen = new Set();
    for (const link of reads) add("←", `reads from`, link.source, link);
    for (const link of readers) {
      const key = `${link.target.index} ${link.output} ${link.source.index}`;
      if (!seen.has(key)) add("→", `read by`, link.target, link);
      seen.add(key);
    }
    if (!list.children.length) return null;
    const found = section("Comes from, goes to", list);
    const more = list.children.length - LONGEST_LIST;
    if (more > 0) list.replaceChildren(...[...list.children].slice(0, LONGEST_LIST), html("li", { textContent: `and ${more} more` }));
    return found;
  }

  #link(item, word) {
    const link = html("a", { href: `#at=${encodeURIComponent(item.address)}`, textContent: item.where || item.label, "aria-label": `${word} ${item.where || item.label}` });
    link.dataset.item = item.index;
    return link;
  }

  #remarks(item) {
    const told = this.model.data.diagnostics.filter((diagnostic) => item.parent && diagnostic.item === item.index);
    const texts = [...(item.notes ?? []), ...(item.remarks ?? []), ...told.map(({ message, hint }) => (hint ? `${message}: ${hint}` : message))];
    if (!texts.length) return null;
    return section("Remarks", html("ul", { className: "remarks" }, ...texts.map((textContent) => html("li", { textContent }))));
  }
}

const STATUS = {
  inferred: "no rule knows its cost; the shape is torch’s own",
  bounded: "an upper bound: only data know the size",
  unknown: "nobody knows what it costs",
  folded: "folded into the operation in front",
};

function section(title, content) {
  return html("section", {}, html("h3", { textContent: title }), content);
}
