/* SPDX-License-Identifier: MIT */
/* Paths into JSON columns: what stands there, and whether there is anything. */
#include "models.h"

#include <string.h>

struct place {
	int32_t id;
	hf_json plain, info; /* json, jsonb: the same documents */
	const char *raw;
};
struct by_city {
	const char *city;
	int64_t n;
	hf_bool_opt known;
};

static const hf_column place_columns[] = {
	HF_COLUMN(place, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(place, plain, JSON, NULLABLE, HF_HIDDEN),
	HF_COLUMN(place, info, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(place, raw, RAW("jsonb"), NULLABLE, HF_PLAIN),
};
extern const hf_table place_table;
HF_TABLE(place, .name = "json_place");

static const hf_column by_city_columns[] = {
	HF_COLUMN(by_city, city, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(by_city, n, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(by_city, known, BOOL, NULLABLE, HF_PLAIN),
};
extern const hf_table by_city_table;
HF_TABLE(by_city, .name = "by_city");

/* Keys that would mean something where they are not taken as they are. */
#define ODD_KEY    "a,b}{\"c\\d' || now()"
#define ATTACK_KEY "x}') IS NULL; drop table json_place; --"

static const char *const documents[] = {
	"{\"city\": \"Paris\", \"at\": {\"zip\": \"75001\", \"no\": 7}, \"tags\": [\"a\", \"b\", "
	"{\"deep\": true}]}",
	"{\"city\": null, \"tags\": []}",
	"{\"city\": \"paris\", \"a,b}{\\\"c\\\\d' || now()\": \"odd\", "
	"\"x}') IS NULL; drop table json_place; --\": \"caught\", \"\": \"nameless\", \"NULL\": 1}",
	"{\"city\": \"50%\", \"at\": {\"no\": 18}, \"0\": \"a key\"}",
};

enum { N = (int)T_COUNT(documents) };

/* The documents as rows 1 … 4, and one without any. */
static struct t_store places(void)
{
	struct t_store st = { .pool = t_pool(NULL) };
	struct place rows[N + 1] = { { .id = 0 } };

	st.s = hf_session_on_pool(st.pool);
	st.models = hf_models_new(NULL);
	for (int i = 0; i <= N; i++)
		rows[i].id = i + 1;
	for (int i = 0; i < N; i++)
		rows[i].plain.s = rows[i].info.s = documents[i];
	t_verb(st.s, hf_table_create(st.s, &place_table, HF_DROP_FIRST));
	t_verb(st.s, hf_insert_many(st.s, place, rows, N + 1));
	return st;
}

/* The ids that are found, in order; by the same condition on json and on jsonb. */
#define finds(st, ids, ...) finds_those((st), __LINE__, (ids), HF__CLAUSES(__VA_ARGS__))
static void finds_those(struct t_store *st, int line, const char *ids, const hf_clause *clauses)
{
	char text[64] = "";
	hf_rows *rows;

	t_verb(st->s, hf_select_at(HF_HERE, st->s, &place_table, &rows, clauses));
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		text[i] = (char)('0' + HF_ROWS(place, rows)[i].id);
	hf_rows_unref(rows);
	if (strcmp(text, ids) != 0)
		ck_abort_msg("line %d: \"%s\", not \"%s\"", line, text, ids);
}

#define BY_ID HF_ORDER(HF_ASC(place, id))

#define finds_both(st, ids, condition)                                                             \
	do {                                                                                       \
		finds(st, ids, HF_WHERE(condition(info)), BY_ID);                                  \
		finds(st, ids, HF_WHERE(condition(plain)), BY_ID);                                 \
	} while (0)

START_TEST(test_get)
{
	struct t_store st = places();
	const char *cities[] = { "Paris", "50%", "nowhere" };
	const hf_text_array two = HF_ARRAY(text, cities, 3);

#define CITY(m)   HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_EQ, "Paris")
#define OTHER(m)  HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_NE, "Paris")
#define DEEP(m)   HF_THAT(HF_JSON_GET(place, m, "at", "zip"), HF_OP_EQ, "75001")
#define NUMBER(m) HF_THAT(HF_JSON_GET(place, m, "at", "no"), HF_OP_EQ, "18")
#define ANY(m)    HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_ANY, &two)
#define NONE(m)   HF_IS_NULL_OF(HF_JSON_GET(place, m, "city"))
#define SOME(m)   HF_NOT_NULL_OF(HF_JSON_GET(place, m, "city"))
#define NIL(m)    HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_EQ, (const char *)NULL)
#define LESS(m)   HF_THAT(HF_JSON_GET(place, m, "at", "no"), HF_OP_LT, "7")
#define WHOLE(m)  HF_THAT(HF_JSON_GET(place, m, "tags", -1), HF_OP_EQ, "{\"deep\": true}")
	finds_both(&st, "1", CITY);
	finds_both(&st, "34", OTHER);
	finds_both(&st, "1", DEEP);
	finds_both(&st, "4", NUMBER);
	finds_both(&st, "14", ANY);
	finds_both(&st, "25", NONE); /* JSON's null, and no document */
	finds_both(&st, "134", SOME);
	finds_both(&st, "25", NIL);
	finds_both(&st, "4", LESS); /* they are texts */
	finds_both(&st, "1", WHOLE);
	t_store_close(&st);
}
END_TEST

START_TEST(test_texts)
{
	struct t_store st = places();

#define LIKE(m)   HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_LIKE, "_ar%")
#define BEGINS(m) HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_IBEGINS, "pA")
#define HAS(m)    HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_HAS, "%")
#define SAME(m)   HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_IEQ, "PARIS")
#define NOT(m)    HF_NOT(HF_THAT(HF_JSON_GET(place, m, "city"), HF_OP_ILIKE, "%S"))
	finds_both(&st, "13", LIKE);
	finds_both(&st, "13", BEGINS);
	finds_both(&st, "4", HAS);
	finds_both(&st, "13", SAME);
	finds_both(&st, "4", NOT);
	finds(&st, "1", HF_WHERE(HF_THAT(HF_COL(place, id), HF_OP_EQ, 1)));
	finds(&st, "15",
		HF_WHERE(HF_NOT(HF_THAT(
				 HF_SQL_TERM("coalesce(info->>'city', $1)", "5x"), HF_OP_HAS, "%")),
			HF_THAT(HF_SQL_TERM("id % $1", 2), HF_OP_EQ, 1),
			HF_NOT(HF_THAT(HF_COL(place, id), HF_OP_EQ, 3))),
		BY_ID);
	t_store_close(&st);
}
END_TEST

START_TEST(test_has)
{
	struct t_store st = places();

#define HAS_CITY(m)  HF_JSON_HAS(place, m, "city")
#define HAS_ZIP(m)   HF_JSON_HAS(place, m, "at", "zip")
#define HAS_ITEM(m)  HF_JSON_HAS(place, m, "tags", 0)
#define HAS_TEXT(m)  HF_JSON_HAS(place, m, "tags", "2", "deep")
#define HAS_LAST(m)  HF_JSON_HAS(place, m, "tags", -3)
#define HAS_NONE(m)  HF_JSON_HAS(place, m, "tags", 3u)
#define HAS_KEY_0(m) HF_JSON_HAS(place, m, 0)
#define LACKS(m)     HF_NOT(HF_JSON_HAS(place, m, "tags"))
	finds_both(&st, "1234", HAS_CITY); /* JSON's null is something */
	finds_both(&st, "1", HAS_ZIP);
	finds_both(&st, "1", HAS_ITEM);
	finds_both(&st, "1", HAS_TEXT);
	finds_both(&st, "1", HAS_LAST);
	finds_both(&st, "", HAS_NONE);
	finds_both(&st, "4", HAS_KEY_0);
	finds_both(&st, "345", LACKS);
	t_store_close(&st);
}
END_TEST

START_TEST(test_odd_keys)
{
	struct t_store st = places();
	int64_t n;

#define ODD(m)      HF_THAT(HF_JSON_GET(place, m, ODD_KEY), HF_OP_EQ, "odd")
#define ATTACK(m)   HF_THAT(HF_JSON_GET(place, m, ATTACK_KEY), HF_OP_EQ, "caught")
#define NAMELESS(m) HF_JSON_HAS(place, m, "")
#define IS_NULL(m)  HF_JSON_HAS(place, m, "NULL")
#define BRACES(m)   HF_JSON_HAS(place, m, "{city}")
#define COMMA(m)    HF_JSON_HAS(place, m, "at,zip")
	finds_both(&st, "3", ODD);
	finds_both(&st, "3", ATTACK);
	finds_both(&st, "3", NAMELESS);
	finds_both(&st, "3", IS_NULL);
	finds_both(&st, "", BRACES);
	finds_both(&st, "", COMMA);
	t_verb(st.s, hf_count(st.s, place, &n, HF_WHERE(ATTACK(info))));
	ck_assert_int_eq(n, 1);
	t_store_close(&st);
}
END_TEST

/* One path is one parameter: else the server would not know that what is picked is grouped by. */
START_TEST(test_expressions)
{
	struct t_store st = places();
	struct by_city *row;
	hf_rows *rows;
	const char *text;

	finds(&st, "4135", HF_WHERE(HF_NE(place, id, 2)),
		HF_ORDER(HF_ASC_OF(HF_SQL_TERM("(info->>'city') COLLATE \"C\""))));
	finds(&st, "14", HF_WHERE(HF_JSON_HAS(place, info, "at")),
		HF_ORDER(HF_DESC_OF(HF_JSON_GET(place, info, "at", "no"))));
	finds(&st, "41", HF_WHERE(HF_JSON_HAS(place, plain, "at")),
		HF_ORDER(HF_ASC_OF(HF_JSON_GET(place, plain, "at", "no"))));
	finds(&st, "45", HF_WHERE(HF_GT(place, id, 3)),
		HF_DISTINCT_ON(HF_JSON_GET(place, info, "city")),
		HF_ORDER(HF_ASC_OF(HF_JSON_GET(place, info, "city"))));
	t_verb(st.s,
		hf_select_as(st.s, place, by_city, &rows,
			HF_PICKS(HF_PICK(by_city, city, HF_JSON_GET(place, info, "city")),
				HF_PICK(by_city, n, HF_COUNT_ROWS),
				HF_PICK(by_city, known, HF_JSON_HAS(place, info, "city"))),
			HF_GROUP(
				HF_JSON_GET(place, info, "city"), HF_JSON_HAS(place, info, "city")),
			HF_HAVING(HF_THAT(HF_JSON_GET(place, info, "city"), HF_OP_BEGINS, "P"))));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	row = HF_ROWS(by_city, rows);
	ck_assert_str_eq(row->city, "Paris");
	ck_assert(row->n == 1 && row->known.has && row->known.v);
	hf_rows_unref(rows);
	t_verb(st.s, hf_scalar(st.s, place, &text, HF_JSON_GET(place, info, "at", "no"),
			     HF_WHERE(HF_EQ(place, id, 4))));
	ck_assert_str_eq(text, "18");
	t_store_close(&st);
}
END_TEST

START_TEST(test_written)
{
	struct t_store st = places();
	hf_find *f = hf_find_new(&place_table);
	char city[] = "city", paris[] = "Paris";
	int64_t n;

	hf_find_and(f, HF_THAT(HF_JSON_GET(place, info, city), HF_OP_EQ, paris));
	hf_find_order(f, HF_DESC_OF(HF_JSON_GET(place, info, city)));
	city[0] = paris[0] = '\0'; /* it has copies */
	finds(&st, "1", HF_MATCHING(f));
	hf_find_unref(f);
	t_verb(st.s, hf_update_where(st.s, place, &n, HF_SETS(HF_SET(place, raw, "{}")),
			     HF_WHERE(HF_JSON_HAS(place, info, "tags"))));
	ck_assert_int_eq(n, 2);
	t_verb(st.s, hf_delete_where(st.s, place, &n,
			     HF_WHERE(HF_IS_NULL_OF(HF_JSON_GET(place, plain, "city")))));
	ck_assert_int_eq(n, 2);
	finds(&st, "134", BY_ID);
	t_store_close(&st);
}
END_TEST

static void refuses(struct t_store *st, hf_term condition, const char *why)
{
	hf_rows *rows;

	ck_assert_int_eq(hf_select(st->s, place, &rows, HF_WHERE(condition)), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st->s)), why);
}

START_TEST(test_refused)
{
	struct t_store st = places();
	hf_term raw = HF_JSON_GET(place, info, "city"), has = HF_JSON_HAS(place, info, "city");
	const int32_t numbers[] = { 1, 2 };

	raw.column = HF_C(place, raw);
	has.column = HF_C(place, id);
	refuses(&st, HF_THAT(raw, HF_OP_EQ, "x"),
		"model place: a path into column \"raw\", which is jsonb as text: it needs a JSON "
		"or "
		"JSONB in the model");
	refuses(&st, has,
		"model place: a path into column \"id\", which is integer: it needs a JSON or "
		"JSONB "
		"in the model");
	refuses(&st, HF_THAT(HF_JSON_GET(place, info, "at", "no"), HF_OP_GT, 7),
		"model place: what HF_JSON_GET gives is text, and compares with text alone");
	refuses(&st,
		HF_THAT(HF_JSON_GET(place, info, "no"), HF_OP_ANY, &HF_ARRAY(int4, numbers, 2)),
		"model place: what HF_JSON_GET gives is text, and compares with text alone");
	refuses(&st, HF_THAT(HF_JSON_GET(place, info, "city"), HF_OP_ANY, "x"),
		"model place: HF_OP_ANY takes an array");
	refuses(&st, HF_THAT(HF_COL(place, id), HF_OP_LIKE, 7),
		"model place: patterns, and what goes without case, are texts");
	refuses(&st, HF_JSON_HAS(place, info, "at", (const char *)NULL),
		"column \"info\": a path is made of texts and whole numbers");
	refuses(&st, HF_JSON_HAS(place, info, 1.5),
		"column \"info\": a path is made of texts and whole numbers");
	refuses(&st, HF_JSON_GET(place, info, "city"),
		"model place: an order, an assignment or an aggregate where a condition belongs");
	t_store_close(&st);
}
END_TEST

/* What a hidden column is compared with is not told; what another is, is. */
START_TEST(test_hidden)
{
	struct t_store st = places();
	struct place *row;
	hf_status got;

	got = hf_get(
		st.s, place, &row, HF_THAT(HF_JSON_GET(place, info, "city"), HF_OP_EQ, "Oslo"));
	ck_assert_int_eq(got, HF_E_NO_ROWS);
	ck_assert_str_eq(hf_error_field(hf_session_error(st.s), HF_ERR_DETAIL),
		"$1 = '{city}'::text[], $2 = 'Oslo'");
	got = hf_get(st.s, place, &row,
		HF_THAT(HF_JSON_GET(place, plain, "city"), HF_OP_IBEGINS, "Oslo"));
	ck_assert_int_eq(got, HF_E_NO_ROWS);
	ck_assert_str_eq(hf_error_field(hf_session_error(st.s), HF_ERR_DETAIL),
		"$1 = '{city}'::text[], $2 = ?");
	t_store_close(&st);
}
END_TEST

T_MAIN("json", { "G19 H37 what stands at a path, compared", test_get, 0 },
	{ "G19 H34 what stands at a path, as a pattern has it", test_texts, 0 },
	{ "G19 H37 whether there is anything at a path", test_has, 0 },
	{ "G19 odd keys are keys, and no SQL", test_odd_keys, 0 },
	{ "G19 H37 paths in orders, groups, picks", test_expressions, 0 },
	{ "G19 H13 rows are changed and deleted by a path", test_written, 0 },
	{ "G19 a path is refused where it means nothing", test_refused, 0 },
	{ "G19 G30 what a hidden document is compared with is not told", test_hidden, 0 })
