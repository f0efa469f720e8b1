/* SPDX-License-Identifier: MIT */
/* Rows stay readable when their transaction is over, until the session is cleared. */
#include "models.h"

#include "engine/scope.h"

#include <stdlib.h>
#include <string.h>

struct kept {
	struct person *ann;
	struct task *made; /* by hf_new */
	struct line line;  /* whose price the server has written in its own way */
	char *text;
};

/* With all that a verb lends. */
static struct kept fill(hf_session *s, const char *name)
{
	struct kept k = { .line = { 5, 1, { "12.5" } } };
	struct person ann = { .name = name, .mood = MOOD_HAPPY, .age = HF_SOME(30) };

	t_verb(s, hf_insert(s, person, &ann));
	t_verb(s, hf_get(s, person, &k.ann, HF_EQ(person, id, ann.id)));
	k.made = hf_new(s, task);
	k.made->subject = k.text = hf_session_text(s, "fix the roof");
	k.made->owner_id = (hf_int4_opt)HF_SOME(ann.id);
	t_verb(s, hf_insert(s, task, k.made));
	t_verb(s, hf_insert(s, line, &k.line));
	t_verb(s, hf_update(s, line, &k.line));
	return k;
}

/* Byte for byte, which a sanitizer watches. */
static void readable(const struct kept *k, const char *name)
{
	ck_assert_str_eq(k->ann->name, name);
	ck_assert(k->ann->mood == MOOD_HAPPY && k->ann->age.has && k->ann->age.v == 30);
	ck_assert_str_eq(k->made->subject, "fix the roof");
	ck_assert_int_eq(k->made->owner_id.v, k->ann->id);
	ck_assert_int_gt(k->made->created.us, 1000000000000000);
	ck_assert_str_eq(k->line.price.s, "12.50");
	ck_assert_str_eq(k->text, "fix the roof");
}

/* The session has nothing of them any more, and goes on. */
static void cleared(hf_session *s)
{
	ck_assert_ptr_nonnull(s->kept);
	hf_session_clear(s);
	ck_assert_ptr_null(s->kept);
	ck_assert_str_eq(hf_session_text(s, "new"), "new");
}

static void end_txn(bool commits)
{
	struct t_store st = t_store_open();
	hf_txn *t = hf_txn_begin(st.pool, NULL);
	hf_session *s = hf_session_on_txn(t);
	struct kept k = fill(s, "Ann");
	hf_rows *rows;

	t_verb(s, hf_select(s, person, &rows, HF_ALL));
	t_done(commits ? hf_txn_commit(t) : hf_txn_rollback(t));
	readable(&k, "Ann");
	ck_assert_int_eq(t_psql_int("select count(*) from person"), commits);
	ck_assert_int_ne(hf_insert(s, person, k.ann), HF_OK); /* it is over */
	readable(&k, "Ann");
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
	cleared(s);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann"); /* which are nobody's but ours */
	hf_rows_unref(rows);
	hf_session_unref(s);
	hf_txn_unref(t);
	t_store_close(&st);
}

START_TEST(test_commit)
{
	end_txn(true);
}
END_TEST

START_TEST(test_rollback)
{
	end_txn(false);
}
END_TEST

/* Of a scope's session, that goes on with another transaction. */
START_TEST(test_scope)
{
	struct t_store st = t_store_open();
	hf_engines *e = hf_engines_new();
	hf_scope *scope;
	hf_session *s;
	struct kept first, second;
	hf_error *why;

	ck_assert_int_eq(
		hf_engines_add(e, "shop", st.pool, HF_ENGINE_OPTS(.is_default = true), NULL),
		HF_OK);
	scope = hf_scope_new(e, NULL);
	s = hf_scope_session(scope, NULL);
	first = fill(s, "Ann");
	ck_assert_int_eq(hf_scope_commit(scope, &why), HF_OK);
	readable(&first, "Ann");
	free(t_psql("delete from line"));
	second = fill(s, "Bob");
	ck_assert_int_eq(hf_scope_rollback(scope), HF_OK);
	readable(&first, "Ann");
	readable(&second, "Bob");
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	first.ann->age.v = 31; /* a row like any other */
	t_verb(s, hf_update(s, person, first.ann));
	ck_assert_int_eq(hf_scope_commit(scope, &why), HF_OK);
	ck_assert_int_eq(t_psql_int("select age from person"), 31);
	cleared(s);
	ck_assert_int_eq(hf_scope_end(scope), HF_OK);
	hf_scope_unref(scope);
	hf_engines_unref(e);
	t_store_close(&st);
}
END_TEST

T_MAIN("rows_kept", { "H4 orm-R10 rows after a commit", test_commit, 0 },
	{ "H4 orm-R10 rows after a rollback", test_rollback, 0 },
	{ "H4 orm-R10 rows of a scope's session", test_scope, 0 })
