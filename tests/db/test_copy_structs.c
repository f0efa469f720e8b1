/* SPDX-License-Identifier: MIT */
/* COPY of structs. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLION 1000000

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is kept back for a while; not so long that it looks like growth. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

struct item {
	int64_t id;
	const char *name;
	enum mood mood;
	hf_float8_opt half;
	hf_timestamptz at;
	hf_numeric price;
	hf_uuid key;
	int32_t twice;
};

extern const hf_table item_table;

static const hf_column item_columns[] = {
	HF_COLUMN(item, id, INT8, NOT_NULL, HF_IDENTITY),
	HF_COLUMN(item, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(item, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(item, half, FLOAT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(item, at, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(item, price, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(item, key, UUID, NOT_NULL, HF_PLAIN),
	HF_COLUMN(item, twice, INT4, NOT_NULL, HF_GENERATED("id * 2")),
};
HF_TABLE(item, .schema = NULL);

/* Nothing of it travels where its counter is 0, … */
struct ticket {
	int64_t id;
	int64_t twice;
};
extern const hf_table ticket_table;
static const hf_column ticket_columns[] = {
	HF_COLUMN(ticket, id, INT8, NOT_NULL, HF_IDENTITY),
	HF_COLUMN(ticket, twice, INT8, NOT_NULL, HF_GENERATED("id * 2")),
};
HF_TABLE(ticket, .name = "ticket");

/* … and never of this. */
struct stamp {
	int32_t n;
};
extern const hf_table stamp_table;
static const hf_column stamp_columns[] = { HF_COLUMN(stamp, n, INT4, NOT_NULL, HF_GENERATED("7")) };
HF_TABLE(stamp, .name = "stamp");

static hf_pool *open_shop(void)
{
	static const hf_table *const all[] = { &item_table, NULL };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_session *s = hf_session_on_pool(p);
	hf_models *m = hf_models_new(NULL);

	free(t_psql("set client_min_messages to warning; drop table if exists task, person, item;"
		    "drop type if exists mood"));
	ck_assert_int_eq(hf_models_add(m, all, NULL, NULL), HF_OK);
	t_verb(s, hf_models_create(m, s, 0));
	hf_models_unref(m);
	hf_session_unref(s);
	return p;
}

/* --- what is given, and taken --- */

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

struct flow {
	struct item row;
	char name[40], price[40];
	int64_t rows, until, stop_at, zero_at;
	long first, most;
	bool with_id, odd_mood;
	int freed;
};

static void note_memory(struct flow *f)
{
	long now;

	if (f->rows % 50000)
		return;
	now = resident_bytes();
	if (f->first == 0)
		f->first = now;
	if (now > f->most)
		f->most = now;
}

/* Valgrind and its like have a memory of their own. */
static void check_memory(const struct flow *f)
{
	if (!getenv("HOLDFAST_TEST_WRAPPER"))
		ck_assert_int_lt(f->most - f->first, 16 << 20);
}

static void make(struct flow *f, int64_t i)
{
	snprintf(f->name, sizeof f->name, "item number %lld", (long long)i);
	snprintf(f->price, sizeof f->price, "%lld.25", (long long)i);
	f->row = (struct item){ .id = i,
		.name = f->name,
		.mood = (enum mood)(i % 3),
		.half = { i % 10 != 0, (double)i * 0.5 },
		.at = { (1700000000 + i) * 1000000 },
		.price = { i % 7 ? f->price : NULL },
		.key = { { [0] = (uint8_t)i, [15] = (uint8_t)(i >> 8) } },
		.twice = (int32_t)(i * 2) };
}

static hf_status give(const void **row, void *arg)
{
	struct flow *f = arg;

	*row = NULL;
	if (f->rows == f->until)
		return HF_OK;
	if (f->stop_at && f->rows == f->stop_at)
		return HF_E_CANCELED;
	make(f, ++f->rows);
	if (!f->with_id || f->rows == f->zero_at)
		f->row.id = 0;
	if (f->odd_mood && f->rows == 3)
		f->row.mood = (enum mood)9;
	note_memory(f);
	*row = &f->row;
	return HF_OK;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static hf_status take(void *row, void *arg)
{
	struct flow *f = arg;
	const struct item *is = row;

	if (f->stop_at && f->rows == f->stop_at)
		return HF_E_CANCELED;
	f->rows++;
	make(f, is->id);
	if (!same_text(is->name, f->row.name) || is->mood != f->row.mood ||
		is->half.has != f->row.half.has || (is->half.has && is->half.v != f->row.half.v) ||
		is->at.us != f->row.at.us || !same_text(is->price.s, f->row.price.s) ||
		memcmp(&is->key, &f->row.key, sizeof is->key) != 0 || is->twice != f->row.twice)
		return HF_E_USER;
	note_memory(f);
	return HF_OK;
}

static void count_free(void *arg)
{
	((struct flow *)arg)->freed++;
}

/* The rows that a COPY has counted, however long that takes. */
static int64_t counted(hf_future *f)
{
	int64_t rows;

	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	rows = hf_result_affected(t_ok(f));
	hf_future_unref(f);
	return rows;
}

/* --- tests --- */

START_TEST(test_million)
{
	hf_pool *p = open_shop();
	struct flow in = { .until = MILLION, .with_id = true }, out = { .rows = 0 };

	ck_assert_int_eq(counted(hf_copy_structs_in(p, item, give, &in, count_free)), MILLION);
	ck_assert_int_eq(in.rows, MILLION);
	check_memory(&in);
	ck_assert_int_eq(t_psql_int("select count(distinct id) from item where name = "
				    "'item number ' || id and twice = id * 2"),
		MILLION);
	ck_assert_int_eq(counted(hf_copy_structs_out(p, item, take, &out, count_free)), MILLION);
	ck_assert_int_eq(out.rows, MILLION);
	check_memory(&out);
	ck_assert_int_eq(in.freed, 1);
	ck_assert_int_eq(out.freed, 1);
	t_close(p);
}
END_TEST

/* What counts up is the server's where it is 0, and the program's where it is not. */
START_TEST(test_counting)
{
	hf_pool *p = open_shop();
	struct flow in = { .until = 10 }, none = { .until = 0 },
		    mixed = { .until = 10, .with_id = true, .zero_at = 4 };
	const hf_error *e;
	hf_future *f;

	ck_assert_int_eq(counted(hf_copy_structs_in(p, item, give, &in, NULL)), 10);
	ck_assert_int_eq(t_psql_int("select sum(id) from item"), 55);
	ck_assert_int_eq(counted(hf_copy_structs_in(p, item, give, &none, NULL)), 0);
	f = hf_copy_structs_in(p, item, give, &mixed, NULL);
	e = t_fails(f, HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "row 4: column \"id\""));
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from item"), 10);
	t_close(p);
}
END_TEST

/* HF_PENDING is no answer to anybody, and that of no row. */
static hf_status give_pending(const void **row, void *arg)
{
	(void)row;
	(void)arg;
	return HF_PENDING;
}

/* The first row is asked for before there is a COPY: the story is that of any other row. */
START_TEST(test_no_first_row)
{
	hf_pool *p = open_shop();
	hf_future *f = hf_copy_structs_in(p, item, give_pending, NULL, NULL);

	ck_assert_str_eq(hf_error_message(t_fails(f, HF_E_USER)),
		"table \"item\": the function that gives rows stopped the COPY behind row 0 "
		"(HF_E_USER)");
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* What is wrong is told with its row and its column, and nothing is kept. */
START_TEST(test_failures)
{
	hf_pool *p = open_shop();
	struct flow odd = { .until = 10, .odd_mood = true }, stops = { .until = 10, .stop_at = 5 },
		    twice = { .until = 10, .with_id = true }, first = twice, out = { .stop_at = 3 };
	const hf_error *e;
	hf_future *f = hf_copy_structs_in(p, item, give, &odd, count_free);

	e = t_fails(f, HF_E_TYPE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "row 3: column \"mood\""));
	hf_future_unref(f);
	ck_assert_int_eq(odd.freed, 1);
	t_failed(hf_copy_structs_in(p, item, give, &stops, NULL), HF_E_CANCELED);
	ck_assert_int_eq(t_psql_int("select count(*) from item"), 0);
	ck_assert_int_eq(counted(hf_copy_structs_in(p, item, give, &first, NULL)), 10);
	f = hf_copy_structs_in(p, item, give, &twice, NULL);
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	hf_future_unref(f);
	t_failed(hf_copy_structs_out(p, item, take, &out, NULL), HF_E_CANCELED);
	t_failed(hf_copy_structs_in(p, item, NULL, NULL, NULL), HF_E_MISUSE);
	t_failed(hf_copy_structs_in(NULL, item, give, &stops, count_free), HF_E_MISUSE);
	ck_assert_int_eq(stops.freed, 1);
	t_close(p);
}
END_TEST

/* In the transaction of an interaction, beside its other statements. */
static hf_status in_and_out(hf_conn *c, void *arg, hf_reply *reply)
{
	struct flow in = { .until = 100, .with_id = true }, out = { .rows = 0 };
	int64_t n = 0;
	hf_status st = hf_conn_copy_structs_in(c, item, &n, give, &in);

	(void)arg;
	if (st == HF_OK && n != 100)
		return hf_fail(reply, "%lld rows went in", (long long)n);
	if (st == HF_OK)
		st = hf_conn_copy_structs_out(c, item, &n, take, &out);
	if (st == HF_OK && (n != 100 || out.rows != 100))
		return hf_fail(reply, "%lld rows came out", (long long)n);
	return st == HF_OK ? HF_E_USER : st; /* undone */
}

START_TEST(test_in_interaction)
{
	hf_pool *p = open_shop();
	const hf_error *e;
	hf_future *f = hf_run(p, in_and_out, NULL, NULL);

	e = t_fails(f, HF_E_USER);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "HF_E_USER"));
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from item"), 0);
	t_close(p);
}
END_TEST

struct tickets {
	int until, i, freed;
	bool with_id;
	struct ticket row;
};

static hf_status give_ticket(const void **row, void *arg)
{
	struct tickets *t = arg;

	*row = t->i++ < t->until ? &t->row : NULL;
	t->row.id = t->with_id ? t->i : 0;
	return HF_OK;
}

static void count_ticket_free(void *arg)
{
	((struct tickets *)arg)->freed++;
}

static void check_nothing_travels(hf_future *f, const char *model)
{
	const hf_error *e = t_fails(f, HF_E_MISUSE);
	char words[100];

	snprintf(words, sizeof words, "model %s: its rows have nothing that a COPY could load",
		model);
	ck_assert_str_eq(hf_error_message(e), words);
	hf_future_unref(f);
}

/* It fails the interaction, as whatever else does: what went in before is undone. */
static hf_status good_and_refused(hf_conn *c, void *arg, hf_reply *reply)
{
	struct tickets unset = { .until = 3 }, set = { .until = 3, .with_id = true };
	int64_t n = -1;

	(void)arg;
	if (hf_conn_copy_structs_in(c, ticket, &n, give_ticket, &set) != HF_OK || n != 3)
		return hf_fail(reply, "%lld rows went in", (long long)n);
	return hf_conn_copy_structs_in(c, ticket, &n, give_ticket, &unset);
}

START_TEST(test_nothing_travels)
{
	struct tickets unset = { .until = 3 }, set = { .until = 3, .with_id = true },
		       none = { .until = 0 }, stamps = { .until = 3 }, no_stamps = { .until = 0 };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_session *s = hf_session_on_pool(p);

	t_verb(s, hf_table_create(s, &ticket_table, HF_DROP_FIRST));
	t_verb(s, hf_table_create(s, &stamp_table, HF_DROP_FIRST));
	check_nothing_travels(
		hf_copy_structs_in(p, ticket, give_ticket, &unset, count_ticket_free), "ticket");
	ck_assert_int_eq(unset.freed, 1);
	check_nothing_travels(hf_copy_structs_in(p, stamp, give_ticket, &stamps, NULL), "stamp");
	check_nothing_travels(hf_copy_structs_in(p, stamp, give_ticket, &no_stamps, NULL), "stamp");
	ck_assert_int_eq(counted(hf_copy_structs_in(p, ticket, give_ticket, &none, NULL)), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from ticket"), 0);
	ck_assert_int_eq(counted(hf_copy_structs_in(p, ticket, give_ticket, &set, NULL)), 3);
	ck_assert_int_eq(t_psql_int("select sum(id) * 100 + sum(twice) from ticket"), 612);
	t_verb(s, hf_table_truncate(s, &ticket_table, 0));
	check_nothing_travels(hf_run(p, good_and_refused, NULL, NULL), "ticket");
	ck_assert_int_eq(t_psql_int("select count(*) from ticket"), 0);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

T_MAIN("copy_structs",
	{ "J3 a million structs in and out, equal, in constant memory", test_million, 120 },
	{ "J3 what counts up is left out where it is 0", test_counting, 0 },
	{ "J3 a row that does not fit is told, and nothing is kept", test_failures, 0 },
	{ "J3 a function that does not even give the first row", test_no_first_row, 0 },
	{ "J3 structs are copied in an interaction's transaction", test_in_interaction, 0 },
	{ "J3 rows of which nothing travels are refused", test_nothing_travels, 0 })
