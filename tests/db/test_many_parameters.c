/* SPDX-License-Identifier: MIT */
/* As many parameters as the protocol can carry, and as many as libpq once could not describe: the
 * server takes them, alone and among others, prepared, and where the columns are asked for first
 * (rule-70). */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 65535

static const int counts[] = { 7498, 7499, MOST };

/* 1 to MOST. */
static hf_value *values(void)
{
	hf_value *v = malloc((MOST + 1) * sizeof *v);

	ck_assert_ptr_nonnull(v);
	for (int i = 0; i <= MOST; i++)
		v[i] = HF_V(i + 1);
	return v;
}

/* "head$1 separator$2 … tail": yours to free. */
static char *text_of(const char *head, const char *separator, const char *tail, int n)
{
	size_t room = strlen(head) + strlen(tail) + (size_t)n * (strlen(separator) + 7) + 1, at;
	char *sql = malloc(room);

	ck_assert_ptr_nonnull(sql);
	at = (size_t)snprintf(sql, room, "%s", head);
	for (int i = 1; i <= n; i++)
		at += (size_t)snprintf(sql + at, room - at, "%s$%d", i > 1 ? separator : "", i);
	snprintf(sql + at, room - at, "%s", tail);
	return sql;
}

static char *sum_of(int n)
{
	return text_of("select sum(v)::int8 from unnest(array[", ",", "]::int8[]) v", n);
}

static int64_t expected(int n)
{
	return (int64_t)n * (n + 1) / 2;
}

/* Often enough to be prepared, and again. */
static void many_parameters(int depth)
{
	hf_pool *p = t_pipe_pool(depth);
	hf_value *v = values();

	for (size_t k = 0; k < T_COUNT(counts); k++) {
		char *sql = sum_of(counts[k]);
		hf_future *f[15];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 15; i++)
			f[i] = i % 3 == 1 ? hf_query_at(HF_HERE, p, sql, v, (size_t)counts[k])
					  : hf_query(p, "select $1::int8", (int64_t)i);
		t_dam_open(&dam);
		for (int i = 0; i < 15; i++)
			ck_assert_int_eq(t_int(f[i]), i % 3 == 1 ? expected(counts[k]) : i);
		free(sql);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
	free(v);
}

T_BOTH_WAYS(many_parameters)

/* One row of values each, as inserts of many rows have them. */
START_TEST(test_rows)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_value *v = values();

	t_ledger_new();
	for (size_t k = 0; k < T_COUNT(counts); k++) {
		char *sql = text_of("insert into ledger values (", "),(", ")", counts[k]);
		hf_future *f = hf_query_at(HF_HERE, p, sql, v, (size_t)counts[k]);

		ck_assert_int_eq(hf_result_affected(t_ok(f)), counts[k]);
		hf_future_unref(f);
		ck_assert_int_eq(t_int(hf_query(p, "select sum(id)::int8 from ledger")),
			expected(counts[k]));
		t_done(hf_query(p, "truncate ledger"));
		free(sql);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
	free(v);
}
END_TEST

static hf_status keep(hf_row row, void *arg)
{
	*(int64_t *)arg = hf_row_int8(row, 0, -1);
	return HF_OK;
}

/* The description of the statement names the type of each parameter. */
START_TEST(test_described)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_value *v = values();

	for (size_t k = 0; k < T_COUNT(counts); k++) {
		char *sql = sum_of(counts[k]);

		for (int use = 0; use < 4; use++) {
			int64_t sum = -1;

			t_done(hf_query_with_at(HF_HERE, p,
				HF_QUERY_OPTS(.on_row = keep, .arg = &sum), sql, v,
				(size_t)counts[k]));
			ck_assert_int_eq(sum, expected(counts[k]));
		}
		free(sql);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
	free(v);
}
END_TEST

/* One more is refused before anything is sent. */
START_TEST(test_too_many)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_value *v = values();
	char *sql = sum_of(MOST + 1);
	uint64_t submitted = t_stats(p).submitted;

	t_failed(hf_query_at(HF_HERE, p, sql, v, MOST + 1), HF_E_MISUSE);
	ck_assert_uint_eq(t_stats(p).submitted, submitted);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
	free(sql);
	free(v);
}
END_TEST

T_MAIN("many_parameters",
	{ "7,499 and 65,535 parameters among other queries (rule-70)", many_parameters_together,
		60 },
	{ "7,499 and 65,535 parameters, one by one", many_parameters_alone, 60 },
	{ "7,499 and 65,535 rows of an insert (rule-70)", test_rows, 60 },
	{ "7,499 and 65,535 parameters are described (rule-70)", test_described, 60 },
	{ "65,536 parameters are refused (rule-70)", test_too_many, 0 })
