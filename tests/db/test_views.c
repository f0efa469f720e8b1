/* SPDX-License-Identifier: MIT */
/* Models that are made by SQL of their own. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* The open tasks whose subject is no percentage. */
struct open_task {
	hf_int4_opt id;
	const char *subject, *owner;
};
static const hf_column open_task_columns[] = {
	HF_COLUMN(open_task, id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(open_task, subject, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(open_task, owner, TEXT, NULLABLE, HF_PLAIN),
};
#define OPEN_TASKS                                                                                 \
	"CREATE VIEW %s AS SELECT t.id, t.subject, p.name AS owner FROM task t "                   \
	"LEFT JOIN person p ON p.id = t.owner_id WHERE NOT t.done AND t.subject NOT LIKE '%%\\%%'"
HF_VIEW(open_task, .create_sql = OPEN_TASKS, .drop_sql = "DROP VIEW %s");

/* A table that no struct is for. */
HF_SQL_TABLE(task_tag,
	.create_sql =
		"CREATE TABLE %s (task int REFERENCES task, tag text, PRIMARY KEY (task, tag))",
	.drop_sql = "DROP TABLE %s");

struct endless {
	hf_int4_opt n;
};
static const hf_column endless_columns[] = { HF_COLUMN(endless, n, INT4, NULLABLE, HF_PLAIN) };
HF_VIEW(endless, .create_sql = "CREATE VIEW %s AS SELECT 1 AS n");

/* What is no table at all, in a schema that there is not yet. */
HF_SQL_TABLE(grade, .create_sql = "CREATE DOMAIN %s AS int", .drop_sql = "DROP DOMAIN %s");
HF_SQL_TABLE(half,
	.create_sql = "CREATE FUNCTION %s(int) RETURNS int LANGUAGE sql AS 'select $1 / 2'",
	.drop_sql = "DROP FUNCTION %s(int)");
HF_SQL_TABLE(nowhere, .schema = "nowhere", .create_sql = "CREATE TABLE %s (x int)",
	.drop_sql = "DROP TABLE %s");

START_TEST(test_drop_if_there)
{
	static const hf_table *const own[] = { &grade_table, &half_table, &nowhere_table, NULL };
	hf_pool *p = t_pool(NULL);
	hf_session *s = hf_session_on_pool(p);
	hf_models *m = hf_models_new(NULL);

	ck_assert_int_eq(hf_models_add(m, own, NULL, NULL), HF_OK);
	t_verb(s, hf_models_drop(m, s, HF_IF_THERE));
	t_verb(s, hf_models_create(m, s, HF_DROP_FIRST));
	t_verb(s, hf_models_create(m, s, HF_DROP_FIRST));
	t_verb(s, hf_models_drop(m, s, 0));
	free(t_psql("drop schema nowhere"));
	hf_models_unref(m);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

static struct t_store open_store(void)
{
	static const hf_table *const own[] = { &open_task_table, &task_tag_table, NULL };
	struct t_store st;
	hf_models *m = hf_models_new(NULL);
	hf_error *e;

	free(t_psql("set client_min_messages to warning; drop view if exists open_task, endless;"
		    "drop table if exists task_tag"));
	st = t_store_open();
	/* What SQL makes is registered first, and made last. */
	if (hf_models_add(m, own, NULL, &e) != HF_OK ||
		hf_models_add(m, (const hf_table *const[]){ &person_table, &task_table, NULL },
			NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
	hf_models_unref(st.models);
	st.models = m;
	return st;
}

static void add_task(hf_session *s, const char *subject, bool done, int32_t owner)
{
	struct task *t = hf_new(s, task);

	t->subject = subject;
	t->done = done;
	if (owner)
		t->owner_id = (hf_int4_opt)HF_SOME(owner);
	t_verb(s, hf_insert(s, task, t));
}

/* † pulsar-odm: test_view. */
START_TEST(test_view)
{
	struct t_store st = open_store();
	struct person ann = { .name = "Ann", .mood = MOOD_OK };
	struct open_task *view;
	hf_rows *rows;
	hf_status no;

	t_verb(st.s, hf_models_create(st.models, st.s, HF_DROP_FIRST));
	t_verb(st.s, hf_insert(st.s, person, &ann));
	add_task(st.s, "fix the roof", false, ann.id);
	add_task(st.s, "paint the roof", true, ann.id);
	add_task(st.s, "100%", false, ann.id);
	add_task(st.s, "sell the house", false, 0);
	t_verb(st.s, hf_select(st.s, open_task, &rows, HF_ORDER(HF_ASC(open_task, id))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	view = HF_ROWS(open_task, rows);
	ck_assert_str_eq(view[0].subject, "fix the roof");
	ck_assert_str_eq(view[0].owner, "Ann");
	ck_assert(!view[1].owner);
	no = hf_update(st.s, open_task, &view[0]);
	ck_assert_int_eq(no, HF_E_MISUSE); /* it has no key */
	no = hf_insert(st.s, open_task, &view[0]);
	ck_assert_int_eq(no, HF_E_SQL);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

START_TEST(test_made_and_dropped)
{
	struct t_store st = open_store();
	bool there;

	t_verb(st.s, hf_models_create(st.models, st.s, HF_DROP_FIRST));
	t_verb(st.s, hf_models_create(st.models, st.s, HF_IF_MISSING));
	t_verb(st.s, hf_table_exists(st.s, &open_task_table, &there));
	ck_assert(there);
	t_verb(st.s, hf_table_exists(st.s, &task_tag_table, &there));
	ck_assert(there);
	t_verb(st.s, hf_models_drop(st.models, st.s, 0));
	t_verb(st.s, hf_table_exists(st.s, &open_task_table, &there));
	ck_assert(!there);
	t_verb(st.s, hf_table_exists(st.s, &task_tag_table, &there));
	ck_assert(!there);
	ck_assert_int_eq(hf_models_drop(st.models, st.s, 0), HF_E_SQL);
	t_verb(st.s, hf_models_drop(st.models, st.s, HF_IF_THERE));
	t_store_close(&st);
}
END_TEST

START_TEST(test_no_drop_sql)
{
	static const hf_table *const more[] = { &endless_table, NULL };
	struct t_store st = open_store();
	bool there;

	ck_assert_int_eq(hf_models_add(st.models, more, NULL, NULL), HF_OK);
	t_verb(st.s, hf_models_create(st.models, st.s, HF_IF_MISSING));
	ck_assert_int_eq(hf_models_drop(st.models, st.s, HF_IF_THERE), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model endless: it is made by SQL of its own, and has none to be dropped by");
	t_verb(st.s, hf_table_exists(st.s, &person_table, &there));
	ck_assert(there); /* nothing was dropped */
	free(t_psql("drop view endless"));
	ck_assert(hf_models_remove(st.models, &endless_table));
	t_verb(st.s, hf_models_drop(st.models, st.s, 0));
	t_store_close(&st);
}
END_TEST

static void refused(const char *create, const char *drop)
{
	static hf_plan plans[8];
	static size_t n;
	hf_table t = endless_table;
	hf_error *e = NULL;

	t.create_sql = create;
	t.drop_sql = drop;
	t.plan = &plans[n++];
	ck_assert_int_eq(hf_table_check(&t, &e), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "model endless: "));
	hf_error_unref(e);
}

START_TEST(test_placeholders)
{
	refused("CREATE VIEW v AS SELECT 1 AS n", NULL);
	refused("CREATE VIEW %s AS SELECT '%s' AS n", NULL);
	refused("CREATE VIEW %s AS SELECT 5 %d", NULL);
	refused("CREATE VIEW %s AS SELECT 5 %", NULL);
	refused("CREATE VIEW %s AS SELECT 1 AS n", "DROP VIEW endless");
	refused(NULL, "DROP VIEW %s");
}
END_TEST

T_MAIN("views", { "G13 a view shows its rows as structs, and only shows", test_view, 0 },
	{ "G13 G8 made after the tables, dropped before them", test_made_and_dropped, 0 },
	{ "G13 one without SQL to be dropped by is told", test_no_drop_sql, 0 },
	{ "G13 its name goes into its SQL, and nothing else", test_placeholders, 0 },
	{ "G12 G13 what is no table is dropped if it is there", test_drop_if_there, 0 })
