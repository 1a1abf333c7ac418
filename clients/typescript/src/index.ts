export * from "./client.js";
export * from "./errors.js";
export * from "./pagination.js";
export { type Retries } from "./retries.js";
export * from "./webhooks.js";
export type * from "./generated/types.gen.js";
