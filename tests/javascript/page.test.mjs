// The sample page over a small DOM and a gateway played by a function: what it keeps when the answer is not known,
// and that it asks a bounded number of times.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const SOON_MS = 10_000;
/** The waits of the page and its module are made so much shorter. */
const FASTER = 100;

const root = fileURLToPath(new URL("../../inventory_stream/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "page-"));
for (const name of ["storefront", "sdk"]) mkdirSync(join(folder, name));
const page = join(folder, "storefront", "storefront.mjs");
copyFileSync(join(root, "gateway/storefront_page/storefront.mjs"), page);
copyFileSync(join(root, "storefront/javascript/inventory-stream.mjs"), join(folder, "sdk/inventory-stream.mjs"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const wait = globalThis.setTimeout;
const intervals = new Set();
const every = globalThis.setInterval;
globalThis.setTimeout = (act, ms, ...more) => wait(act, ms / FASTER, ...more);
globalThis.setInterval = (...given) => {
  const one = every(...given);
  intervals.add(one);
  return one;
};

const json = (status, body) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const problem = (status, kind) => json(status, { type: `/problems/${kind}` });
const held = (seconds = 600) =>
  json(201, { state: "held", reservation_id: "TEE.x", decided_at_ms: Date.now(), deadline_ms: Date.now() + 1_000 * seconds });
const stream = (...places) =>
  new Response(
    new ReadableStream({
      start: (sink) =>
        places.forEach((place) => sink.enqueue(new TextEncoder().encode(`event: place\ndata: ${JSON.stringify(place)}\n\n`))),
    }),
  );

let visits = 0;

/** One visit of the page; `answers` by the end of the address, each a function of the request. */
async function visit(t, answers, { kept = {}, product = {} } = {}) {
  const parts = {};
  const part = () => ({
    dataset: {},
    textContent: "",
    hidden: false,
    disabled: false,
    on: {},
    addEventListener(event, act) {
      this.on[event] = act;
    },
    querySelectorAll: () => [],
    removeAttribute: () => {},
    focus: () => {},
  });
  const at = (id) => (parts[id] ??= part());
  const store = new Map(Object.entries(kept).map(([name, value]) => [`storefront:${name}`, JSON.stringify(value)]));
  const body = { dataset: {} };
  globalThis.document = { getElementById: at, body, querySelectorAll: () => [], title: "" };
  globalThis.localStorage = {
    getItem: (name) => store.get(name) ?? null,
    setItem: (name, value) => store.set(name, value),
    removeItem: (name) => store.delete(name),
  };
  const asked = [];
  globalThis.fetch = async (url, request = {}) => {
    const end = new URL(url, "http://shop/").pathname.split("/").at(-1);
    if (end === "config.json") {
      return json(200, { sku: "TEE", location: "DC", name: "n", about: "a", price: "p", key: "k", ttl_seconds: 60, ...product });
    }
    if (end === "live") return stream();
    asked.push({ end, key: request.headers["Idempotency-Key"], admission: request.headers["Waiting-Room-Admission"], body: request.body });
    const answer = answers[end];
    if (!answer) throw new Error(`nobody answers ${url}`);
    return answer(asked.at(-1));
  };
  t.after(() => intervals.forEach((one) => clearInterval(one)));
  visits += 1;
  await import(`${pathToFileURL(page)}?visit=${visits}`);
  const until = async (view) => {
    const deadline = Date.now() + SOON_MS;
    while (body.dataset.view !== view) {
      assert.ok(Date.now() < deadline, `the page shows ${body.dataset.view}, not ${view}`);
      await new Promise((resolve) => wait(resolve, 5));
    }
  };
  return {
    asked,
    until,
    of: (end) => asked.filter((one) => one.end === end),
    text: (id) => at(id).textContent,
    view: () => body.dataset.view,
    is: (id) => at(id),
    press: (id, event = "click") => at(id).on[event]({ preventDefault: () => {} }),
    kept: (name) => JSON.parse(store.get(`storefront:${name}`) ?? "null"),
  };
}

const ROOM = { sale_id: "friday", has_waiting_room: true };
const admitted = (admission) => ({ state: "admitted", ticket: "T", admission });

test("a wish that nobody answered keeps its key and its admission, and is asked again as the same", async (t) => {
  let isDown = true;
  let boundTo;
  const shop = await visit(
    t,
    {
      tickets: () => json(201, { ticket: "T" }),
      events: () => stream(admitted("ADM")),
      reservations: ({ key }) => {
        boundTo ??= key;
        if (boundTo !== key) return problem(403, "waiting-room");
        return isDown ? problem(503, "not-answered") : held();
      },
    },
    { product: ROOM },
  );
  await shop.until("shop");
  shop.press("buy");
  await shop.until("unknown");
  assert.equal(shop.kept("key"), boundTo);
  assert.equal(shop.kept("admission"), "ADM");
  isDown = false;
  shop.press("ask-again");
  await shop.until("held");
  assert.equal(new Set(shop.of("reservations").map((one) => one.key)).size, 1);
});

for (const status of [408, 429, 500, 503]) {
  test(`a ${status} is no refusal: the page says that it does not know`, async (t) => {
    const shop = await visit(t, { reservations: () => problem(status, "any") });
    await shop.until("shop");
    shop.press("buy");
    await shop.until("unknown");
    assert.ok(shop.kept("key"));
  });
}

test("a refusal is final: the next wish has a key of its own", async (t) => {
  const shop = await visit(t, { reservations: () => problem(409, "sold-out") });
  await shop.until("shop");
  await shop.press("buy");
  assert.equal(shop.view(), "sold-out");
  await shop.press("buy");
  assert.equal(new Set(shop.of("reservations").map((one) => one.key)).size, 2);
});

test("an admission that was turned away is not shown again until the ticket says something new", async (t) => {
  let tell;
  const events = () =>
    new Response(
      new ReadableStream({
        start: (sink) => {
          tell = (place) => sink.enqueue(new TextEncoder().encode(`event: place\ndata: ${JSON.stringify(place)}\n\n`));
          tell(admitted("ADM"));
        },
      }),
    );
  const shop = await visit(
    t,
    { tickets: () => json(201, { ticket: "T" }), events, reservations: () => problem(403, "waiting-room") },
    { product: ROOM },
  );
  await shop.until("shop");
  shop.press("buy");
  const deadline = Date.now() + SOON_MS;
  while (!shop.text("place").includes("used elsewhere")) {
    assert.ok(Date.now() < deadline, shop.text("place"));
    await new Promise((resolve) => wait(resolve, 5));
  }
  assert.equal(shop.of("reservations").length, 1);
  assert.ok(shop.kept("key"));
  tell({ state: "used", ticket: "T" });
  await shop.until("shop");
  assert.equal(shop.of("reservations").length, 1);
  assert.deepEqual([shop.kept("key"), shop.kept("ticket"), shop.kept("admission")], [null, null, null]);
});

test("a door that takes no admission, however many it gets, is asked a bounded number of times", async (t) => {
  let turn = 0;
  const shop = await visit(
    t,
    {
      tickets: () => json(201, { ticket: "T" }),
      events: () => stream(admitted(`ADM-${(turn += 1)}`)),
      reservations: () => problem(403, "waiting-room"),
    },
    { product: ROOM },
  );
  await shop.until("shop");
  shop.press("buy");
  await shop.until("unknown");
  assert.equal(shop.of("reservations").length, 4);
  assert.equal(shop.kept("ticket"), "T");
});

test("a ticket is asked for again as the same, and who comes back shows it", async (t) => {
  let isDown = true;
  const shop = await visit(
    t,
    { tickets: () => (isDown ? problem(503, "not-ready") : json(201, { ticket: "T" })), events: () => stream({ state: "used", ticket: "T" }) },
    { product: ROOM },
  );
  await shop.until("shop");
  shop.press("buy");
  await shop.until("unknown");
  isDown = false;
  shop.press("ask-again");
  await shop.until("shop");
  assert.equal(new Set(shop.of("tickets").map((one) => one.key)).size, 1);
  assert.equal(shop.kept("ticket"), null);
  shop.press("buy");
  await shop.until("waiting");
  assert.equal(JSON.parse(shop.of("tickets").at(-1).body).ticket, "T");
});

test("who lost the ticket gets another one at the end", async (t) => {
  const shop = await visit(
    t,
    {
      tickets: ({ body }) => (JSON.parse(body).ticket_lost ? json(201, { ticket: "U" }) : problem(409, "conflict")),
      events: () => stream({ state: "waiting", ticket: "U", position: 2, of: 2 }),
    },
    { product: ROOM },
  );
  await shop.until("shop");
  shop.press("buy");
  await shop.until("waiting");
  const deadline = Date.now() + SOON_MS;
  while (shop.kept("ticket") !== "U") {
    assert.ok(Date.now() < deadline, "a ticket");
    await new Promise((resolve) => wait(resolve, 5));
  }
  assert.equal(shop.of("tickets").length, 2);
});

test("a checkout that is not answered keeps the reservation, and paying again is the same", async (t) => {
  let isDown = true;
  const reservation = await held().json();
  const shop = await visit(
    t,
    { checkout: () => (isDown ? problem(503, "not-answered") : json(200, { state: "confirmed" })) },
    { kept: { reservation } },
  );
  await shop.until("held");
  await shop.press("checkout", "submit");
  assert.equal(shop.view(), "held");
  assert.match(shop.text("fault"), /not known yet/);
  assert.equal(shop.kept("reservation").reservation_id, "TEE.x");
  assert.ok(shop.is("put-back").disabled, "what may be paid cannot be put back");
  isDown = false;
  await shop.press("checkout", "submit");
  assert.equal(shop.view(), "bought");
  assert.equal(shop.kept("reservation"), null);
  assert.equal(new Set(shop.of("checkout").map((one) => one.body)).size, 1);
});

test("the end of the time does not forget a payment that may have come before it", async (t) => {
  const reservation = await held(-1).json();
  const shop = await visit(
    t,
    { checkout: () => problem(409, "expired") },
    { kept: { reservation: { ...reservation, was_repeat: true }, "is-paying": true } },
  );
  await shop.until("held");
  assert.equal(shop.kept("reservation").reservation_id, "TEE.x");
  await shop.press("checkout", "submit");
  assert.equal(shop.view(), "sold-out");
  assert.equal(shop.text("out-title"), "Too late");
});
