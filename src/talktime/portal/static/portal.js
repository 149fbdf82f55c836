// Keeps an open page true. The server sends pieces of HTML as things happen; here they replace what
// is shown. Running clocks tick in between. Without this script every page still shows the truth as
// of its loading.

import { ask } from "./asking.js";
import { morph } from "./morph.js";
import { openReceipt, reloadPageReceipt, reloadReceipt } from "./receipts.js";

const CHECK_AFTER_MS = 3000; // how long to wait before asking why a stream was refused
const REFRESH_EVERY_MS = 2000; // a page is read anew at most this often
const HIDDEN_FOR_MS = 120000; // a page that nobody looks at lets its connection go after this
const TELL_EVERY_MS = 10000; // whoever listens instead of looking hears of the balance at most this often

// --- Pieces ---------------------------------------------------------------------------------------

function applyPiece(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const piece = template.content.firstElementChild;
  if (piece === null) return;
  const shown = document.getElementById(piece.id);
  if (shown === null) {
    insertPiece(piece);
    return;
  }
  if (shown.dataset.pageReceipt !== undefined) {
    reloadPageReceipt(shown, piece.dataset.revision);
    return;
  }
  const moved = shown.dataset.revision !== piece.dataset.revision;
  const settled = shown.className !== piece.className;
  piece.removeAttribute("data-into");
  morph(shown, piece);
  if (shown.id === "summary") tellBalance();
  if (settled && shown.classList.contains("call")) flash(shown);
  if (moved) reloadReceipt(shown.querySelector("[data-receipt][aria-expanded=true]"));
}

// A new row goes where its place says; below all that is shown it belongs to another page.
function insertPiece(piece) {
  const list = document.getElementById(piece.dataset.into ?? "");
  if (list === null) return;
  const older = document.getElementById("older");
  const rows = [...list.children].filter((row) => row.dataset.place !== undefined);
  const next = rows.find((row) => isBelow(row.dataset.place, piece.dataset.place));
  if (next === undefined && rows.length > 0 && !older.hidden) return;
  piece.removeAttribute("data-into");
  if (next === undefined) list.append(piece);
  else next.before(piece);
  flash(piece);
  if (rows.length >= Number(list.dataset.most)) dropLast(list, older);
  document.getElementById(list.dataset.empty)?.setAttribute("hidden", "");
  list.closest("table").hidden = false;
}

// The last row goes over to the next page, which then begins with it.
function dropLast(list, older) {
  const last = list.lastElementChild;
  const address = new URL(older.href);
  address.searchParams.set("before", last.previousElementSibling.dataset.place);
  older.href = address.href;
  older.hidden = false;
  if (last.contains(document.activeElement)) older.focus({ preventScroll: true });
  last.remove();
}

// A place is a number and, for those that share it, a dot and an id: ordered as in the database.
function isBelow(one, other) {
  const apart = parseInt(one, 10) - parseInt(other, 10);
  if (apart !== 0) return apart < 0;
  const [a, b] = [[...one], [...other]];
  const at = a.findIndex((sign, i) => sign !== b[i]);
  if (at < 0 || b[at] === undefined) return at < 0 && a.length < b.length;
  return a[at].codePointAt(0) < b[at].codePointAt(0);
}

function flash(row) {
  row.classList.add("fresh");
  row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
}

// --- Told aloud -----------------------------------------------------------------------------------

const balance = () => document.querySelector("#summary .big")?.textContent;
let lastTold = balance();
let toldAt = -TELL_EVERY_MS;
let telling = 0;

// Each call of a busy account moves the balance: what is told is how it stands by then, not each step.
function tellBalance() {
  if (telling !== 0 || balance() === lastTold) return;
  const wait = Math.max(toldAt + TELL_EVERY_MS - performance.now(), 0);
  telling = setTimeout(() => {
    telling = 0;
    const said = document.getElementById("balance-told");
    if (said === null || balance() === lastTold) return;
    toldAt = performance.now();
    lastTold = balance();
    said.textContent = `Available balance: ${lastTold}`;
  }, wait);
}

// --- Clocks ---------------------------------------------------------------------------------------

// Counted from when the server's figure came, so a wrong clock in this browser does no harm.
const clocks = new WeakMap();

function tick() {
  const now = performance.now();
  for (const clock of document.querySelectorAll("[data-seconds]")) {
    const told = clock.dataset.seconds;
    let known = clocks.get(clock);
    if (known === undefined || known.told !== told) {
      known = { told, at: now };
      clocks.set(clock, known);
    }
    const text = asDuration(Number(told) + Math.floor((now - known.at) / 1000));
    if (clock.textContent !== text) clock.textContent = text;
  }
}

function asDuration(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// --- The stream -----------------------------------------------------------------------------------

let stream = null;
let lastEventId = "";
let checking = 0;
let refreshedAt = -REFRESH_EVERY_MS;
let refreshing = 0;
let hiding = 0;

function connect() {
  disconnect();
  const live = document.getElementById("main").dataset.live;
  if (live === undefined) return; // nothing on this page changes by itself
  const address = new URL(live, location.href);
  if (lastEventId !== "") address.searchParams.set("after", lastEventId);
  const opened = new EventSource(address);
  stream = opened;
  opened.onopen = () => tellState("live", "Live");
  opened.addEventListener("piece", (event) => {
    lastEventId = event.lastEventId || lastEventId;
    applyPiece(event.data);
    tick();
  });
  opened.addEventListener("reset", refresh);
  opened.onerror = () => {
    if (stream !== opened) return;
    tellState("away", "Reconnecting");
    // CLOSED: it was refused, and the browser will not try again by itself.
    if (opened.readyState === EventSource.CLOSED) {
      clearTimeout(checking);
      checking = setTimeout(refresh, CHECK_AFTER_MS);
    }
  };
}

function disconnect() {
  clearTimeout(checking);
  stream?.close();
  stream = null;
}

function tellState(state, words) {
  const shown = document.getElementById("live-state");
  if (shown === null) return;
  shown.dataset.state = state;
  shown.querySelector("[data-words]").textContent = words;
}

// Read the page anew and go on from there: too much was missed, or the stream was refused.
function refresh() {
  clearTimeout(refreshing);
  const wait = refreshedAt + REFRESH_EVERY_MS - performance.now();
  refreshing = setTimeout(readAnew, Math.max(wait, 0));
}

async function readAnew() {
  refreshedAt = performance.now();
  disconnect();
  let answer;
  try {
    answer = await ask(location.href, { headers: { Accept: "text/html" } });
  } catch {
    tellState("away", "Offline");
    checking = setTimeout(refresh, CHECK_AFTER_MS);
    return;
  }
  if (!answer.ok && answer.status < 500) {
    location.reload(); // signed out, say: the server's page says what to do
    return;
  }
  if (!answer.ok) {
    checking = setTimeout(refresh, CHECK_AFTER_MS);
    return;
  }
  const read = new DOMParser().parseFromString(await answer.text(), "text/html");
  keepTyped(read);
  const focused = document.activeElement?.closest("[id]")?.id;
  const open = [...document.querySelectorAll("[data-receipt][aria-expanded=true]")].map((link) => link.dataset.receipt);
  for (const id of ["main", "side-balance"]) document.getElementById(id).replaceWith(read.getElementById(id));
  open.forEach((id) => {
    const link = document.querySelector(`[data-receipt="${id}"]`);
    if (link) openReceipt(link);
  });
  if (focused) focusAgain(document.getElementById(focused));
  lastEventId = "";
  connect();
}

// What somebody has typed or chosen, and not sent, goes over into the page read anew.
function keepTyped(read) {
  for (const field of document.querySelectorAll("#main form :is(input, select, textarea)[id]")) {
    const fresh = read.getElementById(field.id);
    if (fresh === null || fresh.tagName !== field.tagName) continue;
    const isTouched = field.value !== (field.defaultValue ?? field.value) || field.ariaInvalid === "true";
    if (isTouched) fresh.value = field.value;
    if (field.checked !== field.defaultChecked) fresh.checked = field.checked;
  }
}

function focusAgain(shown) {
  if (shown?.matches("input, select, textarea")) shown.focus({ preventScroll: true });
  else shown?.querySelector("a, button")?.focus();
}

// A page in the background of many tabs must not use up the browser's connections to us.
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(disconnect, HIDDEN_FOR_MS);
  else if (stream === null) connect();
});
addEventListener("pagehide", disconnect);
addEventListener("pageshow", (event) => {
  if (event.persisted) refresh();
});

connect();
tick();
setInterval(tick, 250);
