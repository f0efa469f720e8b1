/* SPDX-License-Identifier: MIT */
/* What a server writes by its settings and its catalogue, and what the codecs make of it. */
#include "codecs.h"

#include "base/mem.h"
#include "value/type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every type's oid, and its array's, as the server's catalogue has them. */
START_TEST(test_catalogue)
{
	PGresult *res;

	t_connect_as("select 1");
	res = t_run(
		"select oid, typarray, typname, typlen from pg_type where typtype in ('b', 'p') "
		"and oid < 10000",
		NULL, 0);
	for (int i = 0; i < PQntuples(res); i++) {
		const hf__type *t = hf__type_of((uint32_t)strtoul(PQgetvalue(res, i, 0), NULL, 10));
		int len = atoi(PQgetvalue(res, i, 3));

		if (!t)
			continue;
		ck_assert_str_eq(t->name, PQgetvalue(res, i, 2));
		ck_assert_uint_eq(t->array, strtoul(PQgetvalue(res, i, 1), NULL, 10));
		if (t->width > 0)
			ck_assert_int_eq(t->width, len);
	}
	PQclear(res);
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_time_zones)
{
	static const char *const zones[] = { "UTC", "Asia/Kolkata", "America/St_Johns",
		"Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "<+05:53:28>-05:53:28" };
	static const char *const times[] = { "2024-06-01 12:34:56.789+00", "1850-01-01 00:00:00+00",
		"0044-03-15 23:59:59+00 BC", "294246-01-01 00:00:00+00" };

	t_connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(zones); i++)
		for (size_t j = 0; j < T_COUNT(times); j++) {
			char set[80];
			PGresult *text, *binary;
			hf_timestamptz a = { 1 }, b = { 2 };

			snprintf(set, sizeof set, "set timezone to '%s'", zones[i]);
			PQclear(PQexec(t_conn, set));
			text = t_ask("timestamptz", times[j], 0);
			binary = t_ask("timestamptz", times[j], 1);
			t_decode_ok(text, HF_T_TIMESTAMPTZ, &a, PQgetvalue(text, 0, 0));
			t_decode_ok(binary, HF_T_TIMESTAMPTZ, &b, times[j]);
			ck_assert_msg(a.us == b.us, "%s in %s: %lld, %lld", PQgetvalue(text, 0, 0),
				zones[i], (long long)a.us, (long long)b.us);
			PQclear(text);
			PQclear(binary);
		}
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_bytea_escape)
{
	char text[2 + 512 + 1] = "\\x";
	PGresult *res;
	hf_bytes bytes = { NULL, 0 };

	for (int i = 0; i < 256; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", (unsigned)i);
	t_connect_as("set bytea_output to escape");
	res = t_ask("bytea", text, 0);
	t_decode_ok(res, HF_T_BYTEA, &bytes, "all bytes");
	ck_assert_uint_eq(bytes.len, 256);
	for (int i = 0; i < 256; i++)
		ck_assert_int_eq(((const unsigned char *)bytes.data)[i], i);
	PQclear(res);
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_floats_at_random)
{
	uint64_t bits = 88172645463325252ULL;

	t_connect_as("select 1");
	for (int i = 0; i < 3000; i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		hf__params *p = NULL;
		hf_value v = hf_v_null();
		PGresult *res;
		double x, y = 0;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&x, &bits, sizeof x);
		v = i % 2 ? hf_v_float8(x) : hf_v_float4((float)x);
		ck_assert_int_eq(hf__params_new(&v, 1, &p, NULL), HF_OK);
		res = t_run(i % 2 ? "select $1::float8" : "select $1::float4", p, 0);
		ck_assert_int_eq(hf__value_text(&b, &v, NULL), HF_OK);
		ck_assert_str_eq(hf__strbuf_text(&b), PQgetvalue(res, 0, 0));
		t_decode_ok(res, HF_T_FLOAT8, &y, b.s);
		if (x == x && i % 2)
			ck_assert_mem_eq(&x, &y, sizeof x);
		PQclear(res);
		hf__free(p);
		hf__strbuf_finish(&b);
	}
	PQfinish(t_conn);
}
END_TEST

T_MAIN("codecs and settings", { "oids and names are the catalogue's", test_catalogue, 0 },
	{ "timestamptz in any time zone", test_time_zones, 0 },
	{ "bytea_output escape", test_bytea_escape, 0 },
	{ "floats are written as the server writes them", test_floats_at_random, 60 })
