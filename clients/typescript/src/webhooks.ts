import { createHmac, timingSafeEqual } from "node:crypto";

import { OrderkeepError } from "./errors.js";

const TOLERANCE_SECONDS = 300;

/** The request is not a webhook that was signed with this secret in the last five minutes: respond 401. */
export class InvalidWebhook extends OrderkeepError {}

/** An event, as CloudEvents 1.0 defines it. */
export interface CloudEvent {
  specversion: string;
  id: string;
  source: string;
  type: string;
  subject?: string;
  time?: string;
  data: Record<string, unknown>;
  [extension: string]: unknown;
}

/**
 * Return the event of a webhook (https://www.standardwebhooks.com). Throws `InvalidWebhook`.
 *
 * @param secret The secret of the webhook, `whsec_…`.
 * @param headers Headers of the request: those of Node.js, or `Headers`.
 * @param body Body of the request, as it was received.
 * @param now The time, in seconds since 1970.
 */
export function verifyWebhook(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array,
  now: number = Date.now() / 1000,
): CloudEvent {
  const given = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  const lower = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), String(value)]));
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = lower;
  if (id === undefined || signatures === undefined || timestamp === undefined || !/^\d+$/.test(timestamp)) {
    throw new InvalidWebhook("webhook-id, webhook-timestamp or webhook-signature is missing or invalid");
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  if (!signatures.split(" ").some((each) => isEqual(each, `v1,${digest}`))) {
    throw new InvalidWebhook("no signature is valid for this secret and body");
  }
  if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new InvalidWebhook("webhook-timestamp is more than five minutes away from the time here");
  }
  return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString("utf8")) as CloudEvent;
}

function isEqual(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
