// The browser module against a real HTTP server that plays the gateway: what it asks, and what it makes of
// what comes back.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { InventoryStream, Refused, Unreachable } from "../../inventory_stream/storefront/javascript/inventory-stream.mjs";

const SOON_MS = 5_000;

/** A gateway that answers by `answers`, one after the other, the last one for ever; it notes what it was asked. */
async function gateway(test, ...answers) {
  const asked = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      asked.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(response, request);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => (server.closeAllConnections(), server.close()));
  return { asked, base: `http://127.0.0.1:${server.address().port}` };
}

const json = (status, body, headers = {}) => (response) => {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "Content-Type": type, ...headers }).end(JSON.stringify(body));
};
const cut = (response) => response.destroy();
const events = (...texts) => (response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  for (const text of texts) response.write(text);
};
const client = (base, more = {}) => new InventoryStream({ base, key: "isk_test", random: () => 0, ...more });
const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`not in time: ${what}`)), SOON_MS).unref()),
  ]);

test("a reserve is one POST with its key, its body and the caller's key", async (t) => {
  const { asked, base } = await gateway(t, json(201, { reservation_id: "TEE.x" }));
  const held = await client(base).reserve({ sku: "TEE", units: 1 }, { key: "k1", admission: "adm" });
  assert.equal(held.reservation_id, "TEE.x");
  assert.equal(asked.length, 1);
  assert.equal(asked[0].url, "/v1/reservations");
  assert.equal(asked[0].headers["idempotency-key"], "k1");
  assert.equal(asked[0].headers.authorization, "Bearer isk_test");
  assert.equal(asked[0].headers["waiting-room-admission"], "adm");
  assert.deepEqual(JSON.parse(asked[0].body), { sku: "TEE", units: 1 });
});

test("a cut line and a 503 are tried again with the same key, so nothing is taken twice", async (t) => {
  const { asked, base } = await gateway(t, cut, json(503, { type: "/problems/not-answered" }), json(201, { reservation_id: "r" }));
  await client(base).reserve({ sku: "TEE", units: 1 });
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map((one) => one.headers["idempotency-key"])).size, 1);
});

test("two wishes have two keys", async (t) => {
  const { asked, base } = await gateway(t, json(201, {}));
  const one = client(base);
  await one.reserve({ sku: "TEE", units: 1 });
  await one.reserve({ sku: "TEE", units: 1 });
  assert.notEqual(asked[0].headers["idempotency-key"], asked[1].headers["idempotency-key"]);
});

test("a refusal is final, and says its kind and its numbers", async (t) => {
  const problem = { type: "/problems/sold-out", title: "There are not enough units", breakdown: { reserved: 3 } };
  const { asked, base } = await gateway(t, json(409, problem));
  const refused = await client(base).reserve({ sku: "TEE", units: 1 }).catch((error) => error);
  assert.ok(refused instanceof Refused);
  assert.equal(refused.kind, "sold-out");
  assert.equal(refused.problem.breakdown.reserved, 3);
  assert.equal(asked.length, 1);
});

test("Retry-After is waited for", async (t) => {
  const { base } = await gateway(t, json(429, {}, { "Retry-After": "1" }), json(201, {}));
  const began = performance.now();
  await client(base).reserve({ sku: "TEE", units: 1 });
  assert.ok(performance.now() - began >= 990);
});

test("nobody there is told as unreachable after a bounded number of tries", async (t) => {
  const { asked, base } = await gateway(t, cut);
  const error = await client(base, { triesMax: 2 }).reservation("r").catch((one) => one);
  assert.ok(error instanceof Unreachable);
  assert.equal(asked.length, 2);
});

test("a caller may give up", async (t) => {
  const { base } = await gateway(t, () => {});
  const stop = new AbortController();
  const asking = client(base).reserve({ sku: "TEE", units: 1 }, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(asking, /enough/);
});

test("SKUs of any letters stay what they are, and one with a comma is no two", async (t) => {
  const { asked, base } = await gateway(t, json(200, { items: [] }));
  await client(base).availability(["A B&c", "Ü/1"]);
  assert.equal(new URL(asked[0].url, base).searchParams.get("skus"), "A B&c,Ü/1");
  await assert.rejects(client(base).availability(["A,B"]), RangeError);
  assert.equal(asked.length, 1);
  await client(base).availabilityOf("A,B/1", { minVersion: "1:5" });
  assert.equal(asked[1].url, "/v1/availability/A%2CB%2F1?min_version=1%3A5");
});

test("a stream is read however its bytes are cut, heartbeats are no news, and it comes back where it was", async (t) => {
  const { asked, base } = await gateway(
    t,
    (response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(": beat\n\nid: 0-1:5\nevent: availab");
      setImmediate(() => response.write('ility\ndata: {"sku":"TEE","available":3}\n'));
      setImmediate(() => response.write("\n", () => response.destroy()));
    },
    events('id: 0-1:9\r\nevent: stale\r\ndata: {"sku":"TEE",\r\ndata: "available":2}\r\n\r\n'),
  );
  const heard = [];
  const states = [];
  let watch;
  await within(
    new Promise((resolve) => {
      watch = client(base).watch(["TEE"], {
        onChange: (item) => heard.push(item.available) === 2 && resolve(),
        onState: (state) => states.push(state),
      });
    }),
    "two events",
  );
  watch.close();
  await within(watch.done, "the end");
  assert.deepEqual(heard, [3, 2]);
  assert.deepEqual(states, ["live", "broken", "stale"]);
  assert.equal(asked[1].headers["last-event-id"], "0-1:5");
});

test("a stream comes back when the gateway asked it to", async (t) => {
  const event = 'event: availability\ndata: {"sku":"TEE","available":3}\n\n';
  const { base } = await gateway(t, (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.end(`retry: 1600\n\nretry: soon\n\n${event}`);
  });
  const heard = [];
  let watch;
  await within(
    new Promise((resolve) => {
      watch = client(base).watch(["TEE"], { onChange: () => heard.push(performance.now()) === 2 && resolve() });
    }),
    "two events",
  );
  watch.close();
  assert.ok(heard[1] - heard[0] >= 790);
});

test("a stream that is refused ends with the refusal instead of asking for ever", async (t) => {
  const { asked, base } = await gateway(t, json(403, { type: "/problems/not-allowed" }));
  const watch = client(base).watch(["TEE"], { onChange: () => {} });
  await assert.rejects(within(watch.done, "the refusal"), (error) => error.kind === "not-allowed");
  assert.equal(asked.length, 1);
});

test("an event without an end is not read without bound", async (t) => {
  const { asked, base } = await gateway(t, events(`data: ${"x".repeat(70_000)}`), json(404, { type: "/problems/not-found" }));
  const watch = client(base).watch(["TEE"], { onChange: () => assert.fail("no event was whole") });
  await assert.rejects(within(watch.done, "the end"), (error) => error.kind === "not-found");
  assert.equal(asked.length, 2);
});
