/* SPDX-License-Identifier: MIT */
/* Types of the program's own, by the names that they have at the server: a composite type and
 * hstore, which is another type number in every database. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a composite type: shop.position (x double precision, label text) --- */

typedef struct position {
	double x;
	const char *label; /* NULL: none */
} position;

/* (1.5,"a ""b""") */
static hf_status read_position(const char *text, void *member, hf_room *room)
{
	position *p = member;
	char *end, *to;

	if (*text++ != '(')
		return HF_E_TYPE;
	p->x = strtod(text, &end);
	if (end == text || *end++ != ',')
		return HF_E_TYPE;
	to = hf_room_alloc(room, strlen(end) + 1);
	if (!to)
		return HF_E_NOMEM;
	p->label = *end == ')' ? NULL : to;
	for (bool quoted = false; *end && (quoted || *end != ')'); end++) {
		if (*end == '"' && quoted && end[1] == '"')
			*to++ = *end++;
		else if (*end == '"')
			quoted = !quoted;
		else if (*end == '\\')
			*to++ = *++end;
		else
			*to++ = *end;
	}
	*to = '\0';
	return *end == ')' ? HF_OK : HF_E_TYPE;
}

static hf_status write_position(const void *member, const char **text, hf_room *room)
{
	const position *p = member;
	size_t n = p->label ? strlen(p->label) : 0;
	char *to = hf_room_alloc(room, 2 * n + 64);

	if (!to)
		return HF_E_NOMEM;
	*text = to;
	to += sprintf(to, "(%.17g,", p->x);
	if (p->label)
		*to++ = '"';
	for (const char *s = p->label; s && *s; s++) {
		if (*s == '"' || *s == '\\')
			*to++ = *s;
		*to++ = *s;
	}
	strcpy(to, p->label ? "\")" : ")");
	return HF_OK;
}

HF_CODEC(position, "shop.position", read_position, write_position);

/* --- hstore, of which this program knows one pair --- */

typedef struct pair {
	const char *key, *value; /* key NULL: SQL NULL */
} pair;

static char *between_quotes(const char *text, int nth, hf_room *room)
{
	const char *from = text, *to;
	char *copy;

	for (int i = 0; i < nth && from; i++)
		from = strchr(i ? from + 1 : from, '"');
	to = from ? strchr(from + 1, '"') : NULL;
	copy = to ? hf_room_alloc(room, (size_t)(to - from)) : NULL;
	return copy ? memcpy(copy, from + 1, (size_t)(to - from - 1)) : NULL;
}

static hf_status read_pair(const char *text, void *member, hf_room *room)
{
	pair *p = member;

	p->key = text ? between_quotes(text, 1, room) : NULL;
	p->value = text ? between_quotes(text, 3, room) : NULL;
	return !text || p->key ? HF_OK : HF_E_TYPE;
}

static hf_status write_pair(const void *member, const char **text, hf_room *room)
{
	const pair *p = member;
	char *to;

	if (!p->key)
		return HF_OK;
	if (strchr(p->key, '"'))
		return HF_E_USER;
	to = hf_room_alloc(room, strlen(p->key) + strlen(p->value) + 8);
	*text = to;
	if (to)
		sprintf(to, "\"%s\"=>\"%s\"", p->key, p->value);
	return to ? HF_OK : HF_E_NOMEM;
}

HF_CODEC(pair, "hstore", read_pair, write_pair);

struct shelf {
	int32_t id;
	position place;
	pair info;
};
static const hf_column shelf_columns[] = {
	HF_COLUMN(shelf, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(shelf, place, USER(position), NOT_NULL, HF_PLAIN),
	HF_COLUMN(shelf, info, USER(pair), NULLABLE, HF_PLAIN),
};
extern const hf_table shelf_table;
HF_TABLE(shelf, .name = "shelf");

struct place {
	hf_pool *pool;
	hf_session *s;
};

static struct place open_place(void)
{
	struct place p;

	if (t_psql_int("select count(*) from pg_available_extensions where name = 'hstore'") == 0)
		t_skip("the server has no hstore");
	p.pool = t_pool(NULL);
	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; create extension if not exists hstore;"
		    "drop schema if exists shop cascade; create schema shop;"
		    "create type shop.position as (x double precision, label text)"));
	t_verb(p.s, hf_table_create(p.s, &shelf_table, HF_DROP_FIRST));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_table_drop(p->s, &shelf_table, 0));
	hf_session_unref(p->s);
	t_close(p->pool);
}

START_TEST(test_round_trip)
{
	struct place p = open_place();
	struct shelf s = { .place = { 0.1, "a \"b\", (c) \\" }, .info = { "colour", "red" } }, *r;
	char *text;

	t_verb(p.s, hf_insert(p.s, shelf, &s));
	ck_assert_int_eq(
		t_psql_int("select count(*) from shelf where (place).x = 0.1 and (place).label = "
			   "E'a \"b\", (c) \\\\' and info->'colour' = 'red'"),
		1);
	t_verb(p.s, hf_get(p.s, shelf, &r, HF_EQ(shelf, id, s.id)));
	ck_assert_double_eq(r->place.x, 0.1);
	ck_assert_str_eq(r->place.label, "a \"b\", (c) \\");
	ck_assert_str_eq(r->info.value, "red");
	r->place.label = NULL;
	r->info.key = NULL;
	t_verb(p.s, hf_update(p.s, shelf, r));
	t_verb(p.s, hf_get(p.s, shelf, &r, HF_EQ(shelf, id, s.id)));
	ck_assert(!r->place.label && !r->info.key);
	ck_assert_int_eq(t_psql_int("select count(*) from shelf where info is null"), 1);
	text = hf_row_json(&shelf_table, &s, false);
	ck_assert_ptr_nonnull(strstr(text, "\"info\":\"\\\"colour\\\"=>\\\"red\\\"\""));
	free(text);
	close_place(&p);
}
END_TEST

START_TEST(test_many)
{
	struct place p = open_place();
	struct shelf s[3] = { { .place = { 1, "one" } },
		{ .place = { 2, NULL }, .info = { "k", "v" } }, { .place = { 3, "" } } };
	hf_rows *rows;
	struct shelf *r;

	t_verb(p.s, hf_insert_many(p.s, shelf, s, 3));
	t_verb(p.s, hf_select(p.s, shelf, &rows, HF_ORDER(HF_ASC(shelf, id))));
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	r = HF_ROWS(shelf, rows);
	ck_assert_str_eq(r[0].place.label, "one");
	ck_assert(!r[1].place.label && r[2].place.label);
	ck_assert_str_eq(r[1].info.key, "k");
	hf_session_clear(p.s);
	hf_rows_unref(rows);
	close_place(&p);
}
END_TEST

/* What a codec cannot take is an error that names the column, before or behind the server. */
START_TEST(test_refused)
{
	struct place p = open_place();
	struct shelf s = { .info = { "a\"b", "" } }, *r;

	ck_assert_int_eq(hf_insert(p.s, shelf, &s), HF_E_USER);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"model shelf: info: its codec cannot write it");
	s.info.key = NULL;
	t_verb(p.s, hf_insert(p.s, shelf, &s));
	free(t_psql("update shelf set info = ''"));
	ck_assert_int_eq(hf_get(p.s, shelf, &r, HF_EQ(shelf, id, s.id)), HF_E_TYPE);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"table \"shelf\", row 1, column \"info\": the codec of hstore cannot read \"\"");
	free(t_psql("alter table shelf alter place drop not null; update shelf set place = null, "
		    "info = null"));
	ck_assert_int_eq(hf_get(p.s, shelf, &r, HF_EQ(shelf, id, s.id)), HF_E_NULL);
	close_place(&p);
}
END_TEST

START_TEST(test_not_made)
{
	static const hf_codec none = { .sql_type = "x", .size = 8, .align = 8 };
	static hf_plan plan;
	const hf_column columns[] = {
		HF_COLUMN(shelf, id, INT4, NOT_NULL, HF_SERIAL),
		{ .name = "place",
			.member = "place",
			.codec = &none,
			.offset = offsetof(struct shelf, place) },
	};
	hf_table t = shelf_table;
	hf_error *e = NULL;

	t.columns = columns;
	t.n_columns = 2;
	t.plan = &plan;
	ck_assert_int_eq(hf_table_check(&t, &e), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "was not made by HF_CODEC"));
	hf_error_unref(e);
}
END_TEST

T_MAIN("codecs_user", { "J19 hstore and a composite type", test_round_trip, 0 },
	{ "J19 many rows of them", test_many, 0 },
	{ "J19 what a codec refuses names the column", test_refused, 0 },
	{ "J19 a codec that is none", test_not_made, 0 })
