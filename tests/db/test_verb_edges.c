/* SPDX-License-Identifier: MIT */
/* Verbs at the edges: keys with a 0 in them, rows that are none, what is hidden, what on_update
 * makes. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct user {
	int32_t id;
	const char *name, *secret;
	const char *state;
};

static const char *next_state = "seen";

static hf_status set_state(void *member, void *row)
{
	(void)row;
	*(const char **)member = next_state;
	return HF_OK;
}

static const hf_column user_columns[] = {
	HF_COLUMN(user, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(user, name, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(user, secret, TEXT, NULLABLE, HF_HIDDEN),
	HF_COLUMN(user, state, VARCHAR(5), NULLABLE, .on_update = set_state),
};
HF_TABLE(user, .name = "user");

static struct t_store open_users(void)
{
	struct t_store st = t_store_open();

	t_verb(st.s, hf_table_create(st.s, &user_table, HF_DROP_FIRST));
	return st;
}

static void close_users(struct t_store *st)
{
	t_verb(st->s, hf_table_drop(st->s, &user_table, 0));
	t_store_close(st);
}

/* Of a key of two columns one may be 0; a row with nothing in its key is new. */
START_TEST(test_save_zero)
{
	struct t_store st = t_store_open();
	struct line l = { 5, 0, { "1.00" } }, new = { 0, 0, { "2.00" } };
	bool created;

	t_verb(st.s, hf_insert(st.s, line, &l));
	l.price.s = "3.00";
	t_verb(st.s, hf_save(st.s, line, &l, &created));
	ck_assert(!created);
	t_sql_gives("select price from line", "3.00");
	t_verb(st.s, hf_save(st.s, line, &new, &created));
	ck_assert(created);
	t_store_close(&st);
}
END_TEST

static void is_null_row(hf_session *s, hf_status st)
{
	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(s)), "model person: the row is NULL");
}

START_TEST(test_no_row)
{
	const uint32_t *name = HF_COLUMNS(HF_C(person, name));
	struct t_store st = t_store_open();
	struct person *none = NULL, *p;
	hf_find *f = hf_find_new(NULL);
	hf_rows *rows = NULL;
	hf_error *why;

	is_null_row(
		st.s, hf_get_or_create(st.s, person, &p, NULL, none, HF_EQ(person, name, "Ann")));
	is_null_row(st.s, hf_insert_many(st.s, person, none, 2));
	is_null_row(st.s, hf_update_many(st.s, person, none, 2, NULL, NULL));
	is_null_row(st.s, hf_upsert_many(st.s, person, none, 2, name, HF_REST, NULL));
	t_verb(st.s, hf_insert_many(st.s, person, none, 0));
	ck_assert_int_eq(hf_select(st.s, person, &rows, HF_MATCHING(f)), HF_E_MISUSE);
	ck_assert_int_eq(hf_find_order_by(f, "name", false, NULL), HF_E_MISUSE);
	ck_assert_int_eq(
		hf_await_rows_of(hf_query(st.pool, "select 1"), NULL, &rows, &why), HF_E_MISUSE);
	hf_error_unref(why);
	hf_find_unref(f);
	t_store_close(&st);
}
END_TEST

/* numeric(3, 5) is a part of one: three digits, from the third behind the point on. */
struct sliver {
	hf_numeric part;
};
static const hf_column sliver_columns[] = { HF_COLUMN(
	sliver, part, DECIMAL(3, 5), NOT_NULL, HF_PLAIN) };
HF_TABLE(sliver, .name = "sliver");

START_TEST(test_small_part)
{
	struct sliver s = { { "0.00123" } };

	ck_assert_uint_eq(hf_row_failures(&sliver_table, &s, NULL, 0), 0);
	s.part.s = "1.00123";
	ck_assert_uint_eq(hf_row_failures(&sliver_table, &s, NULL, 0), 1);
}
END_TEST

/* What on_update makes is checked as what the row has. */
START_TEST(test_on_update_is_checked)
{
	struct t_store st = open_users();
	struct user u = { .name = "Ann" };

	t_verb(st.s, hf_insert(st.s, user, &u));
	t_verb(st.s, hf_update(st.s, user, &u));
	ck_assert_str_eq(u.state, "seen");
	next_state = "too long";
	ck_assert_int_eq(hf_update(st.s, user, &u), HF_E_TYPE);
	ck_assert_int_eq(hf_update_only(st.s, user, &u, HF_C(user, name)), HF_E_TYPE);
	u.state = "too long"; /* which it sets right */
	next_state = "right";
	t_verb(st.s, hf_update_only(st.s, user, &u, HF_C(user, name)));
	t_sql_gives("select state from \"user\"", "right");
	close_users(&st);
}
END_TEST

/* Neither an order nor an error tells what is hidden; long values are not told whole. */
START_TEST(test_hidden)
{
	struct t_store st = open_users();
	hf_find *f = hf_find_new(&user_table);
	struct user *u;
	char text[2000];
	const char *told;

	ck_assert_int_eq(hf_find_order_by(f, "name, secret", false, NULL), HF_E_MISUSE);
	hf_find_unref(f);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(hf_get(st.s, user, &u, HF_EQ(user, secret, "hunter2"),
				 HF_IHAS(user, secret, "unte"), HF_EQ(user, name, text)),
		HF_E_NO_ROWS);
	told = hf_error_field(hf_session_error(st.s), HF_ERR_DETAIL);
	ck_assert_ptr_null(strstr(told, "unte"));
	ck_assert_ptr_nonnull(strstr(told, "$1 = ?, $2 = ?, $3 = 'xxx"));
	ck_assert_uint_lt(strlen(told), 200);
	close_users(&st);
}
END_TEST

/* A violation in another table is not about a column of this one, be it called the same. */
START_TEST(test_error_of_another)
{
	struct t_store st = open_users();
	struct user u = { .name = "Ann" };
	const hf_column *c[HF_MAX_KEY];

	free(t_psql("drop table if exists diary; create table diary (name text not null);"
		    "create or replace function note() returns trigger language plpgsql as "
		    "$$begin insert into diary values (null); return new; end$$;"
		    "create trigger t before insert on \"user\" for each row execute function "
		    "note()"));
	ck_assert_int_eq(hf_insert(st.s, user, &u), HF_E_SQL);
	ck_assert_str_eq(hf_error_field(hf_session_error(st.s), HF_ERR_COLUMN), "name");
	ck_assert_uint_eq(hf_error_columns(hf_session_error(st.s), &user_table, NULL, c), 0);
	close_users(&st);
}
END_TEST

/* More rows than one bucket holds are known to be new. */
START_TEST(test_many_new)
{
	enum { MANY = 1000 };
	struct t_store st = t_store_open();
	struct task *t[MANY];

	for (int i = 0; i < MANY; i++) {
		t[i] = hf_new(st.s, task);
		t[i]->subject = "new";
	}
	for (int i = 0; i < MANY; i += 9)
		t_verb(st.s, hf_insert(st.s, task, t[i]));
	ck_assert_int_gt(t[MANY - 1]->created.us + t[0]->created.us, 0); /* the server's now() */
	ck_assert_int_eq(t_psql_int("select count(*) from task where created > now() - "
				    "interval '1 hour'"),
		(MANY + 8) / 9);
	t_store_close(&st);
}
END_TEST

T_MAIN("verb_edges", { "H2 G27 a 0 in a key of two columns", test_save_zero, 0 },
	{ "rows and tables that are none", test_no_row, 0 },
	{ "G25 a number without digits in front of its point", test_small_part, 0 },
	{ "G25 what on_update makes is checked", test_on_update_is_checked, 0 },
	{ "H4 H35 what is hidden is not told", test_hidden, 0 },
	{ "an error of another table", test_error_of_another, 0 },
	{ "G25 many new rows", test_many_new, 0 })
