/* SPDX-License-Identifier: MIT */
/* Descriptions and registries, without a server: what is refused, and in which words. */
#include "check_main.h"

#include "base/mem.h"

#include <holdfast.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct person {
	int32_t id;
	const char *name;
};
static const hf_column person_columns[] = {
	HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(person, name, TEXT, NOT_NULL, HF_UNIQUE),
};
HF_TABLE(person, .name = "person");

struct task {
	int32_t id;
	const char *subject;
	hf_int4_opt owner_id;
};
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(task, subject, VARCHAR(250), NOT_NULL, HF_PLAIN),
	HF_COLUMN(task, owner_id, INT4, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key task_keys[] = { HF_FOREIGN_KEY(
	task, owner_id, person, id, .on_delete = HF_CASCADE) };
HF_TABLE(task, .foreign_keys = task_keys, .n_foreign_keys = HF_COUNT(task_keys));

HF_SQL_TABLE(task_tag, .create_sql = "CREATE TABLE %s (task int, tag text)",
	.drop_sql = "DROP TABLE %s");

/* Why it is refused, whose words must have this in them. */
static void refused(const hf_table *t, const char *words)
{
	hf_error *e = NULL;

	ck_assert_int_eq(hf_table_check(t, &e), HF_E_MISUSE);
	if (!strstr(hf_error_message(e), words))
		ck_abort_msg("\"%s\" is not in: %s", words, hf_error_message(e));
	hf_error_unref(e);
}

static void add(hf_models *m, const hf_table *t)
{
	const hf_table *const one[] = { t, NULL };
	hf_error *e = NULL;

	if (hf_models_add(m, one, NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
}

/* --- descriptions --- */

/* Plans are never freed: those of tables on the stack are kept here. */
static hf_plan *new_plan(void)
{
	static hf_plan plans[32];
	static size_t n;

	ck_assert_uint_lt(n, T_COUNT(plans));
	return &plans[n++];
}

/* struct person as another model with these columns. */
#define OF_PERSON(name, list, ...)                                                                 \
	{                                                                                          \
		.struct_size = sizeof(hf_table), .column_size = sizeof(hf_column),                 \
		.model = (name), .row_size = sizeof(struct person), .columns = (list),             \
		.n_columns = HF_COUNT(list), .plan = new_plan(), __VA_ARGS__                       \
	}

/* † pulsar-odm: test_register_module, test_table: 'task' and 'testmodel', as the classes are
 * called. */
START_TEST(test_table_name)
{
	hf_table named = OF_PERSON("person", person_columns, .name = "people", .schema = "shop");
	hf_table model = OF_PERSON("testmodel", person_columns, .name = NULL);
	hf_models *m = hf_models_new(NULL);
	char *sql;

	add(m, &task_table);
	add(m, &model);
	sql = hf_models_sql(m, 0);
	ck_assert_ptr_nonnull(strstr(sql, "CREATE TABLE \"task\" ("));
	ck_assert_ptr_nonnull(strstr(sql, "CREATE TABLE \"testmodel\" ("));
	free(sql);
	hf_models_unref(m);
	m = hf_models_new(NULL);
	add(m, &named);
	sql = hf_models_sql(m, 0);
	ck_assert_ptr_nonnull(strstr(sql, "CREATE SCHEMA IF NOT EXISTS \"shop\";"));
	ck_assert_ptr_nonnull(strstr(sql, "CREATE TABLE \"shop\".\"people\" ("));
	free(sql);
	hf_models_unref(m);
}
END_TEST

/* † pulsar: tests/odm test_errors: a private field name, two primary keys. */
START_TEST(test_errors)
{
	static const hf_column two_counters[] = {
		HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL),
		HF_COLUMN_AS(person, id, "other", INT4, NOT_NULL, HF_SERIAL),
	};
	static const hf_column same_name[] = {
		HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL),
		HF_COLUMN_AS(person, name, "id", TEXT, NOT_NULL, HF_PLAIN),
	};
	static const hf_column no_name[] = {
		HF_COLUMN_AS(person, id, "", INT4, NOT_NULL, HF_SERIAL),
	};
	static const hf_column two_sources[] = {
		HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL, HF_DEFAULT("7")),
		HF_COLUMN(person, name, TEXT, NOT_NULL, HF_PLAIN),
	};
	static const hf_column open_key[] = {
		HF_COLUMN(person, id, INT4, NOT_NULL, HF_PLAIN),
		HF_COLUMN(person, name, TEXT, NULLABLE, HF_PK),
	};
	hf_table t = OF_PERSON("person", two_counters, .label = NULL),
		 u = OF_PERSON("person", same_name, .label = NULL),
		 v = OF_PERSON("person", no_name, .label = NULL),
		 w = OF_PERSON("person", two_sources, .label = NULL),
		 x = OF_PERSON("person", open_key, .label = NULL);

	refused(&t, "columns \"id\" and \"other\" are one member");
	refused(&u, "two columns are called \"id\"");
	refused(&v, "a column has no name");
	refused(&w, "more than one of a default, a sequence");
	refused(&x, "column \"name\" is of the key, or counts up, and may be NULL");
}
END_TEST

struct pair {
	int64_t a, b;
};
static const hf_column pair_columns[] = {
	HF_COLUMN(pair, a, INT8, NOT_NULL, HF_IDENTITY),
	HF_COLUMN(pair, b, INT8, NOT_NULL, HF_SERIAL),
};
HF_TABLE(pair, .name = "pair");

START_TEST(test_two_keys_that_count)
{
	refused(&pair_table, "columns \"a\" and \"b\" are both keys that count up");
}
END_TEST

struct holey {
	int32_t id;
	const char *forgotten, *mapped;
};
static const hf_column holey_columns[] = {
	HF_COLUMN(holey, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(holey, mapped, TEXT, NULLABLE, HF_PLAIN),
};
HF_TABLE(holey, .name = "holey");

/* † pulsar, legacy: test_model, test_user: a model's attributes that are no fields. */
START_TEST(test_hole)
{
	static const uint32_t own[] = { HF_C(holey, forgotten) };
	hf_table t = holey_table;

	refused(&holey_table, "belong to no column: add one, or name the member in .transient");
	t.transient = own;
	t.n_transient = 1;
	t.plan = new_plan();
	ck_assert_int_eq(hf_table_check(&t, NULL), HF_OK);
}
END_TEST

struct tailed {
	int32_t id, forgotten;
};
static const hf_column tailed_columns[] = {
	HF_COLUMN(tailed, id, INT4, NOT_NULL, HF_SERIAL),
};
HF_TABLE(tailed, .name = "tailed");

struct wide {
	int32_t k[9];
};
#define K(i)                                                                                       \
	{                                                                                          \
		.name = "k" #i, .member = "k" #i, HF__TI_INT4, .offset = 4 * (i), .key = true      \
	}
static const hf_column wide_columns[] = { K(0), K(1), K(2), K(3), K(4), K(5), K(6), K(7), K(8) };
HF_TABLE(wide, .name = "wide");

START_TEST(test_last_and_least)
{
	refused(&tailed_table, "4 bytes from offset 4 on belong to no column");
	refused(&wide_table, "9 columns are its key: 8 at most");
}
END_TEST

START_TEST(test_lookup)
{
	ck_assert_str_eq(hf_table_column(&task_table, "owner_id")->member, "owner_id");
	ck_assert_ptr_eq(
		hf_table_member(&task_table, "subject"), hf_table_column(&task_table, "subject"));
	ck_assert_ptr_null(hf_table_member(&task_table, "missing"));
	ck_assert_ptr_null(hf_table_column(&task_table, NULL));
	refused(NULL, "the table is NULL");
}
END_TEST

START_TEST(test_older_header)
{
	hf_table t = person_table;

	t.plan = new_plan();
	t.struct_size = offsetof(hf_table, base);
	t.base = (const void *)(uintptr_t)8; /* beyond what it says it has */
	ck_assert_int_eq(hf_table_check(&t, NULL), HF_OK);
}
END_TEST

/* The columns of a model as a program has them whose hf_column is of that size: what this one does
 * not know is noise. */
static hf_table columns_of(const hf_table *from, size_t size, void *room)
{
	size_t known = size < sizeof(hf_column) ? size : sizeof(hf_column);
	hf_table t = *from;

	memset(room, 0xa5, from->n_columns * size);
	for (size_t i = 0; i < from->n_columns; i++)
		memcpy((char *)room + i * size, &from->columns[i], known);
	t.plan = new_plan();
	t.columns = room;
	t.column_size = size;
	return t;
}

static void check_members(const hf_table *t)
{
	struct task row = { 7, "roof", HF_SOME(3) };
	char *text = hf_row_json(t, &row, false);

	ck_assert_str_eq(text, "{\"id\":7,\"subject\":\"roof\",\"owner_id\":3}");
	free(text);
	for (size_t i = 0; i < task_table.n_columns; i++) {
		const hf_column *c = hf_table_column(t, task_columns[i].name);

		ck_assert_ptr_nonnull(c);
		ck_assert_ptr_eq(c, hf_table_member(t, task_columns[i].member));
		ck_assert_uint_eq(c->offset, task_columns[i].offset);
		ck_assert_int_eq(c->length, task_columns[i].length);
		ck_assert_int_eq(c->nullable, task_columns[i].nullable);
	}
}

/* What it has not is 0, whatever the next column begins with; nothing behind the last is read. */
START_TEST(test_smaller_columns)
{
	size_t size = offsetof(hf_column, key); /* a multiple of what columns are aligned to */
	void *room = malloc(task_table.n_columns * size);
	hf_table t = columns_of(&task_table, size, room);
	hf_error *why = NULL;

	ck_assert_uint_eq(size % _Alignof(hf_column), 0);
	if (hf_table_check(&t, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	check_members(&t);
	for (size_t i = 0; i < t.n_columns; i++) {
		const hf_column *c = hf_table_column(&t, task_columns[i].name);

		ck_assert(!c->key && !c->serial && !c->identity && !c->always && !c->unique);
		ck_assert(!c->version && !c->system && !c->hidden);
	}
	free(room);
}
END_TEST

/* What is behind what this library knows is not looked at. */
START_TEST(test_larger_columns)
{
	size_t size = sizeof(hf_column) + 3 * _Alignof(hf_column);
	void *room = malloc(task_table.n_columns * size);
	hf_table t = columns_of(&task_table, size, room);
	hf_models *usual = hf_models_new(NULL), *m = hf_models_new(NULL);
	char *sql, *usual_sql;

	add(usual, &person_table);
	add(usual, &task_table);
	add(m, &person_table);
	add(m, &t);
	check_members(&t);
	ck_assert(hf_table_column(&t, "id")->serial && hf_table_column(&t, "id")->key);
	ck_assert(!hf_table_column(&t, "id")->hidden);
	sql = hf_models_sql(m, 0);
	usual_sql = hf_models_sql(usual, 0);
	ck_assert_str_eq(sql, usual_sql);
	free(sql);
	free(usual_sql);
	hf_models_unref(m);
	hf_models_unref(usual);
	free(room);
}
END_TEST

/* † pulsar-odm: test_model_base (the bind label), test_table_args (inherited info). */
START_TEST(test_base)
{
	hf_table root = { .schema = "shop", .label = "writer" };
	hf_table base = { .label = "orders", .base = &root };
	hf_table t = OF_PERSON("person", person_columns, .base = &base);
	hf_table own = OF_PERSON("person", person_columns, .base = &base, .schema = "mine");
	hf_models *m = hf_models_new(NULL);
	hf_error *why = NULL;

	add(m, &t);
	add(m, &own);
	ck_assert_ptr_eq(hf_models_find(m, "shop.person", &why), &t);
	ck_assert_ptr_eq(hf_models_find(m, "mine.person", &why), &own);
	hf_models_unref(m);
}
END_TEST

/* --- foreign keys --- */

static hf_table task_with(const hf_foreign_key *key)
{
	hf_table t = task_table;

	t.plan = new_plan();
	t.foreign_keys = key;
	t.n_foreign_keys = 1;
	return t;
}

START_TEST(test_broken_reference)
{
	static const hf_column no_key[] = {
		HF_COLUMN(person, id, INT4, NOT_NULL, HF_PLAIN),
		HF_COLUMN(person, name, TEXT, NOT_NULL, HF_PLAIN),
	};
	hf_table loose = OF_PERSON("person", no_key, .label = NULL);
	hf_foreign_key to_loose = {
		.table = &loose, .here = { HF_C(task, owner_id) }, .there = { HF_C(person, id) }
	};
	hf_foreign_key to_text = { /* HF_FOREIGN_KEY would not compile */
		.name = "x",
		.table = &person_table,
		.here = { HF_C(task, owner_id) },
		.there = { HF_C(person, name) }
	};
	hf_foreign_key set_null = HF_FOREIGN_KEY(task, id, person, id, .on_delete = HF_SET_NULL);
	hf_foreign_key late = HF_FOREIGN_KEY(task, owner_id, person, id, .deferred = true);
	hf_foreign_key none = { .table = &person_table };
	hf_table t[] = { task_with(&to_loose), task_with(&to_text), task_with(&set_null),
		task_with(&late), task_with(&none) };

	refused(&t[0], "a foreign key to person.\"id\", which is neither the key there nor unique");
	refused(&t[1],
		"column \"owner_id\" is integer and refers to person.\"name\", which is text");
	refused(&t[2], "column \"id\" would be set to NULL, and is NOT_NULL");
	refused(&t[3], "a foreign key is .deferred, and not .deferrable");
	refused(&t[4], "a foreign key was not made by HF_FOREIGN_KEY");
}
END_TEST

/* † pulsar-odm: test_register_polimorfic: what a model is made of may come after it. */
START_TEST(test_check_at_start)
{
	hf_models *m = hf_models_new(NULL);
	hf_error *e = NULL;

	add(m, &task_table);
	ck_assert_int_eq(hf_models_check(m, &e), HF_E_MISUSE);
	ck_assert_str_eq(
		hf_error_message(e), "model task refers to person, which is not registered");
	e = hf_error_unref(e);
	add(m, &person_table); /* after the one that refers to it */
	ck_assert_int_eq(hf_models_check(m, &e), HF_OK);
	hf_models_unref(m);
}
END_TEST

/* --- registries --- */

/* † pulsar-odm: test_getitem. */
START_TEST(test_getitem)
{
	hf_models *m = hf_models_new(NULL);
	hf_error *e = NULL;

	add(m, &task_table);
	add(m, &person_table);
	ck_assert_ptr_eq(hf_models_find(m, "task", NULL), &task_table);
	ck_assert_ptr_null(hf_models_find(m, "tasks", &e));
	ck_assert_str_eq(
		hf_error_message(e), "nothing is called \"tasks\": there are task, person");
	hf_error_unref(e);
	hf_models_unref(m);
}
END_TEST

/* † pulsar-odm: test_model_sandbox: each registry has its own, of the same description; legacy
 * test_unregister_models: none is left. */
START_TEST(test_model_sandbox)
{
	hf_models *a = hf_models_new(NULL), *b = hf_models_new(NULL);

	add(a, &task_table);
	add(b, &task_table);
	add(b, &person_table);
	ck_assert(hf_models_remove(a, &task_table));
	ck_assert(!hf_models_remove(a, &task_table));
	ck_assert_uint_eq(hf_models_count(a), 0);
	ck_assert_uint_eq(hf_models_count(b), 2);
	ck_assert_ptr_eq(hf_models_find(b, "task", NULL), &task_table);
	hf_models_unref(a);
	hf_models_unref(b);
}
END_TEST

START_TEST(test_twice)
{
	hf_table other = OF_PERSON("impostor", person_columns, .name = "task");
	const hf_table *const with_other[] = { &person_table, &other, NULL };
	hf_models *m = hf_models_new(NULL);
	hf_error *e = NULL;

	add(m, &task_table);
	add(m, &task_table);
	ck_assert_uint_eq(hf_models_count(m), 1);
	ck_assert_int_eq(hf_models_add(m, with_other, NULL, &e), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(e), "models task and impostor are both table \"task\"");
	ck_assert_uint_eq(hf_models_count(m), 1); /* nor the first of the list */
	hf_error_unref(e);
	hf_models_unref(m);
}
END_TEST

/* † pulsar-odm: test_register_module, test_copy_modules, test_table: a plain table is no model;
 * legacy test_register_applications: three. */
START_TEST(test_register_module)
{
	static const hf_table *const module[] = { &task_table, &task_tag_table, &person_table,
		NULL };
	static const hf_table *const except[] = { &person_table, NULL };
	hf_models *m = hf_models_new(NULL), *copy;
	hf_error *e = NULL;

	ck_assert_int_eq(hf_models_add(m, module, except, &e), HF_OK);
	ck_assert_uint_eq(hf_models_count(m), 2);
	ck_assert_ptr_null(hf_models_find(m, "task_tag", &e));
	hf_error_unref(e);
	ck_assert_ptr_eq(hf_models_table(m, "task_tag", NULL), &task_tag_table);
	ck_assert_ptr_eq(hf_models_table(m, "task", NULL), &task_table);
	copy = hf_models_copy(m);
	ck_assert_ptr_ne(copy, m);
	ck_assert_uint_eq(hf_models_count(copy), 2);
	add(copy, &person_table);
	ck_assert_uint_eq(hf_models_count(copy), 3); /* test_register_applications */
	ck_assert_uint_eq(hf_models_count(m), 2);
	hf_models_unref(m);
	hf_models_unref(copy);
}
END_TEST

/* Threads that register, look up and count at once, and one that makes the same plan. */
#define THREADS 4
#define TABLES  16

static hf_table crowd[THREADS * TABLES];
static char crowd_names[THREADS * TABLES][16];
static hf_plan crowd_plans[THREADS * TABLES];
static hf_models *shared;

static void *register_some(void *arg)
{
	size_t from = (size_t)(uintptr_t)arg * TABLES;

	for (size_t i = from; i < from + TABLES; i++) {
		const hf_table *const one[] = { &crowd[i], &person_table, NULL };

		if (hf_models_add(shared, one, NULL, NULL) != HF_OK ||
			hf_models_find(shared, crowd_names[i], NULL) != &crowd[i] ||
			hf_models_count(shared) == 0)
			return &crowd[i];
	}
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t thread[THREADS];

	shared = hf_models_new(NULL);
	for (size_t i = 0; i < T_COUNT(crowd); i++) {
		snprintf(crowd_names[i], sizeof crowd_names[i], "crowd_%zu", i);
		crowd[i] = person_table;
		crowd[i].name = crowd[i].model = crowd_names[i];
		crowd[i].plan = &crowd_plans[i];
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, register_some, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_uint_eq(hf_models_count(shared), T_COUNT(crowd) + 1);
	hf_models_unref(shared);
}
END_TEST

/* Each allocation fails once: what cannot be done is told, and nothing is lost. */
START_TEST(test_without_memory)
{
	static hf_plan plans[400][2];
	struct task row = { 7, "x", HF_SOME(3) };
	bool done = false;
	int n = 0;

	for (; !done; n++) {
		hf_table person = person_table, task = task_table;
		const hf_foreign_key key = HF_FOREIGN_KEY(task, owner_id, person, id, .name = "k");
		hf_foreign_key own = key;
		const hf_table *const both[] = { &task, &person, NULL };
		hf_models *m;
		hf_error *e = NULL;
		char *sql = NULL, *json, *line;

		ck_assert_int_lt(n, (int)T_COUNT(plans));
		person.plan = &plans[n][0];
		task.plan = &plans[n][1];
		own.table = &person;
		task.foreign_keys = &own;
		hf__mem_fail(n, 1);
		m = hf_models_new(NULL);
		if (m && hf_models_add(m, both, NULL, &e) == HF_OK)
			sql = hf_models_sql(m, HF_IF_MISSING);
		json = hf_row_json(&task, &row, false);
		line = hf_row_dump(&task, &row, false);
		hf__mem_fail(0, 0);
		done = sql && json && line;
		if (e)
			ck_assert_int_eq(hf_error_status(e), HF_E_NOMEM);
		if (sql)
			ck_assert_ptr_nonnull(strstr(sql, "REFERENCES \"person\" (\"id\")"));
		if (json)
			ck_assert_str_eq(json, "{\"id\":7,\"subject\":\"x\",\"owner_id\":3}");
		if (line)
			ck_assert_str_eq(line, "task(id=7, subject='x', owner_id=3)");
		hf_error_unref(e);
		hf_models_unref(m);
		free(sql);
		free(json);
		free(line);
	}
	ck_assert_int_gt(n, 30);
}
END_TEST

/* --- values of a row, without a server --- */

START_TEST(test_dump)
{
	struct task t = { 7, "it's \"done\"\n", HF_SOME(3) };
	char *text = hf_row_dump(&task_table, &t, false);

	ck_assert_str_eq(text, "task(id=7, subject='it''s \"done\" ', owner_id=3)");
	free(text);
	text = hf_row_json(&task_table, &t, false);
	ck_assert_str_eq(text, "{\"id\":7,\"subject\":\"it's \\\"done\\\"\\n\",\"owner_id\":3}");
	free(text);
	t.owner_id.has = false;
	text = hf_row_json(&task_table, &t, false);
	ck_assert_ptr_nonnull(strstr(text, "\"owner_id\":null"));
	free(text);
	ck_assert_ptr_null(hf_row_json(&task_table, NULL, false));
}
END_TEST

T_MAIN("model", { "G2 a table is called as its struct, or otherwise", test_table_name, 0 },
	{ "G26 descriptions that cannot be are refused", test_errors, 0 },
	{ "G26 two keys that count up", test_two_keys_that_count, 0 },
	{ "a member without a column is told", test_hole, 0 },
	{ "G27 what is behind all columns, and a key of too many", test_last_and_least, 0 },
	{ "G3 columns by their names", test_lookup, 0 },
	{ "a description of an older header", test_older_header, 0 },
	{ "columns of an older header", test_smaller_columns, 0 },
	{ "columns of a newer header", test_larger_columns, 0 },
	{ "G10 what a base says is inherited, and its base's", test_base, 0 },
	{ "F24 G28 a broken reference is told at the start", test_broken_reference, 0 },
	{ "F24 G6 a registry is checked when all have come", test_check_at_start, 0 },
	{ "G3 lookup by name, and what there is", test_getitem, 0 },
	{ "G4 one description in two registries", test_model_sandbox, 0 },
	{ "G5 twice is once, and two of one name are an error", test_twice, 0 },
	{ "G8 G9 a group, without some, copied", test_register_module, 0 },
	{ "G9 several threads register at once", test_threads, 0 },
	{ "descriptions and rows without memory", test_without_memory, 0 },
	{ "G30 a row as JSON and as a line", test_dump, 0 })
