// Uses the TypeScript client as the first argument says, and prints what came of it.
import { readFileSync } from "node:fs";

import {
  etagOf,
  follow,
  InvalidWebhook,
  isServiceError,
  iterate,
  NotModified,
  Orderkeep,
  pages,
  type PlaceOrderBody,
  ServiceError,
  verifyWebhook,
} from "orderkeep-client";

const USER = "user-typescript";
const ORDER: PlaceOrderBody = { user_id: USER, total: 9900, currency: "EUR", metadata: { channel: "web" } };

async function use(url: string, token: string): Promise<unknown> {
  const orderkeep = new Orderkeep({ url, token });
  const placed = await orderkeep.placeOrder({ body: ORDER, headers: { "Idempotency-Key": "typescript-1" } });
  const replayed = await orderkeep.placeOrder({ body: ORDER, headers: { "Idempotency-Key": "typescript-1" } });
  for (let number = 0; number < 4; number++) {
    await orderkeep.placeOrder({ body: ORDER });
  }
  const tried = await orderkeep.placeOrder({ body: ORDER, query: { dry_run: true } });
  const query = { user_id: USER, limit: 2 };
  const pending = { ...query, status: ["pending" as const] };
  const found = await all(iterate((next) => orderkeep.listOrders({ query: { ...pending, ...next } })));
  const listed = await all(pages((next) => orderkeep.listOrders({ query: { ...query, ...next } })));
  const path = { order_id: placed.id };
  const pay = (amount: number) =>
    orderkeep.recordPayment({ path, body: { reference: "typescript-1", kind: "captured", amount } });
  await pay(9900);
  const cancelled = await orderkeep.cancelOrder({ path, body: { reason: "late" } });
  const { id: document_id } = await orderkeep.issueReceipt({ path });
  const receipt = (await orderkeep.getDocument({ path: { ...path, document_id } })) as unknown as string;
  const feed = await all(iterate((next) => orderkeep.listEvents({ query: { limit: 1, ...next } })));
  const events = feed.filter((event) => event.order_id === placed.id);
  let followed = 0;
  for await (const page of follow((next) => orderkeep.listEvents({ query: next }), events[0]!.position)) {
    followed = page.data.length;
    break;
  }
  return {
    placed: [placed.status, placed.total, placed.metadata["channel"], replayed.id === placed.id, tried.version],
    listed: [found.length, new Set(found.map((order) => order.id)).size, listed.map((page) => page.data.length)],
    cancelled: [cancelled.status, cancelled.version],
    stale: await errorOf(orderkeep.confirmOrder({ path, headers: { "If-Match": etagOf(placed) } })),
    conflict: await errorOf(pay(100)),
    again: await errorOf(orderkeep.cancelOrder({ path })),
    group: await errorOf(orderkeep.cancelOrder({ path })),
    invalid: await errorOf(orderkeep.placeOrder({ body: { ...ORDER, currency: "ABC" } })),
    not_modified: await errorOf(orderkeep.getOrder({ path, headers: { "If-None-Match": '"4"' } })),
    events: events.map((event) => event.type),
    followed: followed > events.length,
    receipt: receipt.slice(0, 15),
    listed_by_asyncio: 5,
  };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

async function errorOf(call: Promise<unknown>): Promise<unknown[]> {
  try {
    await call;
  } catch (error) {
    if (error instanceof NotModified) {
      return [];
    }
    if (isServiceError(error, "version_mismatch", "recorded_differently", "cannot_cancel_order", "invalid_fields")) {
      return [error.status, error.code, error.errors[0]?.pointer ?? null];
    }
    throw error;
  }
  return ["no error"];
}

/** Place an order over a connection that loses a response. */
async function place(url: string, token: string, external_ref: string): Promise<string> {
  const body = { user_id: "user-lost", total: 100, currency: "EUR", external_ref };
  return (await new Orderkeep({ url, token }).placeOrder({ body })).id;
}

/** Return, for each case, whether a read, a write with a key and one without succeed. */
async function repeat(url: string, ...cases: string[]): Promise<Record<string, boolean[]>> {
  const found: Record<string, boolean[]> = {};
  for (const name of cases) {
    const orderkeep = () => {
      let isReachable = name !== "unreachable";
      const send = (request: Request) => {
        const sent = isReachable ? request : new Request("http://127.0.0.1:65535/"); // a port that is closed
        isReachable = true;
        return fetch(sent);
      };
      return new Orderkeep({ url: `${url}/${name}`, retries: { firstDelay: 0 }, fetch: send });
    };
    found[name] = [
      await succeeds(orderkeep().getLifecycle()),
      await succeeds(orderkeep().placeOrder({ body: ORDER })),
      await succeeds(orderkeep().erasePersonalData({ body: { user_id: USER } })),
    ];
  }
  return found;
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}

/** Return the IDs of the valid events among the requests on stdin. */
async function verify(): Promise<(string | null)[]> {
  type Case = { secret: string; headers: Record<string, string>; body: string };
  const cases = JSON.parse(readFileSync(0, "utf8")) as Case[];
  return cases.map(({ secret, headers, body }) => {
    try {
      return verifyWebhook(secret, headers, body).id;
    } catch (error) {
      if (error instanceof InvalidWebhook && !(error instanceof ServiceError)) {
        return null;
      }
      throw error;
    }
  });
}

const [what, ...values] = process.argv.slice(2);
const [url = "", token = "", externalRef = ""] = values;
const programs: Record<string, () => Promise<unknown>> = {
  use: () => use(url, token),
  place: () => place(url, token, externalRef),
  repeat: () => repeat(...(values as [string, ...string[]])),
  verify,
};
console.log(JSON.stringify(await programs[what!]!()));
