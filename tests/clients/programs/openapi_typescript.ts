import createClient from "openapi-fetch";
import type { components, paths } from "./client/client";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const three: components["schemas"]["PlaceOrderBody"] = { user_id: "user-42", total: 9900, currency: "EUR" };
const lines: components["schemas"]["LineBody"][] = [{ sku: "A1", name: "Lamp", quantity: 2, unit_price: 4750 }];

const placed = await client.POST("/orders", { body: three });
const full = await client.POST("/orders", {
  params: { header: { "Idempotency-Key": "full" } },
  body: { ...three, total: 10000, lines, shipping: 500, tax: null, tags: ["gift"], metadata: { channel: "web" } },
});
const dryRun = await client.POST("/orders", { params: { query: { dry_run: true } }, body: three });
const page = await client.GET("/orders", { params: { query: { status: ["pending", "cancelled"], limit: 1 } } });
const path = { order_id: placed.data!.id };
const stale = await client.POST("/orders/{order_id}/cancel", { params: { path, header: { "If-Match": '"7"' } } });
const cancelled = await client.POST("/orders/{order_id}/cancel", { params: { path }, body: { reason: "late" } });
const again = await client.DELETE("/orders/{order_id}", { params: { path } });
const invalid = await client.POST("/orders", { body: { ...three, currency: "ABC" } });

console.log(
  JSON.stringify({
    placed: [placed.response.status, placed.data!.status, placed.data!.total, placed.data!.lines.length],
    full: [full.data!.lines[0]?.name, full.data!.shipping, full.data!.tags, full.data!.metadata["channel"]],
    dry_run: [dryRun.response.status, dryRun.data!.user_id, dryRun.response.headers.get("Dry-Run")],
    page: [page.data!.data.length, page.data!.data[0]?.external_ref, page.data!.has_more],
    stale: [stale.response.status, stale.error!.code],
    cancelled: [cancelled.data!.status, cancelled.data!.cancellation!.reason, cancelled.data!.version],
    again: [again.response.status, again.error!.code],
    invalid: [invalid.response.status, invalid.error!.errors?.[0]?.pointer],
  }),
);
