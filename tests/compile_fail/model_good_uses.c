/* compiles */
/* rows: K4 G1 */
/* Every type of a column, may it be NULL or not, and every condition on one. */
#include <holdfast.h>

#pragma GCC diagnostic error "-Wconversion"
#pragma GCC diagnostic error "-Wshadow"
#pragma GCC diagnostic error "-Wcast-qual"

enum mood { MOOD_SAD, MOOD_OK };

struct all {
	bool b;
	int16_t i2;
	int32_t i4;
	int64_t i8;
	float f4;
	double f8;
	hf_numeric num, dec;
	const char *t, *v, *ch, *tsv;
	hf_bytes by;
	hf_timestamptz tz;
	hf_timestamp ts;
	hf_date d;
	hf_time_of_day tod;
	hf_timetz ttz;
	hf_interval iv;
	hf_uuid u;
	hf_json j, jb;
	hf_inet ip, net;
	hf_mac m, m8;
	hf_lsn lsn;
	enum mood mood;
	hf_text_array ta;
	hf_int4_array ia;
};

struct maybe {
	hf_bool_opt b;
	hf_int2_opt i2;
	hf_int4_opt i4;
	hf_int8_opt i8;
	hf_float4_opt f4;
	hf_float8_opt f8;
	hf_timestamptz_opt tz;
	hf_date_opt d;
	hf_uuid_opt u;
	hf_inet_opt ip;
	hf_enum_opt mood;
	hf_numeric num;
	const char *t;
	hf_json j;
	hf_bytes by;
	hf_uuid_array ua;
};

extern const hf_labels mood_labels;
extern const hf_table all_table, maybe_table;

HF_ENUM(mood, "mood", [MOOD_SAD] = "sad", [MOOD_OK] = "ok");

static const hf_column all_columns[] = {
	HF_COLUMN(all, b, BOOL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, i2, INT2, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, i4, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(all, i8, INT8, NOT_NULL, HF_DEFAULT("7"), HF_UNIQUE),
	HF_COLUMN(all, f4, FLOAT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, f8, FLOAT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, num, NUMERIC, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, dec, DECIMAL(12, 2), NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, t, TEXT, NOT_NULL, HF_HIDDEN),
	HF_COLUMN(all, v, VARCHAR(250), NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, ch, CHARACTER(2), NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, tsv, RAW("tsvector"), NOT_NULL, HF_GENERATED("to_tsvector('simple', t)")),
	HF_COLUMN(all, by, BYTEA, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, tz, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
	HF_COLUMN(all, ts, TIMESTAMP, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, d, DATE, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, tod, TIME, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, ttz, TIMETZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, iv, INTERVAL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, u, UUID, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, j, JSON, NOT_NULL, HF_PLAIN),
	HF_COLUMN_AS(all, jb, "class", JSONB, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, ip, INET, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, net, CIDR, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, m, MACADDR, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, m8, MACADDR8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, lsn, PG_LSN, NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, ta, ARRAY(TEXT), NOT_NULL, HF_PLAIN),
	HF_COLUMN(all, ia, ARRAY(INT4), NOT_NULL, HF_PLAIN),
};
static const hf_index all_indexes[] = {
	HF_UNIQUE_ON(HF_C(all, i2), HF_C(all, i4)),
	HF_INDEX_ON(HF_C(all, t)),
	{ .name = "all_lower", .sql = "lower(t)", .where = "b" },
};
HF_TABLE(all, .indexes = all_indexes, .n_indexes = HF_COUNT(all_indexes));

struct beside {
	int64_t no;
	const char *mail;
	hf_enum_opt mood;
};
extern const hf_domain mail_domain, good_domain;
extern const hf_sequence no_sequence, other_sequence;
extern const hf_table beside_table;
HF_DOMAIN(mail, "mail", VARCHAR(20), .check = "VALUE <> ''", .not_null = true);
HF_DOMAIN(good, "shop.good", ENUM(mood), .check = "VALUE = 'ok'");
HF_SEQUENCE(no, "no");
HF_SEQUENCE(other, "shop.other", .start = HF_SOME(7), .increment = -1, .cycle = true);

static const hf_column beside_columns[] = {
	HF_COLUMN(beside, no, INT8, NOT_NULL, HF_PK, HF_NEXTVAL(no)),
	HF_COLUMN(beside, mail, VARCHAR(20), NOT_NULL, HF_OF_DOMAIN(mail)),
	HF_COLUMN(beside, mood, ENUM(mood), NULLABLE, HF_OF_DOMAIN(good)),
};
static const hf_index beside_indexes[] = {
	{ .exclude = true, .column = { HF_C(beside, mail) }, .with = { "=" }, .method = "btree" },
};
static const hf_sequence *const beside_sequences[] = { &other_sequence };
HF_TABLE(beside, .indexes = beside_indexes, .n_indexes = HF_COUNT(beside_indexes),
	.sequences = beside_sequences, .n_sequences = HF_COUNT(beside_sequences));

static const hf_column maybe_columns[] = {
	HF_COLUMN(maybe, b, BOOL, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, i2, INT2, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, i4, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, i8, INT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, f4, FLOAT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, f8, FLOAT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, tz, TIMESTAMPTZ, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, d, DATE, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, u, UUID, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, ip, INET, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, mood, ENUM(mood), NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, num, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, t, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, j, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, by, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(maybe, ua, ARRAY(UUID), NULLABLE, HF_PLAIN),
};
static const hf_foreign_key maybe_keys[] = {
	HF_FOREIGN_KEY(maybe, i4, all, i4, .on_delete = HF_SET_NULL),
	HF_FOREIGN_KEY2(maybe, i2, i4, all, i2, i4, .deferrable = true),
};
HF_TABLE(maybe, .foreign_keys = maybe_keys, .n_foreign_keys = HF_COUNT(maybe_keys));

hf_status find(hf_session *s, hf_rows **out, const struct all *a);

hf_status find(hf_session *s, hf_rows **out, const struct all *a)
{
	int32_t ids[] = { 1, 2 };

	return hf_select(s, all, out,
		HF_WHERE(HF_EQ(all, b, a->b), HF_NE(all, i2, a->i2), HF_LT(all, i4, 7),
			HF_LE(all, i8, a->i8), HF_GT(all, f4, 1.5F), HF_GE(all, f8, 1.5),
			HF_BETWEEN(all, d, a->d, a->d), HF_EQ(all, num, a->num),
			HF_LIKE(all, t, "a%"), HF_IHAS(all, v, a->v), HF_EQ(all, by, a->by),
			HF_EQ(all, tz, a->tz), HF_EQ(all, u, a->u), HF_EQ(all, ip, a->ip),
			HF_EQ(all, mood, MOOD_OK), HF_ANY(all, i4, &HF_ARRAY(int4, ids, 2)),
			HF_OR(HF_NOT(HF_IS_NULL(all, t)), HF_IF(a->b, HF_EQ(all, i4, 1))),
			HF_IN_SELECT(all, i4, maybe, i4, HF_NOT_NULL(maybe, i4)),
			HF_SQL_TERM("length(t) > $1", 3)),
		HF_ORDER(HF_DESC(all, i4), HF_IASC(all, t)), HF_LIMIT(20), HF_OFFSET(a->i8),
		HF_LOCK(HF_FOR_UPDATE | HF_SKIP_LOCKED));
}

hf_status change(hf_session *s, struct maybe *m, int64_t *n);

hf_status change(hf_session *s, struct maybe *m, int64_t *n)
{
	return hf_update_where(s, maybe, n,
		HF_SETS(HF_SET(maybe, b, true), HF_SET(maybe, i8, m->i8.v), HF_SET(maybe, t, "x"),
			HF_SET_TO_NULL(maybe, d), HF_INCREASE(maybe, i4, 1)),
		HF_WHERE(HF_EQ(maybe, mood, MOOD_SAD)));
}
