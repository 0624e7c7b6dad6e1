// Put it all together.

const byId = (id) => document.getElementById(id);

async function main() {
  performance.mark("flopgraph:start");
  const engine = Engine.start();
  const model = new Model(JSON.parse(await unpack("data")));
  markChanges(model);
  const state = new State(model);
  const glyphs = new Glyphs(model);
  const tree = new TreeView(model, state, glyphs);
  const icicle = new Icicle(model, state, glyphs);
  const details = new Details(model, state);
  const search = new Search(model, state);
  setUpTheme();
  setUpMeasures(model, state, glyphs);
  if (!state.read()) state.openSome();
  for (const view of [tree, icicle, details]) view.draw();
  performance.mark("flopgraph:list");
  const graph = new GraphView(model, state, new Layout(await engine, glyphs), glyphs);
  await graph.arrange({ fit: true });
  setUpTools(model, state, graph, search);
  addEventListener("hashchange", () => state.read());
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  performance.mark("flopgraph:graph");
  document.documentElement.dataset.ready = "true";
}

/** Mark the boxes around what changed, so that a filter keeps them. */
function markChanges(model) {
  for (const item of model.items) {
    if (item.change) for (const box of [item, ...ancestors(item)]) box.changed = true;
  }
}

function setUpTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  try {
    root.dataset.theme = localStorage.getItem("flopgraph-theme") ?? "";
  } catch {
    // Without storage the choice holds for this visit.
  }
  byId("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("flopgraph-theme", root.dataset.theme);
    } catch {
      // As above.
    }
  });
}

function setUpMeasures(model, state, glyphs) {
  const select = byId("measure");
  model.measures.forEach(({ title, note }, value) => select.append(html("option", { value, textContent: title, title: note })));
  select.addEventListener("change", () => state.set({ measure: Number(select.value) }));
  const changes = byId("only-changes");
  changes.hidden = !model.hasChanges;
  changes.firstElementChild.addEventListener("change", (event) => state.set({ onlyChanges: event.target.checked }));
  const update = () => {
    select.value = state.measure;
    byId("legend").replaceChildren(...legend(model, state.measure));
  };
  state.listen((fields) => {
    if (fields.measure !== undefined) update();
    if (fields.selected !== undefined) {
      drawBreadcrumb(model, state);
      byId("announcer").textContent = state.selected ? glyphs.spoken(state.selected, state.measure) : "";
    }
  });
  update();
  drawBreadcrumb(model, state);
  byId("totals").textContent = model.data.signature;
  byId("about").textContent = `Written by ${Object.entries(model.data.versions).map((pair) => pair.join(" ")).join(", ")}.`;
  byId("facts").append(...model.data.facts.map((textContent) => html("p", { textContent })));
}

/** The colours, each with the shares that have it. */
function legend(model, measure) {
  const { title } = model.measures[measure];
  const texts = ["0", ...STEPS.slice(1).map((limit) => `<${limit * 100}`), `≥${STEPS[STEPS.length - 1] * 100}`];
  const swatches = texts.map((textContent, step) => html("span", { className: `swatch step${step}`, textContent }));
  return [html("span", { className: "legend-title", textContent: `% of ${title}` }), ...swatches];
}

function drawBreadcrumb(model, state) {
  const item = state.selected ?? model.root;
  const parts = [...ancestors(item), item].map((box, index, all) => {
    const last = index === all.length - 1;
    const link = html(last ? "span" : "button", { textContent: box.label });
    if (last) link.setAttribute("aria-current", "location");
    else link.addEventListener("click", () => state.set({ selected: box.parent ? box : null }));
    return link;
  });
  byId("breadcrumb").replaceChildren(...parts);
}

function setUpTools(model, state, graph, search) {
  const picture = new Picture(model, graph);
  const help = byId("help");
  const actions = { help: () => help.showModal(), theme: () => byId("theme").click() };
  new Keys(model, state, graph, search, actions);
  const clicks = {
    "open-level": () => state.openLevel(),
    "fold-all": () => state.foldAll(),
    "save-svg": () => picture.saveSvg(),
    "save-png": () => picture.savePng(),
    "show-help": actions.help,
    "zoom-in": () => graph.camera.zoom(1.25),
    "zoom-out": () => graph.camera.zoom(0.8),
    fit: () => graph.camera.fit({ glide: true }),
  };
  for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
}

main().catch((error) => {
  byId("busy").textContent = `The graph cannot be drawn: ${error.message}. It takes a browser of 2023 or later.`;
  byId("busy").hidden = false;
  throw error;
});
