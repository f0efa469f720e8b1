/* SPDX-License-Identifier: MIT */
/* A server that refuses for good: the SQLSTATE says so, and nobody waits for it to change its mind.
 */
#include "helpers.h"

#include <holdfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Opens a pool on the test's server with `more` added to its connection string, and expects `state`
 * from a query, and from waiting, long before any limit. */
static void expect_refusal(const char *more, const char *state)
{
	int64_t began = hf_now_ns();
	char dsn[600];
	hf_error *why;
	hf_pool *p;

	snprintf(dsn, sizeof dsn, "%s %s", getenv("HOLDFAST_TEST_DSN"), more);
	ck_assert_int_eq(hf_pool_open(dsn, NULL, &p, &why), HF_OK);
	ck_assert_int_eq(hf_await(hf_query(p, "select 1"), &why), HF_E_CONNECT);
	ck_assert_str_eq(hf_error_sqlstate(why), state);
	ck_assert(hf_error_is(why, HF_CONNECTION));
	hf_error_unref(why);

	ck_assert_int_eq(hf_pool_ready(p, 10000, &why), HF_E_CONNECT);
	ck_assert_str_eq(hf_error_sqlstate(why), state);
	ck_assert_ptr_null(strstr(hf_error_message(why), "wrongly"));
	hf_error_unref(why);
	ck_assert_int_lt(hf_now_ns() - began, 5000000000);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	hf_pool_unref(p);
}

START_TEST(test_refusals)
{
	if (!getenv("HOLDFAST_TEST_PGDATA"))
		t_skip("a server of somebody else: its roles are not known");
	expect_refusal("user=needs_password password=wrongly", "28P01");
	expect_refusal("dbname=there_is_none", "3D000");
}
END_TEST

T_MAIN("connect_refused",
	{ "B8 a wrong password or database is told at once, with its SQLSTATE", test_refusals, 0 })
