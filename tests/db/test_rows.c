/* SPDX-License-Identifier: MIT */
/* Single rows: made, read, changed, deleted. */
#include "models.h"

#include "engine/scope.h"

#include <stdlib.h>
#include <string.h>

/* † pulsar-odm: tests/readme.py; legacy test_create_user; peewee-async: test_insert__return_id,
 * test_insert__return_model. */
START_TEST(test_create)
{
	struct t_store st = t_store_open();
	struct task *t = hf_new(st.s, task), *u;
	struct person ann = { .name = "Ann", .mood = MOOD_HAPPY };

	t_verb(st.s, hf_insert(st.s, person, &ann));
	ck_assert_int_gt(ann.id, 0);
	t->subject = "fix the roof";
	t->owner_id = (hf_int4_opt)HF_SOME(ann.id);
	t_verb(st.s, hf_insert(st.s, task, t));
	ck_assert_int_gt(t->id, 0);
	ck_assert(!t->done);
	ck_assert_int_gt(t->created.us, 1000000000000000); /* the server's now() */
	t_verb(st.s, hf_get(st.s, task, &u, HF_EQ(task, id, t->id)));
	ck_assert_str_eq(u->subject, "fix the roof");
	ck_assert(u->owner_id.has && u->owner_id.v == ann.id && !u->note);
	ck_assert_int_eq(u->created.us, t->created.us);
	t_store_close(&st);
}
END_TEST

/* A row made by hand is written in full: its zero is no default. */
START_TEST(test_unset_is_not_zero)
{
	struct t_store st = t_store_open();
	struct person by_hand = { .name = "Bob" }, *made = hf_new(st.s, person), *p;

	made->name = "Cid";
	t_verb(st.s, hf_insert(st.s, person, &by_hand));
	t_verb(st.s, hf_insert(st.s, person, made));
	ck_assert_int_eq(made->mood, MOOD_OK);
	t_verb(st.s, hf_get(st.s, person, &p, HF_EQ(person, name, "Bob")));
	ck_assert_int_eq(p->mood, MOOD_SAD);
	t_store_close(&st);
}
END_TEST

START_TEST(test_get)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann" }, *found = &p;
	const hf_error *e;

	ck_assert_int_eq(hf_get(st.s, person, &found, HF_EQ(person, name, "Zoe")), HF_E_NO_ROWS);
	e = hf_session_error(st.s);
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_QUERY), "\"name\" = $1"));
	t_verb(st.s, hf_get_or_null(st.s, person, &found, HF_EQ(person, name, "Zoe")));
	ck_assert_ptr_null(found);
	for (int i = 0; i < 2; i++) {
		p = (struct person){ .name = i ? "Ann" : "Anne", .mood = MOOD_OK };
		t_verb(st.s, hf_insert(st.s, person, &p));
	}
	ck_assert_int_eq(
		hf_one(st.s, person, &found, HF_BEGINS(person, name, "Ann")), HF_E_MANY_ROWS);
	t_verb(st.s, hf_one(st.s, person, &found, HF_EQ(person, name, "Ann")));
	ck_assert_str_eq(found->name, "Ann");
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_save, test_aio_delete_instance. */
START_TEST(test_change)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann" }, bob = { .id = 0 }, *q;
	bool created;

	t_verb(st.s, hf_save(st.s, person, &p, &created));
	ck_assert(created);
	p.age = (hf_int4_opt)HF_SOME(30);
	t_verb(st.s, hf_save(st.s, person, &p, &created));
	ck_assert(!created);
	p.name = "nobody sees this";
	p.mood = MOOD_HAPPY;
	t_verb(st.s, hf_update_only(st.s, person, &p, HF_C(person, mood)));
	ck_assert_str_eq(p.name, "Ann"); /* read back */
	t_verb(st.s, hf_get(st.s, person, &q, HF_EQ(person, id, p.id)));
	ck_assert(q->age.has && q->age.v == 30 && q->mood == MOOD_HAPPY);
	p.name = "nor this";
	p.age.v = 31;
	t_verb(st.s, hf_save_only(st.s, person, &p, &created, HF_C(person, age)));
	ck_assert(!created);
	ck_assert_str_eq(p.name, "Ann");
	ck_assert_int_eq(
		t_psql_int("select count(*) from person where name = 'Ann' and age = 31"), 1);
	bob.name = "Bob";
	t_verb(st.s, hf_save_only(st.s, person, &bob, &created, HF_C(person, age)));
	ck_assert(created);
	ck_assert_int_eq(t_psql_int("select count(*) from person where name = 'Bob'"), 1);
	t_verb(st.s, hf_delete(st.s, person, q));
	ck_assert_int_eq(hf_save_only(st.s, person, &p, &created, HF_C(person, age)), HF_E_NO_ROWS);
	ck_assert(created); /* as it was */
	ck_assert_int_eq(hf_delete(st.s, person, &p), HF_E_NO_ROWS);
	ck_assert_int_eq(hf_update(st.s, person, &p), HF_E_NO_ROWS);
	t_store_close(&st);
}
END_TEST

START_TEST(test_two_numbers)
{
	struct t_store st = t_store_open();
	struct line a = { 5, 1, { "12.50" } }, b = { 5, 2, { "0.01" } }, *l;

	t_verb(st.s, hf_insert(st.s, line, &a));
	t_verb(st.s, hf_insert(st.s, line, &b));
	a.price.s = "13.00";
	t_verb(st.s, hf_update(st.s, line, &a));
	t_verb(st.s, hf_get(st.s, line, &l, HF_EQ(line, order_id, 5), HF_EQ(line, no, 2)));
	ck_assert_str_eq(l->price.s, "0.01");
	t_verb(st.s, hf_get(st.s, line, &l, HF_EQ(line, order_id, 5), HF_EQ(line, no, 1)));
	ck_assert_str_eq(l->price.s, "13.00");
	t_store_close(&st);
}
END_TEST

/* What a row points to is the caller's as long as the server has the same; the session, which may
 * write for ever, keeps nothing then. */
START_TEST(test_own_texts)
{
	struct t_store st = t_store_open();
	char name[] = "Ann", price[] = "12.5";
	struct person p = { .name = name }, many[] = { { .name = "Bob" }, { .name = "Cid" } };
	struct line l = { 5, 1, { price } };

	t_verb(st.s, hf_insert(st.s, person, &p));
	p.mood = MOOD_HAPPY;
	t_verb(st.s, hf_update(st.s, person, &p));
	t_verb(st.s, hf_upsert(st.s, person, &p, HF_COLUMNS(HF_C(person, name)), HF_REST, NULL));
	t_verb(st.s, hf_insert_many(st.s, person, many, 2));
	ck_assert_ptr_eq(p.name, name);
	ck_assert_ptr_null(st.s->kept);
	t_verb(st.s, hf_insert(st.s, line, &l));
	t_verb(st.s, hf_update(st.s, line, &l));
	ck_assert_str_eq(l.price.s, "12.50"); /* the column's own way to write it */
	ck_assert_ptr_nonnull(st.s->kept);
	hf_session_clear(st.s);
	ck_assert_str_eq(p.name, "Ann");
	/* what was not sent is not looked at */
	p.name = (const char *)(uintptr_t)1;
	t_verb(st.s, hf_update_only(st.s, person, &p, HF_C(person, mood)));
	ck_assert_str_eq(p.name, "Ann");
	t_store_close(&st);
}
END_TEST

struct sign {
	int64_t id;
	const char *text, *loud;
};

static const hf_column sign_columns[] = {
	HF_COLUMN(sign, id, INT8, NOT_NULL, HF_IDENTITY),
	HF_COLUMN(sign, text, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(sign, loud, TEXT, NULLABLE, HF_GENERATED("upper(text)")),
};
HF_TABLE(sign, .schema = NULL);

/* What a row has got of a session that was cleared since. */
static const char *const gone = (const char *)(uintptr_t)1;

/* A generated column is never sent, and so never looked at. */
START_TEST(test_generated_text)
{
	struct t_store st = t_store_open();
	struct sign one = { .text = "stop", .loud = gone }, many[2];
	hf_error *e = NULL;

	t_verb(st.s, hf_table_create(st.s, &sign_table, HF_DROP_FIRST));
	t_verb(st.s, hf_insert(st.s, sign, &one));
	ck_assert_str_eq(one.loud, "STOP");
	one.text = "go";
	one.loud = gone;
	t_verb(st.s, hf_update(st.s, sign, &one));
	ck_assert_str_eq(one.loud, "GO");
	for (int i = 0; i < 2; i++)
		many[i] = (struct sign){ .text = i ? "left" : "right", .loud = gone };
	t_verb(st.s, hf_insert_many(st.s, sign, many, 2));
	ck_assert_str_eq(many[0].loud, "RIGHT");
	ck_assert_str_eq(many[1].loud, "LEFT");
	many[0].loud = gone;
	t_verb(st.s, hf_update_many(st.s, sign, many, 1, NULL, NULL));
	one = (struct sign){ .text = "slow", .loud = gone };
	ck_assert_msg(hf_await(hf_insert_async(st.pool, sign, &one), &e) == HF_OK, "%s",
		hf_error_message(e));
	t_store_close(&st);
}
END_TEST

/* What is wrong is told before anything is sent. */
START_TEST(test_refused)
{
	struct t_store st = t_store_open();
	struct task t = { .subject = NULL };
	char text[300];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(hf_insert(st.s, task, &t), HF_E_NULL);
	ck_assert_str_eq(hf_error_field(hf_session_error(st.s), HF_ERR_COLUMN), "subject");
	t.subject = text;
	ck_assert_int_eq(hf_insert(st.s, task, &t), HF_E_TYPE);
	ck_assert_int_eq(hf_update(st.s, task, &t), HF_E_TYPE);
	t_store_close(&st);
}
END_TEST

/* What a trigger keeps out of the table was not inserted, whether or not something is read back. */
START_TEST(test_kept_out)
{
	struct t_store st = t_store_open();
	struct line l[] = { { 5, 1, { "12.50" } }, { 5, 2, { "0.01" } } };
	const uint32_t *key = HF_COLUMNS(HF_C(line, order_id), HF_C(line, no));
	struct person p = { .name = "Ann" };

	free(t_psql("create or replace function nothing() returns trigger language plpgsql as "
		    "$$begin return null; end$$;"
		    "create trigger t before insert on line for each row execute function "
		    "nothing();"
		    "create trigger t before insert on person for each row execute function "
		    "nothing()"));
	ck_assert_int_eq(hf_insert(st.s, line, &l[0]), HF_E_NO_ROWS);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"table \"line\": the server inserted 0 of 1 rows: a trigger or a rule has kept the "
		"others out");
	ck_assert_int_eq(hf_insert(st.s, person, &p), HF_E_NO_ROWS);
	ck_assert_int_eq(p.id, 0);
	ck_assert_int_eq(hf_insert_many(st.s, line, l, 2), HF_E_NO_ROWS);
	ck_assert_int_eq(hf_upsert(st.s, line, &l[0], key, HF_REST, NULL), HF_E_NO_ROWS);
	t_store_close(&st);
}
END_TEST

/* The same in a transaction, in an interaction, through a scope. */
static hf_status in_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);
	struct person p = { .name = "in an interaction" };

	(void)arg;
	(void)reply;
	t_verb(s, hf_insert(s, person, &p));
	hf_session_unref(s);
	return HF_OK;
}

START_TEST(test_carriers)
{
	struct t_store st = t_store_open();
	hf_txn *t = hf_txn_begin(st.pool, NULL);
	hf_session *in = hf_session_on_txn(t);
	struct person p = { .name = "in a transaction" };
	int64_t n;

	t_verb(in, hf_insert(in, person, &p));
	t_verb(st.s, hf_count(st.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 0);
	t_done(hf_txn_commit(t));
	hf_session_unref(in);
	hf_txn_unref(t);
	t_done(hf_run(st.pool, in_interaction, NULL, NULL));
	t_verb(st.s, hf_count(st.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

T_MAIN("rows", { "G1 H1 a row is made, and has what the server filled in", test_create, 0 },
	{ "G25 unset is not zero", test_unset_is_not_zero, 0 },
	{ "H4 H5 H6 one row, none, several", test_get, 0 },
	{ "H2 H9 rows are saved, in part, and deleted", test_change, 0 },
	{ "G27 a key of two columns", test_two_numbers, 0 },
	{ "H1 H2 what a row points to stays the caller's", test_own_texts, 0 },
	{ "H1 H2 a generated text is read back, and not looked at before", test_generated_text, 0 },
	{ "a row that cannot be is not sent", test_refused, 0 },
	{ "H1 H11 a row that a trigger keeps out was not inserted", test_kept_out, 0 },
	{ "H26 the same verbs in a transaction and in an interaction", test_carriers, 0 })
