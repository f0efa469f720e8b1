/* SPDX-License-Identifier: MIT */
/* What a model does around its rows' verbs. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct note {
	int32_t id;
	const char *text;
};
extern const hf_table note_table;

/* What was called, and what it saw of the row in the table. */
static char seen[1000];
static const char *refuse; /* the event that says no */

static hf_status saw(hf_session *s, const char *event, const struct note *n)
{
	bool there = false;

	t_verb(s, hf_exists(s, note, &there, HF_WHERE(HF_EQ(note, text, n->text))));
	strcat(seen, event);
	strcat(seen, there ? "(there) " : "(not there) ");
	return refuse && strcmp(refuse, event) == 0 ? HF_E_USER : HF_OK;
}

static hf_status before_save(hf_session *s, void *row, bool created, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	return saw(s, created ? "before_create" : "before_update", row);
}

static hf_status after_save(hf_session *s, void *row, bool created, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	ck_assert_int_gt(((struct note *)row)->id, 0);
	return saw(s, created ? "after_create" : "after_update", row);
}

static hf_status before_delete(hf_session *s, void *row, void *arg)
{
	(void)arg;
	return saw(s, "before_delete", row);
}

static hf_status after_delete(hf_session *s, void *row, void *arg)
{
	(void)arg;
	return saw(s, "after_delete", row);
}

static void on_new(void *row, void *arg)
{
	(void)arg;
	((struct note *)row)->text = "from on_new";
}

static char event_arg[] = "arg";
static const hf_events note_events = { .before_save = before_save,
	.after_save = after_save,
	.before_delete = before_delete,
	.after_delete = after_delete,
	.on_new = on_new,
	.arg = event_arg };
static const hf_column note_columns[] = {
	HF_COLUMN(note, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(note, text, TEXT, NOT_NULL, HF_UNIQUE),
};
HF_TABLE(note, .events = &note_events);

static hf_pool *notes(hf_session **s)
{
	hf_pool *p = t_pool(NULL);

	free(t_psql("set client_min_messages to warning; drop table if exists note;"
		    "create table note (id serial primary key, text text not null unique)"));
	*s = hf_session_on_pool(p);
	return p;
}

static void done(hf_pool *p, hf_session *s)
{
	hf_session_unref(s);
	t_close(p);
}

static void told(const char *events)
{
	ck_assert_str_eq(seen, events);
	seen[0] = '\0';
}

/* † peewee-async: test_aio_pre_save, test_aio_post_save: the first sees no row, the second sees
 * it. */
START_TEST(test_aio_pre_save)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note n = { .text = "one" };

	t_verb(s, hf_insert(s, note, &n));
	told("before_create(not there) after_create(there) ");
	n.text = "two";
	t_verb(s, hf_save(s, note, &n, NULL));
	told("before_update(not there) after_update(there) ");
	done(p, s);
}
END_TEST

/* † peewee-async: test_aio_pre_delete, test_aio_post_delete. */
START_TEST(test_aio_pre_delete)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note n = { .text = "one" };

	t_verb(s, hf_insert(s, note, &n));
	seen[0] = '\0';
	t_verb(s, hf_delete(s, note, &n));
	told("before_delete(there) after_delete(not there) ");
	done(p, s);
}
END_TEST

/* † peewee-async: test_pre_init. */
START_TEST(test_pre_init)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note *n = hf_new(s, note);

	ck_assert_str_eq(n->text, "from on_new");
	told("");
	done(p, s);
}
END_TEST

/* What it sets in a column that has a default is not left to the server. */
struct memo {
	int32_t id;
	const char *text, *state;
};
static void begin_memo(void *row, void *arg)
{
	struct memo *m = row;

	(void)arg;
	ck_assert_str_eq(m->state, "open"); /* constants are there */
	m->text = "from on_new";
}
static const hf_events memo_events = { .on_new = begin_memo };
static const hf_column memo_columns[] = {
	HF_COLUMN(memo, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(memo, text, TEXT, NOT_NULL, HF_DEFAULT("'none'")),
	HF_COLUMN(memo, state, TEXT, NOT_NULL, HF_DEFAULT("'open'")),
};
HF_TABLE(memo, .events = &memo_events);

START_TEST(test_new_and_default)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = hf_session_on_pool(p);

	t_verb(s, hf_table_create(s, &memo_table, HF_DROP_FIRST));
	t_verb(s, hf_insert(s, memo, hf_new(s, memo)));
	t_sql_gives("select text || ', ' || state from memo", "from on_new, open");
	t_verb(s, hf_table_drop(s, &memo_table, 0));
	done(p, s);
}
END_TEST

/* In a transaction a handler sees what is not committed, and nobody else does. */
START_TEST(test_in_transaction)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_session *in = hf_session_on_txn(t);
	struct note n = { .text = "one" };

	t_verb(in, hf_insert(in, note, &n));
	told("before_create(not there) after_create(there) ");
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	t_done(hf_txn_rollback(t));
	hf_session_unref(in);
	hf_txn_unref(t);
	done(p, s);
}
END_TEST

/* One that says no stops the verb, and undoes it, on a pool as well. */
START_TEST(test_refused)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note n = { .text = "one" };

	refuse = "before_create";
	ck_assert_int_eq(hf_insert(s, note, &n), HF_E_USER);
	ck_assert_str_eq(
		hf_error_message(hf_session_error(s)), "model note: before_save refused the row");
	told("before_create(not there) ");
	refuse = "after_create";
	ck_assert_int_eq(hf_insert(s, note, &n), HF_E_USER);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	refuse = "before_delete";
	t_verb(s, hf_insert(s, note, &n));
	ck_assert_int_eq(hf_delete(s, note, &n), HF_E_USER);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 1);
	refuse = "after_delete";
	ck_assert_int_eq(hf_delete(s, note, &n), HF_E_USER);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 1);
	refuse = NULL;
	t_verb(s, hf_delete(s, note, &n));
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	done(p, s);
}
END_TEST

/* So it does wherever statements stand alone: in a scope that commits each, and in an interaction
 * without a transaction. */
static hf_status refused_alone(hf_session *s)
{
	struct note n = { .text = "one" };
	hf_status st = hf_insert(s, note, &n);

	told("before_create(not there) after_create(there) ");
	return st;
}

static hf_status in_manual(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);

	(void)arg;
	(void)reply;
	ck_assert_int_eq(refused_alone(s), HF_E_USER);
	hf_session_unref(s);
	return HF_OK;
}

START_TEST(test_refused_alone)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	hf_engines *e = hf_engines_new();
	hf_scope *scope;

	refuse = "after_create";
	ck_assert_int_eq(
		hf_engines_add(e, "log", p,
			HF_ENGINE_OPTS(.mode = HF_MODE_AUTOCOMMIT, .is_default = true), NULL),
		HF_OK);
	scope = hf_scope_new(e, NULL);
	ck_assert_int_eq(refused_alone(hf_scope_session(scope, NULL)), HF_E_USER);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	t_done(hf_submit(p, HF_JOB(.fn = in_manual, .manual = true)));
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	refuse = NULL;
	ck_assert_int_eq(refused_alone(hf_scope_session(scope, NULL)), HF_OK);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 1); /* and stands */
	hf_scope_unref(scope);
	hf_engines_unref(e);
	done(p, s);
}
END_TEST

/* The verbs that may insert tell the same; a row that was there already is not told of. */
START_TEST(test_maybe)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note a = { .text = "one" }, b = { .text = "one" }, *n;
	const uint32_t *by = HF_COLUMNS(HF_C(note, text));

	t_verb(s, hf_get_or_create(s, note, &n, NULL, &a, HF_EQ(note, text, "one")));
	told("before_create(not there) after_create(there) ");
	t_verb(s, hf_get_or_create(s, note, &n, NULL, &b, HF_EQ(note, text, "one")));
	told("");
	t_verb(s, hf_upsert(s, note, &b, by, by, NULL));
	told("before_create(there) after_update(there) ");
	t_verb(s, hf_delete_deep(s, note, n, NULL, false));
	told("before_delete(there) after_delete(not there) ");
	done(p, s);
}
END_TEST

/* What is undone is not told of. */
START_TEST(test_refused_maybe)
{
	hf_session *s;
	hf_pool *p = notes(&s);
	struct note a = { .text = "one" }, *n = NULL;
	const uint32_t *by = HF_COLUMNS(HF_C(note, text));
	bool created = false;

	refuse = "after_create";
	ck_assert_int_eq(
		hf_get_or_create(s, note, &n, &created, &a, HF_EQ(note, text, "one")), HF_E_USER);
	ck_assert(!n && !created);
	a.id = 0;
	ck_assert_int_eq(hf_upsert(s, note, &a, by, by, &created), HF_E_USER);
	ck_assert(!created);
	ck_assert_int_eq(t_psql_int("select count(*) from note"), 0);
	refuse = NULL;
	done(p, s);
}
END_TEST

T_MAIN("events", { "H32 before a save there is no row, after it there is", test_aio_pre_save, 0 },
	{ "H32 before a delete there is one, after it none", test_aio_pre_delete, 0 },
	{ "H32 a new row is filled in", test_pre_init, 0 },
	{ "H32 G25 and what was filled in is inserted", test_new_and_default, 0 },
	{ "H32 handlers query in the same transaction", test_in_transaction, 0 },
	{ "H32 who says no stops the verb", test_refused, 0 },
	{ "H32 and undoes it wherever statements stand alone", test_refused_alone, 0 },
	{ "H32 around verbs that may insert", test_maybe, 0 },
	{ "H32 H7 H12 what is undone is not told of", test_refused_maybe, 0 })
