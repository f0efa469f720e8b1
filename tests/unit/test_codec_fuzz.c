/* SPDX-License-Identifier: MIT */
/* Any bytes at all: nothing may be read or written out of bounds. For a build with sanitizers; the
 * sequence is the same each time. */
#include "check_main.h"

#include "base/mem.h"
#include "value/sql.h"
#include "value/type.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 200000

static uint64_t state = 88172645463325252ULL;

static uint32_t roll(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

static const uint32_t oids[] = { 16, 17, 18, 19, 20, 21, 23, 25, 26, 28, 29, 114, 142, 650, 700,
	701, 705, 774, 829, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950, 3220,
	3802, 5069, 1000, 1001, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 199,
	1231, 1185, 1115, 1182, 1183, 1270, 1187, 2951, 3807, 1041, 651, 1040, 775, 3221, 271, 600,
	99999 };

/* What texts of types are made of, so that many get far. */
static const char *const pieces[] = { "0", "1", "9", "12", "2024", "-", "+", ":", ".", " ", "/",
	"{", "}", ",", "\"", "\\", "\\x", "NULL", "[0:1]=", "infinity", "NaN", "e", "E", "P", "T",
	"S", "Y", " BC", " days", " mon", " year", "00", "ff", "01-01", "00:00:00", "a0eebc99-9c0b",
	"t", "f", "\xc3\xa9", "\xff", "999999999", "Infinity", "::" };

static const char *const sql_pieces[] = { "$1", "$2", "$", "$$", "$a$", "'", "''", "E'", "U&'",
	"\"", "\\", "--", "\n", "/*", "*/", " ", ";", "(", ")", "select", "copy", "from", "to",
	"stdin", "program", "begin", "prepare", "transaction", "a", "1", "-", "::", "\xff", "," };

/* A string on the heap, of exactly its length and a NUL, so that a step too far is seen. */
static char *make_text(const char *const *from, uint32_t n, uint32_t most, int *len)
{
	char buf[512];
	size_t at = 0;
	char *s;

	for (uint32_t i = roll(most + 1); i > 0; i--) {
		const char *p = from[roll(n)];

		memcpy(buf + at, p, strlen(p));
		at += strlen(p);
	}
	s = malloc(at + 1);
	memcpy(s, buf, at);
	s[at] = '\0';
	*len = (int)at;
	return s;
}

static void put_be32(char *s, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		s[i] = (char)(x >> (24 - 8 * i));
}

static char *make_bytes(uint32_t oid, int *len)
{
	const hf__type *item = hf__type_of_items(oid);
	uint32_t n = roll(64), dims = roll(4);
	char *s = malloc(n + 1);

	for (uint32_t i = 0; i < n; i++)
		s[i] = roll(3) ? (char)roll(4) : (char)roll(256);
	s[n] = '\0';
	if (item && n >= 44 && roll(4)) {
		put_be32(s, dims);
		put_be32(s + 4, 1);
		put_be32(s + 8, item->oid);
		for (uint32_t i = 12; i < 12 + 8 * dims; i += 4)
			put_be32(s + i, 1 + roll(2));
		put_be32(s + 12 + 8 * dims, roll(9));
	}
	*len = (int)n;
	return s;
}

/* What was lent in this round. */
static void *lent[64];
static size_t lent_count;

static void *lend(void *owner, size_t n)
{
	(void)owner;
	if (lent_count == T_COUNT(lent))
		return NULL;
	return lent[lent_count++] = malloc(n ? n : 1);
}

static void take_back(void)
{
	while (lent_count > 0)
		free(lent[--lent_count]);
}

/* Everything that was decoded can be read, and sent. */
static void use(int type, const void *room)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_value v = hf_v_null();

	if (type & HF_T_OPT)
		return;
	v.type = (hf_type)type;
	if (type & HF_T_ARRAY)
		v = hf__v_array(true, type & ~HF_T_ARRAY, room);
	else if (type == HF_T_INT2 || type == HF_T_INT4 || type == HF_T_FLOAT4)
		return;
	else
		memcpy(&v.as, room, sizeof v.as);
	(void)!hf__value_text(&b, &v, NULL);
	(void)!hf__value_literal(&b, &v, NULL);
	hf__strbuf_finish(&b);
}

START_TEST(test_decode)
{
	static const int flags[] = { 0, 0, HF_T_OPT, HF_T_ARRAY, HF_T_ARRAY };
	size_t good = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t oid = oids[roll(T_COUNT(oids))];
		int type = (int)roll(HF_T_LSN + 2) | flags[roll(T_COUNT(flags))];
		union {
			hf__any_array array;
			char bytes[128];
		} room;
		char why[40];
		hf__cell cell = { oid, (int)roll(2), NULL, 0 };
		char *s = cell.format ? make_bytes(oid, &cell.len)
				      : make_text(pieces, T_COUNT(pieces), 12, &cell.len);

		cell.data = s;
		memset(&room, 0, sizeof room);
		if (hf__decode(&cell, (hf_dest){ type, &room }, lend, NULL, why, sizeof why) ==
			HF_OK) {
			good++;
			use(type, &room);
		}
		(void)hf__cell_text(&cell, lend, NULL);
		(void)hf__cell_bytes(&cell, lend, NULL);
		take_back();
		free(s);
	}
	ck_assert_uint_gt(good, ROUNDS / 100);
}
END_TEST

START_TEST(test_sql)
{
	const hf_value args[] = { HF_V(-1), HF_V("it's \\") };
	size_t good = 0;

	for (int i = 0; i < ROUNDS; i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		int len;
		char *s = make_text(sql_pieces, T_COUNT(sql_pieces), 12, &len);

		(void)hf__sql_classify(s);
		good += hf__sql_render(&b, s, args, roll(3), NULL) == HF_OK;
		hf__strbuf_finish(&b);
		free(s);
	}
	ck_assert_uint_gt(good, ROUNDS / 100);
}
END_TEST

T_MAIN("codec fuzz", { "any cell into any destination", test_decode, 120 },
	{ "any SQL text", test_sql, 120 })
