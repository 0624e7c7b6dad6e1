// The layout engine, elkjs: in a worker of its own where the browser lets a file have one, else in the page.

/** The text that is gzipped in an element of the page. */
async function unpack(id) {
  const letters = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

class Engine {
  #port; // a Worker, or something like one
  #waiting = new Map();
  #last = 0;

  /** Start the engine. */
  static async start() {
    const engine = new Engine();
    const source = await unpack("engine");
    try {
      await engine.#begin(engine.#worker(source));
    } catch {
      await engine.#begin(engine.#inPage(source));
    }
    return engine;
  }

  #worker(source) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    return new Worker(address);
  }

  /** The same code as a script of the page; the policy knows its hash. */
  #inPage(source) {
    const script = document.createElement("script");
    script.textContent = source;
    document.head.append(script);
    return new self.elk.exports.Worker();
  }

  #begin(port) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      const { resolve, reject } = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error) reject(new Error(data.error.message ?? String(data.error)));
      else resolve(data.data);
    };
    port.onerror = (event) => {
      event.preventDefault?.();
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message));
      this.#waiting.clear();
    };
    return this.#ask({ cmd: "register", algorithms: ["layered"] });
  }

  #ask(message) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#port.postMessage({ id, ...message });
    });
  }

  /** Lay out a graph in ELK's JSON; the same graph with coordinates comes back. */
  layout(graph) {
    return this.#ask({ cmd: "layout", graph, layoutOptions: {}, options: {} });
  }
}
