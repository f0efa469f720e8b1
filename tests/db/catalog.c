/* SPDX-License-Identifier: MIT */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

static const char every_column[] =
	"with recursive base as ("
	"  select oid, oid as of, -1 as typmod, false as not_null from pg_type where typtype <> 'd'"
	"  union all select d.oid, b.of, d.typtypmod, d.typnotnull"
	"  from pg_type d join base b on b.oid = d.typbasetype where d.typtype = 'd')"
	"select n.nspname::text as schema, c.relname::text as \"table\", a.attname::text as name,"
	"  format_type(a.atttypid, a.atttypmod) as sql_type, t.typname::text as type,"
	"  case when a.atttypmod = -1 then base.typmod else a.atttypmod end as typmod,"
	"  a.attnotnull or base.not_null as not_null, a.attidentity::text as identity,"
	"  a.attgenerated::text <> '' as generated, pg_get_expr(d.adbin, d.adrelid) as source,"
	"  coalesce(a.attnum = any(k.conkey), false) as key,"
	"  coalesce(array_length(k.conkey, 1), 0) as of_key,"
	"  (select string_agg(enumlabel || ',', '' order by enumsortorder) from pg_enum"
	"   where enumtypid = t.oid) as labels,"
	"  (select (extract(epoch from min((regexp_match(pg_get_expr(p.relpartbound, p.oid),"
	"     'FROM \\(''([^'']+)'''))[1]::timestamptz)) * 1000000)::int8"
	"   from pg_class p left join pg_inherits i on i.inhrelid = p.oid"
	"   where p.relispartition and (p.oid = c.oid or i.inhparent = c.oid)) as since "
	"from pg_class c join pg_namespace n on n.oid = c.relnamespace"
	"  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
	"  join base on base.oid = a.atttypid join pg_type t on t.oid = base.of"
	"  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
	"  left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p' "
	"where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%'"
	"  and n.nspname <> 'information_schema' "
	"order by 1, 2, a.attnum";

struct column {
	const char *schema, *table, *name, *sql_type, *type, *identity, *source, *labels;
	int32_t typmod, of_key;
	bool not_null, generated, key;
	hf_int8_opt since;
};

#define LAYOUT(T, O)                                                                               \
	{                                                                                          \
		{ sizeof(T), _Alignof(T) },                                                        \
		{                                                                                  \
			sizeof(O), _Alignof(O)                                                     \
		}                                                                                  \
	}

static const struct mapping {
	const char *type;
	int tag;
	struct {
		size_t size, align;
	} layout[2]; /* not null; may be NULL */
} mappings[] = {
	{ "bool", HF_T_BOOL, LAYOUT(bool, hf_bool_opt) },
	{ "int2", HF_T_INT2, LAYOUT(int16_t, hf_int2_opt) },
	{ "int4", HF_T_INT4, LAYOUT(int32_t, hf_int4_opt) },
	{ "int8", HF_T_INT8, LAYOUT(int64_t, hf_int8_opt) },
	{ "float4", HF_T_FLOAT4, LAYOUT(float, hf_float4_opt) },
	{ "float8", HF_T_FLOAT8, LAYOUT(double, hf_float8_opt) },
	{ "numeric", HF_T_NUMERIC, LAYOUT(hf_numeric, hf_numeric) },
	{ "text", HF_T_TEXT, LAYOUT(const char *, const char *) },
	{ "varchar", HF_T_TEXT, LAYOUT(const char *, const char *) },
	{ "bpchar", HF_T_TEXT, LAYOUT(const char *, const char *) },
	{ "bytea", HF_T_BYTEA, LAYOUT(hf_bytes, hf_bytes) },
	{ "timestamptz", HF_T_TIMESTAMPTZ, LAYOUT(hf_timestamptz, hf_timestamptz_opt) },
	{ "timestamp", HF_T_TIMESTAMP, LAYOUT(hf_timestamp, hf_timestamp_opt) },
	{ "date", HF_T_DATE, LAYOUT(hf_date, hf_date_opt) },
	{ "time", HF_T_TIME, LAYOUT(hf_time_of_day, hf_time_of_day_opt) },
	{ "interval", HF_T_INTERVAL, LAYOUT(hf_interval, hf_interval_opt) },
	{ "uuid", HF_T_UUID, LAYOUT(hf_uuid, hf_uuid_opt) },
	{ "json", HF_T_JSON, LAYOUT(hf_json, hf_json) },
	{ "jsonb", HF_T_JSON, LAYOUT(hf_json, hf_json) },
	{ "_text", HF_T_TEXT | HF_T_ARRAY, LAYOUT(hf_text_array, hf_text_array) },
	{ "_int4", HF_T_INT4 | HF_T_ARRAY, LAYOUT(hf_int4_array, hf_int4_array) },
};

static const struct mapping raw = { NULL, HF_T_TEXT, LAYOUT(const char *, const char *) };

static const struct mapping *mapping_of(const char *type)
{
	for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++)
		if (strcmp(mappings[i].type, type) == 0)
			return &mappings[i];
	return &raw; /* as text, with a cast */
}

static void *must(void *p)
{
	ck_assert_ptr_nonnull(p);
	return p;
}

static char *keep(const char *s)
{
	return s ? must(strdup(s)) : NULL;
}

static size_t aligned(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

/* varchar(n), char(n), numeric(p, s) as the catalog has them. */
static void set_lengths(hf_column *c, const struct column *in)
{
	if (in->typmod < 4)
		return;
	if (c->type == HF_T_NUMERIC) {
		c->length = (in->typmod - 4) >> 16 & 0xffff;
		c->scale = (in->typmod - 4) & 0x7ff;
	} else if (c->type == HF_T_TEXT) {
		c->length = in->typmod - 4;
	}
}

static void set_source(hf_column *c, const struct column *in)
{
	bool counts = in->source && strncmp(in->source, "nextval(", 8) == 0;

	c->identity = in->identity[0] != '\0';
	c->always = in->identity[0] == 'a';
	if (in->generated)
		c->generated_sql = keep(in->source);
	else if (counts && in->key && in->of_key == 1)
		c->serial = true;
	else if (in->source)
		c->default_sql = keep(in->source);
}

static void add_column(struct t_table *t, const struct column *in)
{
	size_t i = t->t.n_columns++, at;
	const struct mapping *m = mapping_of(in->type);
	hf_column *c;

	t->columns = must(realloc(t->columns, (i + 1) * sizeof *t->columns));
	t->traits = must(realloc(t->traits, (i + 1) * sizeof *t->traits));
	t->t.columns = t->columns;
	t->traits[i] = (struct t_trait){ keep(in->type), keep(in->labels),
		m->tag == HF_T_TIMESTAMPTZ && in->since.has ? in->since.v : 0, m->layout[0].size,
		m->layout[0].align, m->layout[!in->not_null].size };
	at = aligned(t->t.row_size, m->layout[!in->not_null].align);
	t->t.row_size = at + m->layout[!in->not_null].size;
	c = &t->columns[i];
	*c = (hf_column){ .name = keep(in->name),
		.member = keep(in->name),
		.sql_type = keep(in->sql_type),
		.offset = (uint32_t)at,
		.type = (uint16_t)m->tag,
		.as_text = m == &raw,
		.nullable = !in->not_null,
		.key = in->key };
	set_lengths(c, in);
	set_source(c, in);
	t->has_key |= in->key;
}

static void begin_table(struct t_table *t, const struct column *in)
{
	*t = (struct t_table){ .t = { .struct_size = sizeof(hf_table),
				       .column_size = sizeof(hf_column),
				       .name = keep(in->table),
				       .schema = keep(in->schema),
				       .model = keep(in->table) } };
}

/* As a compiler ends a struct: a multiple of its strictest member's alignment. */
static void end_table(struct t_table *t)
{
	size_t most = 1;

	for (size_t i = 0; i < t->t.n_columns; i++) {
		const struct mapping *m = mapping_of(t->traits[i].type);
		size_t align = m->layout[t->columns[i].nullable].align;

		most = align > most ? align : most;
	}
	t->t.row_size = aligned(t->t.row_size, most);
	t->t.plan = &t->plan;
}

static struct column read_column(hf_row row)
{
	struct column c;
	hf_status st = hf_row_scan(row, HF_TO(&c.schema), HF_TO(&c.table), HF_TO(&c.name),
		HF_TO(&c.sql_type), HF_TO(&c.type), HF_TO(&c.typmod), HF_TO(&c.not_null),
		HF_TO(&c.identity), HF_TO(&c.generated), HF_TO(&c.source), HF_TO(&c.key),
		HF_TO(&c.of_key), HF_TO(&c.labels), HF_TO(&c.since));

	ck_assert_int_eq(st, HF_OK);
	return c;
}

static bool is_of(const struct t_table *t, const struct column *c)
{
	return strcmp(t->t.name, c->table) == 0 && strcmp(t->t.schema, c->schema) == 0;
}

struct t_table *t_catalog(hf_pool *p, size_t *n)
{
	hf_result *res;
	hf_error *why;
	struct t_table *tables = NULL;

	if (hf_fetch(p, &res, &why, every_column) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	*n = 0;
	HF_FOREACH_ROW (row, res) {
		struct column c = read_column(row);

		if (*n == 0 || !is_of(&tables[*n - 1], &c)) {
			tables = must(realloc(tables, (*n + 1) * sizeof *tables));
			begin_table(&tables[(*n)++], &c);
		}
		add_column(&tables[*n - 1], &c);
	}
	for (size_t i = 0; i < *n; i++)
		end_table(&tables[i]);
	hf_result_unref(res);
	return tables;
}
