// The sample storefront: one product of a flash sale, from the waiting room to the receipt.
// What must survive a reload (who, the place in line, what was asked for) is kept in localStorage;
// the gateway knows by the Idempotency-Key that it is the same wish.
import { InventoryStream, Refused, newKey } from "../sdk/inventory-stream.mjs";

/** From how few units on the page says how many. */
const LOW_UNITS = 10;
/** Seconds before the end of a hold at which a screen reader hears of it. */
const WARN_AT_SECONDS = [60, 30, 10];

const at = (id) => document.getElementById(id);
const memory = {
  get: (name) => JSON.parse(localStorage.getItem(`storefront:${name}`) ?? "null"),
  set: (name, value) => localStorage.setItem(`storefront:${name}`, JSON.stringify(value)),
  drop: (...names) => names.forEach((name) => localStorage.removeItem(`storefront:${name}`)),
};

let shop; // what config.json says
let stream;
let ticking;
let waiting;
let stock = null;

function show(view, { focus = true } = {}) {
  for (const part of at("action").querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view;
  document.body.dataset.view = view;
  at("action").removeAttribute("aria-busy");
  if (focus) at("action").focus();
  if (view !== "held") clearInterval(ticking);
}

function outOfStock(title, text) {
  at("out-title").textContent = title;
  at("out-text").textContent = text;
  show("sold-out");
}

function showStock(item) {
  const units = shop.sale_id ? (item.sales?.[shop.sale_id] ?? 0) : item.available;
  const cameBack = stock === 0 && units > 0;
  stock = units;
  const text = units === 0 ? "Sold out" : units <= LOW_UNITS ? `Only ${units} left` : "In stock";
  at("stock").textContent = text;
  at("stock").dataset.state = units === 0 ? "out" : units <= LOW_UNITS ? "low" : "in";
  at("stock").dataset.units = String(units);
  if (cameBack && document.body.dataset.view === "sold-out") {
    outOfStock("One came back", "A unit is free again. Be quick.");
  }
}

async function buy() {
  at("fault").textContent = "";
  if (shop.has_waiting_room && !memory.get("admission")) return wait();
  const key = memory.get("key") ?? newKey();
  memory.set("key", key);
  show("asking");
  try {
    const wish = {
      sku: shop.sku,
      units: 1,
      ttl_seconds: shop.ttl_seconds,
      location: shop.location,
      channel: shop.channel,
      customer: memory.get("customer"),
      ...(shop.sale_id && { sale_id: shop.sale_id }),
    };
    const reservation = await stream.reserve(wish, { key, admission: memory.get("admission") ?? undefined });
    if (reservation.state === "held") return hold(reservation);
    forget(); // the answer to an old wish: what it held is over
    show("shop");
  } catch (error) {
    memory.drop("key");
    if (!(error instanceof Refused)) return failed(error, "shop");
    if (error.kind === "waiting-room") return memory.drop("admission"), wait();
    if (error.kind === "all-reserved") {
      return outOfStock("All are held", "Every unit is held by somebody who is checking out. One may come back.");
    }
    if (error.kind === "sold-out") return outOfStock("Sold out", "Somebody was faster. All units are sold.");
    if (error.kind === "limit-reached") return outOfStock("You have yours", "One customer may not have more.");
    if (error.kind === "sale-not-open") return outOfStock("Not yet", "The sale has not started.");
    if (error.kind === "sale-closed") return outOfStock("The sale is over", "Thank you for coming.");
    failed(error, "shop");
  }
}

async function wait() {
  show("waiting");
  try {
    let ticket = memory.get("ticket");
    if (!ticket) {
      ticket = (await stream.joinWaitingRoom(shop.sale_id, memory.get("customer"))).ticket;
      memory.set("ticket", ticket);
    }
    waiting?.close();
    waiting = stream.watchTicket(shop.sale_id, ticket, {
      onChange: standing,
      onState: (state) => {
        if (state === "broken") at("place").textContent = "The line is broken; you keep your place.";
      },
    });
    waiting.done.catch((error) => {
      memory.drop("ticket");
      failed(error, "shop");
    });
  } catch (error) {
    memory.drop("ticket");
    failed(error, "shop");
  }
}

function standing(place) {
  memory.set("ticket", place.ticket);
  if (place.state === "waiting") {
    if (document.body.dataset.view !== "waiting") show("waiting");
    const minutes = Math.ceil((place.estimate_seconds ?? 0) / 60);
    const when = place.estimate_seconds == null ? "" : `, about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
    at("place").textContent = place.position ? `You are number ${place.position} of ${place.of}${when}.` : "The draw is still to come.";
    at("wait").max = place.of || 1;
    at("wait").value = place.position ? place.of - place.position : 0;
    return;
  }
  if (place.state === "sold_out") {
    // The place is kept: an order that is called off brings a unit back.
    return outOfStock("Sold out", "All units are sold. Should one come back, your place in line counts.");
  }
  waiting?.close();
  if (place.state === "admitted") {
    memory.set("admission", place.admission);
    buy();
  } else {
    memory.drop("ticket", "admission");
    if (place.state === "closed") outOfStock("The sale is over", "Thank you for coming.");
    else show("shop");
  }
}

function hold(reservation) {
  memory.set("reservation", reservation);
  // The deadline is by the ledger's clock, which the shopper's may differ from.
  if (!reservation.was_repeat) memory.set("ahead_ms", reservation.decided_at_ms - Date.now());
  const aheadMs = memory.get("ahead_ms") ?? 0;
  memory.drop("ticket", "admission");
  show("held");
  const warned = new Set();
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((reservation.deadline_ms - Date.now() - aheadMs) / 1_000));
    at("countdown").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    for (const warning of WARN_AT_SECONDS) {
      if (seconds <= warning && !warned.has(warning)) {
        WARN_AT_SECONDS.filter((one) => one >= seconds).forEach((one) => warned.add(one));
        at("warning").textContent = `${seconds} seconds left`;
      }
    }
    if (seconds === 0) {
      forget();
      outOfStock("Your time is over", "The unit went back to the shop.");
    }
  };
  clearInterval(ticking);
  ticking = setInterval(tick, 250);
  tick();
}

async function pay(event) {
  event.preventDefault();
  const held = memory.get("reservation");
  const key = memory.get("pay-key") ?? newKey();
  memory.set("pay-key", key);
  at("pay").disabled = true;
  try {
    // A shop confirms on its payment provider's word (docs/http/payments.md); a sample has none.
    await stream.confirm(held.reservation_id, {}, { key });
    at("order").textContent = held.reservation_id;
    forget();
    show("bought");
  } catch (error) {
    if (error instanceof Refused) {
      forget();
      outOfStock("Too late", "The time was over and the unit is gone. Nothing was charged.");
    } else failed(error, "held");
  } finally {
    at("pay").disabled = false;
  }
}

async function putBack() {
  const held = memory.get("reservation");
  forget();
  show("shop");
  // Should this fail, the hold ends by itself.
  await stream.release(held.reservation_id).catch(() => {});
}

function forget() {
  memory.drop("reservation", "key", "pay-key", "ticket", "admission");
}

function failed(error, view) {
  at("fault").textContent =
    error instanceof Refused ? error.message : "The shop does not answer. Nothing was charged; try again.";
  show(view);
}

async function start() {
  shop = await (await fetch("config.json")).json();
  at("name").textContent = document.title = shop.name;
  at("about").textContent = shop.about;
  at("price").textContent = shop.price;
  stream = new InventoryStream({ key: shop.key });
  if (!memory.get("customer")) memory.set("customer", newKey());
  at("buy").addEventListener("click", buy);
  at("checkout").addEventListener("submit", pay);
  at("put-back").addEventListener("click", putBack);
  at("leave").addEventListener("click", () => {
    waiting?.close();
    memory.drop("ticket", "admission");
    show("shop");
  });
  for (const button of document.querySelectorAll("[data-again]")) button.addEventListener("click", () => show("shop"));
  stream.watch([shop.sku], {
    onChange: showStock,
    onState: (state) => {
      at("line").textContent = { live: "Live stock", stale: "Stock may be a moment old", broken: "Reconnecting" }[state];
    },
  });
  const held = memory.get("reservation");
  if (held) hold(held);
  else if (memory.get("key")) buy(); // asked before the reload, and no answer was seen
  else if (memory.get("ticket")) wait();
  else show("shop", { focus: false });
}

start().catch((error) => failed(error, "shop"));
