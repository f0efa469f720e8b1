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
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
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

/* Opens one pool strictly; *out is its error. */
static hf_error *refused(const char *dsn)
{
	hf_error *why = NULL;
	hf_pool *p;

	ck_assert_int_eq(hf_pool_open(dsn, HF_POOL_OPTS(.strict = true), &p, &why), HF_E_CONNECT);
	ck_assert(hf_error_is(why, HF_CONNECTION));
	return why;
}

static void expect_for_good(const char *dsn, const char *words)
{
	hf_error *why = refused(dsn);

	ck_assert_msg(strstr(hf_error_message(why), words) != NULL, "%s", hf_error_message(why));
	ck_assert_msg(!hf_error_is(why, HF_RETRYABLE), "%s", hf_error_message(why));
	hf_error_unref(why);
}

static void expect_for_now(const char *dsn)
{
	hf_error *why = refused(dsn);

	ck_assert_msg(hf_error_is(why, HF_RETRYABLE), "%s", hf_error_message(why));
	hf_error_unref(why);
}

static const char *plus(char *room, size_t n, const char *more)
{
	snprintf(room, n, "%s %s", getenv("HOLDFAST_TEST_DSN"), more);
	return room;
}

/* A loop that goes on while an error is HF_RETRYABLE ends where the settings are wrong. */
START_TEST(test_wrong_settings)
{
	char dsn[600];

	expect_for_good(plus(dsn, sizeof dsn, "sslmode=perhaps"), "invalid sslmode value");
	expect_for_good(plus(dsn, sizeof dsn, "target_session_attrs=x"), "invalid target_session");
	expect_for_good("service=there_is_none", "definition of service");
	expect_for_good("host=a,b,c port=1,2 sslmode=disable", "could not match");
	expect_for_now("host=/nonexistent");
	expect_for_now("host=127.0.0.1 port=1");
	/* One of these may come up, whatever is said of the other. */
	expect_for_now("host=there-is-none.invalid,127.0.0.1 port=1 sslmode=disable");
	if (!getenv("HOLDFAST_TEST_PGDATA"))
		return;
	unsetenv("PGPASSWORD");
	setenv("PGPASSFILE", "/nonexistent", 1);
	expect_for_good(plus(dsn, sizeof dsn, "user=needs_password"), "no password supplied");
}
END_TEST

/* Whether such a name is refused at once or not at all is up to the machine's resolver. */
START_TEST(test_unknown_host)
{
	hf_error *why = refused("host=there-is-none.invalid sslmode=disable");

	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "there-is-none.invalid"));
	if (strstr(hf_error_message(why), "Name or service not known"))
		ck_assert(!hf_error_is(why, HF_RETRYABLE));
	hf_error_unref(why);
}
END_TEST

/* libpq says it once for each try of one host. */
START_TEST(test_said_once)
{
	char dsn[600];
	hf_error *why = refused(plus(dsn, sizeof dsn, "options='-c nosuch=1'"));
	const char *said = strstr(hf_error_message(why), "nosuch");

	ck_assert_ptr_nonnull(said);
	ck_assert_str_eq(hf_error_sqlstate(why), "42704");
	ck_assert_msg(!strstr(said + 1, "nosuch"), "%s", hf_error_message(why));
	ck_assert_msg(!strstr(hf_error_message(why), "42704"), "%s", hf_error_message(why));
	hf_error_unref(why);
}
END_TEST

T_MAIN("connect_refused",
	{ "B8 a wrong password or database is told at once, with its SQLSTATE", test_refusals, 0 },
	{ "B8 C18 settings that are wrong are not worth a retry", test_wrong_settings, 0 },
	{ "B8 a host that there is none of", test_unknown_host, 0 },
	{ "what libpq says twice is told once", test_said_once, 0 })
