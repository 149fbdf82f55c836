// Recomputes a receipt from its quantities, prices and margin rate, with whole numbers only.
//
// Written apart from the server's own arithmetic, so that the two check each other. Amounts are
// exact fractions of BigInts until they are rounded, half-even, to the nano-dollar: each line once,
// and the margin once. docs/how-to/check-a-receipt.md tells the rules in words.

const FORMAT = "talktime-receipt/1";
const NANOS = 10n ** 9n;
const MOST_NANOS = 10n ** 16n; // a line or a sum above ten million dollars is not believed
const LINES_MOST = 64;
const SECONDS = new Set(["audio_seconds", "seconds"]);
const MEASURED_IN = {
  llm: ["input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "audio_input_tokens", "audio_output_tokens"],
  stt: ["audio_seconds"],
  tts: ["characters", "audio_seconds"],
  sip: ["seconds"],
};
// What a total includes; each part is billed at its own price, the rest at the total's.
const INCLUDED = {
  input_tokens: ["cached_input_tokens", "cache_write_tokens", "audio_input_tokens"],
  output_tokens: ["audio_output_tokens"],
};

export class NoReceipt extends Error {}

// The steps of the recomputation, in order: {name, line, working, computed, stated, right}. Throws
// NoReceipt where the document is none.
export function checkReceipt(receipt) {
  if (receipt?.format !== FORMAT || receipt.currency !== "USD") throw new NoReceipt("not a receipt that is known here");
  if (!Array.isArray(receipt.lines) || receipt.lines.length > LINES_MOST) throw new NoReceipt("lines");
  const steps = [];
  const costs = receipt.lines.map((line, i) => {
    const { cost, working, impossible } = costOfLine(line);
    steps.push(step("line", i, working, cost, line.cost, !impossible));
    return cost;
  });
  const priced = costs.filter((cost) => cost !== null);
  const cost = priced.reduce((sum, one) => sum + one, 0n);
  const rate = fraction(receipt.margin_rate, 3, 6);
  const margin = roundHalfEven(cost * rate.above, rate.below);
  const charge = priced.length < costs.length || cost > MOST_NANOS ? null : cost + margin;
  steps.push(step("provider_cost", null, priced.map(usd).join(" + ") || "0", cost, receipt.provider_cost));
  steps.push(step("margin", null, `${usd(cost)} × ${decimal(rate)}`, margin, receipt.margin));
  steps.push(step("charge", null, `${usd(cost)} + ${usd(margin)}`, charge, receipt.charge));
  steps.push(debit(receipt, charge));
  return steps;
}

// A charged call took its charge from the balances, a free one nothing; before that, nothing yet.
function debit(receipt, charge) {
  const due = { charged: charge, free: 0n }[receipt.billing_status] ?? null;
  if (receipt.promo_charged === null || receipt.paid_charged === null) return step("debit", null, "not settled", due, null);
  const [promo, paid] = [nanos(receipt.promo_charged), nanos(receipt.paid_charged)];
  // A sum that leads elsewhere would stand beside a figure that it does not come to.
  const owed = { charged: "the charge", free: "nothing, for a free call" }[receipt.billing_status] ?? "not settled";
  return step("debit", null, due === promo + paid ? `${usd(promo)} + ${usd(paid)}` : owed, due, usd(promo + paid));
}

function step(name, line, working, computed, stated, possible = true) {
  const said = stated === null ? null : nanos(stated);
  return {
    name,
    line,
    working,
    computed: computed === null ? null : usd(computed),
    stated: said === null ? null : usd(said),
    right: possible && computed === said,
  };
}

// --- One line -------------------------------------------------------------------------------------

function costOfLine(line) {
  if (!(line.service in MEASURED_IN)) throw new NoReceipt("service");
  const used = new Map(Object.entries(line.quantities).map(([name, text]) => [name, amount(line.service, name, text)]));
  const prices = (line.price?.unit_prices ?? []).map((price) => readPrice(line.service, price));
  if (line.provider_cost !== null) {
    const cost = nanos(line.provider_cost);
    return { cost, working: usd(cost) };
  }
  if (line.price === null) {
    const isUsed = [...used.values()].some((one) => one.above > 0n);
    return isUsed ? { cost: null, working: "no price" } : { cost: 0n, working: "0" };
  }
  if (line.service === "llm" && !takeApart(used)) {
    return { cost: null, working: "the parts of a total exceed it", impossible: true };
  }
  const rows = billedRows(line.service, used, prices);
  const exact = rows?.reduce((sum, row) => plus(sum, row.cost), whole(0n));
  const cost = exact ? roundHalfEven(exact.above * NANOS, exact.below) : null;
  if (cost === null || cost > MOST_NANOS) return { cost: null, working: "no price" };
  return { cost, working: rows.map((row) => row.working).join(" + ") || "0" };
}

// The parts are taken out of their totals, so that none is billed twice. False: they exceed them.
function takeApart(used) {
  for (const [total, parts] of Object.entries(INCLUDED)) {
    const rest = parts
      .filter((part) => used.has(part))
      .reduce((left, part) => left - used.get(part).above, used.get(total)?.above ?? 0n);
    if (rest < 0n) return false;
    if (used.has(total)) used.set(total, whole(rest));
  }
  return true;
}

// Null where something was used that has no price. Characters and seconds of a TTS line measure the
// same speech: the first of them that has a price is billed, and it alone.
function billedRows(service, used, prices) {
  const rows = [];
  for (const price of prices) {
    const one = used.get(price.quantity);
    if (one === undefined || one.above === 0n) continue;
    const billed = roundUp(one, price.increment);
    const cost = times(times(billed, price.usd), inverse(price.per));
    const shown = same(one, billed) ? decimal(billed) : `(${decimal(one)} → ${decimal(billed)})`;
    rows.push({ cost, working: `${shown} × ${decimal(price.usd)} ÷ ${decimal(price.per)}` });
    if (service === "tts") return rows;
  }
  const named = new Set(prices.map((price) => price.quantity));
  const missing = [...used].some(([name, one]) => one.above > 0n && !named.has(name));
  return missing ? null : rows;
}

function readPrice(service, price) {
  const read = {
    quantity: price.quantity,
    usd: { above: nanos(price.usd), below: NANOS },
    per: amount(service, price.quantity, price.per),
    increment: amount(service, price.quantity, price.increment),
  };
  if (read.per.above === 0n || read.increment.above === 0n) throw new NoReceipt("per");
  return read;
}

// --- Numbers --------------------------------------------------------------------------------------

function amount(service, name, text) {
  if (!MEASURED_IN[service].includes(name)) throw new NoReceipt(name);
  return fraction(text, 18, SECONDS.has(name) ? 3 : 0);
}

function fraction(text, digits, decimals) {
  const parts = /^([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  const after = parts?.[2] ?? "";
  if (parts === null || parts[1].length > digits || after.length > decimals) throw new NoReceipt(String(text));
  return { above: BigInt(parts[1] + after), below: 10n ** BigInt(after.length) };
}

function nanos(text) {
  const sign = typeof text === "string" && text.startsWith("-") ? -1n : 1n;
  const read = fraction(sign < 0n ? text.slice(1) : text, 18, 9);
  return sign * ((read.above * NANOS) / read.below);
}

function usd(amountNanos) {
  const sign = amountNanos < 0n ? "-" : "";
  return sign + decimal({ above: amountNanos < 0n ? -amountNanos : amountNanos, below: NANOS });
}

// As decimals, exactly; the divisor is a power of ten.
function decimal({ above, below }) {
  const places = String(below).length - 1;
  const after = String(above % below).padStart(places, "0").replace(/0+$/, "");
  return String(above / below) + (places > 0 && after !== "" ? `.${after}` : "");
}

const whole = (number) => ({ above: number, below: 1n });
const inverse = (one) => ({ above: one.below, below: one.above });
const times = (one, other) => ({ above: one.above * other.above, below: one.below * other.below });
const plus = (one, other) => ({ above: one.above * other.below + other.above * one.below, below: one.below * other.below });
const same = (one, other) => one.above * other.below === other.above * one.below;

// The least multiple of the step that is not below the amount.
function roundUp(one, stepSize) {
  const [above, below] = [one.above * stepSize.below, one.below * stepSize.above];
  const steps = (above + below - 1n) / below;
  return { above: steps * stepSize.above, below: stepSize.below };
}

function roundHalfEven(above, below) {
  const down = above / below;
  const rest = (above % below) * 2n;
  return rest > below || (rest === below && down % 2n === 1n) ? down + 1n : down;
}
