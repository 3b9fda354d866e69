// Draws each <div class="diagram" data-url="..."> and marks where things stand.
//
//   data-tall                         as high as it takes; otherwise it fits the window
//   data-here, data-done, data-path   drawn ids, separated by spaces: where it is, what is done, what was passed
//   "alur:frame" on the element       detail {here, done, path}: lists of ids; replaces every mark
//   "alur:element" from the element   detail {id}: an element was clicked
//
// Without this script, on a phone and on paper, the list beside the diagram is shown instead.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import "./diagram.css";

const MARKS = ["here", "done", "path"];
const words = {
  id: { closer: "Perbesar", further: "Perkecil", whole: "Tampilkan seluruhnya" },
  en: { closer: "Zoom in", further: "Zoom out", whole: "Show all of it" },
}[document.documentElement.lang] ?? {};

class Diagram {
  constructor(element) {
    this.element = element;
    this.marked = [];
    this.frame = Object.fromEntries(
      MARKS.map((mark) => [mark, (element.dataset[mark] ?? "").split(/\s+/).filter(Boolean)]),
    );
    element.addEventListener("alur:frame", (event) => {
      this.frame = event.detail;
      this.mark();
    });
  }

  async draw() {
    const answer = await fetch(this.element.dataset.url, { headers: { Accept: "application/xml" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const text = await answer.text();
    this.element.hidden = false;
    this.viewer = new NavigatedViewer({ container: this.element, zoomScroll: { enabled: false } });
    await this.viewer.importXML(text);
    this.canvas = this.viewer.get("canvas");
    this.size();
    this.tools();
    // The wheel scrolls the page until somebody takes hold of the drawing.
    const wheel = this.viewer.get("zoomScroll");
    this.element.addEventListener("pointerdown", () => wheel.toggle(true));
    this.element.addEventListener("pointerleave", () => wheel.toggle(false));
    this.viewer.on("element.click", ({ element }) =>
      this.element.dispatchEvent(new CustomEvent("alur:element", { bubbles: true, detail: { id: element.id } })),
    );
    this.mark();
    this.element.closest(".diagram-room")?.classList.add("diagram-drawn");
    this.element.dispatchEvent(new CustomEvent("alur:drawn", { bubbles: true }));
  }

  // As high as the drawing needs at full width; where it must fit the window, never higher than most of it.
  size() {
    const { inner } = this.canvas.viewbox();
    const scale = Math.min(1, this.element.clientWidth / (inner.width + 40));
    const most = "tall" in this.element.dataset ? Infinity : window.innerHeight * 0.8;
    const wanted = Math.min(Math.max(inner.height * scale + 40, 200), most);
    this.element.style.height = `${Math.round(wanted)}px`;
    this.canvas.resized();
    this.canvas.zoom("fit-viewport", "auto");
  }

  tools() {
    const room = document.createElement("div");
    room.className = "diagram-tools";
    for (const [sign, label, act] of [
      ["+", words.closer, () => this.canvas.zoom(this.canvas.zoom() * 1.25)],
      ["−", words.further, () => this.canvas.zoom(this.canvas.zoom() / 1.25)],
      ["⤢", words.whole, () => this.canvas.zoom("fit-viewport", "auto")],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn-sm btn-outline-secondary";
      button.textContent = sign;
      button.title = label ?? sign;
      button.setAttribute("aria-label", label ?? sign);
      button.addEventListener("click", act);
      room.append(button);
    }
    this.element.before(room);
  }

  mark() {
    if (!this.canvas) return;
    for (const [id, name] of this.marked) this.canvas.removeMarker(id, name);
    this.marked = [];
    const drawn = this.viewer.get("elementRegistry");
    for (const mark of MARKS) {
      for (const id of this.frame?.[mark] ?? []) {
        if (!drawn.get(id)) continue;
        this.canvas.addMarker(id, `alur-${mark}`);
        this.marked.push([id, `alur-${mark}`]);
      }
    }
  }
}

// A drawing that nobody can see (a phone, a closed fold) waits until it can be; its marks are kept meanwhile.
const wide = window.matchMedia("(min-width: 768px)");
const waiting = new Map();
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !wide.matches) continue;
      seen.unobserve(target);
      waiting.get(target).draw().catch((error) => {
        console.warn("diagram", error);
        (target.closest("[data-diagram-section]") ?? waiting.get(target).element).hidden = true;
      });
    }
  },
  { rootMargin: "600px" },
);

for (const element of document.querySelectorAll(".diagram[data-url]")) {
  const room = element.closest(".diagram-room") ?? element.parentElement;
  waiting.set(room, new Diagram(element));
  seen.observe(room);
}
