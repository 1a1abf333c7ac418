import { client } from "./client/client.gen";
import { cancelOrder, deleteOrder, type LineBody, listOrders, placeOrder, type PlaceOrderBody } from "./client";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
client.setConfig({ baseUrl: url, auth: () => key });
const three: PlaceOrderBody = { user_id: "user-42", total: 9900, currency: "EUR" };
const lines: LineBody[] = [{ sku: "A1", name: "Lamp", quantity: 2, unit_price: 4750 }];

const placed = await placeOrder({ body: three });
const full = await placeOrder({
  headers: { "Idempotency-Key": "full" },
  body: { ...three, total: 10000, lines, shipping: 500, tax: null, tags: ["gift"], metadata: { channel: "web" } },
});
const dryRun = await placeOrder({ query: { dry_run: true }, body: three });
const page = await listOrders({ query: { status: ["pending", "cancelled"], limit: 1 } });
const path = { order_id: placed.data!.id };
const stale = await cancelOrder({ path, headers: { "If-Match": '"7"' } });
const cancelled = await cancelOrder({ path, body: { reason: "late" } });
const again = await deleteOrder({ path });
const invalid = await placeOrder({ body: { ...three, currency: "ABC" } });

console.log(
  JSON.stringify({
    placed: [placed.response?.status, placed.data!.status, placed.data!.total, placed.data!.lines.length],
    full: [full.data!.lines[0]?.name, full.data!.shipping, full.data!.tags, full.data!.metadata["channel"]],
    dry_run: [dryRun.response?.status, dryRun.data!.user_id, dryRun.response?.headers.get("Dry-Run")],
    page: [page.data!.data.length, page.data!.data[0]?.external_ref, page.data!.has_more],
    stale: [stale.response?.status, stale.error!.code],
    cancelled: [cancelled.data!.status, cancelled.data!.cancellation!.reason, cancelled.data!.version],
    again: [again.response?.status, again.error!.code],
    invalid: [invalid.response?.status, invalid.error!.errors?.[0]?.pointer],
  }),
);
