// Shows the Word file that lies in <main data-docx="base64"> as its pages. Runs in a sandbox without an origin: whatever
// the file holds, it reaches neither our pages nor the network.
import { renderAsync } from "docx-preview";

const room = document.querySelector("main[data-docx]");
const trouble = document.getElementById("gagal");

function fit() {
  const page = room.querySelector("section");
  if (!page) return;
  room.style.zoom = 1;
  room.style.zoom = Math.min(1, (document.documentElement.clientWidth - 8) / (page.offsetWidth + 16));
}

(async () => {
  try {
    const bytes = Uint8Array.from(atob(room.dataset.docx), (letter) => letter.charCodeAt(0));
    room.removeAttribute("data-docx");
    room.replaceChildren();
    const styles = document.createElement("div"); // of its own: it is emptied first
    document.body.append(styles);
    await renderAsync(bytes, room, styles, {
      ignoreFonts: true, useBase64URL: true, renderAltChunks: false, renderComments: false,
    });
    for (const link of room.querySelectorAll("a[href]")) {
      if (link.getAttribute("href").startsWith("#")) continue;
      link.title = link.href; // one can read where it leads, and goes there by one's own hand
      link.removeAttribute("href");
    }
    for (const frame of room.querySelectorAll("iframe, object, embed, form")) frame.remove();
    for (const picture of room.querySelectorAll("img:not([alt])")) picture.alt = "";
    fit();
    addEventListener("resize", fit);
  } catch {
    room.replaceChildren();
    trouble.hidden = false;
  }
})();
