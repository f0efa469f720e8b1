/* SPDX-License-Identifier: MIT */
/* What COPY is fed with, in tests of how it fails and is stopped: table target (id int, t text). */
#ifndef HF_TESTS_COPY_FEED_H
#define HF_TESTS_COPY_FEED_H

#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>

/* More rows than anybody waits for, made as they are read. */
#define T_MANY "(select i, i::text from (select generate_series(1, 1000000000) i) s)"

/* Gives rows (i, "row") from 1 on; does something at row `at`. */
struct feed {
	int n, at;
	void (*act)(hf_copy *copy, struct feed *f);
	hf_status then; /* what it answers after `act` */
	hf_conn *conn;
	atomic_int rows; /* given */
	hf_status refused;
	char sqlstate[6];
};

static inline hf_status give(hf_copy *copy, int64_t id)
{
	return hf_copy_row(copy, id, "row");
}

static inline hf_status feed(hf_copy *copy, void *arg)
{
	struct feed *f = arg;

	for (int i = 1; i <= f->n; i++) {
		hf_status st;

		if (i == f->at && f->act)
			f->act(copy, f);
		if (i == f->at && f->then != HF_OK)
			return f->then;
		st = hf_copy_row(copy, i, "row");
		if (st != HF_OK) {
			f->refused = st;
			snprintf(f->sqlstate, sizeof f->sqlstate, "%s",
				hf_error_sqlstate(hf_copy_error(copy)));
			ck_assert_int_eq(give(copy, i), st);
			return st;
		}
		atomic_store(&f->rows, i);
	}
	return HF_OK;
}

static inline hf_status endless(hf_copy *copy, void *arg)
{
	atomic_int *rows = arg;

	for (;;) {
		hf_status st = hf_copy_row(copy, 1, "row");

		if (st != HF_OK)
			return st;
		atomic_fetch_add(rows, 1);
	}
}

static inline hf_status count(hf_row row, void *arg)
{
	(void)row;
	atomic_fetch_add((atomic_int *)arg, 1);
	return HF_OK;
}

static inline void make_target(hf_pool *p)
{
	t_done(hf_script(p, "drop table if exists target; create table target (id int, t text)"));
}

static inline int kept(hf_pool *p)
{
	return (int)t_int(hf_query(p, "select count(*) from target"));
}

static inline bool rows_given(void *arg)
{
	return atomic_load((atomic_int *)arg) > 1000;
}

/* After it the connection is as good as before. */
static inline void check_usable(hf_pool *p, int64_t connects)
{
	struct feed two = { .n = 2 };

	t_done(hf_query(p, "delete from target"));
	t_done(hf_copy_in(p, "target", feed, &two, NULL));
	ck_assert_int_eq(kept(p), 2);
	ck_assert_int_eq((int64_t)t_stats(p).connects, connects);
}

#endif
