// Holds what control answered (ANSWERS: one JSON object a line) against the OpenAPI document that is among it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const answers = readFileSync(process.env.ANSWERS, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const document = JSON.parse(answers.find((answer) => answer.path === "/barrio/v1/openapi.json" && answer.status === 200).body);

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
    responses: operation.responses,
    takes: operation.requestBody?.content["application/json"]?.schema,
  })),
);
const operationOf = (answer) => operations.find((one) => one.method === answer.method && one.path.test(answer.path));

const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
ajv.addSchema({ $id: "document", ...document });
const compiled = new Map();
function errorsOf(schema, value) {
  const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
  if (!compiled.has(text)) compiled.set(text, ajv.compile(JSON.parse(text)));
  const validate = compiled.get(text);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

test("the document is OpenAPI 3.1", async () => {
  const result = await new Validator().validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
});

test("every operation was answered with its success", () => {
  const seen = new Set(answers.map((answer) => `${operationOf(answer)?.name} ${answer.status}`));
  for (const { name, responses } of operations) {
    for (const status of Object.keys(responses).filter((one) => one !== "default")) {
      assert.ok(seen.has(`${name} ${status}`), `no test of control gets ${status} from ${name}`);
    }
  }
});

test("every answer is as the document says", () => {
  for (const answer of answers) {
    const operation = operationOf(answer);
    if (!operation) {
      assert.ok(!answer.path.startsWith("/barrio/v1") || answer.status >= 400, `${answer.path} is not in the document`);
      continue;
    }
    const said = operation.responses[answer.status] ?? operation.responses.default;
    const which = `${operation.name} ${answer.status}`;
    assert.ok(operation.responses[answer.status] || answer.status >= 400, `${which} is not in the document`);
    const media = answer.media.split(";")[0];
    if (!said.content || media === "text/csv") continue;
    assert.ok(said.content[media], `${which} comes as ${media}`);
    if (!media.endsWith("json")) continue;
    assert.equal(errorsOf(said.content[media].schema, JSON.parse(answer.body)), null, `${which}: ${answer.body}`);
  }
});

test("every body that was taken is as the document says", () => {
  let taken = 0;
  for (const answer of answers.filter((one) => one.status < 300)) {
    const operation = operationOf(answer);
    if (!operation?.takes) continue;
    assert.equal(errorsOf(operation.takes, JSON.parse(answer.request)), null, `${operation.name}: ${answer.request}`);
    ++taken;
  }
  assert.ok(taken > 10);
});

test("an answer with a field too many, or one too few, would be found", () => {
  const site = JSON.parse(answers.find((one) => one.path === "/barrio/v1/sites" && one.status === 200).body);
  const schema = { $ref: "#/components/schemas/SiteList" };
  assert.equal(errorsOf(schema, site), null);
  assert.ok(errorsOf(schema, { ...site, extra: 1 }));
  delete site.sites[0].city;
  assert.ok(errorsOf(schema, site));
});
