// The graph as a picture: SVG with its own styles, PNG from that, and what print shows.

const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu; // a name may have them

class Picture {
  constructor(model, graph) {
    Object.assign(this, { model, graph });
    addEventListener("beforeprint", () => this.#toPaper());
    addEventListener("afterprint", () => this.#fromPaper());
  }

  /** The graph as an SVG document: all of it, or a part. */
  svg({ left, top, right, bottom } = this.#whole()) {
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    const viewBox = Object.values(place).join(" ");
    const root = svg("svg", { xmlns: SVG, width: place.width, height: place.height, viewBox, class: "picture" });
    const style = svg("style", {}, `svg{${this.#colours()}}\n${this.#rules()}`);
    root.append(svg("title", {}, this.model.name), style, tips());
    root.append(svg("rect", { class: "paper", ...place }), this.graph.whole());
    return new XMLSerializer().serializeToString(root).replace(NOT_XML, "\ufffd");
  }

  #whole() {
    const { width, height } = this.graph.root;
    return { left: -16, top: -16, right: width + 16, bottom: height + 16 };
  }

  /** The values that the page's colours have now. */
  #colours() {
    const now = getComputedStyle(document.documentElement);
    return [...now].filter((name) => name.startsWith("--")).map((name) => `${name}:${now.getPropertyValue(name)}`).join(";");
  }

  #rules() {
    const rules = [...document.styleSheets[0].cssRules].map((rule) => rule.cssText);
    return rules.filter((rule) => rule.startsWith(".scene") || rule.startsWith(".tip") || rule.startsWith(".picture")).join("\n");
  }

  saveSvg() {
    save(new Blob([this.svg()], { type: "image/svg+xml" }), `${this.#name()}.svg`);
  }

  /** A PNG of twice the size, smaller where a canvas could not hold it; of what is in view where that were too small. */
  async savePng() {
    const fits = ({ left, top, right, bottom }) =>
      Math.min(2, 16000 / Math.max(right - left, bottom - top), Math.sqrt(120e6 / ((right - left) * (bottom - top))));
    let part = this.#whole();
    if (fits(part) < LEGIBLE) {
      part = this.graph.camera.view();
      this.graph.tell("The whole graph is too large for a PNG: this one has what is in view, an SVG has all", 5000);
    }
    const image = new Image();
    const address = URL.createObjectURL(new Blob([this.svg(part)], { type: "image/svg+xml" }));
    image.src = address;
    await image.decode();
    URL.revokeObjectURL(address);
    const scale = fits(part);
    const canvas = html("canvas", { width: Math.ceil(image.width * scale), height: Math.ceil(image.height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${this.#name()}.png`), "image/png");
  }

  #name() {
    return this.model.name.replace(/[^\w.-]+/g, "_") || "model";
  }

  /** For print the whole graph takes the place of the part in view. */
  #toPaper() {
    const { width, height } = this.graph.root;
    const { surface, scene } = this.graph;
    surface.setAttribute("viewBox", `-8 -8 ${width + 16} ${height + 16}`);
    this.paper = this.graph.whole();
    scene.replaceWith(this.paper);
  }

  #fromPaper() {
    if (!this.paper) return;
    this.graph.surface.removeAttribute("viewBox");
    this.paper.replaceWith(this.graph.scene);
    this.paper = null;
  }
}

/** Hand a file to the browser's downloads. */
function save(blob, name) {
  const address = URL.createObjectURL(blob);
  html("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
