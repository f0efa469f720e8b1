/* SPDX-License-Identifier: MIT */
/* What travels, as it is seen on the wire: how many answers a connection owes at a time. Poolers
 * that stop when a second Sync comes before they have answered the first are told of nothing else
 * with .max_pipeline = 1 (rule-69). */
#include "pipeline.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCKETS 1024

/* One direction of a connection: where a message begins and what it is. */
struct stream {
	size_t left; /* of the message's body */
	size_t head; /* so much of its first five bytes is there */
	unsigned char first[5];
};

static struct {
	pthread_mutex_t lock;
	/* guarded by lock */
	struct stream sent[SOCKETS], come[SOCKETS];
	int owed[SOCKETS]; /* ReadyForQuery */
	int most;          /* of any */
	long asked;
} wire = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Eats one message's head, or what is there of it. 0: it is not complete; else the message's type,
 * and 1 for the first of a session, which has none. */
static int next_message(struct stream *s, const unsigned char **data, size_t *n)
{
	size_t piece, len;
	int type;

	for (;;) {
		piece = s->left < *n ? s->left : *n;
		*data += piece;
		*n -= piece;
		s->left -= piece;
		if (*n == 0)
			return 0;
		s->first[s->head++] = *(*data)++;
		--*n;
		type = s->first[0];
		if (s->head < (type ? 5 : 4))
			continue;
		len = (size_t)s->first[s->head - 4] << 24 | (size_t)s->first[s->head - 3] << 16 |
		      (size_t)s->first[s->head - 2] << 8 | s->first[s->head - 1];
		s->left = len - 4;
		s->head = 0;
		return type ? type : 1;
	}
}

static void note_sent_locked(int fd, const unsigned char *data, size_t n)
{
	int type;

	while ((type = next_message(&wire.sent[fd], &data, &n)) != 0) {
		if (type == 1) {
			memset(&wire.come[fd], 0, sizeof wire.come[fd]);
			wire.owed[fd] = 0;
		}
		if (type != 'S' && type != 'Q' && type != 1)
			continue;
		wire.asked++;
		wire.owed[fd]++;
		wire.most = wire.owed[fd] > wire.most ? wire.owed[fd] : wire.most;
	}
}

static void note_come_locked(int fd, const unsigned char *data, size_t n)
{
	int type;

	while ((type = next_message(&wire.come[fd], &data, &n)) != 0)
		wire.owed[fd] -= type == 'Z';
}

/* libpq finds these before the C library's. */
__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
	ssize_t sent;

	/* In one step, as the answer may be read by another thread; libpq's sockets do not block.
	 */
	pthread_mutex_lock(&wire.lock);
	sent = syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
	if (sent > 0 && fd < SOCKETS)
		note_sent_locked(fd, data, (size_t)sent);
	pthread_mutex_unlock(&wire.lock);
	return sent;
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *data, size_t n, int flags)
{
	ssize_t come = syscall(SYS_recvfrom, fd, data, n, flags, NULL, NULL);

	pthread_mutex_lock(&wire.lock);
	if (come > 0 && fd < SOCKETS)
		note_come_locked(fd, data, (size_t)come);
	pthread_mutex_unlock(&wire.lock);
	return come;
}

static int most_owed(void)
{
	int n;

	pthread_mutex_lock(&wire.lock);
	n = wire.most;
	pthread_mutex_unlock(&wire.lock);
	return n;
}

/* --- work of every kind --------------------------------------------------------------------------
 */

static hf_status interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "select 1");

	(void)arg;
	(void)reply;
	return st != HF_OK ? st : hf_conn_query(c, NULL, "insert into ledger values (1)");
}

static hf_future *submit(hf_pool *p, int i)
{
	switch (i % 10) {
	case 0:
		return hf_query(p, "insert into ledger values ($1)", i);
	case 1:
		return hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 60000), "select $1::int", i);
	case 2:
		return hf_query_with(p, HF_QUERY_OPTS(.read_only = true), "select $1::int", i);
	case 3:
		return hf_query(p, "select 1 / $1::int", 0);
	case 4:
		return hf_script(p, "select 1; select 2");
	case 5:
		return hf_run(p, interaction, NULL, NULL);
	case 6:
		return hf_transact(p, NULL, HF_JOB(.fn = interaction));
	case 7:
		return hf_query_with(p,
			HF_QUERY_OPTS(.read_only = true, .isolation = HF_ISO_SERIALIZABLE),
			"select $1::int", i);
	case 8:
		return hf_query(p, "vacuum ledger");
	default:
		return hf_query(p, "select $1::int, repeat('x', 20000)", i);
	}
}

/* A hundred commands that wait for each other, savepoints among them. */
static void transaction(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[100];

	for (int i = 0; i < 100; i++)
		f[i] = i % 25 == 10   ? hf_txn_savepoint(t, "s")
		       : i % 25 == 20 ? hf_txn_rollback_to(t, "s")
				      : hf_txn_query(t, "select $1::int", i);
	for (int i = 0; i < 100; i++)
		t_done(f[i]);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
}

static void work(int depth)
{
	enum { N = 600 };
	hf_pool *p;
	static hf_future *f[N];
	hf_result *res;

	t_ledger_new();
	p = t_pool(HF_POOL_OPTS(.max_conns = 2, .max_pipeline = depth, .max_queue = HF_FOREVER));
	for (int again = 0; again < 3; again++) {
		for (int i = 0; i < N; i++)
			f[i] = submit(p, i);
		for (int i = 0; i < N; i++) {
			if (i % 10 == 3)
				t_sqlstate(f[i], "22012");
			else
				t_done(f[i]);
		}
		transaction(p);
		for (int i = 0; i < 100; i++) {
			ck_assert_int_eq(hf_fetch(p, &res, NULL, "select $1::int", i), HF_OK);
			hf_result_unref(res);
			t_done(hf_query(p, "select $1::int", i)); /* sent by the one who waits */
		}
	}
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_close(p);
	printf("# depth %d: %ld answers, %d owed at a time\n", depth, wire.asked, most_owed());
	ck_assert_int_gt(wire.asked, 3 * N);
}

/* Whatever is asked, and by whom. */
START_TEST(test_one_sync)
{
	work(1);
	ck_assert_int_eq(most_owed(), 1);
}
END_TEST

/* Where it is larger they are counted, and no more than it says. */
START_TEST(test_several_syncs)
{
	work(8);
	ck_assert_int_gt(most_owed(), 2);
	ck_assert_int_le(most_owed(), 8);
}
END_TEST

T_MAIN("pipeline_syncs",
	{ "max_pipeline 1: a second Sync never goes before the answer to the first (rule-69)",
		test_one_sync, 60 },
	{ "max_pipeline 8: at most eight answers are owed at a time", test_several_syncs, 60 })
