/* SPDX-License-Identifier: MIT */
/* A batch meets a kernel that does not take what is sent, and a server whose answer is not the one
 * to the question: all futures end, and what is said of each agrees with the table. */
#include "pipeline.h"
#include "send_fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N    8
#define MOST 4000

static struct {
	hf_pool *pool;
	bool limited; /* in time */
	int rounds, n_of[3];
	unsigned char claim[MOST]; /* by id */
} c;

/* --- what is said, and what is there -------------------------------------------------------------
 */

static void begin(hf_pool *p)
{
	memset(&c, 0, sizeof c);
	t_ledger_new();
	c.pool = p;
	t_wait_idle(p, 1);
}

static hf_future *submit(int id, bool reads, const char *word)
{
	if (reads)
		return hf_query_with(c.pool, HF_QUERY_OPTS(.read_only = true),
			"select $1::int, $2::text", id, word);
	return hf_query(c.pool, "insert into ledger values ($1) returning id, $2::text", id, word);
}

/* One batch; member `odd` says another word than the others. */
static void one_batch(enum t_claim *claim, int passes, int error, bool reads, int odd)
{
	int first = c.rounds++ * N;
	hf_future *f[N];
	struct t_dam dam;

	ck_assert_int_le(first + N, MOST);
	while (hf_await(hf_query(c.pool, "select 1"), NULL) != HF_OK)
		;
	t_wait_idle(c.pool, 1);
	t_dam_shut(&dam, c.pool);
	arm(passes, error);
	for (int i = 0; i < N; i++)
		f[i] = submit(first + i, reads, i == odd ? "odd" : "even");
	t_dam_open(&dam);
	for (int i = 0; i < N; i++) {
		claim[i] = t_claim_of(f[i], first + i, reads, c.limited);
		c.claim[first + i] = (unsigned char)claim[i];
		c.n_of[claim[i]]++;
		hf_future_unref(f[i]);
	}
}

static void end(bool reads)
{
	static int times[MOST];
	int n = c.rounds * N;

	disarm();
	t_expect_sane(c.pool);
	t_close(c.pool);
	t_wait_backends(0); /* what was under way has ended */
	t_ledger_read(times, n);
	for (int i = 0; i < n && !reads; i++)
		if (times[i] > 1 ||
			(c.claim[i] != T_UNKNOWN && times[i] != (c.claim[i] == T_WRITTEN)))
			ck_abort_msg("round %d, member %d: claim %d, and it is there %d times",
				i / N, i % N, c.claim[i], times[i]);
	printf("# %d rounds: %d members had their answer, %d were surely undone, "
	       "%d may have been done\n",
		c.rounds, c.n_of[T_WRITTEN], c.n_of[T_NOT_WRITTEN], c.n_of[T_UNKNOWN]);
}

/* How many times a batch sends. */
static int count_sends(bool reads)
{
	enum t_claim claim[N];

	one_batch(claim, INT_MAX, 0, reads, -1);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(claim[i], T_WRITTEN);
	return disarm();
}

/* --- refused by the kernel -----------------------------------------------------------------------
 */

/* The server has not hung up, so nothing comes of it, now or later, and none of these has a limit
 * of time. */
static void refused(int depth, bool reads)
{
	static const int errors[] = { ENOMEM, ENOBUFS, EHOSTUNREACH, EPIPE, ECONNRESET };
	int64_t began = hf_now_ns();
	enum t_claim claim[N];
	int sends;

	begin(t_pipe_pool(depth));
	sends = count_sends(reads);
	ck_assert_int_ge(sends, 1);
	for (size_t k = 0; k < T_COUNT(errors); k++)
		for (int at = 0; at < sends; at++) {
			one_batch(claim, at, errors[k], reads, -1);
			ck_assert_int_gt(disarm(), at); /* it came to it */
			if (reads)
				ck_assert_int_eq(c.n_of[T_UNKNOWN], 0);
		}
	printf("# %d sends a batch; all in %lld ms\n", sends, t_ms_since(began));
	ck_assert_int_gt(c.n_of[T_UNKNOWN] + c.n_of[T_NOT_WRITTEN], 0);
	t_expect_sane(c.pool); /* there is one more link by then */
	ck_assert_uint_eq(t_stats(c.pool).connects, 1 + T_COUNT(errors) * (unsigned)sends);
	t_expect_together(c.pool, depth, (unsigned)sends * N);
	end(reads);
}

static void refused_writes(int depth)
{
	refused(depth, false);
}

static void refused_reads(int depth)
{
	refused(depth, true);
}

T_BOTH_WAYS(refused_writes)
T_BOTH_WAYS(refused_reads)

/* --- swallowed without a word --------------------------------------------------------------------
 */

/* Nothing tells but time: the limit of a statement is kept by the client as well, and then three
 * cancels come to nothing, which takes two seconds. The last half of the sends vanishes. */
static void swallowed(bool reads)
{
	enum t_claim claim[N];
	int sends;

	begin(t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = T_DEPTH, .max_queue = HF_FOREVER,
		.statement_ms = 200 * t_slow())));
	c.limited = true;
	sends = count_sends(reads);
	one_batch(claim, sends / 2, 0, reads, -1);
	ck_assert_int_gt(disarm(), sends / 2);
	ck_assert_int_gt(c.n_of[T_NOT_WRITTEN] + c.n_of[T_UNKNOWN], 0);
	t_expect_sane(c.pool);
	ck_assert_uint_eq(t_stats(c.pool).connects, 2);
	end(reads);
}

START_TEST(test_swallowed_writes)
{
	swallowed(false);
}
END_TEST

START_TEST(test_swallowed_reads)
{
	swallowed(true);
}
END_TEST

/* --- an answer of transaction control ------------------------------------------------------------
 */

static _Atomic(const char *) tag; /* what the odd member is said to have been */

/* In libpq's place. */
char *PQcmdStatus(PGresult *res)
{
	static char *(*real)(PGresult *);
	const char *instead = atomic_load(&tag);
	static char copy[64];

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQcmdStatus");
	if (!instead || PQntuples(res) != 1 || PQnfields(res) != 2 ||
		strcmp(PQgetvalue(res, 0, 1), "odd") != 0)
		return real(res);
	snprintf(copy, sizeof copy, "%s", instead);
	return copy;
}

static const char *const control[] = { "BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK",
	"SAVEPOINT", "RELEASE", "PREPARE TRANSACTION" };

/* No text gets so far. If one did, what travels behind it might stand in its transaction: that is
 * not said to be done, and the link is given up. */
START_TEST(test_control)
{
	int behind = 0, unknown = 0;
	enum t_claim claim[N];

	begin(t_pipe_pool(T_DEPTH));
	for (size_t k = 0; k < T_COUNT(control); k++)
		for (int odd = 0; odd < N; odd++) {
			atomic_store(&tag, control[k]);
			one_batch(claim, INT_MAX, 0, false, odd);
			atomic_store(&tag, NULL);
			for (int i = 0; i <= odd; i++)
				ck_assert_int_eq(claim[i], T_WRITTEN);
			for (int i = odd + 1; i < N; i++, behind++)
				unknown += claim[i] == T_UNKNOWN;
		}
	/* But for those that were not sent, behind one that was slow. */
	ck_assert_int_gt(unknown, behind / 2);
	t_expect_sane(c.pool);
	ck_assert_uint_eq(t_stats(c.pool).connects, 1 + (unsigned)c.rounds);
	end(false);
}
END_TEST

/* Behind one Sync none of them is. */
START_TEST(test_control_shared)
{
	enum t_claim claim[N];

	begin(t_pipe_pool(T_DEPTH));
	for (int odd = 0; odd < N; odd++) {
		atomic_store(&tag, control[(size_t)odd % T_COUNT(control)]);
		one_batch(claim, INT_MAX, 0, true, odd);
		atomic_store(&tag, NULL);
		ck_assert_int_eq(claim[odd], T_NOT_WRITTEN);
	}
	ck_assert_int_gt(c.n_of[T_NOT_WRITTEN], N * N / 2);
	ck_assert_uint_ge(t_stats(c.pool).fast_lane, N * N / 2);
	end(true);
}
END_TEST

T_MAIN("batch_faults",
	{ "what the kernel refuses at each send of a batch (rule-61)", refused_writes_together,
		60 },
	{ "what the kernel refuses at each send, one by one", refused_writes_alone, 60 },
	{ "what the kernel refuses at each send of a group", refused_reads_together, 60 },
	{ "what the kernel refuses at each send of a read, one by one", refused_reads_alone, 60 },
	{ "what vanishes on its way ends with its limit", test_swallowed_writes, 60 },
	{ "what vanishes on its way of a group", test_swallowed_reads, 60 },
	{ "nothing behind an answer of transaction control is done", test_control, 60 },
	{ "an answer of transaction control among reads", test_control_shared, 60 })
