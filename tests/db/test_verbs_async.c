/* SPDX-License-Identifier: MIT */
/* The verbs as futures. */
#include "models.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_rows *rows_of(hf_future *f, const hf_table *t)
{
	hf_rows *rows = NULL;
	hf_error *why = NULL;
	hf_status st = hf_await_rows_of(f, t, &rows, &why);

	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
	return rows;
}

static int64_t count_of(hf_future *f)
{
	hf_error *why = NULL;
	int64_t n = -1;
	hf_status st = hf_await_count(f, &n, &why);

	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
	return n;
}

/* Fails unless the future does so, and gives neither rows nor a count. */
static void fails(hf_future *f, hf_status st, const char *says)
{
	hf_rows *rows = NULL;
	hf_error *why = NULL;

	ck_assert_int_eq(hf_future_get(f, NULL), st);
	ck_assert_int_eq(hf_await_rows_of(f, &person_table, &rows, &why), st);
	ck_assert_ptr_null(rows);
	if (!strstr(hf_error_message(why), says))
		ck_abort_msg("\"%s\" does not say \"%s\"", hf_error_message(why), says);
	hf_error_unref(why);
}

static void add(struct t_store *st, const char *name, int age)
{
	struct person p = { .name = name, .mood = MOOD_OK, .age = { age > 0, age } };

	t_verb(st->s, hf_insert(st->s, person, &p));
}

/* What is handed in is the caller's again at once. */
START_TEST(test_insert)
{
	struct t_store st = t_store_open();
	char *name = strdup("Ann"), ids[4][16];
	struct person *p = malloc(sizeof *p), many[4] = { 0 };
	hf_future *f, *g;
	hf_rows *rows, *more;

	*p = (struct person){ .name = name, .mood = MOOD_HAPPY };
	for (int i = 0; i < 4; i++) {
		snprintf(ids[i], sizeof ids[i], "n%d", i);
		many[i] = (struct person){ .name = ids[i], .mood = MOOD_SAD };
	}
	f = hf_insert_async(st.pool, person, p);
	g = hf_insert_many_async(st.pool, person, many, 4);
	memset(name, '?', strlen(name));
	free(name);
	free(p);
	memset(ids, '?', sizeof ids);
	memset(many, 0, sizeof many);
	ck_assert_int_eq(count_of(hf_future_ref(g)), 4);
	rows = rows_of(f, &person_table);
	more = rows_of(g, &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_int_gt(HF_ROWS(person, rows)->id, 0);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
	ck_assert_uint_eq(hf_rows_count(more), 4);
	for (int i = 0; i < 4; i++) {
		struct person *q;

		snprintf(ids[i], sizeof ids[i], "n%d", i);
		ck_assert_str_eq(HF_ROWS(person, more)[i].name, ids[i]);
		t_verb(st.s,
			hf_get(st.s, person, &q, HF_EQ(person, id, HF_ROWS(person, more)[i].id)));
		ck_assert_str_eq(q->name, ids[i]);
	}
	hf_rows_unref(rows);
	hf_rows_unref(more);
	t_store_close(&st);
}
END_TEST

START_TEST(test_defaults)
{
	struct t_store st = t_store_open();
	struct task t = { .subject = "roof", .done = true };
	hf_rows *rows = rows_of(
		hf_insert_default_async(st.pool, task, &t, HF_C(task, created)), &task_table);

	ck_assert_int_gt(HF_ROWS(task, rows)->created.us, 1000000000000000); /* now() */
	ck_assert(HF_ROWS(task, rows)->done);
	hf_rows_unref(rows);
	rows = rows_of(
		hf_insert_default_async(st.pool, task, &t, HF_C(task, created), HF_C(task, done)),
		&task_table);
	ck_assert(!HF_ROWS(task, rows)->done);
	hf_rows_unref(rows);
	fails(hf_insert_default_async(st.pool, task, &t, HF_C(task, note)), HF_E_MISUSE,
		"\"note\" has no default");
	t_store_close(&st);
}
END_TEST

/* † pulsar-odm, peewee-async: the synchronous tests and their twins give the same. The compat tests
 * of peewee-async: select, compound, raw, count; update and delete are below. */
START_TEST(test_reads)
{
	struct t_store st = t_store_open();
	char name[] = "Bob";
	hf_future *all, *bob, *none;
	hf_rows *rows;

	add(&st, "Ann", 30);
	add(&st, "Bob", 0);
	add(&st, "Cid", 50);
	all = hf_select_async(st.pool, person, HF_ORDER(HF_DESC(person, name)));
	bob = hf_get_async(st.pool, person, HF_EQ(person, name, name));
	none = hf_get_or_null_async(st.pool, person, HF_EQ(person, name, "Zoe"));
	memset(name, '?', sizeof name - 1); /* it was copied */
	rows = rows_of(all, &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	ck_assert_str_eq(HF_ROWS(person, rows)[0].name, "Cid");
	ck_assert_int_eq(HF_ROWS(person, rows)[0].age.v, 50);
	hf_rows_unref(rows);
	rows = rows_of(bob, &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Bob");
	ck_assert(!HF_ROWS(person, rows)->age.has);
	hf_rows_unref(rows);
	rows = rows_of(none, &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 0);
	hf_rows_unref(rows);
	rows = rows_of(
		hf_first_async(st.pool, person, HF_ORDER(HF_ASC(person, name))), &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
	hf_rows_unref(rows);
	rows = rows_of(
		hf_select_sql_async(st.pool, person, "select * from person where age > $1", 40),
		&person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	hf_rows_unref(rows);
	rows = rows_of(
		hf_select_async(st.pool, person, HF_WHERE(HF_EQ(person, name, "Ann")),
			HF_UNION(HF_WHERE(HF_GT(person, age, 20))), HF_ORDER(HF_ASC(person, name))),
		&person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(person, rows)[0].name, "Ann");
	ck_assert_str_eq(HF_ROWS(person, rows)[1].name, "Cid");
	hf_rows_unref(rows);
	ck_assert_int_eq(count_of(hf_count_async(st.pool, person, HF_ALL)), 3);
	ck_assert_int_eq(
		count_of(hf_exists_async(st.pool, person, HF_WHERE(HF_EQ(person, name, "Ann")))),
		1);
	ck_assert_int_eq(
		count_of(hf_exists_async(st.pool, person, HF_WHERE(HF_EQ(person, name, "Zoe")))),
		0);
	t_store_close(&st);
}
END_TEST

START_TEST(test_changes)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	hf_rows *rows;
	hf_future *f;

	f = hf_save_async(st.pool, person, &p);
	ck_assert_int_eq(count_of(hf_future_ref(f)), 1); /* created */
	rows = rows_of(f, &person_table);
	p = *HF_ROWS(person, rows);
	p.age = (hf_int4_opt)HF_SOME(30);
	p.name = "nobody sees this";
	f = hf_update_only_async(st.pool, person, &p, HF_C(person, age));
	hf_rows_unref(rows);
	rows = rows_of(f, &person_table);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
	p = *HF_ROWS(person, rows);
	p.mood = MOOD_SAD;
	ck_assert_int_eq(count_of(hf_save_async(st.pool, person, &p)), 0); /* updated */
	p.mood = MOOD_HAPPY;
	p.age.v = 31;
	ck_assert_int_eq(count_of(hf_save_only_async(st.pool, person, &p, HF_C(person, age))), 0);
	ck_assert_int_eq(
		t_psql_int("select count(*) from person where mood = 'sad' and age = 31"), 1);
	p.mood = MOOD_SAD;
	ck_assert_int_eq(count_of(hf_update_async(st.pool, person, &p)), 1);
	add(&st, "Bob", 7);
	ck_assert_int_eq(count_of(hf_update_where_async(
				 st.pool, person, HF_SETS(HF_INCREASE(person, age, 1)), HF_ALL)),
		2);
	hf_rows_unref(rows);
	rows = rows_of(
		hf_update_returning_async(st.pool, person, HF_SETS(HF_INCREASE(person, age, 1)),
			HF_WHERE(HF_EQ(person, name, "Bob"))),
		&person_table);
	ck_assert_int_eq(HF_ROWS(person, rows)->age.v, 9);
	p.name = "Ann";
	ck_assert_int_eq(count_of(hf_delete_async(st.pool, person, &p)), 1);
	ck_assert_int_eq(count_of(hf_delete_where_async(st.pool, person, HF_ALL)), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* Those that take several statements, or know what was there before. */
START_TEST(test_more_changes)
{
	struct t_store st = t_store_open();
	static const hf_table *const among[] = { &task_table, NULL };
	struct person p[2] = { { .name = "Ann", .mood = MOOD_OK }, { .name = "Bob" } };
	const uint32_t by_name[] = { HF_C(person, name), 0 };
	struct task t = { .subject = "roof" };
	hf_rows *rows;
	hf_future *f;

	for (int i = 0; i < 2; i++) {
		f = hf_get_or_create_async(st.pool, person, &p[0], HF_EQ(person, name, "Ann"));
		ck_assert_int_eq(count_of(hf_future_ref(f)), i == 0);
		rows = rows_of(f, &person_table);
		ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
		t.owner_id = (hf_int4_opt)HF_SOME(HF_ROWS(person, rows)->id);
		hf_rows_unref(rows);
	}
	p[0].mood = MOOD_HAPPY;
	for (int i = 0; i < 2; i++) {
		f = hf_upsert_async(st.pool, person, &p[i], by_name, HF_REST);
		ck_assert_int_eq(count_of(hf_future_ref(f)), i == 1);
		rows = rows_of(f, &person_table);
		p[i] = *HF_ROWS(person, rows);
		p[i].name = i ? "Bob" : "Ann";
		hf_rows_unref(rows);
	}
	p[0].age = p[1].age = (hf_int4_opt)HF_SOME(5);
	ck_assert_int_eq(count_of(hf_update_many_async(st.pool, person, p, 2, NULL)), 2);
	ck_assert_int_eq(t_psql_int("select sum(age) from person where mood <> 'ok'"), 10);
	ck_assert_int_eq(count_of(hf_insert_async(st.pool, task, &t)), 1);
	ck_assert_int_eq(count_of(hf_delete_deep_async(st.pool, person, &p[0], among, true)), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from task"), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	t_store_close(&st);
}
END_TEST

/* What is read in part, in another shape, as one value; many at once. */
START_TEST(test_shapes)
{
	struct t_store st = t_store_open();
	struct person p[2] = { { .name = "Ann", .mood = MOOD_OK, .age = HF_SOME(30) },
		{ .name = "Bob", .mood = MOOD_OK, .age = HF_SOME(40) } };
	const uint32_t by_name[] = { HF_C(person, name), 0 };
	hf_rows *rows = NULL;
	hf_future *f;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			count_of(hf_upsert_many_async(st.pool, person, p, 2, by_name, HF_REST)), 2);
	ck_assert_int_eq(
		count_of(hf_scalar_async(st.pool, person, HF_MAX(person, age), HF_ALL)), 40);
	f = hf_select_async(
		st.pool, person, HF_ONLY(HF_COL(person, name)), HF_WHERE(HF_EQ(person, age, 40)));
	ck_assert_int_eq(hf_await_rows(hf_future_ref(f), person, &rows, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_await_part(f, person, &rows, NULL), HF_OK);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Bob");
	ck_assert(!hf_rows_have(rows, HF_C(person, age)) && !HF_ROWS(person, rows)->age.has);
	hf_rows_unref(rows);
	f = hf_update_returning_async(st.pool, person, HF_SETS(HF_INCREASE(person, age, 1)),
		HF_WHERE(HF_EQ(person, name, "Ann")));
	rows = rows_of(f, &person_table);
	ck_assert_int_eq(HF_ROWS(person, rows)->age.v, 31);
	hf_rows_unref(rows);
	f = hf_select_as_async(
		st.pool, task, person, HF_PICKS(HF_PICK(person, id, HF_COUNT_ROWS)), HF_ALL);
	ck_assert_int_eq(hf_await_part(f, person, &rows, NULL), HF_OK);
	ck_assert_int_eq(HF_ROWS(person, rows)->id, 0);
	hf_rows_unref(rows);
	f = hf_delete_returning_async(st.pool, person, HF_ALL);
	rows = rows_of(f, &person_table);
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* A type of one's own: what it points to, only its codec knows. */
typedef struct upper {
	const char *letters;
} upper;

static hf_status read_upper(const char *text, void *member, hf_room *room)
{
	char *copy = text ? hf_room_alloc(room, strlen(text) + 1) : NULL;

	((upper *)member)->letters = copy ? strcpy(copy, text) : NULL;
	return text && !copy ? HF_E_NOMEM : HF_OK;
}

static hf_status write_upper(const void *member, const char **text, hf_room *room)
{
	const char *letters = ((const upper *)member)->letters;
	char *copy = letters ? hf_room_alloc(room, strlen(letters) + 1) : NULL;

	*text = copy ? strcpy(copy, letters) : NULL;
	return letters && !copy ? HF_E_NOMEM : HF_OK;
}

extern const hf_codec upper_codec;
HF_CODEC(upper, "text", read_upper, write_upper);

struct parcel {
	upper label;
	hf_int4_array moods;
	int32_t id;
	hf_bytes data;
	hf_json info;
	hf_numeric weight;
	hf_text_array tags;
	hf_int4_array sizes;
	const char *shape;
};

extern const hf_table parcel_table;

static const hf_column parcel_columns[] = {
	HF_COLUMN(parcel, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(parcel, label, USER(upper), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, moods, ENUM_ARRAY(mood), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, data, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, info, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, weight, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, tags, ARRAY(TEXT), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, sizes, ARRAY(INT4), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, shape, RAW("box"), NULLABLE, HF_PLAIN),
};
HF_TABLE(parcel, .schema = NULL);

/* Whatever a row points to is copied with it. */
START_TEST(test_deep_copy)
{
	struct t_store st = t_store_open();
	char data[] = "bytes", info[] = "{\"a\": 1}", weight[] = "12.50", tag[] = "red",
	     label[] = "THIS", shape[] = "(2,2),(1,1)";
	const char *tags[] = { tag, NULL };
	bool null[] = { false, true };
	int32_t sizes[] = { 7, 8, 9 }, moods[] = { MOOD_HAPPY, MOOD_SAD };
	struct parcel in = { .label = { label },
		.moods = HF_ARRAY(int4, moods, 2),
		.data = { data, 5 },
		.info = { info },
		.weight = { weight },
		.tags = HF_ARRAY(text, tags, 2),
		.sizes = HF_ARRAY(int4, sizes, 3),
		.shape = shape };
	const struct parcel none = { .id = 0 }, *p;
	hf_future *f[2];

	in.tags.null = null;
	free(t_psql("set client_min_messages to warning; drop table if exists parcel;"
		    "create table parcel (id serial primary key, label text, moods mood[], data "
		    "bytea, info jsonb,"
		    "weight numeric, tags text[], sizes int[], shape box)"));
	f[0] = hf_insert_async(st.pool, parcel, &in);
	f[1] = hf_insert_async(st.pool, parcel, &none);
	memset(data, '?', 5);
	memset(label, '?', sizeof label - 1);
	memset(moods, 0, sizeof moods);
	memset(info, '?', sizeof info - 1);
	memset(weight, '?', sizeof weight - 1);
	memset(tag, '?', sizeof tag - 1);
	memset(shape, '?', sizeof shape - 1);
	memset(sizes, 0, sizeof sizes);
	tags[0] = NULL;
	null[1] = false;
	for (int i = 0; i < 2; i++) {
		hf_rows *rows = rows_of(f[i], &parcel_table);

		p = HF_ROWS(parcel, rows);
		ck_assert_int_gt(p->id, 0);
		if (i == 0)
			ck_assert(memcmp(p->data.data, "bytes", 5) == 0 && p->sizes.v[2] == 9 &&
				  strcmp(p->tags.v[0], "red") == 0 &&
				  strcmp(p->label.letters, "THIS") == 0 &&
				  p->moods.v[0] == MOOD_HAPPY && p->tags.null[1]);
		else
			ck_assert(!p->data.data && !p->info.s && !p->shape && !p->tags.has);
		hf_rows_unref(rows);
	}
	ck_assert_int_eq(
		t_psql_int("select count(*) from parcel where data = 'bytes' and info->>'a' = '1'"
			   " and weight = 12.5 and tags = array['red', null] and"
			   " sizes = array[7, 8, 9] and label = 'THIS' and moods = '{happy,sad}' "
			   "and shape ~= '(2,2),(1,1)'"),
		1);
	t_store_close(&st);
}
END_TEST

/* The outcome is the verb's, and so is its story. */
START_TEST(test_failures)
{
	struct t_store st = t_store_open();
	struct person p = { .id = 77, .name = "Ann", .mood = MOOD_OK }, nameless = { .id = 0 };
	hf_rows *rows = NULL;
	hf_error *why;

	add(&st, "Bob", 1);
	add(&st, "Bea", 1);
	fails(hf_get_async(st.pool, person, HF_EQ(person, name, "Zoe")), HF_E_NO_ROWS, "no row");
	fails(hf_one_async(st.pool, person, HF_BEGINS(person, name, "B")), HF_E_MANY_ROWS,
		"more than one");
	fails(hf_update_async(st.pool, person, &p), HF_E_NO_ROWS, "not there");
	fails(hf_delete_async(st.pool, person, &p), HF_E_NO_ROWS, "not there");
	fails(hf_insert_async(st.pool, person, &nameless), HF_E_NULL, "value is needed");
	fails(hf_insert_async_at(HF_HERE, st.pool, &person_table, NULL), HF_E_MISUSE, "NULL");
	p.name = "Bob";
	fails(hf_insert_async(st.pool, person, &p), HF_E_SQL, "person_name_key");
	fails(hf_insert_async(NULL, person, &p), HF_E_MISUSE, "pool");
	fails(hf_select_async(NULL, person, HF_ALL), HF_E_MISUSE, "pool");
	fails(hf_select_async(st.pool, person, HF_WHERE(HF_EQ(task, id, 1))), HF_E_MISUSE, "task");
	p.name = "Cid";
	ck_assert_int_eq(hf_await_rows(hf_insert_async(st.pool, person, &p), task, &rows, &why),
		HF_E_MISUSE); /* rows of another model */
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "not of model task"));
	hf_error_unref(why);
	t_wait_idle(st.pool, t_stats(st.pool).conns);
	t_store_close(&st);
}
END_TEST

/* Rows outlive the future, the pool's connection and the pool; nobody need wait at all. */
START_TEST(test_nobody_waits)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	hf_future *f;
	hf_rows *rows;

	hf_future_unref(hf_insert_async(st.pool, person, &p));
	hf_future_unref(hf_get_or_null_async(st.pool, person, HF_EQ(person, name, "Ann")));
	f = hf_get_or_null_async(st.pool, person, HF_EQ(person, name, "Ann"));
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	p.name = "Bob";
	f = hf_future_unref(f);
	f = hf_insert_async(st.pool, person, &p);
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	t_store_close(&st);
	rows = rows_of(f, &person_table);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Bob");
	hf_rows_unref(rows);
}
END_TEST

/* Whatever allocation fails, the future says so, and nothing is left behind. */
START_TEST(test_no_memory)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	int failed = 0;

	for (long n = 1; n <= 60; n++) {
		hf_future *f, *g;
		hf_status is;

		hf__mem_fail(n - 1, 1);
		f = hf_insert_async(st.pool, person, &p);
		hf__mem_fail(n - 1, 1);
		g = hf_select_async(st.pool, person, HF_WHERE(HF_EQ(person, name, "Ann")));
		hf__mem_fail(0, 0);
		is = hf_future_get(f, NULL);
		ck_assert(is == HF_OK || is == HF_E_NOMEM);
		failed += is == HF_E_NOMEM;
		is = hf_future_get(g, NULL);
		ck_assert(is == HF_OK || is == HF_E_NOMEM);
		failed += is == HF_E_NOMEM;
		hf_future_unref(f);
		hf_future_unref(g);
		free(t_psql("delete from person"));
	}
	ck_assert_int_gt(failed, 5);
	t_store_close(&st);
}
END_TEST

#define MANY 500

/* † peewee-async: test_many_requests; pulsar-odm: many at once on few connections. */
START_TEST(test_many)
{
	struct t_store st = t_store_open();
	hf_future *f[MANY];
	char name[16];

	for (int i = 0; i < MANY; i++) {
		struct person p = { .name = name, .mood = MOOD_OK, .age = HF_SOME(i) };

		snprintf(name, sizeof name, "p%d", i);
		f[i] = hf_insert_async(st.pool, person, &p);
	}
	for (int i = 0; i < MANY; i++)
		t_done(f[i]);
	for (int i = 0; i < MANY; i++)
		f[i] = hf_select_async(st.pool, person, HF_WHERE(HF_EQ(person, age, i)));
	for (int i = 0; i < MANY; i++) {
		hf_rows *rows = rows_of(f[i], &person_table);

		snprintf(name, sizeof name, "p%d", i);
		ck_assert_uint_eq(hf_rows_count(rows), 1);
		ck_assert_str_eq(HF_ROWS(person, rows)->name, name);
		hf_rows_unref(rows);
	}
	t_store_close(&st);
}
END_TEST

T_MAIN("verbs_async", { "G1 H1 rows are inserted by futures, from copies", test_insert, 0 },
	{ "G25 columns get their defaults from the server", test_defaults, 0 },
	{ "H26 futures of reading verbs give what the verbs do", test_reads, 0 },
	{ "H2 H9 rows are saved, updated and deleted by futures", test_changes, 0 },
	{ "H7 H10 H12 rows are upserted, found or created, and deleted deeply by futures",
		test_more_changes, 0 },
	{ "H13 futures of rows in part, of another shape, of one value", test_shapes, 0 },
	{ "whatever a row points to is copied with it", test_deep_copy, 0 },
	{ "a future of a verb fails as the verb does", test_failures, 0 },
	{ "rows of a future outlive it and the pool; nobody need wait", test_nobody_waits, 0 },
	{ "futures of verbs without memory", test_no_memory, 60 },
	{ "many verbs at once on few connections", test_many, 60 })
