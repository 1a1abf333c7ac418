import { Configuration, type LineBody, OrdersApi, type PlaceOrderBody, type Problem, ResponseError } from "./client";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
const api = new OrdersApi(new Configuration({ basePath: url, accessToken: key }));
const three: PlaceOrderBody = { userId: "user-42", total: 9900, currency: "EUR" };
const lines: LineBody[] = [{ sku: "A1", name: "Lamp", quantity: 2, unitPrice: 4750 }];

async function rejected(request: Promise<unknown>): Promise<[number, Problem]> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ResponseError) return [error.response.status, await error.response.json()];
    throw error;
  }
  throw new Error("the request was accepted");
}

const placed = await api.placeOrderRaw({ placeOrderBody: three });
const order = await placed.value();
const full = await api.placeOrder({
  idempotencyKey: "full",
  placeOrderBody: {
    ...three, total: 10000, lines, shipping: 500, tax: null, tags: ["gift"], metadata: { channel: "web" },
  },
});
const dryRun = await api.placeOrderRaw({ placeOrderBody: three, dryRun: true });
const page = await api.listOrders({ status: ["pending", "cancelled"], limit: 1 });
const [staleStatus, stale] = await rejected(api.cancelOrder({ orderId: order.id, ifMatch: '"7"' }));
const cancelled = await api.cancelOrder({ orderId: order.id, cancelBody: { reason: "late" } });
const [againStatus, again] = await rejected(api.deleteOrder({ orderId: order.id }));
const [invalidStatus, invalid] = await rejected(api.placeOrder({ placeOrderBody: { ...three, currency: "ABC" } }));

console.log(
  JSON.stringify({
    placed: [placed.raw.status, order.status, order.total, order.lines.length],
    full: [full.lines[0]?.name, full.shipping, full.tags, full.metadata["channel"]],
    dry_run: [dryRun.raw.status, (await dryRun.value()).userId, dryRun.raw.headers.get("Dry-Run")],
    page: [page.data.length, page.data[0]?.externalRef, page.hasMore],
    stale: [staleStatus, stale.code],
    cancelled: [cancelled.status, cancelled.cancellation!.reason, cancelled.version],
    again: [againStatus, again.code],
    invalid: [invalidStatus, invalid.errors?.[0]?.pointer],
  }),
);
