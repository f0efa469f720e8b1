/* SPDX-License-Identifier: MIT */
/* Rows as JSON, which the server has to read as what it sent. */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct user {
	int32_t id;
	const char *name, *password;
	hf_json profile;
	hf_int4_array scores;
	hf_float8_opt ratio;
	hf_numeric balance;
	hf_bytes photo;
	hf_timestamptz_opt seen;
};
static const hf_column user_columns[] = {
	HF_COLUMN(user, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(user, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(user, password, TEXT, NOT_NULL, HF_HIDDEN),
	HF_COLUMN(user, profile, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(user, scores, ARRAY(INT4), NULLABLE, HF_PLAIN),
	HF_COLUMN(user, ratio, FLOAT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(user, balance, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(user, photo, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(user, seen, TIMESTAMPTZ, NULLABLE, HF_PLAIN),
};
extern const hf_table user_table;
HF_TABLE(user, .name = "user");

static struct user ann(void)
{
	static const int32_t scores[] = { 1, 2, 3, 4 };
	static const bool null[] = { false, true, false, false };
	struct user u = { .id = 7,
		.name = "Ann \"A\" \\ \t\x01 \xc3\xa4",
		.password = "secret",
		.profile = { "{\"x\": [1, null]}" },
		.scores = { .has = true,
			.ndim = 2,
			.dim = { 2, 2 },
			.lower = { 1, 1 },
			.n = 4,
			.v = scores,
			.null = null },
		.ratio = HF_SOME(0.1),
		.balance = { "12345678901234567890.10" },
		.photo = { "\0\xff", 2 },
		.seen = { .has = true } };

	return u;
}

/* † pyramid_sqlassist: columns_as_dict: all names; hidden ones are left out. */
START_TEST(test_columns_as_dict)
{
	struct user u = ann();
	char *text = hf_row_json(&user_table, &u, false);

	ck_assert_str_eq(text,
		"{\"id\":7,\"name\":\"Ann \\\"A\\\" \\\\ \\u0009\\u0001 \xc3\xa4\","
		"\"profile\":{\"x\": [1, null]},\"scores\":[[1,null],[3,4]],\"ratio\":0.1,"
		"\"balance\":12345678901234567890.10,\"photo\":\"\\\\x00ff\","
		"\"seen\":\"1970-01-01 00:00:00+00\"}");
	ck_assert_ptr_null(strstr(text, "password"));
	free(text);
	text = hf_row_json(&user_table, &u, true);
	ck_assert_ptr_nonnull(strstr(text, "\"password\":\"secret\""));
	free(text);
	text = hf_row_dump(&user_table, &u, false);
	ck_assert_ptr_null(strstr(text, "secret"));
	free(text);
}
END_TEST

START_TEST(test_no_numbers)
{
	static const char *const exact[] = { "NaN", "Infinity", "007", "1.", ".5", "+1", "1e",
		"-" };
	struct user u = ann();

	u.ratio.v = (double)NAN;
	for (size_t i = 0; i < T_COUNT(exact); i++) {
		char *text, expected[100];

		u.balance.s = exact[i];
		text = hf_row_json(&user_table, &u, false);
		snprintf(expected, sizeof expected, "\"ratio\":\"NaN\",\"balance\":\"%s\",",
			exact[i]);
		if (!strstr(text, expected))
			ck_abort_msg("%s is not in %s", expected, text);
		free(text);
	}
	u.ratio.v = 1e300;
	u.balance.s = "-0.5e-3";
	{
		char *text = hf_row_json(&user_table, &u, false);

		ck_assert_ptr_nonnull(strstr(text, "\"ratio\":1e+300,\"balance\":-0.5e-3,"));
		free(text);
	}
}
END_TEST

/* What the server reads out of it is what it had. */
START_TEST(test_server_reads_it)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct user u = ann();
	hf_rows *rows;
	char *text;

	t_verb(s, hf_table_create(s, &user_table, HF_DROP_FIRST));
	t_verb(s, hf_insert(s, user, &u));
	u = (struct user){ .name = "", .password = "x" };
	t_verb(s, hf_insert(s, user, &u));
	t_verb(s, hf_select(s, user, &rows, HF_ALL));
	text = hf_rows_json(rows, true);
	ck_assert_int_eq(
		t_int(hf_query(pool,
			"select count(*) from jsonb_array_elements($1::jsonb) e join \"user\" u "
			"on e = to_jsonb(u) - 'seen' || jsonb_build_object('seen', to_char(u.seen "
			"at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS+00'))",
			(const char *)text)),
		2);
	free(text);
	hf_rows_unref(rows);
	text = hf_rows_json(NULL, false);
	ck_assert_str_eq(text, "[]");
	free(text);
	t_verb(s, hf_table_drop(s, &user_table, 0));
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

/* † pyramid_sqlassist: columns_as_dict of what was loaded: {id, status}, and no password. */
START_TEST(test_loaded_columns_as_dict)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct user u = ann(), *part;
	hf_rows *rows;
	char *text;

	t_verb(s, hf_table_create(s, &user_table, HF_DROP_FIRST));
	t_verb(s, hf_insert(s, user, &u));
	t_verb(s, hf_select(s, user, &rows, HF_ONLY(HF_COL(user, ratio), HF_COL(user, password))));
	ck_assert(hf_rows_have(rows, HF_C(user, id)) && hf_rows_have(rows, HF_C(user, ratio)));
	ck_assert(!hf_rows_have(rows, HF_C(user, name)));
	text = hf_rows_json(rows, false);
	ck_assert_str_eq(text, "[{\"id\":7,\"ratio\":0.1}]");
	free(text);
	part = HF_ROWS(user, rows);
	ck_assert(!part->name && !part->balance.s && !part->scores.has);
	part->ratio.v = 2;
	t_verb(s, hf_update_only(s, user, part, HF_C(user, ratio))); /* the name was not read */
	ck_assert_ptr_nonnull(part->name);                           /* it is now */
	hf_rows_unref(rows);
	t_verb(s, hf_table_drop(s, &user_table, 0));
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

T_MAIN("export", { "G30 all that is not hidden, by its name", test_columns_as_dict, 0 },
	{ "G30 what is no number in JSON is text", test_no_numbers, 0 },
	{ "G30 G19 the server reads what it sent", test_server_reads_it, 0 },
	{ "G30 G31 what was read, and the key", test_loaded_columns_as_dict, 0 })
