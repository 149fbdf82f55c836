// Check this receipt: fetches the receipt as a document, recomputes it here, and shows each step.

import { ask } from "./asking.js";
import { checkReceipt } from "./check.js";

const STEP_MS = 140;
const SERVICES = { llm: "Language model", stt: "Speech to text", tts: "Text to speech", sip: "Telephony" };
const SUMS = { provider_cost: "Provider cost", margin: "Margin", charge: "Charge", debit: "Debited" };

// Throws where the document cannot be had or read.
export async function proveReceipt(proof) {
  if (proof.dataset.proving !== undefined) return;
  proof.dataset.proving = "";
  const list = proof.querySelector("[data-proof-steps]");
  const result = proof.querySelector("[data-proof-result]");
  try {
    result.className = "proof-result";
    result.textContent = "Checking…";
    const answer = await ask(proof.dataset.proof, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`the document was refused: ${answer.status}`);
    const receipt = await answer.json();
    const steps = checkReceipt(receipt);
    list.replaceChildren();
    list.hidden = false;
    const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : STEP_MS;
    for (const step of steps) {
      if (pause) await new Promise((done) => setTimeout(done, pause));
      list.append(shownStep(step, receipt));
    }
    const wrong = steps.filter((step) => !step.right).length;
    result.classList.add(wrong ? "wrong" : "right");
    result.textContent = wrong
      ? `${wrong} of ${steps.length} figures ${wrong === 1 ? "is" : "are"} not right. Tell support, and send the receipt along.`
      : `Every figure is right: ${steps.length} of ${steps.length} recomputed in this browser.`;
  } finally {
    delete proof.dataset.proving;
  }
}

function shownStep(step, receipt) {
  const item = document.createElement("li");
  item.className = step.right ? "right" : "wrong";
  const mark = part("mark", step.right ? "✓" : "✗");
  mark.setAttribute("aria-hidden", "true");
  const name = step.line === null ? SUMS[step.name] : lineName(receipt.lines[step.line]);
  item.append(mark, " ", part("name", name), " ", part("working", grouped(step.working)), " ", part("figure", amount(step.computed)));
  if (!step.right) item.append(" ", part("lie", `the receipt says ${amount(step.stated)}`));
  return item;
}

function lineName(line) {
  const model = [line.provider, line.model, line.source].filter((one) => one !== "").join(" ");
  return model ? `${SERVICES[line.service]}, ${model}` : SERVICES[line.service];
}

const amount = (usd) => (usd === null ? "nothing yet" : `$${grouped(withCents(usd))}`);

// As the receipt above writes it: the cents at least.
function withCents(usd) {
  const [whole, decimals = ""] = usd.split(".");
  return `${whole}.${decimals.padEnd(2, "0")}`;
}

// Thousands apart, as the receipt has them; decimals as they are.
const grouped = (figures) => figures.replace(/(?<![0-9.])[0-9]{4,}/g, (whole) => whole.replace(/\B(?=([0-9]{3})+$)/g, ","));

function part(name, text) {
  const shown = document.createElement("span");
  shown.className = name;
  shown.textContent = text;
  return shown;
}
