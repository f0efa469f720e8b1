/* SPDX-License-Identifier: MIT */
/* What tests of parking share: short forms that fail the case where they should work. */
#ifndef HF_TESTS_PARK_H
#define HF_TESTS_PARK_H

#include "fixture.h"

#include <holdfast/txn.h>

#include <stdlib.h>
#include <string.h>

/* The table test_values with one row, (1, 0, 1000). */
static inline void park_table(void)
{
	t_test_values(1);
	free(t_psql("update test_values set val1 = 0, val2 = 1000"));
}

/* Begins, and locks the row. */
static inline hf_txn *park_lock(hf_pool *p, const hf_txn_opts *opts)
{
	hf_txn *t = hf_txn_begin(p, opts);

	t_done(hf_txn_query(t, "select * from test_values where id = 1 for update"));
	return t;
}

static inline void park_it(hf_txn **t, int lease_ms, hf_token *token)
{
	hf_error *why = NULL;

	if (hf_txn_park(t, lease_ms, token, &why) != HF_OK)
		ck_abort_msg("it is not parked: %s", hf_error_message(why));
	ck_assert_ptr_null(*t);
	ck_assert_ptr_null(why);
}

/* It cannot be parked: that status, and a message with `says` in it. The handle stays. */
static inline void park_refused(hf_txn **t, int lease_ms, hf_status st, const char *says)
{
	hf_txn *before = *t;
	hf_token token = { "untouched" };
	hf_error *why = NULL;

	ck_assert_str_eq(
		hf_status_name(hf_txn_park(t, lease_ms, &token, &why)), hf_status_name(st));
	ck_assert_msg(strstr(hf_error_message(why), says) != NULL, "\"%s\" is not in \"%s\"", says,
		hf_error_message(why));
	ck_assert_int_eq(hf_error_status(why), st);
	ck_assert_ptr_eq(*t, before);
	ck_assert_str_eq(token.text, "untouched");
	hf_error_unref(why);
}

static inline hf_txn *park_resume(hf_pool *p, const hf_token *token)
{
	hf_error *why = NULL;
	hf_txn *t = NULL;

	if (hf_txn_resume(p, token->text, &t, &why) != HF_OK)
		ck_abort_msg("it is not resumed: %s", hf_error_message(why));
	ck_assert_ptr_nonnull(t);
	ck_assert_ptr_null(why);
	return t;
}

/* Nobody is parked under it: that status, and a message with `says` in it. Yours to unref. */
static inline hf_error *park_gone(hf_pool *p, const char *token, hf_status st, const char *says)
{
	hf_error *why = NULL;
	hf_txn *t = NULL;

	ck_assert_str_eq(hf_status_name(hf_txn_resume(p, token, &t, &why)), hf_status_name(st));
	ck_assert_ptr_null(t);
	ck_assert_int_eq(hf_error_status(why), st);
	ck_assert_msg(strstr(hf_error_message(why), says) != NULL, "\"%s\" is not in \"%s\"", says,
		hf_error_message(why));
	return why;
}

static inline bool park_row_free(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from (select 1 from test_values where id = 1 "
			  "for update skip locked) s") == 1;
}

static inline long long park_value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

#endif
