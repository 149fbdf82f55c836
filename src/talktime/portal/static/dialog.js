// Opens the steps of a page in a dialog over the present one. A link with data-dialog leads to that
// page; here its part is fetched and shown instead, and so is each further step: forms are sent and
// links with data-dialog-step followed within the dialog. Without this script the link just works.

import { ask } from "./asking.js";

const PART = "Talktime-Part";
const UNREACHABLE = "Talktime cannot be reached. Check your connection, then try again: nothing counts twice.";
const PATIENCE_MS = 20000; // a connection may be lost without anybody being told

let dialog = null;
let opener = null;
let asking = null; // what was asked for and is not yet here
let hasChanged = false;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link === null || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open(link);
});

function open(link) {
  dialog ??= build();
  if (dialog.open) return;
  opener = link;
  hasChanged = false;
  asking?.abort();
  asking = null;
  dialog.querySelector("#dialog-title").textContent = link.dataset.dialog || link.textContent;
  body().replaceChildren();
  trouble("");
  dialog.showModal();
  askFor(link.href);
}

function build() {
  const made = document.createElement("dialog");
  made.className = "steps";
  made.setAttribute("aria-modal", "true");
  made.setAttribute("aria-labelledby", "dialog-title");
  made.innerHTML = `
    <div class="dialog-head"><h2 id="dialog-title"></h2>
      <button class="dialog-close" type="button" aria-label="Close" data-dialog-close>×</button></div>
    <div class="notice stop trouble" role="alert" hidden></div>
    <div class="dialog-body"></div>
    <p class="dialog-say" role="status"></p>`;
  made.addEventListener("click", onClick);
  made.addEventListener("submit", onSubmit);
  made.addEventListener("close", onClose);
  document.body.append(made);
  return made;
}

const body = () => dialog.querySelector(".dialog-body");

function onClick(event) {
  if (event.target.closest("[data-dialog-close]")) {
    dialog.close();
    return;
  }
  const step = event.target.closest("a[data-dialog-step]");
  if (step === null) return;
  event.preventDefault();
  askFor(step.href);
}

function onSubmit(event) {
  event.preventDefault();
  const form = event.target;
  askFor(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
}

// The page beneath follows by its stream. Where that is away, it is read anew.
function onClose() {
  const state = document.getElementById("live-state")?.dataset.state;
  if (hasChanged && state !== "live") location.reload();
  // The page may have been drawn anew beneath the dialog, its button with it.
  const back = opener.isConnected ? opener : document.querySelector("a[data-dialog]");
  back?.focus();
}

async function askFor(address, request = {}) {
  if (asking !== null) return; // an impatient second click
  const mine = new AbortController();
  asking = mine;
  const patience = setTimeout(() => mine.abort(), PATIENCE_MS);
  body().setAttribute("aria-busy", "true");
  const headers = { Accept: "text/html", [PART]: "1" };
  try {
    const answer = await ask(address, { ...request, headers, signal: mine.signal });
    if (!answer.headers.has(PART)) {
      location.assign(opener.href); // signed out, say: that page says what to do
      return;
    }
    show(await answer.text());
  } catch {
    // Given up by the dialog itself, opened anew, it is nobody's trouble any more.
    if (asking === mine) trouble(UNREACHABLE);
  } finally {
    clearTimeout(patience);
    if (asking === mine) {
      asking = null;
      body().removeAttribute("aria-busy");
    }
  }
}

function show(html) {
  trouble("");
  body().innerHTML = html;
  const part = body().firstElementChild;
  hasChanged ||= "changed" in part.dataset;
  dialog.querySelector(".dialog-say").textContent = part.dataset.say ?? "";
  part.querySelector("[autofocus]")?.focus();
}

function trouble(words) {
  const shown = dialog.querySelector(".trouble");
  shown.textContent = words;
  shown.hidden = words === "";
}
