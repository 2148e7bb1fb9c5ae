/** What the schemas of a database share: the types of PostgreSQL, and the functions that rules call. */
import * as z from "zod";

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

/** An interval as the npm package `pg` reads and sends it. */
export interface PostgresInterval {
  years?: number;
  months?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
  toPostgres(): string;
}

type Issue = z.core.$ZodRawIssue;
type Numeric = string | number;

// Errors: the name of the constraint or, where PostgreSQL has none, the column and the SQLSTATE.

/** The parameters of a schema: NULL is its error, and so is what is no value of its type, if `message` gives no other. */
export function column(name: string, message = noValue(name)) {
  return {
    error: (issue: Issue) =>
      issue.input === null || issue.input === undefined ? `${name} (23502)` : message(issue),
  };
}

/** The error of what is no value of a column's type; a key that a record does not have is told in Zod's own words. */
function noValue(name: string): (issue: Issue) => string | undefined {
  return ({ code }) => (code === "unrecognized_keys" ? undefined : `${name} (22P02)`);
}

/** By the errors of values that are none of a set: its CHECK, and the schema of its values whatever they are. */
const sets = new WeakMap<object, { rule: string; type: z.ZodType }>();

/** The parameters of the schema of a set that the CHECK `rule` names; its values are of a `type`, which comes first. */
export function setOf(name: string, rule: string, type: z.ZodType) {
  const found = column(name, ({ input }) => type.safeParse(input).error?.issues[0]?.message ?? rule);
  sets.set(found.error, { rule, type });
  return found;
}

/** The parameters of the schema of an array's elements, of which `rule` allows no others, and no NULL. */
export function elementsOf(rule: string, type: z.ZodType) {
  const named = ({ input }: Issue) => type.nullable().safeParse(input).error?.issues[0]?.message ?? rule;
  sets.set(named, { rule, type });
  return { error: named };
}

/** Whether a rule can look at a column in spite of an issue: it has a value of its type, and the issue is another's. */
function canLook(rule: string, issue: Issue) {
  const error: unknown = issue.inst?._zod.def.error;
  const set = typeof error === "function" ? sets.get(error) : undefined;
  return issue.continue === true || (set !== undefined && set.rule !== rule && set.type.safeParse(issue.input).success);
}

/** The parameters of a rule over some columns of a record: it is tried unless one of them has no value of its type. */
export function rule(name: string, ...columns: string[]) {
  return {
    error: name,
    path: columns.length === 1 ? columns : [],
    params: { columns },
    when: ({ value, issues }: z.core.ParsePayload) =>
      typeof value === "object" &&
      value !== null &&
      !issues.some((issue) => !canLook(name, issue) && columns.includes(String(issue.path?.[0]))),
  };
}

/** A check after whose failure the value is none of its type. */
function must<T>(holds: (value: T) => boolean, message: string) {
  return (payload: z.core.ParsePayload<T>) => {
    if (!holds(payload.value)) {
      payload.issues.push({ code: "custom", input: payload.value, message, path: [] });
    }
  };
}

function matching(name: string, pattern: RegExp) {
  return z.string(column(name)).check(must((value) => pattern.test(value), `${name} (22P02)`));
}

// Types that are the same for every driver.

export const bool = (name: string) => z.boolean(column(name));
export const unknown = (_name: string) => z.unknown();
export const nothing = (_name: string) => z.unknown();
export const uuid = (name: string) => z.guid(column(name));
export const time = (name: string) => matching(name, /^\d\d:\d\d:\d\d(\.\d{1,6})?$/);
export const timetz = (name: string) => matching(name, /^\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}$/);

/** A text that nothing is known of. */
export const string = (name: string) => z.string(column(name));

/** A text that PostgreSQL can hold: without NUL and lone surrogates. */
export const text = (name: string) => z.string(column(name)).check(must(isText, `${name} (22021)`));

/** varchar(n), which cuts blanks after n characters. */
export const varchar = (name: string, most: number) =>
  text(name)
    .check(must((value) => charLength(withoutBlanks(value)) <= most, `${name} (22001)`))
    .overwrite((value) => [...value].slice(0, most).join(""));

export const bpchar = varchar;

export const bit = (name: string, length?: number) =>
  matching(name, /^[01]*$/).check(must((value) => length === undefined || value.length === length, `${name} (22026)`));

export const varbit = (name: string, most = Infinity) =>
  matching(name, /^[01]*$/).check(must((value) => value.length <= most, `${name} (22001)`));

export const int2 = (name: string) => integer(name, -(2 ** 15), 2 ** 15 - 1);
export const int4 = (name: string) => integer(name, -(2 ** 31), 2 ** 31 - 1);
export const oid = (name: string) => integer(name, 0, 2 ** 32 - 1);

function integer(name: string, least: number, most: number) {
  return z
    .number(column(name))
    .check(
      must((value) => Number.isInteger(value), `${name} (22P02)`),
      must((value) => value >= least && value <= most, `${name} (22003)`),
    );
}

/** A document; the JSON null is sent as NULL. */
export const json = (name: string) =>
  z
    .custom<Json>((value) => z.json().safeParse(value).success, column(name))
    .check(must((value) => value !== null, `${name} (23502)`));

/** jsonb, whose texts are texts of PostgreSQL. */
export const jsonb = (name: string) => json(name).check(must(hasTexts, `${name} (22P05)`));

/** A document of a shape that the constraint `rule` enforces. */
export const shaped = <S extends z.ZodType>(name: string, rule: string, shape: S) =>
  z.custom<z.output<S>>(
    (value) => shape.safeParse(value).success && hasTexts(value),
    column(name, () => rule),
  );

// Types as the npm package pg gives them.

export const int8 = (name: string) =>
  matching(name, /^-?\d+$/).check(
    must((value) => compareNumeric(value, "-9223372036854775808") >= 0, `${name} (22003)`),
    must((value) => compareNumeric(value, "9223372036854775807") <= 0, `${name} (22003)`),
  );

/** numeric, or numeric(precision, scale), which rounds before anything looks at a number. */
export const numeric = (name: string, precision?: number, scale = 0) =>
  matching(name, /^(-?\d+(\.\d+)?|NaN|-?Infinity)$/)
    .check(must((value) => precision === undefined || fits(value, precision, scale), `${name} (22003)`))
    .overwrite((value) => (precision === undefined ? value : rounded(value, scale)));

export const float8 = (name: string) =>
  z.union([z.number(), z.nan(), z.literal([Infinity, -Infinity])], column(name));

export const float4 = (name: string) => float8(name).check(must(isReal, `${name} (22003)`));

export const date = (name: string) => z.date(column(name));

export const interval = (name: string) =>
  z.custom<PostgresInterval>(
    (value) => typeof value === "object" && value !== null && "toPostgres" in value,
    column(name),
  );

export const point = (name: string) => z.strictObject({ x: float8(name), y: float8(name) }, column(name));
export const circle = (name: string) =>
  z.strictObject({ x: float8(name), y: float8(name), radius: float8(name) }, column(name));

/** The text of an array, whose elements are looked at one by one. */
export const arrayText = (name: string, element: z.ZodType<unknown, unknown>) =>
  text(name).check((payload) => {
    const elements = parsedArray(payload.value);
    const result = z.array(element).safeParse(elements);
    for (const issue of elements === undefined ? [{ message: `${name} (22P02)` }] : (result.error?.issues ?? [])) {
      payload.issues.push({ code: "custom", input: payload.value, message: issue.message, path: [] });
    }
  });

/** An element of such an array, which `read` makes a value of; what it cannot read stays a text. */
export const elementText = (read: (value: string) => unknown, schema: z.ZodType<unknown, unknown>) =>
  z.string().transform(read).pipe(schema);

export const readBool = (value: string) => (value === "t" ? true : value === "f" ? false : value);
export const readNumber = (value: string) => (value === "NaN" ? NaN : isNaN(Number(value)) ? value : Number(value));
export const readMoment = (value: string) => value.replace(" ", "T");

export function readDocument(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

// Types as JSON has them.

/** A bigint as a number: what is rounded to its bounds may have been within. */
export const int8Json = (name: string) => integer(name, -(2 ** 63), 2 ** 63);

export const numericJson = (name: string, precision?: number, scale = 0) =>
  z
    .union([z.number(), z.literal("NaN")], column(name))
    .check(must((value) => precision === undefined || fits(value, precision, scale), `${name} (22003)`))
    .overwrite((value) => (precision === undefined || value === "NaN" ? value : Number(rounded(value, scale))));

/** A numeric of any precision, which can be infinite. */
export const freeNumericJson = (name: string) => float8Json(name);

export const float8Json = (name: string) =>
  z.union([z.number(), z.literal(["NaN", "Infinity", "-Infinity"])], column(name));

export const float4Json = (name: string) => float8Json(name).check(must(isReal, `${name} (22003)`));

export const dateJson = (name: string) => moments(name, /^\d{4,}-\d\d-\d\d( BC)?$/);
export const timestampJson = (name: string) => moments(name, /^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?( BC)?$/);
export const timestamptzJson = (name: string) =>
  moments(name, /^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}( BC)?$/);

export const byteaJson = (name: string) => matching(name, /^\\x([0-9a-f]{2})*$/i);
export const hstoreJson = (name: string) => z.record(z.string(), z.string().nullable(), column(name));

function moments(name: string, pattern: RegExp) {
  return z
    .string(column(name))
    .check(must((value) => isInfinite(value) || (pattern.test(value) && isDay(value)), `${name} (22P02)`));
}

// Texts.

function isText(value: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(value);
}

function hasTexts(value: unknown): boolean {
  if (typeof value === "string") {
    return isText(value);
  }
  if (typeof value !== "object" || value === null) {
    return true;
  }
  return Object.entries(value).every(([key, each]) => isText(key) && hasTexts(each));
}

/** The number of code points. */
export function charLength(value: string): number {
  return [...value].length;
}

/** The number of bytes in UTF-8. */
export function octetLength(value: string): number {
  let bytes = 0;
  for (const each of value) {
    const code = each.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** A text without spaces at both ends. */
export function btrim(value: string): string {
  return value.replace(/^ +/, "").replace(/ +$/, "");
}

/** A text without spaces at its end, as char(n) is compared. */
export function withoutBlanks(value: string): string {
  return value.replace(/ +$/, "");
}

// Numbers: NaN equals NaN, and is greater than all others.

/** Negative if `a` is less than `b`, positive if it is greater. */
export function compareFloats(a: Numeric, b: Numeric): number {
  const [one, other] = [Number(a), Number(b)];
  if (Number.isNaN(one) || Number.isNaN(other)) {
    return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
  }
  return one < other ? -1 : Number(one > other);
}

/** Whether a number is in the range of `real`. */
function isReal(value: Numeric): boolean {
  const exact = Number(value);
  const rounded = Math.fround(exact);
  return !Number.isFinite(exact) || (Number.isFinite(rounded) && (rounded !== 0 || exact === 0));
}

/** A decimal number, `units` at the place `scale` behind the point; NaN and the infinities are numbers. */
type Decimal = { units: bigint; scale: number } | number;

function decimal(value: Numeric): Decimal {
  const found = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(String(value));
  if (!found) {
    return Number(value);
  }
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found;
  const units = BigInt(`${whole}${fraction}`);
  return scaled({ units: sign === "-" ? -units : units, scale: fraction.length - Number(exponent) }, 0);
}

/** A decimal number with at least so many places. */
function scaled(value: { units: bigint; scale: number }, least: number): { units: bigint; scale: number } {
  const more = Math.max(least - value.scale, 0);
  return { units: value.units * 10n ** BigInt(more), scale: value.scale + more };
}

function written({ units, scale }: { units: bigint; scale: number }): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return `${units < 0n ? "-" : ""}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
}

/** Negative if `a` is less than `b`, positive if it is greater, without the loss of a digit. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  const [one, other] = [decimal(a), decimal(b)];
  if (typeof one === "number" || typeof other === "number") {
    return compareFloats(typeof one === "number" ? one : 0, typeof other === "number" ? other : 0);
  }
  const scale = Math.max(one.scale, other.scale);
  const difference = scaled(one, scale).units - scaled(other, scale).units;
  return difference < 0n ? -1 : Number(difference > 0n);
}

function calculated(
  a: Numeric,
  b: Numeric,
  exact: (a: bigint, b: bigint) => bigint | undefined,
  special: (a: number, b: number) => number,
): string {
  const [one, other] = [decimal(a), decimal(b)];
  if (typeof one === "number" || typeof other === "number") {
    return String(special(Number(a), Number(b)));
  }
  const scale = Math.max(one.scale, other.scale);
  const units = exact(scaled(one, scale).units, scaled(other, scale).units);
  return units === undefined ? "NaN" : written({ units, scale });
}

export function plus(a: Numeric, b: Numeric): string {
  return calculated(a, b, (one, other) => one + other, (one, other) => one + other);
}

export function minus(a: Numeric, b: Numeric): string {
  return calculated(a, b, (one, other) => one - other, (one, other) => one - other);
}

export function times(a: Numeric, b: Numeric): string {
  const [one, other] = [decimal(a), decimal(b)];
  if (typeof one === "number" || typeof other === "number") {
    return String(Number(a) * Number(b));
  }
  return written({ units: one.units * other.units, scale: one.scale + other.scale });
}

/** The quotient of two bigints, towards zero. */
export function quotient(a: Numeric, b: Numeric): string {
  return calculated(a, b, (one, other) => (other === 0n ? undefined : one / other), () => NaN);
}

/** What is left of a division, with the sign of `a`. */
export function remainder(a: Numeric, b: Numeric): string {
  return calculated(a, b, (one, other) => (other === 0n ? undefined : one % other), (one, other) => one % other);
}

export function absolute(value: Numeric): string {
  return String(value).replace(/^-/, "");
}

/** The units of a number at the place `scale`, rounded half away from zero. */
function roundedUnits(exact: { units: bigint; scale: number }, scale: number): bigint {
  const { units, scale: places } = scaled(exact, scale);
  const cut = 10n ** BigInt(places - scale);
  return (units + (units < 0n ? -cut : cut) / 2n) / cut;
}

/** A number rounded to `scale` places. */
function rounded(value: Numeric, scale: number): string {
  const exact = decimal(value);
  return typeof exact === "number" ? String(value) : written(scaled({ units: roundedUnits(exact, scale), scale }, 0));
}

/** Whether a number has at most `precision` digits once it is rounded to `scale` places. */
function fits(value: Numeric, precision: number, scale: number): boolean {
  const exact = decimal(value);
  if (typeof exact === "number") {
    return Number.isNaN(exact);
  }
  const units = roundedUnits(exact, scale);
  // A number of JavaScript may have been rounded to the first that does not fit.
  const greatest = `${10n ** BigInt(precision) - 1n}e${-scale}`;
  const fit = (units < 0n ? -units : units) < 10n ** BigInt(precision);
  return fit || (typeof value === "number" && Math.abs(value) === Number(greatest));
}

// Dates and times as texts.

function isInfinite(value: string): boolean {
  return value === "infinity" || value === "-infinity";
}

function isDay(value: string): boolean {
  const [, year = "", month = "", day = ""] = /^(\d+)-(\d\d)-(\d\d)/.exec(value) ?? [];
  const leap = 2000 + ((value.endsWith("BC") ? 1 - Number(year) : Number(year)) % 400);
  return new Date(Date.UTC(leap, Number(month) - 1, Number(day))).getUTCDate() === Number(day);
}

const MOMENT =
  /^(\d+)-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?(?:([+-])(\d\d):?(\d\d)?:?(\d\d)?)?( BC)?$/;

/** A date or timestamp as microseconds since 1970. */
function microseconds(value: string): bigint | number {
  const found = MOMENT.exec(value);
  if (!found) {
    return value === "-infinity" ? -Infinity : Infinity;
  }
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = "", sign] = found;
  const [east, minutes = 0, seconds = 0, christ] = found.slice(9);
  const own = christ ? 1 - Number(year) : Number(year);
  // The calendar repeats itself every 400 years, which are 146,097 days.
  const periods = Math.floor(own / 400) - 5;
  const date = Date.UTC(own - periods * 400, Number(month) - 1, Number(day)) + periods * 146_097 * 86_400_000;
  const offset = (Number(east ?? 0) * 60 + Number(minutes)) * 60 + Number(seconds);
  const time = (Number(hour) * 60 + Number(minute)) * 60 + Number(second) - (sign === "-" ? -offset : offset);
  return BigInt(date) * 1000n + BigInt(time) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

/** Negative if the date or timestamp `a` is before `b`, positive if it is after it. */
export function compareMoments(a: string, b: string): number {
  const [one, other] = [microseconds(a), microseconds(b)];
  return one < other ? -1 : Number(one > other);
}

// Arrays and documents.

/** Whether each element of an array is one of the others; NULL is none. */
export function contained<T>(elements: readonly T[], others: readonly T[]): boolean {
  return elements.every((each) => each !== null && others.includes(each));
}

/** The elements of an array that arrived as a text, undefined if it has more than one dimension. */
export function parsedArray(value: string): (string | null)[] | undefined {
  if (!/^\{(("([^"\\]|\\.)*"|[^",{}\\]+)(,(?!\})|(?=\})))*\}$/su.test(value)) {
    return undefined;
  }
  const elements = value.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^",]+)/gsu);
  return Array.from(elements, ([, quoted, bare = ""]) =>
    quoted !== undefined ? quoted.replace(/\\(.)/gsu, "$1") : bare.toUpperCase() === "NULL" ? null : bare,
  );
}

export function jsonbTypeof(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

/** How many of the conditions are true. */
export function count(...conditions: boolean[]): number {
  return conditions.filter(Boolean).length;
}
