// Places, cancels and lists orders, and reads their events. `node typescript_client.ts http://127.0.0.1:8000 [API_KEY]`, with
// Node.js 22.18 or later, which runs TypeScript.
import { etagOf, isServiceError, iterate, Orderkeep, pages, type Order } from "orderkeep-client";

const [url = "http://127.0.0.1:8000", token] = process.argv.slice(2);
const orderkeep = new Orderkeep({ url, token });

let order: Order | undefined;
for (const number of [1, 2, 3]) {
  // with keys of their own: run this again, and there are still three orders
  order = await orderkeep.placeOrder({
    body: { user_id: "user-typescript", total: 9900, currency: "EUR", external_ref: `typescript-${number}` },
    headers: { "Idempotency-Key": `typescript-${number}` },
  });
}
console.log("placed:", order!.external_ref, order!.status);

const path = { order_id: order!.id };
const cancelled = await orderkeep.cancelOrder({
  path,
  body: { reason: "changed_mind" },
  headers: { "Idempotency-Key": "cancel-typescript-3" },
});
console.log("cancelled, version", cancelled.version);
try {
  await orderkeep.confirmOrder({ path, headers: { "If-Match": etagOf(order!) } });
} catch (error) {
  if (!isServiceError(error, "version_mismatch")) throw error;
  console.log(error.code, "- another client has changed the order: read it again");
}
try {
  await orderkeep.confirmOrder({ path });
} catch (error) {
  if (!isServiceError(error, "cannot_confirm_order")) throw error;
  console.log(error.code, "-", error.detail);
}
try {
  await orderkeep.placeOrder({ body: { user_id: "user-typescript", total: 9900, currency: "ABC" } });
} catch (error) {
  if (!isServiceError(error, "invalid_fields")) throw error;
  console.log(error.code, "-", error.errors[0]?.pointer, error.errors[0]?.code);
}

const query = { user_id: "user-typescript", limit: 2 };
for await (const found of iterate((next) => orderkeep.listOrders({ query: { ...query, ...next } }))) {
  order = found; // one request for each two orders
  console.log(order.external_ref, order.status);
}
for await (const page of pages((next) => orderkeep.listEvents({ query: { limit: 200, ...next } }))) {
  const events = page.data.filter((event) => event.order_id === order!.id);
  console.log("events:", events.map((event) => event.type).join(", "));
}
