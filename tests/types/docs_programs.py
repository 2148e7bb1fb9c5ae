"""Programs around the examples of ``docs/types.md``."""

from __future__ import annotations

from tests.types.package_programs import ASK_FASTAPI

DOWN = """\
drop table shop.orders;
drop domain shop.email;
drop schema shop;
"""

UNTYPED_PG = 'declare module "pg";\n'
"""The packages of the tests have no types of the npm package pg."""

WITH_NODE_POSTGRES = """\
import { add } from "./example.js";

const order = await add({ email: "a@b", total: 12.5, status: "paid", paid_at: "2026-01-01T12:00:00+00:00" });
const refused = await add({ email: "a@b", total: -1 }).then(() => [], (error) => error.issues);
console.log(JSON.stringify([[order.status, order.total], refused.map((issue) => issue.message)]));
process.exit();
"""

WRONG_SUPABASE = """\
import { createClient } from "@supabase/supabase-js";
import { paid } from "./example.js";
import type { Database } from "./supabase/database.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;
const { data } = await paid();
same<typeof data, { email: string; total: number | "NaN" }[] | null>(true);

const client = createClient<Database, "shop">("http://localhost", "key", { db: { schema: "shop" } });
// @ts-expect-error no status of an order
client.from("orders").select("email").eq("status", "gone");
"""

WITH_FASTAPI = f"""\
{ASK_FASTAPI}
paid = {{"status": "paid", "paid_at": "2026-01-01T12:00:00Z"}}
bodies = [{{"email": "a@b", "total": "12.50", **paid}}, {{"email": "a@b", "total": "-1.00"}}]
print(json.dumps([asyncio.run(answer("/orders", each)) for each in bodies]))
"""
