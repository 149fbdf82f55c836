// Receipts: they open in place below their row, follow their call, and are checked on the spot.

import { ask } from "./asking.js";
import { morph } from "./morph.js";
import { proveReceipt } from "./proof.js";

async function fetchReceipt(href) {
  const answer = await ask(href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`the receipt was refused: ${answer.status}`);
  return answer.text();
}

export async function openReceipt(link) {
  const row = document.getElementById(link.dataset.receipt);
  link.setAttribute("aria-expanded", "true");
  try {
    row.firstElementChild.innerHTML = await fetchReceipt(`${link.href}/receipt`);
    row.hidden = false;
  } catch {
    location.href = link.href; // its own page says what is wrong
  }
}

function closeReceipt(link) {
  link.setAttribute("aria-expanded", "false");
  document.getElementById(link.dataset.receipt).hidden = true;
}

export async function reloadReceipt(link) {
  if (link === null) return;
  const cell = document.getElementById(link.dataset.receipt).firstElementChild;
  try {
    morphInside(cell, await fetchReceipt(`${link.href}/receipt`));
  } catch {
    // The connection is away; the next change tries again.
  }
}

export async function reloadPageReceipt(section, revision) {
  if (section.dataset.revision === revision) return;
  section.dataset.revision = revision;
  try {
    morphInside(section, await fetchReceipt(section.dataset.pageReceipt));
  } catch {
    delete section.dataset.revision;
  }
}

function morphInside(shown, html) {
  const open = [...shown.querySelectorAll("details")].map((one) => one.open);
  const wanted = shown.cloneNode(false);
  wanted.innerHTML = html;
  morph(shown, wanted);
  shown.querySelectorAll("details").forEach((one, i) => (one.open = open[i] ?? false));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-receipt]");
  if (link === null || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.getAttribute("aria-expanded") === "true") closeReceipt(link);
  else openReceipt(link);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const link = event.target.closest("tbody.call")?.querySelector("[aria-expanded=true]");
  if (link) {
    closeReceipt(link);
    link.focus();
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-check]");
  if (link === null || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  proveReceipt(link.closest("[data-proof]")).catch(() => {
    location.href = link.href; // the server's own recomputation
  });
});
