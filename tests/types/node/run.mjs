// Puts cases to schemas: node run.mjs CASES.json prints, as JSON, one answer for each case:
// {file, schema, value}: the issues of a value as [message, path], for the schema of a record, or of one column of it;
// {file, call, values}: what a function returns; {parsed: [oid, text]}: what node-postgres makes of a text.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve, dirname } from "node:path";
import pg from "pg";

const [, program, path] = process.argv;
const modules = new Map();

/** A value of JSON, in which an object with one key that begins with $ is what JSON cannot say. */
function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== "object" || value === null) return value;
  const [[kind, given] = [], ...more] = Object.entries(value);
  if (more.length === 0 && kind === "$number") return Number(given);
  if (more.length === 0 && kind === "$undefined") return undefined;
  if (more.length === 0 && kind === "$json") return JSON.parse(given);
  if (more.length === 0 && kind === "$pg") return pg.types.getTypeParser(given[0], "text")(given[1]);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revived(each)]));
}

/** What JSON.stringify would lose, as words. */
function shown(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString("hex")}`;
  if (Array.isArray(value)) return value.map(shown);
  return value;
}

async function answer({ file, schema, column, value, call, values, parsed }) {
  if (parsed) return shown(revived({ $pg: parsed }));
  const url = pathToFileURL(resolve(dirname(program), file)).href;
  if (!modules.has(url)) modules.set(url, await import(url));
  if (call) return shown(modules.get(url)[call](...revived(values)));
  const record = modules.get(url)[schema];
  const { error } = (column ? record.shape[column] : record).safeParse(revived(value));
  return (error?.issues ?? []).map((issue) => [issue.message, issue.path]);
}

const answers = [];
for (const each of JSON.parse(readFileSync(path, "utf8"))) answers.push(await answer(each));
process.stdout.write(JSON.stringify(answers));
