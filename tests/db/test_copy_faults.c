/* SPDX-License-Identifier: MIT */
/* COPY into a table, and a kernel that does not take what is sent: it ends, and nothing is kept. */
#include "copy_feed.h"
#include "send_fault.h"

#include <limits.h>
#include <stdio.h>

/* Far more than the socket holds. */
#define ROWS 60000

/* The second is sent as text, and by the simple protocol: there is no binary of an enum. */
static const char *const tables[] = {
	"create table target (id int, t text)",
	"create type mood as enum ('row'); create table target (id int, t mood)",
};

static hf_pool *open_with(const char *table)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_done(hf_script(p, "set client_min_messages to warning; drop table if exists target;"
			    "drop type if exists mood cascade; reset client_min_messages"));
	t_done(hf_script(p, table));
	return p;
}

/* Answers how many sends there were; `passes` of them get through. */
static int copy(hf_pool *p, int passes, int error, hf_status *st, struct feed *f)
{
	hf_future *done;
	int sends;

	while (hf_await(hf_query(p, "select 1"), NULL) != HF_OK)
		;
	t_wait_idle(p, 1);
	arm(passes, error);
	done = hf_copy_in(p, "target", feed, f, NULL);
	ck_assert_int_eq(hf_future_wait_for(done, 10000 * t_slow()), HF_OK); /* none has a limit */
	sends = disarm();
	*st = hf_error_status(hf_future_error(done));
	hf_future_unref(done);
	return sends;
}

static int count_sends(hf_pool *p)
{
	struct feed f = { .n = ROWS };
	hf_status st;
	int sends = copy(p, INT_MAX, 0, &st, &f);

	ck_assert_int_eq(st, HF_OK);
	ck_assert_int_eq(kept(p), ROWS);
	t_done(hf_query(p, "delete from target"));
	return sends;
}

/* How many sends there are differs: the server reads meanwhile. False: it did not come to it. */
static bool refuse(hf_pool *p, int at, int error)
{
	struct feed f = { .n = ROWS };
	hf_status st;

	if (copy(p, at, error, &st, &f) <= at) {
		ck_assert_int_eq(st, HF_OK);
		ck_assert_int_eq(kept(p), ROWS);
		t_done(hf_query(p, "delete from target"));
		return false;
	}
	if (st != HF_E_CONN_LOST)
		ck_abort_msg("send %d, errno %d: %s", at, error, hf_status_name(st));
	ck_assert(f.refused == HF_OK || f.refused == HF_E_CONN_LOST);
	t_wait_backends(1);
	ck_assert_int_eq(kept(p), 0);
	return true;
}

/* The server has not hung up, so nothing comes of it, now or later. */
static void refused(const char *table)
{
	static const int errors[] = { ENOBUFS, EPIPE };
	int64_t began = hf_now_ns();
	hf_pool *p = open_with(table);
	int sends = count_sends(p), n = 0;

	ck_assert_int_ge(sends, 8);
	for (size_t k = 0; k < T_COUNT(errors); k++)
		for (int at = 0; at < sends; at++)
			n += refuse(p, at, errors[k]);
	printf("# %d sends, %d of %d refused; all in %lld ms\n", sends, n,
		sends * (int)T_COUNT(errors), t_ms_since(began));
	ck_assert_int_ge(n, sends * (int)T_COUNT(errors) / 2);
	ck_assert_uint_eq(t_stats(p).connects, 1 + (unsigned)n);
	check_usable(p, 1 + n);
	t_close(p);
}

START_TEST(test_binary)
{
	refused(tables[0]);
}
END_TEST

START_TEST(test_text)
{
	refused(tables[1]);
}
END_TEST

T_MAIN("copy_faults",
	{ "bulk-J3 what the kernel refuses at each send of a COPY", test_binary, 120 },
	{ "bulk-J3 what the kernel refuses at each send of a COPY in text", test_text, 120 })
