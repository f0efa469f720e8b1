/* SPDX-License-Identifier: MIT */
/* Exclusion constraints: made, named, violated, told by member, dropped. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct stay {
	int32_t id, room;
	const char *hall; /* rooms from … to */
	const char *during;
	bool cancelled;
};
static const hf_column stay_columns[] = {
	HF_COLUMN(stay, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(stay, room, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(stay, hall, RAW("int4range"), NULLABLE, HF_PLAIN),
	HF_COLUMN(stay, during, RAW("daterange"), NOT_NULL, HF_PLAIN),
	HF_COLUMN(stay, cancelled, BOOL, NOT_NULL, HF_PLAIN),
};
static const hf_index stay_indexes[] = {
	{ .exclude = true,
		.column = { HF_C(stay, hall), HF_C(stay, during) },
		.with = { "=", "&&" },
		.where = "not cancelled" },
	{ .name = "stay_one_a_room",
		.exclude = true,
		.sql = "int4range(room, room, '[]') WITH =, during WITH &&",
		.column = { HF_C(stay, room) },
		.where = "not cancelled" },
	{ .exclude = true, .column = { HF_C(stay, id) }, .with = { "=" }, .method = "btree" },
};
HF_TABLE(stay, .indexes = stay_indexes, .n_indexes = HF_COUNT(stay_indexes));

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static hf_models *models_of(const hf_table *t, const hf_naming *names)
{
	hf_models *m = hf_models_new(names);
	hf_error *e;

	ck_assert_ptr_nonnull(m);
	if (hf_models_add(m, (const hf_table *const[]){ t, NULL }, NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
	return m;
}

static struct place open_place(const hf_table *t, const hf_naming *names)
{
	struct place p = { .pool = t_pool(NULL), .m = models_of(t, names) };

	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; drop table if exists stay, lodging"));
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_models_drop(p->m, p->s, 0));
	ck_assert_int_eq(t_psql_int("select count(*) from pg_constraint where contype = 'x'"), 0);
	hf_models_unref(p->m);
	hf_session_unref(p->s);
	t_close(p->pool);
}

/* It was refused for an exclusion; of which columns. */
static void excluded(struct place *p, hf_status st, const hf_naming *names, const char *members)
{
	const hf_error *e = hf_session_error(p->s);
	const hf_column *c[HF_MAX_KEY];
	char all[100] = "";

	ck_assert_int_eq(st, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "23P01");
	for (size_t i = 0, n = hf_error_columns(e, &stay_table, names, c); i < n; i++) {
		strcat(all, i ? ", " : "");
		strcat(all, c[i]->member);
	}
	ck_assert_str_eq(all, members);
}

START_TEST(test_text)
{
	const hf_naming own = { .struct_size = sizeof own, .exclude = "ex_%t_%c" };
	const hf_naming older = { .struct_size = offsetof(hf_naming, exclude), .exclude = "%x" };
	hf_models *m = models_of(&stay_table, NULL), *named = models_of(&stay_table, &own);
	char *sql = hf_models_sql(m, 0), *other = hf_models_sql(named, HF_IF_MISSING);

	ck_assert_ptr_nonnull(strstr(sql,
		"ALTER TABLE \"stay\" ADD CONSTRAINT \"stay_hall_during_excl\" EXCLUDE USING "
		"\"gist\" (\"hall\" WITH =, \"during\" WITH &&) WHERE (not cancelled);\n"
		"ALTER TABLE \"stay\" ADD CONSTRAINT \"stay_one_a_room\" EXCLUDE USING \"gist\" "
		"(int4range(room, room, '[]') WITH =, during WITH &&) WHERE (not cancelled);\n"
		"ALTER TABLE \"stay\" ADD CONSTRAINT \"stay_id_excl\" EXCLUDE USING \"btree\" "
		"(\"id\" WITH =);\n"));
	ck_assert_ptr_nonnull(strstr(other, "DO 'BEGIN ALTER TABLE \"stay\" ADD CONSTRAINT "
					    "\"ex_stay_hall_during\" EXCLUDE"));
	free(sql);
	free(other);
	hf_models_unref(m);
	hf_models_unref(named);
	hf_models_unref(models_of(&stay_table, &older));
	ck_assert_ptr_null(hf_models_new(
		&(const hf_naming){ .struct_size = sizeof(hf_naming), .exclude = "%t_%r" }));
}
END_TEST

START_TEST(test_overlap)
{
	struct place p = open_place(&stay_table, NULL);
	struct stay first = { .room = 1, .hall = "[1,5)", .during = "[2026-01-01,2026-01-05)" };
	struct stay next = { .room = 2, .hall = "[1,5)", .during = "[2026-01-04,2026-01-07)" };
	struct stay two[] = { { .room = 7, .during = "[2026-02-01,2026-02-03)" },
		{ .room = 7, .during = "[2026-02-02,2026-02-04)" } };

	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	ck_assert_int_eq(t_psql_int("select count(*) from pg_constraint where contype = 'x'"), 3);
	t_verb(p.s, hf_insert(p.s, stay, &first));
	excluded(&p, hf_insert(p.s, stay, &next), NULL, "hall, during");
	ck_assert_int_eq(
		strncmp(hf_error_message(hf_session_error(p.s)), "stay.hall, during: ", 19), 0);
	next.hall = NULL;
	t_verb(p.s, hf_insert(p.s, stay, &next));
	next.room = 1;
	excluded(&p, hf_update(p.s, stay, &next), NULL, "room");
	next.cancelled = true; /* which is out of its way */
	t_verb(p.s, hf_update(p.s, stay, &next));
	excluded(&p, hf_insert_many(p.s, stay, two, 2), NULL, "room");
	two[1].room = 8;
	t_verb(p.s, hf_insert_many(p.s, stay, two, 2));
	ck_assert_int_eq(t_psql_int("select count(*) from stay"), 4);
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	ck_assert_int_eq(t_psql_int("select count(*) from stay"), 0);
	close_place(&p);
}
END_TEST

START_TEST(test_of_a_convention)
{
	const hf_naming names = { .struct_size = sizeof names, .exclude = "ex_%t_%c" };
	struct place p = open_place(&stay_table, &names);
	struct stay s = { .room = 1, .hall = "[1,5)", .during = "[2026-01-01,2026-01-05)" };

	t_verb(p.s, hf_insert(p.s, stay, &s));
	s.id = 0;
	s.room = 2;
	excluded(&p, hf_insert(p.s, stay, &s), NULL, "");
	excluded(&p, hf_insert(p.s, stay, &s), &names, "hall, during");
	close_place(&p);
}
END_TEST

struct lodging {
	int32_t id;
	const char *during;
};
#define LONG "the_days_from_the_arrival_of_a_guest_until_the_day_of_departure"
static const hf_column lodging_columns[] = {
	HF_COLUMN(lodging, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN_AS(lodging, during, LONG, RAW("daterange"), NOT_NULL, HF_PLAIN),
};
static const hf_index lodging_indexes[] = {
	{ .exclude = true, .column = { HF_C(lodging, during) }, .with = { "&&" } },
};
HF_TABLE(lodging, .indexes = lodging_indexes, .n_indexes = HF_COUNT(lodging_indexes));

/* As we called it: the server had nothing to cut. */
START_TEST(test_long_name)
{
	struct place p = open_place(&lodging_table, NULL);
	struct lodging l = { .during = "[2026-01-01,2026-01-05)" };
	char *name = t_psql("select conname from pg_constraint where contype = 'x'");
	char *sql = hf_models_sql(p.m, 0);
	const hf_column *c[HF_MAX_KEY];

	ck_assert_uint_eq(strlen(name), 63);
	ck_assert_ptr_nonnull(strstr(sql, name));
	t_verb(p.s, hf_insert(p.s, lodging, &l));
	l.id = 0;
	ck_assert_int_eq(hf_insert(p.s, lodging, &l), HF_E_SQL);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(p.s), &lodging_table, NULL, c), 1);
	ck_assert_str_eq(c[0]->member, "during");
	free(sql);
	free(name);
	close_place(&p);
}
END_TEST

T_MAIN("exclusions", { "G14 the text of exclusions", test_text, 0 },
	{ "G11 G15 what overlaps is refused, and told by member", test_overlap, 0 },
	{ "G14 exclusions by a convention", test_of_a_convention, 0 },
	{ "G14 a long name of an exclusion", test_long_name, 0 })
