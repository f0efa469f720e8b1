/* SPDX-License-Identifier: MIT */
/* What the programs of bench/ share: the workloads, clock, chance, latencies and the line of JSON
 * that each prints.
 *
 * A program takes the workload as its argument and the server from PGHOST, PGDATABASE, PGUSER; the
 * number of operations is the workload's times PEERS_SCALE. It prints one line of JSON and exits
 * with 0; or exits with BENCH_SKIP when it has no such workload. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SKIP   3
#define BENCH_CONNS  4   /* of the workloads that use several */
#define BENCH_FLIGHT 256 /* statements under way at a time */

#define BENCH_POINT  "SELECT aid,bid,abalance,filler FROM pgbench_accounts WHERE aid=$1"
#define BENCH_UPDATE "UPDATE pgbench_accounts SET abalance=abalance+$1 WHERE aid=$2"
#define BENCH_LOCK   "SELECT abalance FROM pgbench_accounts WHERE aid=$1 FOR UPDATE"
#define BENCH_SET    "UPDATE pgbench_accounts SET abalance=$1 WHERE aid=$2"
#define BENCH_ITEMS  "peer_item(subject,done,created,score)"
#define BENCH_COPY   "COPY " BENCH_ITEMS " FROM STDIN"
#define BENCH_LOAD   "SELECT aid,bid,abalance,filler FROM pgbench_accounts LIMIT "

/* A row of pgbench_accounts, and one whose text lives elsewhere. */
struct bench_account {
	int aid, bid, abalance;
	char filler[88];
};

struct bench_loaded {
	int aid, bid, abalance;
	const char *filler;
};

/* One run. What it prints, but for the peer's name, starts as zero. */
struct bench {
	const char *peer;
	const char *version;
	const char *workload;
	int conns, flight; /* connections; operations under way at a time */
	long ops, warmup;
	uint32_t *lap_ns; /* one per operation; NULL where they are not timed one by one */
	bool has_check;
	long long check;
	int64_t began_ns, took_ns, cpu_ns; /* see bench_begin */
};

/* Copies of texts, never moved and freed with the process. */
struct bench_texts {
	char *next;
	size_t left;
};

/* Row i of the insert workload; score is NULL where !has_score. */
struct bench_item {
	char subject[40];
	bool done;
	int64_t created_us; /* since 1970 */
	bool has_score;
	double score;
};

/* The same as texts: for clients that write those. */
struct bench_item_text {
	const char *done;
	char created[24]; /* seconds since 1970 */
	char digits[32];
	const char *score; /* digits, or NULL */
};

int64_t bench_now_ns(void);
uint64_t bench_seed(unsigned stream);
int bench_aid(uint64_t *seed); /* a random row: 1 to BENCH_ACCOUNTS of the environment [1000000] */
int bench_delta(uint64_t *seed); /* -5000 to 5000 */

/* Fills in what is known of the workload that argv names: its operations (times PEERS_SCALE), those
 * of its warm-up, connections and how many are under way at a time. False: there is none such. */
bool bench_init(struct bench *b, const char *peer, int argc, char **argv);

/* The same for a workload that no other program here has: the caller says what else it is. */
void bench_init_alone(struct bench *b, const char *peer, const char *workload, long ops);

/* What is timed lies between the two; the warm-up comes before. */
void bench_begin(struct bench *b);
void bench_end(struct bench *b);

/* Makes room for a lap per operation, and notes that operation i, under way since `since_ns`, is in
 * the program's hands; i < 0, or no laps: nothing. */
void bench_laps(struct bench *b);
void bench_lap(struct bench *b, long i, int64_t since_ns);

const char *bench_keep(struct bench_texts *t, const char *s, size_t n);
void bench_sum(struct bench *b, const struct bench_loaded *rows, long n);
void bench_item(struct bench_item *it, long i);
void bench_item_text(struct bench_item_text *t, const struct bench_item *it);

/* The query of the load workload; lent until the next call. */
const char *bench_load_sql(const struct bench *b);
void *bench_alloc(size_t n); /* never NULL */
void bench_print(struct bench *b);
long bench_rss_kb(void); /* now; of its peak bench_print tells */
void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
