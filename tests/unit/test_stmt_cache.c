/* SPDX-License-Identifier: MIT */
/* The table of prepared statements: when a text is prepared, and what makes room. */
#include "helpers.h"

#include "base/mem.h"
#include "pq/stmt_cache.h"
#include "value/sql.h"

#include <stdio.h>

/* The entry, if it is to be run by its name. */
static hf__stmt_entry *use(hf__stmt_cache *c, const char *sql, const hf__params *p)
{
	hf__stmt_entry *evicted,
		*e = hf__stmt_cache_use(c, sql, hf__sql_hash(sql, strlen(sql)), p, true, &evicted);

	hf__stmt_free(evicted);
	hf__stmt_unpin(e);
	return hf__stmt_is_named(e) ? e : NULL;
}

START_TEST(test_prepared_at_third_use)
{
	hf__stmt_cache c;

	hf__stmt_cache_init(&c, 8);
	ck_assert_ptr_null(use(&c, "select 1", NULL));
	ck_assert_ptr_null(use(&c, "select 1", NULL));
	ck_assert_ptr_nonnull(use(&c, "select 1", NULL));
	ck_assert_ptr_null(use(&c, "select 2", NULL));
	hf__stmt_cache_finish(&c);
}
END_TEST

START_TEST(test_types_tell_texts_apart)
{
	hf_value as_text = { .type = HF_T_TEXT, .as.s = "x" };
	hf_value as_bytes = { .type = HF_T_BYTEA, .as.bytes = { "x", 1 } };
	hf__params *text = NULL, *bytes = NULL;
	hf__stmt_entry *a, *b;
	hf__stmt_cache c;

	ck_assert_int_eq(hf__params_new(&as_text, 1, &text, NULL), HF_OK);
	ck_assert_int_eq(hf__params_new(&as_bytes, 1, &bytes, NULL), HF_OK);
	hf__stmt_cache_init(&c, 8);
	for (int i = 0; i < 3; i++) {
		a = use(&c, "select $1", text);
		b = use(&c, "select $1", bytes);
	}
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_ne(a, b);
	ck_assert_str_ne(a->name, b->name);
	hf__stmt_cache_finish(&c);
	hf__free(text);
	hf__free(bytes);
}
END_TEST

START_TEST(test_least_recently_used_makes_room)
{
	hf__stmt_entry *evicted, *e;
	hf__stmt_cache c;
	char sql[32];

	hf__stmt_cache_init(&c, 2);
	for (int i = 0; i < 3; i++)
		e = use(&c, "select 'old'", NULL);
	e->prepared = true;
	use(&c, "select 'new'", NULL);
	ck_assert_ptr_null(hf__stmt_cache_use(&c, "select 'newer'",
		hf__sql_hash("select 'newer'", strlen("select 'newer'")), NULL, false, &evicted));
	ck_assert_ptr_null(evicted);
	hf__stmt_unpin(hf__stmt_cache_use(&c, "select 'newer'",
		hf__sql_hash("select 'newer'", strlen("select 'newer'")), NULL, true, &evicted));
	ck_assert_ptr_eq(evicted, e);
	ck_assert_str_eq(evicted->name, "hf_1");
	hf__stmt_free(evicted);
	for (int i = 0; i < 1000; i++) {
		snprintf(sql, sizeof sql, "select %d", i);
		use(&c, sql, NULL);
		ck_assert_int_le(c.n, 2);
	}
	hf__stmt_cache_finish(&c);
	ck_assert_int_eq(c.n, 0);
}
END_TEST

START_TEST(test_pinned_stays)
{
	hf__stmt_entry *evicted, *e;
	hf__stmt_cache c;

	hf__stmt_cache_init(&c, 1);
	e = hf__stmt_cache_use(&c, "select 'kept'",
		hf__sql_hash("select 'kept'", strlen("select 'kept'")), NULL, true, &evicted);
	ck_assert_ptr_null(hf__stmt_cache_use(&c, "select 'other'",
		hf__sql_hash("select 'other'", strlen("select 'other'")), NULL, true, &evicted));
	ck_assert_ptr_null(evicted);
	hf__stmt_cache_forget(&c, e);
	hf__stmt_cache_forget(&c, e);
	ck_assert_int_eq(c.n, 0);
	ck_assert_str_eq(e->sql, "select 'kept'");
	hf__stmt_unpin(e);
	hf__stmt_cache_finish(&c);
}
END_TEST

static hf__stmt_entry after_runs(int n, int each_us, int odd_every, int odd_us)
{
	hf__stmt_entry e = { .uses = 3 };

	for (int i = 1; i <= n; i++)
		hf__stmt_note_time(
			&e, (odd_every && i % odd_every == 0 ? odd_us : each_us) * INT64_C(1000));
	return e;
}

/* Slow on the average, or 200 ms once in a hundred runs: slow. A commit of 3 ms, a hiccup of 20 ms:
 * not. */
START_TEST(test_slow_is_remembered)
{
	hf__stmt_entry e;

	for (int n = 100; n < 300; n++) {
		e = after_runs(n, 100, 100, 200000);
		ck_assert(hf__stmt_is_slow(&e));
	}
	e = after_runs(50, 8000, 0, 0);
	ck_assert(hf__stmt_is_slow(&e));
	e = after_runs(400, 3000, 50, 20000);
	ck_assert(!hf__stmt_is_slow(&e));
	e = after_runs(250, 100, 101, 200000);
	ck_assert(hf__stmt_is_slow(&e));
	ck_assert(!hf__stmt_is_slow(NULL));
}
END_TEST

START_TEST(test_off)
{
	hf__stmt_cache c;

	hf__stmt_cache_init(&c, -1);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_null(use(&c, "select 1", NULL));
	hf__stmt_cache_finish(&c);
}
END_TEST

T_MAIN("statement cache", { "a text is prepared at its third use", test_prepared_at_third_use, 0 },
	{ "parameter types tell equal texts apart", test_types_tell_texts_apart, 0 },
	{ "the least recently used makes room", test_least_recently_used_makes_room, 0 },
	{ "what is pinned stays, also when it is forgotten", test_pinned_stays, 0 },
	{ "a text that is slow now and then is remembered as slow", test_slow_is_remembered, 0 },
	{ "it can be off", test_off, 0 })
