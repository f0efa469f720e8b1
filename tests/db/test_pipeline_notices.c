/* SPDX-License-Identifier: MIT */
/* What the server says beside its answers stays with the query that it is said of, however many
 * travel together (rule-66). */
#include "pipeline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 20

/* says(id, n): n notices with that id. */
static void functions(void)
{
	free(t_psql("create or replace function says(id int, n int) returns int language plpgsql as"
		    " $$ begin for i in 1..n loop raise notice '% says %', id, i; end loop;"
		    " return id; end $$;"
		    "create or replace function fails(id int) returns int language plpgsql as"
		    " $$ begin raise notice '% fails', id; raise exception 'no %', id; end $$"));
}

static void check_notices(const hf_result *res, int id, int n)
{
	char expected[N * 24] = "";
	size_t len = 0;

	for (int i = 1; i <= n; i++)
		len += (size_t)snprintf(expected + len, sizeof expected - len,
			"%sNOTICE: %d says %d", i > 1 ? "\n" : "", id, i);
	if (strcmp(hf_result_notices(res), expected) != 0)
		ck_abort_msg(
			"%d has \"%s\" instead of \"%s\"", id, hf_result_notices(res), expected);
}

/* --- each its own --------------------------------------------------------------------------------
 */

/* None, one or several; small results, which are packed, and some that are not. */
static int n_of(int id)
{
	return id % 5;
}

static hf_future *ask(hf_pool *p, bool reads, int id, bool bad)
{
	const hf_query_opts *opts = HF_QUERY_OPTS(.read_only = reads);

	if (bad)
		return hf_query_with(p, opts, "select fails($1)", id);
	if (id % 3 == 0)
		return hf_query_with(
			p, opts, "select says($1, $2), repeat('x', 5000)", id, n_of(id));
	return hf_query_with(p, opts, "select says($1, $2)", id, n_of(id));
}

static void rounds(int depth, bool reads)
{
	hf_pool *p;
	int id = 0;

	functions();
	p = t_pipe_pool(depth);
	for (int bad = -1; bad < N; bad++) {
		hf_future *f[N];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = ask(p, reads, id + i, i == bad);
		t_dam_open(&dam);
		for (int i = 0; i < N; i++, id++) {
			if (i == bad) {
				t_sqlstate(f[i], "P0001");
				continue;
			}
			check_notices(t_ok(f[i]), id, n_of(id));
			hf_future_unref(f[i]);
		}
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, N * N / 2);
	if (reads && depth > 1)
		ck_assert_uint_ge(t_stats(p).fast_lane, N * N / 2);
	t_expect_sane(p);
	t_close(p);
}

static void among_writes(int depth)
{
	rounds(depth, false);
}

static void among_reads(int depth)
{
	rounds(depth, true);
}

T_BOTH_WAYS(among_writes)
T_BOTH_WAYS(among_reads)

/* --- said at the commit --------------------------------------------------------------------------
 */

/* A deferred trigger speaks when the Sync commits: that is still the query's. */
static void at_commit(int depth)
{
	hf_pool *p;

	functions();
	free(t_psql("set client_min_messages to warning; drop table if exists spoken cascade;"
		    "create table spoken (id int);"
		    "create or replace function speak() returns trigger language plpgsql as"
		    " $$ begin perform says(new.id, 2); return null; end $$;"
		    "create constraint trigger speak after insert on spoken"
		    " deferrable initially deferred for each row execute function speak()"));
	p = t_pipe_pool(depth);
	for (int again = 0; again < 5; again++) {
		hf_future *f[N];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = i % 2 ? hf_query(p, "insert into spoken values ($1)", i)
				     : hf_query(p, "select $1::int", i);
		t_dam_open(&dam);
		for (int i = 0; i < N; i++) {
			check_notices(t_ok(f[i]), i, i % 2 ? 2 : 0);
			hf_future_unref(f[i]);
		}
	}
	t_expect_together(p, depth, N);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(at_commit)

/* --- a callback on it ----------------------------------------------------------------------------
 */

static struct {
	hf_pool *pool;
	hf_future *next[N];
	atomic_int called, wrong;
} cb;

static void submit_more(hf_future *f, void *arg)
{
	int id = (int)(intptr_t)arg;
	const hf_result *res = NULL;
	char expected[40];

	snprintf(expected, sizeof expected, "NOTICE: %d says 1", id);
	if (hf_future_get(f, &res) != HF_OK || strcmp(hf_result_notices(res), expected) != 0)
		atomic_fetch_add(&cb.wrong, 1);
	cb.next[id] = hf_query(cb.pool, "select says($1, 1)", id + 1000);
	atomic_fetch_add(&cb.called, 1);
}

static bool all_called(void *arg)
{
	(void)arg;
	return atomic_load(&cb.called) == N;
}

/* It reads the notice and submits work. */
static void callback(int depth)
{
	hf_future *f[N];
	struct t_dam dam;

	functions();
	cb.pool = t_pipe_pool(depth);
	t_dam_shut(&dam, cb.pool);
	for (int i = 0; i < N; i++) {
		f[i] = hf_query(cb.pool, "select says($1, 1)", i);
		ck_assert_int_eq(
			hf_future_on_ready(f[i], submit_more, (void *)(intptr_t)i, NULL), HF_OK);
	}
	t_dam_open(&dam);
	ck_assert(t_wait_until(all_called, NULL, 10000));
	ck_assert_int_eq(atomic_load(&cb.wrong), 0);
	for (int i = 0; i < N; i++) {
		t_done(f[i]);
		check_notices(t_ok(cb.next[i]), i + 1000, 1);
		hf_future_unref(cb.next[i]);
	}
	t_expect_together(cb.pool, depth, N / 2);
	t_expect_sane(cb.pool);
	t_close(cb.pool);
}

T_BOTH_WAYS(callback)

T_MAIN("pipeline_notices",
	{ "notices stay with their query in a batch (rule-66)", among_writes_together, 60 },
	{ "notices stay with their query, one by one", among_writes_alone, 60 },
	{ "notices stay with their query behind one Sync (rule-66)", among_reads_together, 60 },
	{ "notices stay with their read, one by one", among_reads_alone, 60 },
	{ "what is said at the commit is its query's", at_commit_together, 0 },
	{ "what is said at the commit is its query's, one by one", at_commit_alone, 0 },
	{ "a callback on one with a notice submits work (rule-66)", callback_together, 0 },
	{ "a callback on one with a notice submits work, one by one", callback_alone, 0 })
