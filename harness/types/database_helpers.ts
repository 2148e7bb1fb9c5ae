type DefaultSchema = Extract<keyof Database, "public">;

type Relations<Schema extends keyof Database> = Database[Schema]["Tables"] & Database[Schema]["Views"];

type Member<Parts, Name> = Name extends keyof Parts ? Parts[Name] : never;

type Shape<Parts, Name, Kind extends string> =
  Member<Parts, Name> extends { [_ in Kind]: infer Found } ? Found : never;

/** The row of a table or view: `Tables<"users">`, or `Tables<{ schema: "absence" }, "users">`. */
export type Tables<
  Options extends keyof Relations<DefaultSchema> | { schema: keyof Database },
  Name extends Options extends { schema: infer Schema extends keyof Database }
    ? keyof Relations<Schema>
    : never = never,
> = Options extends { schema: infer Schema extends keyof Database }
  ? Shape<Relations<Schema>, Name, "Row">
  : Shape<Relations<DefaultSchema>, Options, "Row">;

/** What an insert into a table takes. */
export type TablesInsert<
  Options extends keyof Database[DefaultSchema]["Tables"] | { schema: keyof Database },
  Name extends Options extends { schema: infer Schema extends keyof Database }
    ? keyof Database[Schema]["Tables"]
    : never = never,
> = Options extends { schema: infer Schema extends keyof Database }
  ? Shape<Database[Schema]["Tables"], Name, "Insert">
  : Shape<Database[DefaultSchema]["Tables"], Options, "Insert">;

/** What an update of a table takes. */
export type TablesUpdate<
  Options extends keyof Database[DefaultSchema]["Tables"] | { schema: keyof Database },
  Name extends Options extends { schema: infer Schema extends keyof Database }
    ? keyof Database[Schema]["Tables"]
    : never = never,
> = Options extends { schema: infer Schema extends keyof Database }
  ? Shape<Database[Schema]["Tables"], Name, "Update">
  : Shape<Database[DefaultSchema]["Tables"], Options, "Update">;

/** The labels of an enum. */
export type Enums<
  Options extends keyof Database[DefaultSchema]["Enums"] | { schema: keyof Database },
  Name extends Options extends { schema: infer Schema extends keyof Database }
    ? keyof Database[Schema]["Enums"]
    : never = never,
> = Options extends { schema: infer Schema extends keyof Database }
  ? Member<Database[Schema]["Enums"], Name>
  : Member<Database[DefaultSchema]["Enums"], Options>;

/** A composite type. */
export type CompositeTypes<
  Options extends keyof Database[DefaultSchema]["CompositeTypes"] | { schema: keyof Database },
  Name extends Options extends { schema: infer Schema extends keyof Database }
    ? keyof Database[Schema]["CompositeTypes"]
    : never = never,
> = Options extends { schema: infer Schema extends keyof Database }
  ? Member<Database[Schema]["CompositeTypes"], Name>
  : Member<Database[DefaultSchema]["CompositeTypes"], Options>;
