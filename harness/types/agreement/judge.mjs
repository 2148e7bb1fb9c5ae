// Puts records to Zod schemas. The first line of standard input are the modules of the schemas by name, and whether the
// values are as the npm package pg receives them: the answer are the versions of packages that the directory finds. Each
// other line are records, for which a line of judgements is written.
// A value is {text, oid} as pg receives it, {json} as PostgREST sends it.
import { readFileSync, realpathSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

/** The path of the package.json of a package, undefined if there is none; pnpm has what a package needs at its end. */
function installed(name, base) {
  try {
    return realpathSync(findPackageJSON(name, base));
  } catch {
    return undefined;
  }
}

const version = (path) => (path === undefined ? null : JSON.parse(readFileSync(path, "utf8")).version);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { modules, withDriver } = JSON.parse((await lines.next()).value);
// Only pg's own parsers give what pg gives: the newest pg-types is of no version of pg.
const base = installed("pg", import.meta.url) ?? import.meta.url;
const versions = { zod: version(installed("zod", import.meta.url)) };
if (withDriver) versions["pg-types"] = version(installed("pg-types", base));
process.stdout.write(`${JSON.stringify(versions)}\n`);

const schemas = {};
for (const [name, path] of Object.entries(modules)) {
  schemas[name] = await import(pathToFileURL(path).href);
}
const types = withDriver ? createRequire(base)("pg-types") : null;

function received(value) {
  if ("json" in value) return value.json;
  return value.text === null ? null : types.getTypeParser(value.oid, "text")(value.text);
}

function judged({ module, schema, values }) {
  const record = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, received(value)]));
  let found;
  try {
    found = schemas[module][schema].safeParse(record);
  } catch (error) {
    // A rule that fails is a fault of the schemas, as one that differs.
    return { accepted: false, messages: [String(error)] };
  }
  return found.success
    ? { accepted: true, messages: [] }
    : { accepted: false, messages: found.error.issues.map((issue) => issue.message) };
}

for await (const line of lines) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(judged))}\n`);
}
