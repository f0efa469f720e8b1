/* SPDX-License-Identifier: MIT */
/* Two databases of one server, for what spans several: the shop is t_dsn()'s, the bank one of its
 * own. Each has the table part (id int primary key, what text). */
#ifndef HF_TESTS_ENGINES_H
#define HF_TESTS_ENGINES_H

#include "fixture.h"

#include <pthread.h>

/* Makes both databases' tables anew. Call it before pools are opened. */
void t_engines(void);

/* The bank's connection string, like t_dsn() for the shop. Lent for ever. */
const char *t_bank_dsn(void);

/* t_psql_int at the bank. */
long long t_bank_int(const char *sql);

/* The rows of part: of the shop times 100, plus those of the bank. */
int t_parts(void);

/* A global transaction with a branch at each. */
struct t_engines {
	hf_pool *shop, *bank;
	hf_global *g;
	hf_txn *at_shop, *at_bank;
	bool two_phase;
};

/* Makes the tables anew, opens both pools (`opts` may be NULL; they are called shop and bank), and
 * begins "order". */
struct t_engines t_engines_open(const hf_pool_opts *opts);

/* Lets go of the global transaction and begins another. */
void t_engines_again(struct t_engines *e);

/* Frees all; no connection may be in use. */
void t_engines_close(struct t_engines *e);

/* Inserts a row into part. */
hf_future *t_add(hf_txn *t, int id);

/* hf_global_commit, which must go well; or answer `st`: the error is yours to unref. */
void t_global_works(hf_global *g);
hf_error *t_global_fails(hf_global *g, hf_status st);

/* Fails unless the error's message has the text in it. */
void t_says(const hf_error *e, const char *text);

/* A gate: an advisory lock at each, held by sessions of its own. t_gate_wait queues an urgent query
 * that waits there, before whatever is urgent later. */
void t_gate_close(void);
void t_gate_open(void);
void t_gate_wait(hf_pool *p);

/* Prepared transactions at the server, in both databases. */
int t_prepared(void);

/* Fails unless that becomes `n` within 10 s. */
void t_wait_prepared(int n);

/* A row at each branch, and both pools blocked at the gate behind them. */
void t_engines_fill(struct t_engines *e, int id);

/* hf_global_commit on a thread of its own. t_commit_end waits for it, and fails unless it answered
 * `st`; `why` is yours to unref. */
struct t_commit {
	pthread_t thread;
	hf_global *g;
	hf_status st;
	hf_error *why;
};

void t_commit_start(struct t_commit *c, hf_global *g);
void t_commit_end(struct t_commit *c, hf_status st);

/* A standby that is not there: while it is demanded, what commits or prepares synchronously does
 * so, and then waits. t_standby_await returns when one session waits; t_standby_lose_answer ends
 * it then, so that nobody is told what it did, and demands nothing any more. Of the engines opened
 * here, with one connection each, only the shop waits. */
void t_standby_demand(bool on);
void t_standby_await(void);
void t_standby_lose_answer(void);
struct t_engines t_engines_open_synced(hf_pool_opts o);

#endif
