// The sample storefront: one product of a flash sale, from the waiting room to the receipt.
// What must survive a reload (who, the place in line, what was asked for) is kept in localStorage;
// the gateway knows by the Idempotency-Key that it is the same wish.
import { InventoryStream, Refused, newKey } from "../sdk/inventory-stream.mjs";

/** From how few units on the page says how many. */
const LOW_UNITS = 10;
/** Seconds before the end of a hold at which a screen reader hears of it. */
const WARN_AT_SECONDS = [60, 30, 10];
/** How often the door may turn an admission away before the shopper is asked what to do, and the first wait between. */
const TURNED_AWAY_MAX = 3;
const TURNED_AWAY_MS = 1_000;
/** Longest wait for the checkout: the gateway answers within 2 s or says 503. */
const CHECKOUT_MS = 5_000;
/** Refusals below 500 after which the same request may yet succeed. */
const NOT_FINAL = new Set([408, 425, 429]);

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
let turnedAway = 0;

/** Whether what was asked may have happened, or may yet: then its key is kept. */
const isNotKnown = (error) => !(error instanceof Refused) || error.status >= 500 || NOT_FINAL.has(error.status);

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
    turnedAway = 0;
    if (reservation.state === "held") return hold(reservation);
    forget(); // the answer to an old wish: what it held is over
    show("shop");
  } catch (error) {
    if (isNotKnown(error)) return notKnown(error);
    if (error.kind === "waiting-room") return turnAway();
    memory.drop("key");
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

/** The door took no admission. What the ticket says next decides whether there is another one, or none. */
async function turnAway() {
  memory.set("refused", memory.get("admission"));
  memory.drop("admission");
  turnedAway += 1;
  if (turnedAway > TURNED_AWAY_MAX) {
    turnedAway = 0;
    return notKnown(null, "The door did not let you in. You keep your place.");
  }
  show("waiting");
  at("place").textContent = "The door asks the waiting room again.";
  await new Promise((resolve) => setTimeout(resolve, TURNED_AWAY_MS * 2 ** (turnedAway - 1)));
  return memory.get("key") && wait(); // who left meanwhile is not brought back
}

async function wait() {
  show("waiting");
  try {
    let ticket = memory.get("ticket");
    if (!ticket) {
      ticket = await takeTicket();
      keepTicket(ticket);
    }
    waiting?.close();
    waiting = stream.watchTicket(shop.sale_id, ticket, {
      onChange: standing,
      onState: (state) => {
        if (state === "broken") at("place").textContent = "The line is broken; you keep your place.";
      },
    });
    waiting.done.catch(notWaiting);
  } catch (error) {
    notWaiting(error);
  }
}

/** With the key of the first attempt, so that a lost answer costs no place; an old ticket is shown. */
async function takeTicket() {
  const key = memory.get("join-key") ?? newKey();
  memory.set("join-key", key);
  const join = (more) => stream.joinWaitingRoom(shop.sale_id, memory.get("customer"), { key, ...more });
  try {
    return (await join({ ticket: memory.get("known-ticket") ?? undefined })).ticket;
  } catch (error) {
    if (error.kind !== "conflict") throw error;
    // The browser forgot a ticket that the room knows of.
    return (await join({ ticketLost: true })).ticket;
  }
}

function keepTicket(ticket) {
  memory.set("ticket", ticket);
  memory.set("known-ticket", ticket);
  memory.drop("join-key");
}

function notWaiting(error) {
  if (isNotKnown(error)) return notKnown(error);
  memory.drop("known-ticket", "join-key");
  leaveRoom();
  failed(error, "shop");
}

/** Nothing of the room is kept but which ticket was the shopper's, and no wish that it was for. */
function leaveRoom() {
  memory.drop("ticket", "admission", "refused", "key");
}

function standing(place) {
  keepTicket(place.ticket);
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
  if (place.state === "admitted" && place.admission === memory.get("refused")) {
    at("place").textContent = "Your turn is used elsewhere. As soon as it is over you may take a new place.";
    return;
  }
  waiting?.close();
  if (place.state === "admitted") {
    memory.set("admission", place.admission);
    buy();
  } else {
    leaveRoom();
    if (place.state === "closed") return outOfStock("The sale is over", "Thank you for coming.");
    at("fault").textContent = "Your turn is over. What it may have held goes back by itself; you may take a new place.";
    show("shop");
  }
}

function hold(reservation) {
  memory.set("reservation", reservation);
  // The deadline is by the ledger's clock, which the shopper's may differ from.
  if (!reservation.was_repeat) memory.set("ahead_ms", reservation.decided_at_ms - Date.now());
  const aheadMs = memory.get("ahead_ms") ?? 0;
  memory.drop("ticket", "admission", "refused");
  at("put-back").disabled = memory.get("is-paying") === true;
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
      clearInterval(ticking);
      if (memory.get("is-paying")) return notPaid(); // it may have come in time
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
  at("fault").textContent = "";
  at("pay").disabled = at("put-back").disabled = true;
  memory.set("is-paying", true);
  const held = memory.get("reservation");
  try {
    if ((await checkout(held.reservation_id)) !== "confirmed") return notPaid();
    at("order").textContent = held.reservation_id;
    forget();
    show("bought");
  } catch (error) {
    if (isNotKnown(error)) return notPaid();
    forget();
    if (error.status === 409) {
      return outOfStock("Too late", "The time was over and the unit is gone. Nothing was charged.");
    }
    failed(error, "shop");
  } finally {
    at("pay").disabled = false;
  }
}

/** Tells the shop's backend; it makes of the same reservation the same command, however often it is told. */
async function checkout(reservationId) {
  const answer = await fetch("checkout", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ reservation_id: reservationId }),
    signal: AbortSignal.timeout(CHECKOUT_MS),
  });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return (await answer.json()).state;
}

function notPaid() {
  at("fault").textContent = "It is not known yet whether it is yours: press Pay again. It cannot be bought twice.";
}

async function putBack() {
  const held = memory.get("reservation");
  forget();
  show("shop");
  // Should this fail, the hold ends by itself.
  await stream.release(held.reservation_id).catch(() => {});
}

function forget() {
  memory.drop("reservation", "is-paying", "key", "ticket", "admission", "refused");
}

function notKnown(error, text) {
  const isCrowd = error instanceof Refused && error.status === 429;
  at("unknown-text").textContent = text ?? (isCrowd ? "Too many ask at once." : "The shop has not answered.");
  show("unknown");
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
  at("ask-again").addEventListener("click", buy);
  at("leave").addEventListener("click", () => {
    waiting?.close();
    leaveRoom();
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
