/* SPDX-License-Identifier: MIT */
/* What tests of the library against a server share. All fail the running case, and say why, when
 * they cannot do what they promise. Limits of time given here are stretched by HOLDFAST_TEST_SLOW.
 */
#ifndef HF_TESTS_FIXTURE_H
#define HF_TESTS_FIXTURE_H

#include "helpers.h"

#include <holdfast.h>

/* The name of this case's pools and so the application_name of their sessions: "t<pid>". */
const char *t_name(void);

/* A pool on t_dsn(); `opts` may be NULL. Without a name in them it is called t_name(). */
hf_pool *t_pool(const hf_pool_opts *opts);

/* The same on another server or role. */
hf_pool *t_pool_on(const char *dsn, const hf_pool_opts *opts);

/* Closes it, which must work, and lets go of it. */
void t_close(hf_pool *p);

/* Waits up to 10 s, asserts HF_OK (or that status), and gives what the future lends. */
#define t_ok(f)        t_ok_at(__FILE__, __LINE__, (f))
#define t_fails(f, st) t_fails_at(__FILE__, __LINE__, (f), (st))
const hf_result *t_ok_at(const char *file, int line, hf_future *f);
const hf_error *t_fails_at(const char *file, int line, hf_future *f, hf_status st);

/* The same for a future that nobody needs afterwards: it is let go of. t_int gives the integer in
 * the first column of the only row. */
#define t_done(f)      t_done_at(__FILE__, __LINE__, (f))
#define t_failed(f, s) t_failed_at(__FILE__, __LINE__, (f), (s))
#define t_int(f)       t_int_at(__FILE__, __LINE__, (f))
void t_done_at(const char *file, int line, hf_future *f);
void t_failed_at(const char *file, int line, hf_future *f, hf_status st);
long long t_int_at(const char *file, int line, hf_future *f);

/* The table test_values (id serial primary key, val1 int, val2 int), made anew with `rows` rows. */
void t_test_values(int rows);

/* Polls until `cond` says true. False: it did not within ms. */
bool t_wait_until(bool (*cond)(void *arg), void *arg, int ms);

/* Fails unless the pool has `conns` connections, all idle and asleep, and nothing
 * queued, within 10 s. */
void t_wait_idle(hf_pool *p, unsigned conns);

/* Fails unless the pool has `busy` busy connections within 10 s. */
void t_wait_busy(hf_pool *p, unsigned busy);

hf_pool_stats t_stats(hf_pool *p);

/* Sessions at the server whose application_name is t_name(). */
int t_backends(void);

/* Fails unless t_backends() becomes `n` within 10 s: a session ends a little after its client has
 * gone. */
void t_wait_backends(int n);

/* Milliseconds since hf_now_ns() was `ns`. */
long long t_ms_since(int64_t ns);

#endif
