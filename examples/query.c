/* SPDX-License-Identifier: MIT */
/* A pool, a query with parameters, and what an error says.
 *
 *     cc query.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <inttypes.h>
#include <stdio.h>

static hf_status show_tables(hf_pool *pool, const char *schema)
{
	const hf_result *res;
	hf_future *f = hf_query(pool,
		"select c.relname, c.oid::int8 from pg_class c join pg_namespace n on n.oid = "
		"c.relnamespace "
		"where n.nspname = $1 and c.relkind = 'r' order by 1 limit $2",
		schema, 5);
	hf_status st = hf_future_get_for(f, 2000, &res);

	if (st == HF_PENDING)
		hf_future_cancel(f);
	else if (st != HF_OK)
		fprintf(stderr, "tables: %s\n", hf_error_message(hf_future_error(f)));
	for (size_t i = 0; st == HF_OK && i < hf_result_rows(res); i++) {
		const char *name;
		int64_t oid;

		st = hf_row_scan(hf_result_row(res, i), HF_TO(&name), HF_TO(&oid));
		if (st == HF_OK)
			printf("%8" PRId64 "  %s\n", oid, name);
	}
	hf_future_unref(f);
	return st;
}

static void show_error(hf_pool *pool)
{
	hf_error *why;
	hf_status st = hf_await(hf_query(pool, "eslect 1"), &why);

	printf("%s, SQLSTATE %s, at character %d: %s\n", hf_status_name(st), hf_error_sqlstate(why),
		hf_error_position(why), hf_error_message(why));
	hf_error_unref(why);
}

int main(int argc, char **argv)
{
	hf_pool *pool;
	hf_error *why;
	hf_status st;

	if (hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.name = "query", .max_conns = 4),
		    &pool, &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	st = show_tables(pool, "pg_catalog");
	show_error(pool);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
