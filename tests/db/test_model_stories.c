/* SPDX-License-Identifier: MIT */
/* What the story of a verb that fails names: the model, the column, the limit, the row, the place.
 */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct ware {
	int32_t id;
	const char *code;
	hf_numeric price;
	hf_timestamptz seen;
	int32_t version;
	int32_t shelf;
};
extern const hf_table ware_table;

static const hf_column ware_columns[] = {
	HF_COLUMN(ware, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(ware, code, VARCHAR(4), NOT_NULL, HF_UNIQUE),
	HF_COLUMN(ware, price, DECIMAL(6, 2), NOT_NULL, HF_PLAIN),
	HF_COLUMN(ware, seen, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
	HF_COLUMN(ware, version, INT4, NOT_NULL, HF_ROW_VERSION),
};
static const uint32_t ware_own[] = { HF_C(ware, shelf) };
HF_TABLE(ware, .transient = ware_own, .n_transient = HF_COUNT(ware_own));

static struct t_store open_wares(void)
{
	struct t_store st = { .pool = t_pool(NULL) };

	st.s = hf_session_on_pool(st.pool);
	t_verb(st.s, hf_table_create(st.s, &ware_table, HF_DROP_FIRST));
	return st;
}

static void close_wares(struct t_store *st)
{
	t_verb(st->s, hf_table_drop(st->s, &ware_table, 0));
	t_store_close(st);
}

static const char *field(hf_session *s, hf_field_id id)
{
	const char *text = hf_error_field(hf_session_error(s), id);

	return text ? text : "";
}

static void told(hf_session *s, hf_status st, hf_status expected, const char *story)
{
	ck_assert_str_eq(hf_status_name(st), hf_status_name(expected));
	ck_assert_str_eq(hf_error_message(hf_session_error(s)), story);
}

/* A price that somebody typed is no mistake of the program's, and nothing of it is sent. */
START_TEST(test_no_number)
{
	struct t_store st = open_wares();
	struct ware w[3] = { { .code = "a", .price = { "1" } },
		{ .code = "b", .price = { "12,50" } }, { .code = "c", .price = { "" } } };

	told(st.s, hf_insert(st.s, ware, &w[1]), HF_E_TYPE,
		"model ware: price: the text is no number (numeric(6,2))");
	ck_assert_str_eq(field(st.s, HF_ERR_COLUMN), "price");
	told(st.s, hf_insert_many(st.s, ware, w, 3), HF_E_TYPE,
		"row 2: model ware: price: the text is no number (numeric(6,2))");
	w[1].price.s = "12.50";
	told(st.s, hf_insert_many(st.s, ware, w, 3), HF_E_TYPE,
		"row 3: model ware: price: the text is no number (numeric(6,2))");
	w[2].price.s = "NaN";
	t_verb(st.s, hf_insert_many(st.s, ware, w, 3));
	w[2].code = "too long";
	told(st.s, hf_update(st.s, ware, &w[2]), HF_E_TYPE,
		"model ware: code: the text is longer than its column (character varying(4))");
	t_sql_gives(
		"select string_agg(code || price, ' ' order by id) from ware", "a1.00 b12.50 cNaN");
	close_wares(&st);
}
END_TEST

/* Which row it was that is gone, stale or not found, and where that was asked. */
START_TEST(test_which_row)
{
	struct t_store st = open_wares();
	struct ware w = { .code = "a", .price = { "1" } }, was, *found;

	t_verb(st.s, hf_insert(st.s, ware, &w));
	was = w;
	t_verb(st.s, hf_update(st.s, ware, &w));
	told(st.s, hf_update(st.s, ware, &was), HF_E_STALE,
		"model ware: the row was changed by another: its \"version\" is 1, and it was read "
		"with 0");
	ck_assert_str_eq(field(st.s, HF_ERR_DETAIL), "id = 1");
	ck_assert_ptr_nonnull(strstr(field(st.s, HF_ERR_SITE), "test_model_stories.c:"));
	t_verb(st.s, hf_delete(st.s, ware, &w));
	told(st.s, hf_delete(st.s, ware, &w), HF_E_NO_ROWS,
		"model ware: the row is not there any more");
	ck_assert_str_eq(field(st.s, HF_ERR_DETAIL), "id = 1");
	told(st.s, hf_get(st.s, ware, &found, HF_EQ(ware, code, "a")), HF_E_NO_ROWS,
		"model ware: no row fits");
	ck_assert_ptr_nonnull(strstr(field(st.s, HF_ERR_SITE), "test_model_stories.c:"));
	told(st.s, hf_update_only(st.s, ware, &w, HF_C(ware, shelf)), HF_E_MISUSE,
		"model ware: a member that has no column is to be written");
	close_wares(&st);
}
END_TEST

/* In its own words: a transaction that ended for a violated key is not about the member. */
START_TEST(test_ended)
{
	struct t_store st = open_wares();
	hf_txn *t = hf_txn_begin(st.pool, HF_TXN_OPTS(.label = "ended"));
	hf_session *in = hf_session_on_txn(t);
	struct ware w = { .code = "a", .price = { "1" } };
	int64_t n;

	t_verb(in, hf_insert(in, ware, &w));
	w.id = 0;
	ck_assert_int_eq(hf_insert(in, ware, &w), HF_E_SQL);
	ck_assert_ptr_eq(strstr(hf_error_message(hf_session_error(in)), "ware.code: duplicate"),
		hf_error_message(hf_session_error(in)));
	ck_assert_int_eq(hf_await(hf_txn_commit(t), NULL), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_count(in, ware, &n, HF_ALL), HF_E_TXN_ENDED);
	ck_assert_ptr_eq(strstr(hf_error_message(hf_session_error(in)), "transaction \"ended\""),
		hf_error_message(hf_session_error(in)));
	hf_session_unref(in);
	hf_txn_unref(t);
	close_wares(&st);
}
END_TEST

/* What was typed, as it was typed. */
START_TEST(test_typed)
{
	struct t_store st = open_wares();
	struct ware w = { 0 };

	told(st.s, hf_set_text(st.s, ware, &w, "price", "abc"), HF_E_TYPE,
		"model ware: price: \"abc\" is no numeric");
	told(st.s, hf_set_text(st.s, ware, &w, "version", "99999999999"), HF_E_TYPE,
		"model ware: version: \"99999999999\": value 99999999999 is out of range for int4");
	told(st.s, hf_set_text(st.s, ware, &w, "seen", "2024-02-30 12:00"), HF_E_TYPE,
		"model ware: seen: \"2024-02-30 12:00\" is no timestamptz");
	told(st.s, hf_set_text(st.s, ware, &w, "version", "h"), HF_E_TYPE,
		"model ware: version: \"h\" is no integer");
	close_wares(&st);
}
END_TEST

T_MAIN("model_stories", { "G25 a text that is no number is told with its row", test_no_number, 0 },
	{ "J8 which row is gone or stale, and where", test_which_row, 0 },
	{ "the end of a transaction is about no member", test_ended, 0 },
	{ "G24 what was typed is told as it was", test_typed, 0 })
