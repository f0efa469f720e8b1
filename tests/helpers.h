/* SPDX-License-Identifier: MIT */
/* What tests against a server share. All fail the running case, and say why, when they cannot do
 * what they promise. */
#ifndef HF_TESTS_HELPERS_H
#define HF_TESTS_HELPERS_H

#include "check_main.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The server that tests/with-pg has started (HOLDFAST_TEST_DSN). Lent for ever. */
const char *t_dsn(void);

/* Runs tests/pg-ctl with these arguments: t_pgctl("restart %s", "fast"). True: it went well. Skips
 * the case when the server is not ours to hurt. */
bool t_pgctl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Skips the case unless t_pgctl can work. */
void t_need_pgctl(void);

/* A hot standby of t_dsn(), made if there is none that streams (a promoted one is made anew); it
 * lives until t_pgctl("standby-stop") or the end of the program. t_pgctl("promote") makes it a
 * server of its own. Lent for ever. Skips the case as t_pgctl does. */
const char *t_standby_dsn(void);

/* Runs SQL on a connection of its own. The first column of the first row, yours to free(); NULL
 * when there is no row or it is SQL NULL. */
char *t_psql(const char *sql);

/* The same as an integer; fails the case when it is none. */
long long t_psql_int(const char *sql);

/* How long the machine kept a thread of this process, that had nothing to do but to sleep for a
 * millisecond at a time, from running: the worst, in ms, between begin and end. What is late by as
 * much is not late. */
struct t_watch {
	pthread_t thread;
	atomic_bool over;
	long long worst_ns;
};
void t_watch_begin(struct t_watch *w);
long long t_watch_end(struct t_watch *w);

/* Sleeps; not stretched by HOLDFAST_TEST_SLOW. */
void t_sleep_ms(int ms);

#endif
