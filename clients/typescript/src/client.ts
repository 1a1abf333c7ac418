import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { ConnectionFailed, errorOf } from "./errors.js";
import { createClient, createConfig } from "./generated/client/index.js";
import { KEYED } from "./generated/problems.js";
import { Api } from "./generated/sdk.gen.js";
import { DEFAULT_RETRIES, delayOf, type Outcome, type Retries } from "./retries.js";

export interface OrderkeepOptions {
  /** URL of the service, such as `https://orders.example.com`. */
  url: string;
  /** API key, or access token. A service without authentication needs none. */
  token?: string;
  /** Seconds to wait for a response. */
  timeout?: number;
  /** When to repeat a request. */
  retries?: Partial<Retries>;
  /** A `fetch` of your own, such as one with a proxy. */
  fetch?: (request: Request) => Promise<Response>;
}

/**
 * The orders of a service. Writes get an idempotency key, unless the header `Idempotency-Key` is given, so that they can
 * be repeated.
 */
export class Orderkeep extends Api {
  constructor({ url, token, timeout = 30, retries, fetch = globalThis.fetch }: OrderkeepOptions) {
    const client = createClient(
      createConfig({
        baseUrl: url.replace(/\/+$/, ""),
        auth: () => token,
        throwOnError: true,
        fetch: (request) => send(request as Request, fetch, timeout, { ...DEFAULT_RETRIES, ...retries }),
      }),
    );
    client.interceptors.request.use((request, { method, url: path }) => {
      if (KEYED.has(`${method} ${path}`) && !request.headers.has("Idempotency-Key")) {
        request.headers.set("Idempotency-Key", randomUUID());
      }
      return request;
    });
    super({ client, key: randomUUID() });
  }
}

async function send(
  request: Request,
  fetch: (request: Request) => Promise<Response>,
  timeout: number,
  retries: Retries,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await sendOnce(request, fetch, timeout);
    request.signal.throwIfAborted();
    const delay = await delayOf(retries, request, outcome, attempt);
    if (delay !== null) {
      await sleep(delay * 1000, undefined, { signal: request.signal });
    } else if ("error" in outcome) {
      throw new ConnectionFailed(request, outcome.error);
    } else if (outcome.response.ok) {
      return outcome.response;
    } else {
      throw await errorOf(request, outcome.response);
    }
  }
}

/** Send a request and read its response, within the time. */
async function sendOnce(
  request: Request,
  fetch: (request: Request) => Promise<Response>,
  timeout: number,
): Promise<Outcome> {
  const controller = new AbortController();
  const abort = () => controller.abort(request.signal.reason);
  request.signal.addEventListener("abort", abort);
  const timer = setTimeout(() => controller.abort(new Error(`no response within ${timeout} s`)), timeout * 1000);
  try {
    const response = await fetch(new Request(request.clone(), { signal: controller.signal }));
    const body = [204, 304].includes(response.status) ? null : await response.arrayBuffer();
    return { response: new Response(body, response) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", abort);
  }
}
