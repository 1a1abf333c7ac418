// Receives webhooks: verifies each signature, and processes each event once. Needs Node.js only.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const seen = new Set(); // in production: a table with a unique key, in the same transaction as the effect of the event

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures = "" } = request.headers;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  const isSigned = signatures.split(" ").some((each) => {
    const given = Buffer.from(each.replace("v1,", ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  const isValid = isSigned && Math.abs(Date.now() / 1000 - timestamp) < 300;
  if (isValid && !seen.has(id)) {
    console.log(id, JSON.parse(body).type);
    seen.add(id);
  }
  response.writeHead(isValid ? 204 : 401).end();
}).listen(process.env.PORT, "127.0.0.1");
