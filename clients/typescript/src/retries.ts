import { problemOf } from "./errors.js";

/**
 * Repeat a request up to `attempts` times in all, after a random delay of up to `firstDelay` seconds, which doubles each
 * time up to `longestDelay`, or after `Retry-After`. A request that would have to wait longer than `longestDelay` fails.
 */
export interface Retries {
  attempts: number;
  firstDelay: number;
  longestDelay: number;
}

export const DEFAULT_RETRIES: Retries = { attempts: 5, firstDelay: 0.5, longestDelay: 60 };

/** Codes after which every request can be repeated. */
const NOTHING_DONE = [
  "contention", "draining", "overloaded", "request_too_slow", "store_moved", "too_many_requests", "http_429",
];

/** Codes after which a request may or may not have been done. */
const UNKNOWN = ["store_unavailable", "http_502", "http_503", "http_504"];

/** Codes of Node.js for connections that were not opened. */
const NOT_SENT = ["ECONNREFUSED", "EAI_AGAIN", "ENOTFOUND", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

/** The response, or why there is none. */
export type Outcome = { response: Response } | { error: unknown };

/**
 * Return the seconds to wait after an attempt, numbered from 1, or null if the request is not to be repeated.
 *
 * If it is not known whether a request was done, it is repeated only if that is safe: if it reads, or has an idempotency
 * key.
 */
export async function delayOf(
  retries: Retries,
  request: Request,
  outcome: Outcome,
  attempt: number,
): Promise<number | null> {
  if (attempt >= retries.attempts || !(await mayRepeat(request, outcome))) {
    return null;
  }
  const jitter = Math.random() * Math.min(retries.longestDelay, retries.firstDelay * 2 ** (attempt - 1));
  const requested = "response" in outcome ? secondsOf(outcome.response.headers.get("Retry-After")) : 0;
  return requested <= retries.longestDelay ? requested + jitter : null;
}

async function mayRepeat(request: Request, outcome: Outcome): Promise<boolean> {
  const isSafe = ["GET", "HEAD"].includes(request.method) || request.headers.has("Idempotency-Key");
  if ("error" in outcome) {
    return isSafe || NOT_SENT.includes(codeOf(outcome.error));
  }
  if (outcome.response.ok || outcome.response.status === 304) {
    return false;
  }
  const { code } = await problemOf(outcome.response);
  return NOTHING_DONE.includes(code) || (isSafe && UNKNOWN.includes(code));
}

function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; errors?: { code?: string }[] } };
  return cause?.code ?? cause?.errors?.[0]?.code ?? "";
}

/** Return the seconds of a `Retry-After`, a number or an HTTP date (RFC 9110); 0 if it is neither. */
function secondsOf(retryAfter: string | null): number {
  if (retryAfter === null) {
    return 0;
  }
  if (/^\d+$/.test(retryAfter)) {
    return Number(retryAfter);
  }
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? 0 : Math.max(0, (at - Date.now()) / 1000);
}
