/* SPDX-License-Identifier: MIT */
/* Results come binary where nobody can tell the difference: nobody can. */
#include "codecs.h"
#include "fixture.h"

#include "base/strbuf.h"
#include "pq/result.h"

#include <stdio.h>
#include <string.h>

#define UNTIL_BINARY 8 /* uses of one text; it takes fewer */

static char dsn[1024];

/* A pool of one connection, whose session has these settings. */
static hf_pool *pool_with(const char *options)
{
	snprintf(dsn, sizeof dsn, "%s options='%s'", t_dsn(), options);
	return t_pool_on(dsn, HF_POOL_OPTS(.max_conns = 1));
}

static hf_result *query(hf_pool *p, const char *sql)
{
	hf_future *f = hf_query(p, sql);
	hf_result *res;

	t_ok(f);
	res = hf_future_take(f);
	hf_future_unref(f);
	return res;
}

/* The result of its n-th use, or of the first that is binary. */
static hf_result *query_often(hf_pool *p, const char *sql)
{
	hf_result *res = query(p, sql);

	for (int i = 1; i < UNTIL_BINARY && hf__result_format(res, 0) == 0; i++) {
		hf_result_unref(res);
		res = query(p, sql);
	}
	return res;
}

static bool comes_binary(hf_pool *p, const char *sql)
{
	hf_result *res = query_often(p, sql);
	bool binary = hf__result_format(res, 0) == 1;

	hf_result_unref(res);
	return binary;
}

/* --- two results of one value --- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare_quick_ways(hf_row a, hf_row b, const char *sql)
{
	hf_bytes x = hf_row_bytes(a, 0), y = hf_row_bytes(b, 0);
	double f = hf_row_float8(a, 0, -7), g = hf_row_float8(b, 0, -7);

	ck_assert_msg(same_text(hf_row_text(a, 0), hf_row_text(b, 0)), "%s: %s, %s", sql,
		hf_row_text(a, 0), hf_row_text(b, 0));
	ck_assert_msg(x.len == y.len && !x.data == !y.data &&
			      (x.len == 0 || memcmp(x.data, y.data, x.len) == 0),
		"%s: %zu bytes, %zu", sql, x.len, y.len);
	ck_assert_int_eq(hf_row_is_null(a, 0), hf_row_is_null(b, 0));
	ck_assert_msg(hf_row_int8(a, 0, -7) == hf_row_int8(b, 0, -7), "%s", sql);
	ck_assert_msg(memcmp(&f, &g, sizeof f) == 0, "%s: %.17g, %.17g", sql, f, g);
	ck_assert_msg(hf_row_bool(a, 0, true) == hf_row_bool(b, 0, true), "%s", sql);
	ck_assert_msg(hf_row_bool(a, 0, false) == hf_row_bool(b, 0, false), "%s", sql);
}

/* What was read is compared as text, since much of it is pointers. */
static void compare_values(int tag, const t_any *a, const t_any *b, const char *sql)
{
	hf_value va = t_value_of(tag, a), vb = t_value_of(tag, b);
	hf__strbuf ta = HF__STRBUF_INIT, tb = HF__STRBUF_INIT;

	ck_assert_int_eq(hf__value_text(&ta, &va, NULL), HF_OK);
	ck_assert_int_eq(hf__value_text(&tb, &vb, NULL), HF_OK);
	ck_assert_msg(strcmp(hf__strbuf_text(&ta), hf__strbuf_text(&tb)) == 0, "%s into %d: %s, %s",
		sql, tag, hf__strbuf_text(&ta), hf__strbuf_text(&tb));
	hf__strbuf_finish(&ta);
	hf__strbuf_finish(&tb);
}

static void compare_opt(int tag, const t_any *a, const t_any *b, const char *sql)
{
	size_t at = hf__shape_of(tag)->opt, n = hf__shape_of(tag)->size;
	t_any x, y;

	memset(&x, 0, sizeof x);
	memset(&y, 0, sizeof y);
	memcpy(&x, a->room + at, n);
	memcpy(&y, b->room + at, n);
	ck_assert_int_eq(a->room[0], b->room[0]); /* has */
	if (a->room[0])
		compare_values(tag, &x, &y, sql);
}

static void compare_read(hf_row a, hf_row b, int type, const char *sql)
{
	t_any x, y;
	hf_error *ex, *ey;
	hf_status sx, sy;

	memset(&x, 0, sizeof x);
	memset(&y, 0, sizeof y);
	sx = hf_row_read(a, "v", (hf_dest){ type, &x }, &ex);
	sy = hf_row_read(b, "v", (hf_dest){ type, &y }, &ey);
	ck_assert_msg(sx == sy, "%s into %d: %s, %s", sql, type, hf_error_message(ex),
		hf_error_message(ey));
	ck_assert_str_eq(hf_error_message(ex), hf_error_message(ey));
	if (sx == HF_OK && (type & HF_T_OPT))
		compare_opt(type & ~HF_T_OPT, &x, &y, sql);
	else if (sx == HF_OK)
		compare_values(type, &x, &y, sql);
	hf_error_unref(ex);
	hf_error_unref(ey);
	ck_assert_int_eq(hf_row_scan_v(b, &(const hf_dest){ type, &y }, 1, NULL), sx);
}

static void compare(hf_pool *p, const char *sql)
{
	hf_result *text = query(p, sql), *binary = query_often(p, sql);
	hf_row a = hf_result_row(text, 0), b = hf_result_row(binary, 0);
	uint32_t type = hf_result_column_type(text, 0);

	ck_assert_int_eq(hf__result_format(text, 0), 0);
	ck_assert_msg(hf__result_format(binary, 0) == (int)hf__has_binary(type), "%s", sql);
	ck_assert_uint_eq(hf_result_column_type(binary, 0), type);
	compare_quick_ways(a, b, sql);
	for (int tag = HF_T_BOOL; tag <= HF_T_LSN; tag++) {
		if (tag == HF_T_UINT8)
			continue;
		compare_read(a, b, tag, sql);
		compare_read(a, b, tag | HF_T_OPT, sql);
		compare_read(a, b, tag | HF_T_ARRAY, sql);
	}
	hf_result_unref(text);
	hf_result_unref(binary);
}

static void sample_sql(hf__strbuf *b, const t_sample *s)
{
	hf__strbuf_clear(b);
	hf__strbuf_puts(b, "select '");
	for (const char *c = s->text; *c; c++)
		hf__strbuf_printf(b, *c == '\'' ? "''" : "%c", *c);
	hf__strbuf_printf(b, "'::%s as v", s->type);
}

START_TEST(test_every_type)
{
	hf_pool *p = pool_with("-c TimeZone=UTC");
	hf__strbuf sql = HF__STRBUF_INIT;

	for (size_t i = 0; i < t_n_samples; i++) {
		sample_sql(&sql, &t_samples[i]);
		compare(p, hf__strbuf_text(&sql));
		hf__strbuf_clear(&sql);
		hf__strbuf_printf(&sql, "select null::%s as v, %zu", t_samples[i].type, i);
		compare(p, hf__strbuf_text(&sql));
	}
	hf__strbuf_finish(&sql);
	t_close(p);
}
END_TEST

/* The text of a float has the digits that the server would choose. */
START_TEST(test_floats)
{
	static const char sql[] =
		"with r as (select setseed(0.42)), "
		"d as (select (random() - 0.5) * 10 ^ (random() * 580 - 290)::int as x "
		"from r, generate_series(1, 20000) union all "
		"select 2::float8 ^ i from generate_series(-1020, 1020) i union all "
		"select i / 100.0::float8 from generate_series(-5000, 5000) i union all "
		"values (1e23::float8), (9007199254740993), ('5e-324')), "
		"e as (select x, case when abs(x) between 1e-37 and 1e37 then x::float4 end as y "
		"from d) select x as v, x::text, y, y::text from e";
	hf_pool *p = pool_with("-c TimeZone=UTC");
	hf_result *res = query_often(p, sql);

	ck_assert_int_eq(hf__result_format(res, 0), 1);
	HF_FOREACH_ROW (row, res) {
		ck_assert_str_eq(hf_row_text(row, 0), hf_row_text(row, 1));
		if (!hf_row_is_null(row, 2))
			ck_assert_str_eq(hf_row_text(row, 2), hf_row_text(row, 3));
	}
	hf_result_unref(res);
	t_close(p);
}
END_TEST

/* --- settings that texts depend on --- */

/* A text whose columns depend on a setting; whether it comes binary under other settings. */
static const struct {
	const char *sql, *options;
	bool binary;
} sessions[] = {
	{ "select timestamptz '2024-06-01 12:00Z'", "-c TimeZone=Etc/UTC", true },
	{ "select timestamptz '2024-06-01 12:00Z'", "-c TimeZone=Europe/Berlin", false },
	{ "select timestamp '2024-06-01 12:00'", "-c TimeZone=Europe/Berlin", true },
	{ "select timestamp '2024-06-01 12:00'", "-c DateStyle=German", false },
	{ "select date '2024-06-01'", "-c DateStyle=SQL,DMY", false },
	{ "select array[date '2024-06-01']", "-c DateStyle=SQL,DMY", false },
	{ "select interval '1 day 2 hours'", "-c IntervalStyle=postgres", true },
	{ "select interval '1 day 2 hours'", "-c IntervalStyle=postgres_verbose", false },
	{ "select float8 '0.1'", "-c extra_float_digits=3", true },
	{ "select float8 '0.1' + 0.2", "-c extra_float_digits=0", false },
	{ "select array[float4 '0.1']", "-c extra_float_digits=-3", false },
	{ "select '\\x00ff'::bytea", "-c bytea_output=hex", true },
	{ "select '\\x00ff'::bytea", "-c bytea_output=escape", false },
	{ "select 42, 'text', true, 1.50", "-c bytea_output=escape -c DateStyle=German", true },
	{ "select 42, point '(1,2)'", "-c TimeZone=UTC", false },
};

START_TEST(test_sessions)
{
	for (size_t i = 0; i < T_COUNT(sessions); i++) {
		hf_pool *p = pool_with(sessions[i].options);
		hf_result *first = query(p, sessions[i].sql),
			  *later = query_often(p, sessions[i].sql);
		const char *text = hf_row_text(hf_result_row(first, 0), 0);

		ck_assert_msg((hf__result_format(later, 0) == 1) == sessions[i].binary, "%s, %s",
			sessions[i].options, sessions[i].sql);
		ck_assert_str_eq(hf_row_text(hf_result_row(later, 0), 0), text);
		hf_result_unref(first);
		hf_result_unref(later);
		t_close(p);
	}
}
END_TEST

/* One statement that depends on all, and what it shows usually. */
static const char depends[] = "select timestamptz '2024-06-01 12:00Z', interval '1 day', "
			      "0.1::float8 + 0.2, '\\x00ff'::bytea, date '2024-06-01'";
static const char usual[] = "2024-06-01 12:00:00+00|1 day|0.30000000000000004|\\x00ff|2024-06-01";

static void show(const hf_result *res, char *out, size_t size)
{
	size_t n = 0;

	for (int i = 0; i < hf_result_columns(res); i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "|" : "",
			hf_row_text(hf_result_row(res, 0), i));
}

struct change {
	const char *sql, *shows; /* NULL: as usual */
	bool undo;
};

static hf_status change_settings(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct change *ch = arg;
	const hf_result *res;
	char text[200];

	if (hf_conn_savepoint(c, "s") != HF_OK || hf_conn_query(c, NULL, ch->sql) != HF_OK ||
		(ch->undo && hf_conn_rollback_to(c, "s") != HF_OK))
		return HF_E_SQL;
	for (int i = 0; i < UNTIL_BINARY; i++) {
		if (hf_conn_query(c, &res, depends) != HF_OK)
			return HF_E_SQL;
		show(res, text, sizeof text);
		if (strcmp(text, ch->shows ? ch->shows : usual) != 0)
			return hf_fail(reply, "%s: %s", ch->sql, text);
	}
	return HF_OK;
}

/* Whoever SETs something sees it, however often the statement ran in binary before; and the next
 * one has the usual settings. */
START_TEST(test_set)
{
	static const struct change changes[] = {
		{ "set local timezone to 'Asia/Kolkata'",
			.shows = "2024-06-01 17:30:00+05:30|1 "
				 "day|0.30000000000000004|\\x00ff|2024-06-01" },
		{ "set datestyle to german",
			.shows = "01.06.2024 12:00:00 UTC|1 day|0.30000000000000004|"
				 "\\x00ff|01.06.2024" },
		{ "set intervalstyle to iso_8601",
			.shows = "2024-06-01 "
				 "12:00:00+00|P1D|0.30000000000000004|\\x00ff|2024-06-01" },
		{ "set extra_float_digits to 0",
			.shows = "2024-06-01 12:00:00+00|1 day|0.3|\\x00ff|2024-06-01" },
		{ "select set_config('extra_float_digits', '0', true)",
			.shows = "2024-06-01 12:00:00+00|1 day|0.3|\\x00ff|2024-06-01" },
		{ "select SET_CONFIG('bytea_output', 'escape', false)",
			.shows = "2024-06-01 12:00:00+00|1 "
				 "day|0.30000000000000004|\\000\\377|2024-06-01" },
		{ "do 'begin set bytea_output to escape; end'",
			.shows = "2024-06-01 12:00:00+00|1 "
				 "day|0.30000000000000004|\\000\\377|2024-06-01" },
		{ "set local extra_float_digits to 0", .undo = true },
	};
	hf_pool *p = pool_with("-c TimeZone=UTC");
	char text[200];

	for (size_t i = 0; i < T_COUNT(changes); i++) {
		struct change ch = changes[i];
		hf_result *res = query_often(p, depends);

		ck_assert_int_eq(hf__result_format(res, 0), 1);
		show(res, text, sizeof text);
		ck_assert_str_eq(text, usual);
		hf_result_unref(res);
		t_done(hf_run(p, change_settings, &ch, NULL));
		t_done(hf_script(p, "reset all"));
	}
	t_close(p);
}
END_TEST

static hf_status set_escape(hf_conn *c, void *arg)
{
	(void)arg;
	return hf_conn_query(c, NULL, "set bytea_output to escape");
}

/* The hook's settings count as the session's own, after a reset as well. */
START_TEST(test_hook)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .on_connect = set_escape));

	ck_assert(!comes_binary(p, "select '\\x00ff'::bytea"));
	t_done(hf_query(p, "set work_mem to '8MB'")); /* the session is reset */
	ck_assert(!comes_binary(p, "select '\\x00ff'::bytea"));
	ck_assert(comes_binary(p, "select 1"));
	t_close(p);
}
END_TEST

/* --- columns that change --- */

/* The cached statement learns its columns anew, though it never failed for those who ran it. */
START_TEST(test_altered)
{
	static const char sql[] = "select v from formats";
	static const struct {
		const char *type, *shows;
		bool binary;
	} steps[] = { { "int4 using 7", "7", true }, { "text using 'seven'", "seven", true },
		{ "point using '(7,8)'", "(7,8)", false }, { "float8 using 0.5", "0.5", true } };
	hf_pool *p = pool_with("-c TimeZone=UTC");

	t_psql("drop table if exists formats");
	t_psql("create table formats as select 1::int8 as v");
	ck_assert(comes_binary(p, sql));
	for (size_t i = 0; i < T_COUNT(steps); i++) {
		char alter[100];
		hf_result *res;

		snprintf(alter, sizeof alter, "alter table formats alter v type %s", steps[i].type);
		t_psql(alter);
		res = query(p, sql);
		ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), steps[i].shows);
		hf_result_unref(res);
		ck_assert_int_eq(comes_binary(p, sql), steps[i].binary);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- streams, which are described before they run --- */

struct seen {
	int format, rows;
	char text[200];
};

static hf_status look(hf_row row, void *arg)
{
	struct seen *s = arg;

	s->format = hf__result_format(row.res, 0);
	s->rows++;
	show(row.res, s->text, sizeof s->text);
	return HF_OK;
}

static struct seen stream(hf_pool *p, const char *sql)
{
	struct seen s = { -1, 0, "" };

	t_done(hf_query_with(p, HF_QUERY_OPTS(.on_row = look, .arg = &s), sql));
	return s;
}

START_TEST(test_streams)
{
	hf_pool *p = pool_with("-c TimeZone=UTC");

	for (int i = 0; i < UNTIL_BINARY; i++) {
		struct seen s = stream(p, depends);

		ck_assert_int_eq(s.rows, 1);
		ck_assert_str_eq(s.text, usual);
		ck_assert_int_eq(s.format, 1);
		ck_assert_int_eq(stream(p, "select 1, point '(1,2)'").format, 0);
		ck_assert_int_eq(stream(p, "select 1 where false").rows, 0);
	}
	ck_assert_int_eq(stream(p, "explain select 1").rows, 1);
	t_close(p);
}
END_TEST

/* What fails, fails alike whether it was asked for first or not. */
START_TEST(test_failing_streams)
{
	static const struct {
		const char *sql, *state;
		int position;
	} bad[] = { { "select from where", "42601", 13 }, { "select 1, nix", "42703", 11 },
		{ "select 1 / $1::int", "22012", 0 }, { "select 'x'::int + $1", "22P02", 8 } };
	hf_pool *p = pool_with("-c TimeZone=UTC");
	struct seen s = { -1, 0, "" };

	for (int i = 0; i < 5; i++)
		for (size_t j = 0; j < T_COUNT(bad); j++) {
			hf_future *f = hf_query_with(
				p, HF_QUERY_OPTS(.on_row = look, .arg = &s), bad[j].sql, "0");
			const hf_error *e = t_fails(f, HF_E_SQL);

			ck_assert_str_eq(hf_error_sqlstate(e), bad[j].state);
			ck_assert_int_eq(hf_error_position(e), bad[j].position);
			hf_future_unref(f);
			ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
		}
	ck_assert_int_eq(s.rows, 0);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("formats", { "J4 every type reads alike in both formats", test_every_type, 60 },
	{ "a float's text has the server's digits", test_floats, 0 },
	{ "what a session's settings show is shown", test_sessions, 60 },
	{ "what is SET is shown, and forgotten again", test_set, 0 },
	{ "what the on_connect hook sets counts", test_hook, 0 },
	{ "a column changes its type", test_altered, 0 },
	{ "J4 streams are binary from the first on", test_streams, 0 },
	{ "J4 streams that fail before their first row", test_failing_streams, 0 })
