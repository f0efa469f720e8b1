/* SPDX-License-Identifier: MIT */
/* Many queries at once: wait for all, take them as they end, or let poll() tell.
 *
 *     cc fan_out.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <poll.h>
#include <stdio.h>

#define N 8

static const char slow[] = "select $1::int * $1::int, pg_sleep($2::float8 / 1000)";

static void ask(hf_pool *pool, hf_future *fs[N])
{
	for (int i = 0; i < N; i++)
		fs[i] = hf_query(pool, slow, i, (N - i) * 20);
}

static void let_go(hf_future *fs[N])
{
	for (int i = 0; i < N; i++)
		fs[i] = hf_future_unref(fs[i]);
}

static long long number(hf_future *f)
{
	const hf_result *res;

	if (hf_future_get(f, &res) != HF_OK)
		return -1;
	return (long long)hf_row_int8(hf_result_row(res, 0), 0, -1);
}

/* One future for all: HF_OK if all went well, else the first that failed. */
static hf_status all_of_them(hf_pool *pool)
{
	hf_future *fs[N], *all;
	hf_status st;

	ask(pool, fs);
	all = hf_when_all(fs, N);
	st = hf_future_get_for(all, 10000, NULL);
	printf("all: %s:", hf_status_name(st));
	for (int i = 0; i < N && st == HF_OK; i++)
		printf(" %lld", number(fs[i]));
	printf("\n");
	hf_future_unref(all);
	let_go(fs);
	return st;
}

/* The first that ends; the others are not wanted any more. */
static hf_status the_first(hf_pool *pool)
{
	hf_future *fs[N];
	hf_status st;
	size_t i = 0;

	ask(pool, fs);
	st = hf_wait_any(fs, N, 10000, &i);
	if (st == HF_OK)
		printf("first: some answer, %lld\n", number(fs[i]));
	for (int k = 0; k < N; k++)
		hf_future_cancel(fs[k]);
	if (st == HF_OK)
		st = hf_wait_all(fs, N, 10000);
	let_go(fs);
	return st;
}

/* For an event loop: one descriptor for all of them. */
static hf_status through_poll(hf_pool *pool)
{
	hf_inbox *box = hf_inbox_new();
	struct pollfd p = { .fd = hf_inbox_fd(box), .events = POLLIN };
	hf_future *fs[N];
	hf_event ev;
	int n = 0;

	if (!box)
		return HF_E_NOMEM;
	ask(pool, fs);
	for (int i = 0; i < N; i++)
		if (hf_inbox_add(box, fs[i], &fs[i]) != HF_OK)
			fprintf(stderr, "query %d cannot be watched\n", i);
	let_go(fs); /* the inbox has references of its own */
	while (n < N && poll(&p, 1, 10000) > 0)
		while (hf_inbox_next(box, 0, &ev)) {
			printf("poll: query %td gave %lld\n", (hf_future **)ev.tag - fs,
				number(ev.future));
			n++;
		}
	hf_inbox_unref(box);
	return n == N ? HF_OK : HF_PENDING;
}

int main(int argc, char **argv)
{
	hf_pool *pool;
	hf_error *why;
	hf_status st;

	if (hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.max_conns = N, .min_conns = N),
		    &pool, &why) != HF_OK ||
		hf_pool_ready(pool, 10000, &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	st = all_of_them(pool);
	if (st == HF_OK)
		st = the_first(pool);
	if (st == HF_OK)
		st = through_poll(pool);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
