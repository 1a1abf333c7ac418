// @hey-api/openapi-ts: one class with a method for each operation, which returns the result and throws errors.
export default {
  input: "openapi.json",
  output: { path: "typescript/src/generated", module: { extension: ".js" } },
  plugins: [
    "@hey-api/typescript",
    { name: "@hey-api/client-fetch", throwOnError: true },
    { name: "@hey-api/sdk", responseStyle: "data", operations: { strategy: "single", containerName: "Api" } },
  ],
};
