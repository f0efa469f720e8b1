/* SPDX-License-Identifier: MIT */
/* What goes in several pieces, and a kernel that does not take one of them: it ends. Once a send
 * has failed libpq throws away what comes behind it and says that all is well, and one call of it
 * may send twice. */
#include "fixture.h"
#include "send_fault.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LONG 20000

static char word[LONG + 1], text[LONG + 100];

/* A statement with a word of `n` bytes in it, sent in pieces of `most` bytes. */
struct way {
	hf_future *(*submit)(hf_pool *p);
	const char *before, *behind;
	int n;
	size_t most;
	int least; /* so many sends are its own */
};

static hf_future *submit_script(hf_pool *p)
{
	return hf_script(p, text);
}

static hf_future *submit_query(hf_pool *p)
{
	return hf_query(p, text, word);
}

static hf_status ignore(hf_row row, void *arg)
{
	(void)row;
	(void)arg;
	return HF_OK;
}

static hf_future *submit_copy(hf_pool *p)
{
	return hf_copy_out(p, text, ignore, NULL, NULL);
}

/* Answers how many sends there were; `passes` of them get through. */
static int send_it(hf_pool *p, const struct way *w, int passes, int error, hf_status *st)
{
	hf_future *f;

	while (hf_await(hf_query(p, "select 1"), NULL) != HF_OK)
		;
	t_wait_idle(p, 1);
	arm_pieces(passes, error, w->most);
	f = w->submit(p);
	ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK); /* none has a limit */
	*st = hf_error_status(hf_future_error(f));
	hf_future_unref(f);
	return disarm();
}

/* The server has not hung up, so nothing comes of it, now or later. Behind a script the session is
 * tidied up, which is nobody's concern. Answers how many were refused. */
static int refuse_one_by_one(hf_pool *p, const struct way *w, int sends, int error)
{
	int n = 0, lost = 0;

	for (int at = 0; at < sends; at++) {
		hf_status st;
		bool struck = send_it(p, w, at, error, &st) > at;

		n += struck;
		lost += st == HF_E_CONN_LOST;
		if (st != HF_OK && st != HF_E_CONN_LOST)
			ck_abort_msg("send %d, errno %d: %s", at, error, hf_status_name(st));
		if (struck && st == HF_OK && lost < w->least)
			ck_abort_msg("send %d of %d, errno %d: worked", at, sends, error);
	}
	ck_assert_int_ge(lost, w->least);
	return n;
}

static void refuse_each(const struct way *w)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int sends, n;
	hf_status st;

	memset(word, 'x', (size_t)w->n);
	word[w->n] = '\0';
	snprintf(text, sizeof text, "%s'%s'%s", w->before, word, w->behind);
	sends = send_it(p, w, INT_MAX, 0, &st);
	ck_assert_int_eq(st, HF_OK);
	n = refuse_one_by_one(p, w, sends, ENOBUFS);
	n += refuse_one_by_one(p, w, sends, EPIPE);
	printf("# %d sends, %d refused\n", sends, n);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1 + (unsigned)n);
	t_close(p);
}

/* Longer than libpq keeps to itself; and a few bytes at a time. */
static void refuse_both(struct way w)
{
	w.n = LONG;
	w.most = SIZE_MAX;
	w.least = 2;
	refuse_each(&w);
	w.n = 10;
	w.most = 7;
	w.least = 5;
	refuse_each(&w);
}

START_TEST(test_script)
{
	refuse_both((struct way){ submit_script, "select ", "; select 2", 0, 0, 0 });
}
END_TEST

START_TEST(test_query)
{
	refuse_both((struct way){ submit_query, "select ", ", $1::text", 0, 0, 0 });
}
END_TEST

START_TEST(test_copy)
{
	refuse_both((struct way){ submit_copy, "(select ", ")", 0, 0, 0 });
}
END_TEST

T_MAIN("send_pieces", { "what the kernel refuses of a long script (rule-61)", test_script, 60 },
	{ "what the kernel refuses of a long statement", test_query, 60 },
	{ "what the kernel refuses of a COPY out of a table", test_copy, 60 })
