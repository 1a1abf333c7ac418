import { ERROR_STATUS } from "./generated/problems.js";
import type { Problem, ProblemDetail } from "./generated/types.gen.js";

/** The code of an error of the service. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** Base of all errors of this package. */
export class OrderkeepError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * No response: the service cannot be reached, or the connection was lost or timed out. If it was a write, it is not
 * known whether it was done: repeat it with the same idempotency key, `idempotencyKey`.
 */
export class ConnectionFailed extends OrderkeepError {
  readonly idempotencyKey: string | null;

  constructor(request: Request, cause: unknown) {
    super(`${request.method} ${request.url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.idempotencyKey = request.headers.get("Idempotency-Key");
  }
}

/** The resource has the entity tag that `If-None-Match` names. */
export class NotModified extends OrderkeepError {}

/**
 * An error response. `code` distinguishes errors: `isServiceError(error, "version_mismatch")`. `problem` is the whole
 * problem document; `errors` lists all invalid fields. A response of a proxy, which is no problem document, has the code
 * `http_` and its status.
 */
export class ServiceError extends OrderkeepError {
  readonly status: number;
  readonly code: ErrorCode | `http_${number}`;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly ProblemDetail[];
  readonly requestId: string;
  readonly idempotencyKey: string | null;

  constructor(
    readonly problem: Problem,
    request: Request,
  ) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
    this.status = problem.status;
    this.code = problem.code as ErrorCode; // or a code that a later version of the service has added
    this.title = problem.title;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
    this.idempotencyKey = request.headers.get("Idempotency-Key");
  }
}

/** Return whether a caught value is an error of the service with one of these codes, or with any if none is given. */
export function isServiceError(error: unknown, ...codes: ErrorCode[]): error is ServiceError {
  return error instanceof ServiceError && (codes.length === 0 || (codes as string[]).includes(error.code));
}

/** Return the problem document of a response, or one like it. */
export async function problemOf(response: Response): Promise<Problem> {
  if (response.headers.get("Content-Type")?.split(";")[0] === "application/problem+json") {
    return (await response.clone().json()) as Problem;
  }
  return {
    type: "about:blank",
    title: response.statusText,
    status: response.status,
    detail: response.statusText,
    code: `http_${response.status}`,
    request_id: response.headers.get("X-Request-Id") ?? "",
  };
}

/** Return the error of a response that is no success. */
export async function errorOf(request: Request, response: Response): Promise<OrderkeepError> {
  if (response.status === 304) {
    return new NotModified(`${request.url} has not changed`);
  }
  return new ServiceError(await problemOf(response), request);
}

/** Return the entity tag of an order or a webhook, to send as `If-Match`. */
export function etagOf(resource: { version: number }): string {
  return `"${resource.version}"`;
}
