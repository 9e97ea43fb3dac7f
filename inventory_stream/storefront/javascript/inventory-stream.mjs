/**
 * Live stock, reservations and the waiting room of an inventory_stream gateway, for a browser or node.
 *
 * One module without dependencies. Every write keeps its Idempotency-Key through all retries, so that
 * pressing a button twice, a lost answer or a reload can never take a unit twice.
 *
 * @module inventory-stream
 */

/** Longest wait for one answer. The gateway answers within 2 s or says 503. */
const TIMEOUT_MS = 5_000;
/** Tries of one request in all: with the waits between them about 10 s, which a gateway's restart takes. */
const TRIES_MAX = 5;
const BACK_OFF_MS = { first: 200, longest: 5_000 };
/** A stream that is silent for longer is dead: the gateway sends a heartbeat each 15 s. */
const SILENCE_MS = 40_000;
/** Longest event that is read: one is about 300 bytes. */
const EVENT_CHARACTERS_MAX = 65_536;
/** Longest base of coming back that a gateway may ask for with `retry:`; it asks for 1 to 5 s. */
const RETRY_MS_MAX = 30_000;
const AGAIN = new Set([408, 425, 429, 502, 503, 504]);

/** What the gateway refused, as its problem details (RFC 9457) say it. */
export class Refused extends Error {
  /** @param {number} status @param {object} problem */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the gateway answered ${status}`);
    this.name = "Refused";
    this.status = status;
    /** The kind without its address: `sold-out`, `limit-reached`, ... */
    this.kind = String(problem.type ?? "").replace(/^.*\/problems\//, "");
    this.problem = problem;
  }
}

/** No answer came, however often it was asked. The same key may be tried again at any time. */
export class Unreachable extends Error {
  /** @param {string} what @param {unknown} cause */
  constructor(what, cause) {
    super(`${what}: no answer from the gateway`, { cause });
    this.name = "Unreachable";
  }
}

/** Talks to one gateway. */
export class InventoryStream {
  #fetch;
  #key;
  #base;
  #timeoutMs;
  #triesMax;
  #random;

  /**
   * @param {object} options
   * @param {string} [options.base] address of the gateway without a slash at its end; "" is the page's own
   * @param {string} [options.key] an API key or token with the scope `storefront`
   * @param {typeof fetch} [options.fetch]
   * @param {number} [options.timeoutMs] longest wait for one try
   * @param {number} [options.triesMax]
   * @param {() => number} [options.random] for the jitter between tries
   */
  constructor({ base = "", key, fetch: ask, timeoutMs = TIMEOUT_MS, triesMax = TRIES_MAX, random } = {}) {
    this.#base = base.replace(/\/$/, "");
    this.#key = key;
    this.#fetch = ask ?? ((...call) => globalThis.fetch(...call));
    this.#timeoutMs = timeoutMs;
    this.#triesMax = triesMax;
    this.#random = random ?? Math.random;
  }

  /**
   * What can be sold now: `{skus: [{sku, available, is_fresh, ...}], unknown: [...]}`. `is_fresh` false: the
   * gateway does not hear the ledger, and the truth may be newer.
   * @param {string[]} skus at most 200
   * @param {{channel?: string}} [options]
   */
  async availability(skus, { channel } = {}) {
    const query = new URLSearchParams({ skus: listed(skus) });
    if (channel) query.set("channel", channel);
    return (await this.#send("GET", `/v1/availability?${query}`)).body;
  }

  /**
   * The same of one SKU, if asked to not before a write's `version` is known.
   * @param {string} sku @param {{channel?: string, minVersion?: string}} [options]
   */
  async availabilityOf(sku, { channel, minVersion } = {}) {
    const query = new URLSearchParams({
      ...(channel && { channel }),
      ...(minVersion && { min_version: minVersion }),
    });
    return (await this.#send("GET", `/v1/availability/${encodeURIComponent(sku)}?${query}`)).body;
  }

  /**
   * Sets units aside for a shopper.
   * @param {object} wish `{sku, units, ttl_seconds, location | group, sale_id?, channel?, customer?}`
   * @param {{key?: string, admission?: string, signal?: AbortSignal}} [options] `key`: the same for each
   *   attempt at the same thing, kept over reloads; `admission`: what the waiting room gave
   * @returns {Promise<object>} the reservation
   * @throws {Refused} sold out, limit reached, ... @throws {Unreachable}
   */
  async reserve(wish, { key = newKey(), admission, signal } = {}) {
    const headers = admission ? { "Waiting-Room-Admission": admission } : {};
    return (await this.#send("POST", "/v1/reservations", { body: wish, key, headers, signal })).body;
  }

  /** The reservation as the ledger has it now. @param {string} id */
  async reservation(id) {
    return (await this.#send("GET", `/v1/reservations/${encodeURIComponent(id)}`)).body;
  }

  /** Moves the deadline. @param {string} id @param {number} ttlSeconds @param {{key?: string}} [options] */
  extend(id, ttlSeconds, options) {
    return this.#act(id, "extend", { ttl_seconds: ttlSeconds }, options);
  }

  /** The order is paid: a server says so, a public key may not. @param {string} id @param {object} [order] `{order_id?}` @param {{key?: string}} [options] */
  confirm(id, order = {}, options) {
    return this.#act(id, "confirm", order, options);
  }

  /** Gives the units back. @param {string} id @param {{key?: string}} [options] */
  release(id, options) {
    return this.#act(id, "release", {}, options);
  }

  /**
   * Follows the stock of SKUs: `onChange` hears the present state first, then each change. Comes back by
   * itself after a break, where it was.
   * @param {string[]} skus @param {{channel?: string, onChange: (item: object) => void,
   *   onState?: (state: "live" | "stale" | "broken") => void}} options
   * @returns {{close: () => void, done: Promise<void>}}
   */
  watch(skus, { channel, onChange, onState = () => {} }) {
    const query = new URLSearchParams({ skus: listed(skus) });
    if (channel) query.set("channel", channel);
    return this.#follow(`/v1/live?${query}`, onState, (event) => {
      onState(event.name === "stale" ? "stale" : "live");
      onChange(JSON.parse(event.data));
    });
  }

  /**
   * Takes a ticket of a sale's waiting room, or shows the one that the customer has.
   * @param {string} saleId @param {string} customer
   * @param {{key?: string, ticket?: string, ticketLost?: boolean}} [options] `key`: the same for each attempt;
   *   `ticket`: with a public key who has one must show it, else `conflict`; `ticketLost`: one at the end instead
   */
  async joinWaitingRoom(saleId, customer, { key = newKey(), ticket, ticketLost = false } = {}) {
    const path = `/v1/waiting-rooms/${encodeURIComponent(saleId)}/tickets`;
    const body = { customer, ...(ticket && { ticket }), ...(ticketLost && { ticket_lost: true }) };
    return (await this.#send("POST", path, { body, key })).body;
  }

  /**
   * Follows a place in the waiting room until `close`.
   * @param {string} saleId @param {string} ticket @param {{onChange: (place: object) => void,
   *   onState?: (state: "live" | "stale" | "broken") => void}} options
   * @returns {{close: () => void, done: Promise<void>}}
   */
  watchTicket(saleId, ticket, { onChange, onState = () => {} }) {
    const path = `/v1/waiting-rooms/${encodeURIComponent(saleId)}/tickets/${encodeURIComponent(ticket)}/events`;
    return this.#follow(path, onState, (event) => {
      onState("live");
      onChange(JSON.parse(event.data));
    });
  }

  async #act(id, act, body, { key = newKey() } = {}) {
    return (await this.#send("POST", `/v1/reservations/${encodeURIComponent(id)}/${act}`, { body, key })).body;
  }

  async #send(method, path, { body, key, headers = {}, signal } = {}) {
    let last;
    for (let attempt = 0; attempt < this.#triesMax; attempt += 1) {
      if (attempt) await pause(this.#waitMs(attempt, last), signal);
      try {
        const answer = await this.#fetch(this.#base + path, {
          method,
          headers: {
            Accept: "application/json",
            ...this.#authorization(),
            ...(body && { "Content-Type": "application/json" }),
            ...(key && { "Idempotency-Key": key }),
            ...headers,
          },
          body: body && JSON.stringify(body),
          signal: anyOf(AbortSignal.timeout(this.#timeoutMs), signal),
        });
        if (answer.ok) return { status: answer.status, body: await answer.json() };
        last = new Refused(answer.status, await answer.json().catch(() => ({})));
        if (!AGAIN.has(answer.status)) throw last;
        last.retryAfterMs = 1_000 * Number(answer.headers.get("Retry-After") ?? 0);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof Refused && !AGAIN.has(error.status)) throw error;
        last = error;
      }
    }
    if (last instanceof Refused) throw last;
    throw new Unreachable(`${method} ${path}`, last);
  }

  #follow(path, onState, onEvent) {
    const stopping = new AbortController();
    let last = "";
    let backOff = BACK_OFF_MS;
    const run = async () => {
      for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
        if (attempt) await pause(this.#waitMs(attempt - 1, undefined, backOff), stopping.signal).catch(() => {});
        if (stopping.signal.aborted) return;
        try {
          await this.#listen(path, last, stopping.signal, (event) => {
            attempt = 0;
            if (event.id !== undefined) last = event.id;
            if (event.retryMs !== undefined) {
              const first = Math.min(event.retryMs, RETRY_MS_MAX);
              backOff = { first, longest: Math.max(first, BACK_OFF_MS.longest) };
            }
            if (event.data) onEvent(event);
          });
        } catch (error) {
          if (stopping.signal.aborted) return;
          if (error instanceof Refused && !AGAIN.has(error.status)) throw error;
        }
        onState("broken");
      }
    };
    const done = run();
    done.catch(() => {});
    return { close: () => stopping.abort(), done };
  }

  async #listen(path, last, signal, onEvent) {
    const silence = new AbortController();
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error("silent")), SILENCE_MS);
    };
    heard();
    try {
      const answer = await this.#fetch(this.#base + path, {
        headers: { Accept: "text/event-stream", ...this.#authorization(), ...(last && { "Last-Event-ID": last }) },
        signal: anyOf(signal, silence.signal),
      });
      if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
      const decoder = new TextDecoder();
      let text = "";
      for await (const bytes of chunks(answer.body)) {
        heard();
        text += decoder.decode(bytes, { stream: true });
        let end;
        while ((end = /\r?\n\r?\n/.exec(text)) !== null) {
          onEvent(eventOf(text.slice(0, end.index)));
          text = text.slice(end.index + end[0].length);
        }
        if (text.length > EVENT_CHARACTERS_MAX) throw new Error("an event without an end");
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #authorization() {
    return this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
  }

  /** Exponential, with jitter: a crowd that was cut off together must not come back together. */
  #waitMs(attempt, last, { first, longest } = BACK_OFF_MS) {
    const most = Math.min(longest, first * 2 ** attempt);
    return Math.max(last?.retryAfterMs ?? 0, most * (0.5 + this.#random() / 2));
  }
}

/** A key for one thing that is wanted once: keep it until the answer is known. */
export function newKey() {
  return globalThis.crypto.randomUUID();
}

/** The API separates SKUs by commas, so one with a comma cannot be in a list. */
function listed(skus) {
  const odd = skus.find((sku) => sku.includes(","));
  if (odd !== undefined) throw new RangeError(`a SKU with a comma cannot be listed: ${odd}`);
  return skus.join(",");
}

/** The text of one event, without the empty line at its end. */
function eventOf(text) {
  const event = { name: "message", data: "" };
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue; // a comment: the heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") event.id = value;
    else if (field === "event") event.name = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) event.retryMs = Number(value);
    else if (field === "data") event.data += (event.data && "\n") + value;
  }
  return event;
}

async function* chunks(body) {
  // Safari has no async iteration of streams.
  const reader = body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** One signal of several; AbortSignal.any is younger than some phones. */
function anyOf(...signals) {
  const joined = new AbortController();
  for (const signal of signals) {
    if (!signal) continue;
    if (signal.aborted) joined.abort(signal.reason);
    else signal.addEventListener("abort", () => joined.abort(signal.reason), { once: true });
  }
  return joined.signal;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
