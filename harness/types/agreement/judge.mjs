// Puts cases to Zod schemas: reads {modules, cases} from standard input, writes one judgement for each case.
// A value is {text, oid} as node-postgres receives it, {json} as PostgREST sends it.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { modules, cases } = JSON.parse(readFileSync(0, "utf8"));
const schemas = {};
for (const [name, path] of Object.entries(modules)) {
  schemas[name] = await import(pathToFileURL(path).href);
}
const needsDriver = cases.some((each) => Object.values(each.values).some((value) => "oid" in value));
const types = needsDriver ? (await import("pg-types")).default : null;

function received(value) {
  if ("json" in value) return value.json;
  return value.text === null ? null : types.getTypeParser(value.oid, "text")(value.text);
}

const judgements = cases.map(({ module, schema, values }) => {
  const record = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, received(value)]));
  const found = schemas[module][schema].safeParse(record);
  return found.success
    ? { accepted: true, messages: [] }
    : { accepted: false, messages: found.error.issues.map((issue) => issue.message) };
});
process.stdout.write(JSON.stringify(judgements));
