/* SPDX-License-Identifier: MIT */
/* Queries that travel together are what they would be one by one: whatever one of them does wrong,
 * and wherever it stands, the others have their results and their writes. */
#include "pipeline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST 50

/* --- how often the client waits for the server ---------------------------------------------------
 *
 * libpq's own send and recv come here. A turn is a send after something was received: so often does
 * the wire's latency count, whatever the machine. */

static atomic_bool counting, heard;
static atomic_uint turns;

__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
	if (atomic_load(&counting) && atomic_exchange(&heard, false))
		atomic_fetch_add(&turns, 1);
	return syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *data, size_t n, int flags)
{
	ssize_t got = syscall(SYS_recvfrom, fd, data, n, flags, NULL, NULL);

	if (got > 0 && atomic_load(&counting))
		atomic_store(&heard, true);
	return got;
}

/* --- the bad one ---------------------------------------------------------------------------------
 */

static const struct bad {
	const char *sql, *state;
	bool text; /* its parameter is a text */
} kinds[] = {
	{ "insert into ledger valeus ($1)", "42601", false },
	{ "insert into ledger select 1 / ($1::int - $1::int)", "22012", false },
	{ "insert into taken values ($1::int - $1::int)", "23505", false },
	{ "insert into ledger values ($1::int)", "22P02", true },
};

static hf_future *submit_bad(hf_pool *p, const struct bad *b, int i)
{
	return b->text ? hf_query(p, b->sql, "no number") : hf_query(p, b->sql, i);
}

/* Member i of a batch: a write that gives its number back, in two shapes, and now and then a read.
 */
static hf_future *submit_good(hf_pool *p, int i)
{
	if (i % 3 == 2)
		return hf_query(p,
			"with w as (insert into ledger values ($1) returning id) "
			"select id from w",
			i);
	return hf_query(p, "insert into ledger values ($1) returning id", i);
}

static void check_writes(hf_pool *p, int n, int bad)
{
	hf_future *f =
		hf_query(p, "with gone as (delete from ledger returning id) select count(*), "
			    "count(distinct id), coalesce(sum(id), 0) from gone");
	hf_row row = hf_result_row(t_ok(f), 0);

	ck_assert_int_eq(hf_row_int8(row, 0, -1), n - 1);
	ck_assert_int_eq(hf_row_int8(row, 1, -1), n - 1);
	ck_assert_int_eq(hf_row_int8(row, 2, -1), n * (n - 1) / 2 - bad);
	hf_future_unref(f);
}

static void one_batch(hf_pool *p, int n, int bad, const struct bad *kind)
{
	hf_future *f[MOST];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = i == bad ? submit_bad(p, kind, i) : submit_good(p, i);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		if (i == bad)
			t_sqlstate(f[i], kind->state);
		else
			ck_assert_int_eq(t_int(f[i]), i);
	}
	check_writes(p, n, bad);
}

/* Each kind of mistake at each position of each size up to 4 and of the largest, and for the sizes
 * between them one kind after the other. */
static void bad_at_each_position(int depth)
{
	hf_pool *p;
	int batches = 0;

	t_ledger_new();
	free(t_psql("set client_min_messages to warning; drop table if exists taken;"
		    "create table taken (id int primary key); insert into taken values (0)"));
	p = t_pipe_pool(depth > 1 ? 64 : 1);
	for (int n = 1; n <= MOST; n++) {
		for (int bad = 0; bad < n; bad++)
			for (int k = 0; k < (int)T_COUNT(kinds); k++) {
				if (n > 4 && n < MOST && k != (n + bad) % (int)T_COUNT(kinds))
					continue;
				one_batch(p, n, bad, &kinds[k]);
				batches++;
			}
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 30000);
	t_expect_sane(p);
	printf("# %d batches\n", batches);
	t_close(p);
}

T_BOTH_WAYS(bad_at_each_position)

/* More than one, and nothing but. */
static void many_bad(int depth)
{
	hf_pool *p;
	hf_future *f[MOST];
	int seen[MOST];
	struct t_dam dam;

	t_ledger_new();
	free(t_psql("set client_min_messages to warning; drop table if exists taken;"
		    "create table taken (id int primary key); insert into taken values (0)"));
	p = t_pipe_pool(depth);
	for (int every = 1; every <= 5; every++) {
		t_dam_shut(&dam, p);
		for (int i = 0; i < MOST; i++)
			f[i] = i % every ? submit_good(p, i)
					 : submit_bad(p, &kinds[i % (int)T_COUNT(kinds)], i);
		t_dam_open(&dam);
		for (int i = 0; i < MOST; i++) {
			if (i % every)
				ck_assert_int_eq(t_int(f[i]), i);
			else
				t_sqlstate(f[i], kinds[i % (int)T_COUNT(kinds)].state);
		}
		t_ledger_read(seen, MOST);
		for (int i = 0; i < MOST; i++)
			ck_assert_int_eq(seen[i], i % every != 0);
		t_done(hf_query(p, "truncate ledger"));
	}
	t_expect_together(p, depth, 100);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(many_bad)

/* --- several times the throughput ----------------------------------------------------------------
 */

static unsigned turns_of(int depth, int64_t *ns)
{
	hf_pool *p = t_pipe_pool(depth);
	hf_future *f[64];
	struct t_dam dam;

	t_done(hf_query(p, "select $1::int", 0));
	t_dam_shut(&dam, p);
	for (int i = 0; i < 64; i++)
		f[i] = hf_query(p, "select $1::int", i);
	atomic_store(&heard, true);
	atomic_store(&turns, 0);
	atomic_store(&counting, true);
	*ns = hf_now_ns();
	t_dam_open(&dam);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(t_int(f[i]), i);
	*ns = hf_now_ns() - *ns;
	atomic_store(&counting, false);
	t_expect_together(p, depth, 60);
	t_close(p);
	return atomic_load(&turns);
}

/* 64 queries of a millisecond's way to the server: 64 times that, or a few times. */
START_TEST(few_turns)
{
	int64_t alone_ns, together_ns;
	unsigned alone = turns_of(T_ALONE, &alone_ns);
	unsigned together = turns_of(T_DEPTH, &together_ns);

	printf("# 64 queries: one by one %u turns in %lld us, together %u turns in %lld us\n",
		alone, (long long)alone_ns / 1000, together, (long long)together_ns / 1000);
	ck_assert_uint_ge(alone, 64);
	if (T_PIPELINING)
		ck_assert_uint_le(together, 16);
}
END_TEST

T_MAIN("pipeline",
	{ "J1 each position of a bad query in batches of 1 to 50", bad_at_each_position_together,
		120 },
	{ "a bad query at each position, one by one", bad_at_each_position_alone, 120 },
	{ "several bad ones in a batch", many_bad_together, 0 },
	{ "several bad ones, one by one", many_bad_alone, 0 },
	{ "J1 a batch waits for the server a few times only", few_turns, 0 })
