/* SPDX-License-Identifier: MIT */
/* What the programs that measure section by section share. */
#include "hf_sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR "########################################"

bool bench_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

hf_pool *bench_open(int conns, hf_pool_opts opts)
{
	const char *dsn = getenv("HOLDFAST_TEST_DSN");
	struct bench b = { .conns = conns };

	opts.max_queue = HF_FOREVER;
	opts.acquire_ms = HF_FOREVER;
	return bench_pool(&b, dsn ? dsn : "", opts);
}

void bench_take_id(const hf_result *res, int id)
{
	if (hf_row_int8(hf_result_row(res, 0), 0, -1) != id)
		bench_die("somebody else's answer");
}

void bench_finish_id(hf_future *f, int id)
{
	const hf_result *res;

	if (hf_future_get(f, &res) != HF_OK)
		bench_hf_die("query", hf_future_error(f));
	bench_take_id(res, id);
	hf_future_unref(f);
}

void bench_progress(const char *what, long done, long all)
{
	int width = (int)(sizeof BAR - 1);
	int full = all > 0 ? (int)(done * width / all) : 0;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K");
	if (done > 0)
		fprintf(stderr, "%s [%-*.*s] %3ld %%", what, width, full, BAR, done * 100 / all);
	fflush(stderr);
}
