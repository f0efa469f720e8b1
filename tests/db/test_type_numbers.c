/* SPDX-License-Identifier: MIT */
/* Types of extensions have another number in every database: one model works with all of them. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef const char *pairs; /* an hstore, as the server writes it */

static hf_status read_pairs(const char *text, void *member, hf_room *room)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *copy = text ? hf_room_alloc(room, n) : NULL;

	*(pairs *)member = copy ? memcpy(copy, text, n) : NULL;
	return copy || !text ? HF_OK : HF_E_NOMEM;
}

static hf_status write_pairs(const void *member, const char **text, hf_room *room)
{
	(void)room;
	*text = *(const pairs *)member;
	return HF_OK;
}

HF_CODEC(pairs, "hstore", read_pairs, write_pairs);
HF_DOMAIN(word, "word", RAW("citext"), .check = "VALUE <> ''");

struct entry {
	int32_t id;
	const char *name, *word, *raw;
	pairs info;
};
static const hf_column entry_columns[] = {
	HF_COLUMN(entry, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(entry, name, RAW("citext"), NOT_NULL, HF_UNIQUE),
	HF_COLUMN(entry, word, RAW("citext"), NULLABLE, HF_OF_DOMAIN(word)),
	HF_COLUMN(entry, raw, RAW("hstore"), NULLABLE, HF_PLAIN),
	HF_COLUMN(entry, info, USER(pairs), NULLABLE, HF_PLAIN),
};
extern const hf_table entry_table;
HF_TABLE(entry, .name = "entry");

struct shelf {
	const char *database;
	hf_pool *pool;
	hf_session *s;
};

static void open_shelf(struct shelf *h, const char *first, const char *second)
{
	char text[1024];

	snprintf(text, sizeof text, "drop database if exists %s", h->database);
	free(t_psql(text));
	snprintf(text, sizeof text, "create database %s", h->database);
	free(t_psql(text));
	snprintf(text, sizeof text, "%s dbname=%s", t_dsn(), h->database);
	h->pool = t_pool_on(text, HF_POOL_OPTS(.max_conns = 2));
	h->s = hf_session_on_pool(h->pool);
	snprintf(text, sizeof text, "create extension %s", first);
	t_done(hf_query(h->pool, text));
	snprintf(text, sizeof text, "create extension %s", second);
	t_done(hf_query(h->pool, text));
}

static void close_shelf(struct shelf *h)
{
	char text[100];

	hf_session_unref(h->s);
	t_close(h->pool);
	snprintf(text, sizeof text, "drop database %s with (force)", h->database);
	free(t_psql(text));
}

static void differ(struct shelf *h, const char *type)
{
	char sql[100];

	snprintf(sql, sizeof sql, "select '%s'::regtype::oid::int8", type);
	ck_assert_int_ne(t_int(hf_query(h[0].pool, sql)), t_int(hf_query(h[1].pool, sql)));
}

static struct entry *one(struct shelf *h, int32_t id)
{
	struct entry *e;

	t_verb(h->s, hf_get(h->s, entry, &e, HF_EQ(entry, id, id)));
	return e;
}

static void use(struct shelf *h, int round)
{
	struct entry e = { .name = round ? "Second" : "First",
		.word = "Word",
		.raw = "\"a\"=>\"1\"",
		.info = "\"b\"=>\"2\"" };
	struct entry many[2] = { { .name = round ? "M1" : "M0", .info = "\"c\"=>\"3\"" },
		{ .name = round ? "N1" : "N0", .raw = "\"d\"=>NULL" } };
	const char *names[] = { round ? "M1" : "M0", "first" };
	struct entry *read;
	bool created;
	int64_t n;

	t_verb(h->s, hf_insert(h->s, entry, &e));
	read = one(h, e.id);
	ck_assert_str_eq(read->name, e.name);
	ck_assert_str_eq(read->word, "Word");
	ck_assert_str_eq(read->raw, "\"a\"=>\"1\"");
	ck_assert_str_eq(read->info, "\"b\"=>\"2\"");
	read->info = NULL;
	read->raw = "\"x\"=>\"y\"";
	t_verb(h->s, hf_update(h->s, entry, read));
	ck_assert_ptr_null(one(h, e.id)->info);
	t_verb(h->s, hf_insert_many(h->s, entry, many, 2));
	ck_assert_str_eq(one(h, many[0].id)->info, "\"c\"=>\"3\"");
	ck_assert_str_eq(one(h, many[1].id)->raw, "\"d\"=>NULL");
	t_verb(h->s,
		hf_upsert(h->s, entry, read, HF_COLUMNS(HF_C(entry, name)), HF_REST, &created));
	ck_assert(!created);
	/* citext: in any case, which text would not be */
	t_verb(h->s, hf_count(h->s, entry, &n, HF_WHERE(HF_EQ(entry, word, "WORD"))));
	ck_assert_int_eq(n, round + 1);
	t_verb(h->s, hf_count(h->s, entry, &n,
			     HF_WHERE(HF_ANY(entry, name, &HF_ARRAY(text, names, 2)))));
	ck_assert_int_eq(n, 2);
}

static hf_status give(const void **row, void *arg)
{
	static const struct entry entry = { .name = "Copied", .word = "w", .info = "\"k\"=>\"v\"" };
	int *n = arg;

	*row = (*n)-- > 0 ? &entry : NULL;
	return HF_OK;
}

static hf_status take(void *row, void *arg)
{
	const struct entry *e = row;
	int *n = arg;

	*n += e->info && strcmp(e->info, "\"k\"=>\"v\"") == 0 && strcmp(e->word, "w") == 0;
	return HF_OK;
}

START_TEST(test_two_databases)
{
	struct shelf h[2] = { { .database = "hf_numbers_1" }, { .database = "hf_numbers_2" } };

	if (t_psql_int("select count(*) from pg_available_extensions where name in ('hstore', "
		       "'citext')") != 2)
		t_skip("the server has no hstore, or no citext");
	open_shelf(&h[0], "hstore", "citext");
	open_shelf(&h[1], "citext", "hstore");
	differ(h, "hstore");
	differ(h, "citext");
	differ(h, "hstore[]");
	for (int i = 0; i < 2; i++)
		t_verb(h[i].s, hf_table_create(h[i].s, &entry_table, 0));
	differ(h, "word");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 2; i++)
			use(&h[i], round);
	for (int i = 0; i < 2; i++) {
		int n = 1, found = 0;

		t_done(hf_copy_structs_in(h[i].pool, entry, give, &n, NULL));
		t_done(hf_copy_structs_out(h[i].pool, entry, take, &found, NULL));
		ck_assert_int_eq(found, 1);
	}
	close_shelf(&h[0]);
	close_shelf(&h[1]);
}
END_TEST

T_MAIN("type_numbers", { "J19 orm-R7 one model, two databases that number a type otherwise",
			       test_two_databases, 0 })
