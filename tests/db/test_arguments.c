/* SPDX-License-Identifier: MIT */
/* What a function is given: its argument, freed once however the work ends; its connection, which
 * no other thread may use. */
#include "fixture.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Twin of the keyword arguments in gDBPool's test_partial_run: part 1 locks a row and hands its
 * values to part 2, which receives pk and val2, and commits. */
struct part {
	int pk, val2;
};

static hf_status part_1(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct part *p = arg;
	const hf_result *res;
	hf_status st = hf_conn_query(
		c, &res, "select id, val2 from test_values where id = $1 for update", p->pk);

	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

static hf_status part_2(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct part *p = arg;

	(void)reply;
	return hf_conn_query(
		c, NULL, "update test_values set val2 = $1 where id = $2", p->val2 + 200, p->pk);
}

START_TEST(test_partial_run)
{
	struct part given = { .pk = 7 }, *heap;
	hf_status st;
	hf_pool *p;
	hf_txn *t;
	hf_future *f;

	t_test_values(20);
	free(t_psql("update test_values set val2 = 1000 where id = 7"));
	p = t_pool(NULL);
	t = hf_txn_begin(p, NULL);
	f = hf_txn_run(t, HF_JOB(.fn = part_1, .arg = &given));
	heap = malloc(sizeof *heap);
	ck_assert_ptr_nonnull(heap);
	st = hf_row_scan(hf_result_row(t_ok(f), 0), HF_TO(&heap->pk), HF_TO(&heap->val2));
	ck_assert_int_eq(st, HF_OK);
	hf_future_unref(f);
	t_done(hf_txn_run(t, HF_JOB(.fn = part_2, .arg = heap, .free_arg = free)));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(t_psql_int("select val2 from test_values where id = 7"), 1200);
	t_close(p);
}
END_TEST

/* --- freed once ----------------------------------------------------------------------------------
 */

struct arg {
	atomic_int runs, frees, freed_early;
	atomic_bool running;
	bool fail, sleep;
};

static hf_status use_arg(hf_conn *c, void *arg, hf_reply *reply)
{
	struct arg *a = arg;
	hf_status st = HF_OK;

	atomic_fetch_add(&a->runs, 1);
	atomic_store(&a->running, true);
	if (a->sleep)
		st = hf_conn_query(c, NULL, "select pg_sleep(60)");
	else if (a->fail)
		st = hf_fail(reply, "no");
	atomic_fetch_add(&a->freed_early, atomic_load(&a->frees));
	return st;
}

static void free_use(void *arg)
{
	atomic_fetch_add(&((struct arg *)arg)->frees, 1);
}

static void reset(struct arg *a)
{
	atomic_init(&a->runs, 0);
	atomic_init(&a->frees, 0);
	atomic_init(&a->freed_early, 0);
	atomic_init(&a->running, false);
	a->fail = a->sleep = false;
}

/* The future tells only after the argument was freed. */
static void expect_freed(hf_future *f, struct arg *a, hf_status st, int runs)
{
	t_fails(f, st);
	ck_assert_int_eq(atomic_load(&a->frees), 1);
	ck_assert_int_eq(atomic_load(&a->runs), runs);
	ck_assert_int_eq(atomic_load(&a->freed_early), 0);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&a->frees), 1);
	reset(a);
}

static bool is_running(void *arg)
{
	return atomic_load(&((struct arg *)arg)->running);
}

START_TEST(test_argument_freed_once)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = 1));
	struct arg a, b;
	hf_future *f, *busy;

	reset(&a);
	reset(&b);
	expect_freed(hf_run(p, use_arg, &a, free_use), &a, HF_OK, 1);
	a.fail = true;
	expect_freed(hf_run(p, use_arg, &a, free_use), &a, HF_E_USER, 1);
	/* Refused: nothing runs. */
	expect_freed(hf_run(NULL, use_arg, &a, free_use), &a, HF_E_MISUSE, 0);
	expect_freed(hf_run(p, NULL, &a, free_use), &a, HF_E_MISUSE, 0);
	expect_freed(hf_submit(p, HF_JOB(.fn = use_arg, .arg = &a, .free_arg = free_use,
					  .dry_run = true)),
		&a, HF_E_MISUSE, 0);
	/* Cancelled: running, queued, and refused by a full queue. */
	b.sleep = true;
	busy = hf_run(p, use_arg, &b, free_use);
	ck_assert(t_wait_until(is_running, &b, 10000));
	f = hf_run(p, use_arg, &a, free_use);
	ck_assert_int_eq(atomic_load(&a.frees), 0);
	t_failed(hf_query(p, "select 1"), HF_E_BUSY);
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	expect_freed(f, &a, HF_E_CANCELED, 0);
	f = hf_submit(p, HF_JOB(.fn = use_arg, .arg = &a, .free_arg = free_use, .acquire_ms = 50));
	expect_freed(f, &a, HF_E_BUSY, 0);
	ck_assert_int_eq(hf_future_cancel(busy), HF_PENDING);
	expect_freed(busy, &b, HF_E_CANCELED, 1);
	/* Ended by the pool: running and queued; and submitted too late. */
	b.sleep = true;
	busy = hf_run(p, use_arg, &b, free_use);
	ck_assert(t_wait_until(is_running, &b, 10000));
	f = hf_run(p, use_arg, &a, free_use);
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	expect_freed(f, &a, HF_E_CLOSED, 0);
	expect_freed(busy, &b, HF_E_CLOSED, 1);
	expect_freed(hf_run(p, use_arg, &a, free_use), &a, HF_E_CLOSED, 0);
	hf_pool_unref(p);
}
END_TEST

START_TEST(test_argument_freed_without_memory)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct arg a;
	hf_future *f;
	int refused = 0;
	long n;
	bool reached = true;

	t_wait_idle(p, 1);
	for (n = 0; reached; n++) {
		hf_status st;

		ck_assert_int_lt(n, 200);
		reset(&a);
		hf__mem_fail(n, 1);
		f = hf_submit(p, HF_JOB(.fn = use_arg, .arg = &a, .free_arg = free_use,
					 .label = "an argument"));
		ck_assert_ptr_nonnull(f);
		st = hf_future_get_for(f, 10000 * t_slow(), NULL);
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		refused += st == HF_E_NOMEM;
		expect_freed(f, &a, st, st == HF_OK ? 1 : 0);
		t_wait_idle(p, 1);
	}
	ck_assert_int_ge(refused, 1); /* the job and its label are one block */
	t_close(p);
}
END_TEST

/* --- the handle ----------------------------------------------------------------------------------
 */

struct stolen {
	hf_conn *conn;
	hf_status query, begin, savepoint, run, rollback;
	int pid;
	void *scratch;
	bool ok_at_home;
	hf_pool *pool;
};

static void *use_elsewhere(void *arg)
{
	struct stolen *s = arg;
	const hf_result *res = NULL;

	s->query = hf_conn_query(s->conn, &res, "select 1");
	if (res)
		s->query = HF_OK;
	s->begin = hf_conn_begin(s->conn);
	s->savepoint = hf_conn_savepoint(s->conn, "s");
	s->rollback = hf_conn_rollback(s->conn);
	s->run = hf_conn_run(s->conn, NULL, part_1, NULL, NULL);
	s->pid = hf_conn_backend_pid(s->conn);
	s->scratch = hf_conn_alloc(s->conn, 16);
	s->pool = hf_conn_pool(s->conn);
	return NULL;
}

static void assert_refused(const struct stolen *s)
{
	ck_assert_int_eq(s->query, HF_E_MISUSE);
	ck_assert_int_eq(s->begin, HF_E_MISUSE);
	ck_assert_int_eq(s->savepoint, HF_E_MISUSE);
	ck_assert_int_eq(s->rollback, HF_E_MISUSE);
	ck_assert_int_eq(s->run, HF_E_MISUSE);
	ck_assert_int_eq(s->pid, 0);
	ck_assert_ptr_null(s->scratch);
	ck_assert_ptr_null(s->pool);
}

static hf_status lend_handle(hf_conn *c, void *arg, hf_reply *reply)
{
	struct stolen *s = arg;
	pthread_t t;

	(void)reply;
	s->conn = c;
	if (pthread_create(&t, NULL, use_elsewhere, s) != 0)
		return HF_E_NOMEM;
	pthread_join(t, NULL);
	s->ok_at_home = hf_conn_query(c, NULL, "select 1") == HF_OK && hf_conn_pool(c) &&
			hf_conn_backend_pid(c) > 0;
	return HF_OK;
}

/* The next interaction of the same worker, with the handle that another one kept. */
static hf_status use_kept(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	use_elsewhere(arg);
	return HF_OK;
}

START_TEST(test_handle_of_another_thread)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1)), *other = t_pool(NULL);
	struct stolen s = { .conn = NULL };

	t_done(hf_submit(p, HF_JOB(.fn = lend_handle, .arg = &s, .manual = true)));
	assert_refused(&s);
	ck_assert(s.ok_at_home);
	/* Kept beyond its end: on a user's thread, and on a worker of another pool. */
	use_elsewhere(&s);
	assert_refused(&s);
	t_done(hf_run(other, use_kept, &s, NULL));
	assert_refused(&s);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(other);
	t_close(p);
	use_elsewhere(&s);
	assert_refused(&s);
}
END_TEST

T_MAIN("arguments", { "A21 the second part receives what the first has read", test_partial_run, 0 },
	{ "A21 an argument is freed once however its work ends", test_argument_freed_once, 0 },
	{ "A21 A9 an argument is freed once when memory runs out",
		test_argument_freed_without_memory, 0 },
	{ "A17 a connection is refused to any thread but its own", test_handle_of_another_thread,
		0 })
