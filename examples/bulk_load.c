/* SPDX-License-Identifier: MIT */
/* Structs into a table and out of it again, by COPY: as fast as the server takes them, in constant
 * memory, and all of them or none.
 *
 *     cc bulk_load.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <inttypes.h>
#include <stdio.h>

#define N 100000

struct reading {
	int32_t station;
	hf_timestamptz at;
	hf_float8_opt celsius; /* NULL: the sensor said nothing */
	const char *remark;
};

static struct reading measure(int i)
{
	struct reading r = { .station = i % 7,
		.at = { (1700000000 + (int64_t)i) * 1000000 },
		.celsius = { i % 10 != 0, i % 400 / 10.0 },
		.remark = i % 10 == 0 ? "no value" : "" };

	return r;
}

/* Gives the rows, on a worker of the pool. */
static hf_status give(hf_copy *copy, void *arg)
{
	int n = *(const int *)arg;
	hf_status st = HF_OK;

	for (int i = 0; i < n && st == HF_OK; i++) {
		struct reading r = measure(i);

		st = hf_copy_row(copy, r.station, r.at, r.celsius, r.remark);
	}
	if (st == HF_OK && n < N) /* the last one is wrong: no station has such a number */
		st = hf_copy_row(copy, 3000000000, measure(0).at, 0.0, "");
	if (st != HF_OK)
		printf("row refused: %s\n", hf_error_message(hf_copy_error(copy)));
	return st;
}

struct sums {
	long rows;
	double celsius;
};

/* Takes the rows, one by one. */
static hf_status take(hf_row row, void *arg)
{
	struct sums *s = arg;
	struct reading r;
	hf_status st = hf_row_scan(
		row, HF_TO(&r.station), HF_TO(&r.at), HF_TO(&r.celsius), HF_TO(&r.remark));

	if (st != HF_OK)
		return st;
	s->rows++;
	s->celsius += r.celsius.has ? r.celsius.v : 0;
	return HF_OK;
}

static void load(hf_pool *pool, int n)
{
	const hf_result *res;
	hf_future *f = hf_copy_in(pool, "reading (station, at, celsius, remark)", give, &n, NULL);

	if (hf_future_get(f, &res) == HF_OK)
		printf("%" PRId64 " rows loaded\n", hf_result_affected(res));
	else
		printf("nothing loaded: %s\n", hf_status_name(hf_error_status(hf_future_error(f))));
	hf_future_unref(f);
}

static hf_status unload(hf_pool *pool)
{
	struct sums s = { 0, 0 };
	hf_status st = hf_await(hf_copy_out(pool, "reading", take, &s, NULL), NULL);

	printf("%ld rows unloaded, %.1f degrees in all\n", s.rows, s.celsius);
	return st;
}

/* A COPY among other statements of one transaction. */
static hf_status archive(hf_conn *conn, void *arg, hf_reply *reply)
{
	struct sums s = { 0, 0 };
	int64_t rows;
	hf_status st;

	(void)arg;
	(void)reply;
	st = hf_conn_copy_out(
		conn, &rows, "(select * from reading where celsius is null)", take, &s);
	if (st == HF_OK)
		st = hf_conn_query(conn, NULL, "delete from reading where celsius is null");
	if (st == HF_OK)
		printf("%" PRId64 " rows without a value archived\n", rows);
	return st;
}

int main(int argc, char **argv)
{
	hf_pool *pool = NULL;
	hf_error *why = NULL;
	hf_status st;

	if (hf_pool_open(argc > 1 ? argv[1] : "", NULL, &pool, &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	st = hf_await(hf_script(pool, "drop table if exists reading; create table reading "
				      "(station int, at timestamptz, celsius float8, remark text)"),
		NULL);
	if (st == HF_OK) {
		load(pool, N);
		load(pool, 1000);
		st = unload(pool);
	}
	if (st == HF_OK)
		st = hf_await(hf_run(pool, archive, NULL, NULL), NULL);
	if (st == HF_OK)
		st = hf_await(hf_query(pool, "drop table reading"), NULL);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
