/* SPDX-License-Identifier: MIT */
/* What events see: a new row with the values that it begins with, each row that was read, once;
 * from a base as from the table itself; and of futures on a thread of the pool. */
#include "models.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct letter {
	int32_t id;
	const char *text;
	int32_t pages;
	int32_t seen; /* by nobody but us */
};
extern const hf_table letter_table;

/* What was called, from any thread. */
static struct {
	atomic_int loads, saves, elsewhere;
	struct letter when_new;
	pthread_t main;
} told;

static hf_status set_text(void *member, void *row)
{
	(void)row;
	*(const char **)member = "from on_insert";
	return HF_OK;
}

static void on_new(void *row, void *arg)
{
	(void)arg;
	told.when_new = *(struct letter *)row;
	((struct letter *)row)->seen = 1;
}

static void on_load(void *row, void *arg)
{
	(void)arg;
	ck_assert_int_gt(((struct letter *)row)->id, 0);
	((struct letter *)row)->seen++;
	atomic_fetch_add(&told.loads, 1);
}

static hf_status before_save(hf_session *s, void *row, bool created, void *arg)
{
	int64_t n;

	(void)arg;
	ck_assert(created);
	ck_assert_str_eq(((struct letter *)row)->text, "from on_insert");
	ck_assert_int_eq(((struct letter *)row)->pages, 7);
	t_verb(s, hf_count(s, letter, &n, HF_ALL)); /* the session is there for it */
	atomic_fetch_add(&told.saves, 1);
	if (!pthread_equal(told.main, pthread_self()))
		atomic_fetch_add(&told.elsewhere, 1);
	return HF_OK;
}

static const hf_events events = {
	.before_save = before_save, .on_new = on_new, .on_load = on_load
};
static const hf_column letter_columns[] = {
	HF_COLUMN(letter, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(letter, text, TEXT, NOT_NULL, .on_insert = set_text),
	HF_COLUMN(letter, pages, INT4, NOT_NULL, HF_DEFAULT("7")),
};
static const uint32_t letter_transient[] = { HF_C(letter, seen) };
/* The events are those of the base's base. */
static const hf_table root = { .events = &events };
static const hf_table base = { .label = "letters", .base = &root };
HF_TABLE(letter, .base = &base, .transient = letter_transient, .n_transient = 1);

static hf_pool *letters(hf_session **s)
{
	hf_pool *p = t_pool(NULL);

	memset(&told, 0, sizeof told);
	told.main = pthread_self();
	*s = hf_session_on_pool(p);
	free(t_psql("set client_min_messages to warning; drop table if exists letter;"
		    "create table letter (id serial primary key, text text not null,"
		    "  pages int not null default 7)"));
	return p;
}

static void done(hf_pool *p, hf_session *s)
{
	hf_session_unref(s);
	t_close(p);
}

/* † peewee-async: test_pre_init: the handler sees the values that the row begins with; the others
 * are not set. */
START_TEST(test_pre_init)
{
	hf_session *s;
	hf_pool *p = letters(&s);
	struct letter *l = hf_new(s, letter);

	ck_assert_str_eq(told.when_new.text, "from on_insert");
	ck_assert_int_eq(told.when_new.pages, 7);
	ck_assert_int_eq(told.when_new.id, 0);
	ck_assert_int_eq(l->seen, 1); /* and what it sets stays */
	t_verb(s, hf_insert(s, letter, l));
	ck_assert_int_eq(told.saves, 1);
	ck_assert_int_eq(told.elsewhere, 0);
	ck_assert_int_eq(told.loads, 0); /* what is written is not read */
	t_sql_gives("select text || pages from letter", "from on_insert7");
	done(p, s);
}
END_TEST

static void three(hf_session *s)
{
	for (int i = 0; i < 3; i++)
		t_verb(s, hf_insert(s, letter, hf_new(s, letter)));
	told.loads = 0;
}

/* Fails unless so many were read since it was last asked. */
static void loads(int n)
{
	ck_assert_int_eq(atomic_exchange(&told.loads, 0), n);
}

/* Each row once, whatever reads it. */
START_TEST(test_loads)
{
	hf_session *s;
	hf_pool *p = letters(&s);
	struct letter *l;
	hf_rows *rows;
	int64_t n;

	three(s);
	t_verb(s, hf_get(s, letter, &l, HF_EQ(letter, id, 1)));
	ck_assert_int_eq(l->seen, 1);
	loads(1);
	t_verb(s, hf_first(s, letter, &l, HF_ORDER(HF_DESC(letter, id))));
	loads(1);
	t_verb(s, hf_get_or_null(s, letter, &l, HF_EQ(letter, id, 99)));
	loads(0);
	t_verb(s, hf_select(s, letter, &rows, HF_ALL));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(HF_ROWS(letter, rows)[i].seen, 1);
	hf_rows_unref(rows);
	loads(3);
	t_verb(s, hf_select_sql(s, letter, &rows, "select * from letter where id < $1", 3));
	hf_rows_unref(rows);
	loads(2);
	t_verb(s, hf_count(s, letter, &n, HF_ALL));
	loads(0);
	t_verb(s, hf_delete_returning(s, letter, &n, &rows, HF_ALL));
	hf_rows_unref(rows);
	loads(3);
	done(p, s);
}
END_TEST

/* Of a future as well; around a row's verb it is on a thread of the pool. */
START_TEST(test_futures)
{
	hf_session *s;
	hf_pool *p = letters(&s);
	struct letter l = { .text = "from on_insert", .pages = 7 };
	hf_rows *rows = NULL;
	hf_error *why = NULL;

	ck_assert_int_eq(hf_await_rows(hf_insert_async(p, letter, &l), letter, &rows, &why), HF_OK);
	hf_rows_unref(rows);
	ck_assert_int_eq(told.saves, 1);
	ck_assert_int_eq(told.elsewhere, 1);
	loads(0);
	ck_assert_int_eq(
		hf_await_rows(hf_select_async(p, letter, HF_ALL), letter, &rows, &why), HF_OK);
	ck_assert_int_eq(HF_ROWS(letter, rows)->seen, 1);
	hf_rows_unref(rows);
	loads(1);
	ck_assert_int_eq(
		hf_await_rows(hf_get_async(p, letter, HF_EQ(letter, id, 1)), letter, &rows, &why),
		HF_OK);
	ck_assert_int_eq(HF_ROWS(letter, rows)->seen, 1);
	hf_rows_unref(rows);
	loads(1);
	done(p, s);
}
END_TEST

T_MAIN("events_seen", { "H32 G10 a new row is seen with its values", test_pre_init, 0 },
	{ "H32 each row that was read is seen once", test_loads, 0 },
	{ "H32 events of futures", test_futures, 0 })
