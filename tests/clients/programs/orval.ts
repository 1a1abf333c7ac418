import { cancelOrder, deleteOrder, type LineBody, listOrders, placeOrder, type PlaceOrderBody } from "./client/client";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
const send = globalThis.fetch; // the generated functions call fetch with a path
globalThis.fetch = (path, options) => send(`${url}${path}`, options);
const authorization = { Authorization: `Bearer ${key}` };
const options = { headers: authorization };
const three: PlaceOrderBody = { user_id: "user-42", total: 9900, currency: "EUR" };
const lines: LineBody[] = [{ sku: "A1", name: "Lamp", quantity: 2, unit_price: 4750 }];

function expect<Response extends { status: number }, Status extends Response["status"]>(
  response: Response,
  status: Status,
): Extract<Response, { status: Status }> {
  if (response.status !== status) throw new Error(`${response.status} ${JSON.stringify(response)}`);
  return response as Extract<Response, { status: Status }>;
}

const placed = expect(await placeOrder(three, {}, options), 201);
const withLines = { ...three, total: 10000, lines, shipping: 500, tax: null, tags: ["gift"], metadata: { channel: "web" } };
const full = expect(await placeOrder(withLines, {}, { headers: { ...authorization, "Idempotency-Key": "full" } }), 201);
const dryRun = expect(await placeOrder(three, { dry_run: true }, options), 201);
const page = expect(await listOrders({ status: ["pending", "cancelled"], limit: 1 }, options), 200);
const id = placed.data.id;
const stale = expect(await cancelOrder(id, {}, {}, { headers: { ...authorization, "If-Match": '"7"' } }), 412);
const cancelled = expect(await cancelOrder(id, { reason: "late" }, {}, options), 200);
const again = expect(await deleteOrder(id, {}, options), 422);
const invalid = expect(await placeOrder({ ...three, currency: "ABC" }, {}, options), 422);

console.log(
  JSON.stringify({
    placed: [placed.status, placed.data.status, placed.data.total, placed.data.lines.length],
    full: [full.data.lines[0]?.name, full.data.shipping, full.data.tags, full.data.metadata["channel"]],
    dry_run: [dryRun.status, dryRun.data.user_id, dryRun.headers.get("Dry-Run")],
    page: [page.data.data.length, page.data.data[0]?.external_ref, page.data.has_more],
    stale: [stale.status, stale.data.code],
    cancelled: [cancelled.data.status, cancelled.data.cancellation!.reason, cancelled.data.version],
    again: [again.status, again.data.code],
    invalid: [invalid.status, invalid.data.errors?.[0]?.pointer],
  }),
);
