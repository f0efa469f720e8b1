/* SPDX-License-Identifier: MIT */
/* The codecs against a real server: every type, both formats, there and back. */
#include "codecs.h"
#include "lent.h"

#include "base/mem.h"
#include "value/type.h"

#include <stdio.h>
#include <string.h>

static void check_sent(const t_sample *s, const hf_value *v, const char *expected)
{
	hf_error *why = NULL;
	hf__params *p = NULL;
	hf_status st = hf__params_new(v, 1, &p, &why);
	char sql[64];
	PGresult *res;

	ck_assert_msg(st == HF_OK, "%s %s: %s", s->type, s->text, hf_error_message(why));
	snprintf(sql, sizeof sql, "select $1::%s", s->type);
	res = t_run(sql, p, 0);
	ck_assert_msg(strcmp(PQgetvalue(res, 0, 0), expected) == 0, "%s %s came back as %s",
		s->type, s->text, PQgetvalue(res, 0, 0));
	PQclear(res);
	hf__free(p);
}

static void check_literal(const t_sample *s, const hf_value *v, const char *expected)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *why = NULL;
	PGresult *res;

	hf__strbuf_puts(&b, "select (");
	ck_assert_int_eq(hf__value_literal(&b, v, &why), HF_OK);
	hf__strbuf_printf(&b, ")::%s", s->type);
	for (int on = 0; on < 2; on++) {
		PQclear(PQexec(t_conn, on ? "set standard_conforming_strings to on"
					  : "set standard_conforming_strings to off"));
		res = t_run(b.s, NULL, 0);
		ck_assert_msg(strcmp(PQgetvalue(res, 0, 0), expected) == 0, "%s gave %s, not %s",
			b.s, PQgetvalue(res, 0, 0), expected);
		PQclear(res);
	}
	hf__strbuf_finish(&b);
}

/* Both formats must give the same value; NaN compares by its bits, pointers by what they show. */
static void check_same(
	const t_sample *s, int tag, const t_any *a, const t_any *b, const char *expected)
{
	hf_value va = t_value_of(tag, a), vb = t_value_of(tag, b);
	hf__strbuf ta = HF__STRBUF_INIT, tb = HF__STRBUF_INIT;

	ck_assert_int_eq(hf__value_text(&ta, &va, NULL), HF_OK);
	ck_assert_int_eq(hf__value_text(&tb, &vb, NULL), HF_OK);
	ck_assert_str_eq(hf__strbuf_text(&ta), hf__strbuf_text(&tb));
	if (tag != HF_T_BOOL && tag != HF_T_BYTEA)
		ck_assert_msg(strcmp(hf__strbuf_text(&ta), expected) == 0, "%s %s is written %s",
			s->type, expected, hf__strbuf_text(&ta));
	hf__strbuf_finish(&ta);
	hf__strbuf_finish(&tb);
}

static void check_sample(const t_sample *s)
{
	PGresult *text = t_ask(s->type, s->text, 0), *binary = t_ask(s->type, s->text, 1);
	hf__cell tc = t_cell_of(text), bc = t_cell_of(binary);
	const char *expected = tc.data;
	t_any a, b;
	hf_value v;

	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	ck_assert_ptr_eq(hf__cell_text(&tc, t_lend, NULL), tc.data);
	if (hf__has_binary(bc.type))
		ck_assert_str_eq(hf__cell_text(&bc, t_lend, NULL), expected);
	if (s->tag) {
		t_decode_ok(text, s->tag, &a, s->text);
		if (hf__has_binary(bc.type)) {
			t_decode_ok(binary, s->tag, &b, s->text);
			check_same(s, s->tag, &a, &b, expected);
		}
		v = t_value_of(s->tag, &a);
		check_sent(s, &v, expected);
		if (!strstr("xid8 cid", s->type)) /* they have no cast from integers */
			check_literal(s, &v, expected);
	}
	PQclear(text);
	PQclear(binary);
}

START_TEST(test_samples)
{
	t_connect_as("select 1");
	for (size_t i = 0; i < t_n_samples; i++)
		check_sample(&t_samples[i]);
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_binary_known)
{
	static const char *const unknown[] = { "\"char\"", "xml", "int4range", "point" };

	t_connect_as("select 1");
	for (size_t i = 0; i < t_n_samples; i++) {
		PGresult *res = t_ask(t_samples[i].type, t_samples[i].text, 0);
		bool known = true;

		for (size_t j = 0; j < T_COUNT(unknown); j++)
			known &= strcmp(t_samples[i].type, unknown[j]) != 0;
		ck_assert_msg(hf__has_binary(PQftype(res, 0)) == known, "%s", t_samples[i].type);
		PQclear(res);
	}
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_iso_intervals)
{
	t_connect_as("select 1");
	for (size_t i = 0; i < t_n_samples; i++) {
		hf_interval a = { 0, 0, 0 }, b = { 1, 1, 1 };
		PGresult *text, *binary;

		if (t_samples[i].tag != HF_T_INTERVAL)
			continue;
		PQclear(PQexec(t_conn, "set intervalstyle to iso_8601"));
		text = t_ask(t_samples[i].type, t_samples[i].text, 0);
		binary = t_ask(t_samples[i].type, t_samples[i].text, 1);
		t_decode_ok(text, HF_T_INTERVAL, &a, PQgetvalue(text, 0, 0));
		t_decode_ok(binary, HF_T_INTERVAL, &b, t_samples[i].text);
		ck_assert_int_eq(a.months, b.months);
		ck_assert_int_eq(a.days, b.days);
		ck_assert_int_eq(a.us, b.us);
		PQclear(text);
		PQclear(binary);
	}
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_one_number_many_types)
{
	static const char *const types[] = { "int2", "int4", "int8", "numeric", "float4", "float8",
		"text", "oid" };
	const hf_value seven = HF_V(7);

	t_connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(types); i++) {
		t_sample s = { types[i], "7", HF_T_INT4 };

		check_sent(&s, &seven, "7");
	}
	check_sent(&(t_sample){ "bool", "1", HF_T_INT4 },
		&(const hf_value){ HF_T_INT8, { .i = 1 } }, "t");
	PQfinish(t_conn);
}
END_TEST

T_MAIN("codecs on a server", { "every type in both formats, there and back", test_samples, 60 },
	{ "the binary formats that are known", test_binary_known, 0 },
	{ "intervals in iso_8601 style", test_iso_intervals, 0 },
	{ "one C integer serves many column types", test_one_number_many_types, 0 })
