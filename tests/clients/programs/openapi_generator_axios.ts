import { isAxiosError } from "axios";
import { Configuration, type LineBody, OrdersApi, type PlaceOrderBody, type Problem } from "./client";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
const api = new OrdersApi(new Configuration({ basePath: url, accessToken: key }));
const three: PlaceOrderBody = { user_id: "user-42", total: 9900, currency: "EUR" };
const lines: LineBody[] = [{ sku: "A1", name: "Lamp", quantity: 2, unit_price: 4750 }];

async function rejected(request: Promise<unknown>): Promise<[number, Problem]> {
  try {
    await request;
  } catch (error) {
    if (isAxiosError<Problem>(error) && error.response) return [error.response.status, error.response.data];
    throw error;
  }
  throw new Error("the request was accepted");
}

const placed = await api.placeOrder(three);
const withLines = {
  ...three, total: 10000, lines, shipping: 500, tax: null, tags: ["gift"], metadata: { channel: "web" },
};
const full = (await api.placeOrder(withLines, false, "full")).data;
const dryRun = await api.placeOrder(three, true);
const statuses: ("pending" | "cancelled")[] = ["pending", "cancelled"];
const page = (
  await api.listOrders(undefined, statuses, undefined, undefined, undefined, undefined, 1)
).data;
const id = placed.data.id;
const [staleStatus, stale] = await rejected(api.cancelOrder(id, false, undefined, '"7"'));
const cancelled = (await api.cancelOrder(id, false, undefined, undefined, undefined, { reason: "late" })).data;
const [againStatus, again] = await rejected(api.deleteOrder(id));
const [invalidStatus, invalid] = await rejected(api.placeOrder({ ...three, currency: "ABC" }));

console.log(
  JSON.stringify({
    placed: [placed.status, placed.data.status, placed.data.total, placed.data.lines.length],
    full: [full.lines[0]?.name, full.shipping, full.tags, full.metadata["channel"]],
    dry_run: [dryRun.status, dryRun.data.user_id, dryRun.headers["dry-run"]],
    page: [page.data.length, page.data[0]?.external_ref, page.has_more],
    stale: [staleStatus, stale.code],
    cancelled: [cancelled.status, cancelled.cancellation!.reason, cancelled.version],
    again: [againStatus, again.code],
    invalid: [invalidStatus, invalid.errors?.[0]?.pointer],
  }),
);
