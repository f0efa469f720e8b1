/* SPDX-License-Identifier: MIT */
#include "corpus.h"

#include <string.h>

static char *row_at(const struct suite *c, char *rows, size_t i)
{
	return rows + i * c->t->t.row_size;
}

static bool is_written(const hf_column *c)
{
	return !c->key && !c->generated_sql && !c->always;
}

/* The columns that are of the key (or that are not, and may be written), ended by 0. */
static const uint32_t *columns(struct suite *c, bool key, size_t most)
{
	uint32_t *list = hf_session_alloc(c->s, (c->t->t.n_columns + 1) * sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < c->t->t.n_columns && n < most; i++)
		if (key ? c->t->columns[i].key : is_written(&c->t->columns[i]))
			list[n++] = c->t->columns[i].offset + 1;
	return list;
}

/* What the server alone makes cannot be asked for. */
static bool all_is_ours(const struct t_table *t)
{
	for (size_t i = 0; i < t->t.n_columns; i++)
		if (t->columns[i].always)
			return false;
	return true;
}

static void all_are_there(struct suite *c, char *rows, const char *what)
{
	for (size_t i = 0; i < ROWS; i++)
		must_equal(c, row_at(c, rows, i), read_one(c, row_at(c, rows, i), HF_OK), what);
}

static void randomize(struct suite *c, char *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t_row_random(c->s, c->t, row_at(c, rows, i), true, &c->seed);
}

/* --- one row --- */

static void reads(struct suite *c, char *rows)
{
	hf_term key[HF_MAX_KEY + 1];
	const uint32_t *one = columns(c, true, 1);
	const hf_term only[2] = { { .op = HF_OP_COLUMN, .table = &c->t->t, .column = one[0] },
		{ .op = HF_OP_END } };
	const hf_clause part[3] = { { .kind = HF_CLAUSE_WHERE, .terms = key },
		{ .kind = HF_CLAUSE_ONLY, .terms = only }, { .kind = HF_CLAUSE_END } };
	const hf_clause whole[2] = { part[0], part[2] };
	void *found = NULL;
	hf_rows *few = NULL;
	bool there = false;

	by_key(c->t, rows, key);
	must_be(c, hf_exists_at(HF_HERE, c->s, &c->t->t, &there, whole), HF_OK, "exists");
	ck_assert(there);
	must_be(c, hf_first_at(HF_HERE, c->s, &c->t->t, &found, whole), HF_OK, "first");
	must_equal(c, rows, found, "first");
	must_be(c, hf_one_at(HF_HERE, c->s, &c->t->t, &found, key), HF_OK, "one");
	must_equal(c, rows, found, "one");
	must_be(c, hf_select_at(HF_HERE, c->s, &c->t->t, &few, part), HF_OK, "only");
	ck_assert_uint_eq(hf_rows_count(few), 1);
	ck_assert(hf_rows_have(few, one[0]));
	hf_rows_unref(few);
}

static void *copy_of(struct suite *c, const void *row)
{
	return memcpy(t_row_new(c->s, c->t), row, c->t->t.row_size);
}

/* That column was written, and what is generated of it; all others are what they were. */
static void only_that(struct suite *c, const char *was, const char *wanted, const char *row,
	const uint32_t *one, const char *what)
{
	char *expected = copy_of(c, was);

	for (size_t i = 0; i < c->t->t.n_columns; i++) {
		const hf_column *col = &c->t->columns[i];
		const char *from = col->offset + 1 == *one ? wanted
				   : col->generated_sql    ? row
							   : was;

		memcpy(expected + col->offset, from + col->offset, c->t->traits[i].whole);
	}
	must_equal(c, expected, row, what);
}

static void changes(struct suite *c, char *rows)
{
	char *was = copy_of(c, rows), *wanted;
	const uint32_t *all = columns(c, false, SIZE_MAX), *one = columns(c, false, 1);
	int64_t n;

	if (!*all)
		return;
	randomize(c, rows, 1);
	must_be(c, hf_update_changed_at(HF_HERE, c->s, &c->t->t, rows, was, NULL), HF_OK,
		"update changed");
	must_equal(c, rows, read_one(c, rows, HF_OK), "changed");
	was = copy_of(c, rows);
	randomize(c, rows, 1);
	wanted = copy_of(c, rows);
	must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, rows, one), HF_OK, "update only");
	only_that(c, was, wanted, read_one(c, rows, HF_OK), one, "updated in part");
	randomize(c, rows, ROWS);
	must_be(c, hf_update_many_at(HF_HERE, c->s, &c->t->t, rows, ROWS, all, &n), HF_OK,
		"update many");
	ck_assert_int_eq(n, ROWS);
	for (size_t i = 0; i < ROWS; i++) /* what is generated is not read back by that */
		must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, row_at(c, rows, i), one), HF_OK,
			"update");
	all_are_there(c, rows, "updated at once");
}

static void upserts(struct suite *c, char *rows)
{
	const uint32_t *key = columns(c, true, SIZE_MAX), *all = columns(c, false, SIZE_MAX);
	int64_t n;

	if (!*all)
		return;
	randomize(c, rows, ROWS);
	must_be(c, hf_upsert_at(HF_HERE, c->s, &c->t->t, rows, key, all, NULL), HF_OK, "upsert");
	must_be(c, hf_upsert_many_at(HF_HERE, c->s, &c->t->t, rows, ROWS, key, all, &n), HF_OK,
		"upsert many");
	ck_assert_int_eq(n, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		must_be(c,
			hf_upsert_at(HF_HERE, c->s, &c->t->t, row_at(c, rows, i), key, all, NULL),
			HF_OK, "upsert");
	all_are_there(c, rows, "upserted at once");
}

static void get_or_create(struct suite *c, char *rows)
{
	hf_term is[HF_MAX_KEY + 1];
	void *found = NULL;
	bool created = false;

	must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, rows), HF_OK, "delete");
	by_key(c->t, rows, is);
	for (int i = 0; i < 2; i++) {
		must_be(c, hf_get_or_create_at(HF_HERE, c->s, &c->t->t, &found, &created, rows, is),
			HF_OK, "get or create");
		ck_assert(created == (i == 0));
		must_equal(c, rows, found, "got or created");
	}
}

static void refused_as(struct suite *c, hf_status st, const char *sqlstate, const char *what)
{
	must_be(c, st, HF_E_SQL, what);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(c->s)), sqlstate);
}

/* A row whose key the server counts up is new where that is 0. */
static void save_new(struct suite *c)
{
	char *row = t_row_new(c->s, c->t);
	bool created = false;

	for (size_t i = 0; i < c->t->t.n_columns; i++)
		if (c->t->columns[i].serial || c->t->columns[i].identity) {
			const hf_column *key = &c->t->columns[i];
			size_t size = c->t->traits[i].whole;

			t_row_random(c->s, c->t, row, false, &c->seed);
			memset(row + key->offset, 0, size);
			must_be(c, hf_save_at(HF_HERE, c->s, &c->t->t, row, &created), HF_OK,
				"save, new");
			ck_assert(created);
			must_equal(c, row, read_one(c, row, HF_OK), "saved, new");
			must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, row), HF_OK, "delete");
			return;
		}
}

/* † peewee-async: test_aio_save, test_aio_save__force_insert: one that is there is updated, one
 * that is gone is told, and inserted by force it must not be there twice. */
static void saves(struct suite *c, char *rows)
{
	const uint32_t *one = columns(c, false, 1);
	char *was, *wanted;
	bool created = true;

	save_new(c);
	if (all_is_ours(c->t))
		refused_as(c, hf_insert_at(HF_HERE, c->s, &c->t->t, rows), "23505", "insert again");
	if (!*one)
		return;
	randomize(c, rows, 1);
	must_be(c, hf_save_at(HF_HERE, c->s, &c->t->t, rows, &created), HF_OK, "save");
	ck_assert(!created);
	must_equal(c, rows, read_one(c, rows, HF_OK), "saved");
	was = copy_of(c, rows);
	randomize(c, rows, 1);
	wanted = copy_of(c, rows);
	must_be(c, hf_save_only_at(HF_HERE, c->s, &c->t->t, rows, one, &created), HF_OK,
		"save only");
	ck_assert(!created);
	only_that(c, was, wanted, read_one(c, rows, HF_OK), one, "saved in part");

	must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, rows), HF_OK, "delete");
	must_be(c, hf_save_at(HF_HERE, c->s, &c->t->t, rows, &created), HF_E_NO_ROWS,
		"save what is gone");
	must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, rows, NULL), HF_E_NO_ROWS,
		"update what is gone");
	must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, rows), HF_E_NO_ROWS, "delete again");
	must_be(c, hf_insert_at(HF_HERE, c->s, &c->t->t, rows), HF_OK, "insert");
}

/* By the key as a condition: that one row, and no other. */
static void by_condition(struct suite *c, char *rows)
{
	const uint32_t *one = columns(c, false, 1);
	hf_term key[HF_MAX_KEY + 1],
		sets[2] = { { .op = HF_OP_SET, .table = &c->t->t }, { .op = HF_OP_END } };
	const hf_clause where[2] = { { .kind = HF_CLAUSE_WHERE, .terms = key },
		{ .kind = HF_CLAUSE_END } };
	hf_rows *found = NULL;
	int64_t n = 0;

	by_key(c->t, rows, key);
	if (*one) {
		randomize(c, rows, 1);
		must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, rows, NULL), HF_OK, "update");
		for (size_t i = 0; i < c->t->t.n_columns; i++)
			if (c->t->columns[i].offset + 1 == *one)
				sets[0].value = t_member(c->t, i, rows);
		sets[0].column = *one;
		must_be(c, hf_update_where_at(HF_HERE, c->s, &c->t->t, &n, &found, sets, where),
			HF_OK, "update where");
		ck_assert_int_eq(n, 1);
		must_equal(c, rows, hf_rows_of(found, &c->t->t), "updated where");
		hf_rows_unref(found);
	}
	must_be(c, hf_delete_where_at(HF_HERE, c->s, &c->t->t, &n, &found, where), HF_OK,
		"delete where");
	ck_assert_int_eq(n, 1);
	must_equal(c, rows, hf_rows_of(found, &c->t->t), "deleted where");
	hf_rows_unref(found);
	must_be(c, hf_count_at(HF_HERE, c->s, &c->t->t, &n, HF__CLAUSES(HF_ALL)), HF_OK, "count");
	ck_assert_int_eq(n, ROWS - 1);
	must_be(c, hf_insert_at(HF_HERE, c->s, &c->t->t, rows), HF_OK, "insert");
}

/* --- without waiting, and by COPY --- */

static void await_rows(struct suite *c, hf_future *f, hf_rows **out, const char *what)
{
	hf_error *why = NULL;

	if (hf_await_rows_of(f, &c->t->t, out, &why) != HF_OK)
		ck_abort_msg("%s.%s, %s: %s; seed %" PRIu64, c->t->t.schema, c->t->t.name, what,
			hf_error_message(why), c->first_seed);
}

/* All rows of the table, in any order, are these. */
static void are_all(struct suite *c, char *rows, hf_rows *found, const char *what)
{
	ck_assert_uint_eq(hf_rows_count(found), ROWS);
	for (size_t i = 0; i < ROWS; i++)
		if (!is_among(c, row_at(c, rows, i), found))
			ck_abort_msg("%s.%s, %s: %s is not there; seed %" PRIu64, c->t->t.schema,
				c->t->t.name, what, hf_row_dump(&c->t->t, row_at(c, rows, i), true),
				c->first_seed);
	hf_rows_unref(found);
}

static void empty_table(struct suite *c)
{
	must_be(c, hf_delete_where_at(HF_HERE, c->s, &c->t->t, NULL, NULL, HF__CLAUSES(HF_ALL)),
		HF_OK, "delete all");
}

static void futures(struct suite *c, char *rows)
{
	hf_rows *found = NULL;

	empty_table(c);
	await_rows(c, hf_insert_async_at(HF_HERE, c->pool, &c->t->t, rows), &found, "insert");
	hf_rows_unref(found);
	await_rows(c,
		hf_insert_many_async_at(HF_HERE, c->pool, &c->t->t, row_at(c, rows, 1), ROWS - 1),
		&found, "insert many");
	hf_rows_unref(found);
	await_rows(c, hf_select_async_at(HF_HERE, c->pool, &c->t->t, HF__CLAUSES(HF_ALL)), &found,
		"select");
	are_all(c, rows, found, "inserted by futures");
}

struct flow {
	struct suite *c;
	char *rows;
	size_t given, taken;
};

static hf_status give(const void **row, void *arg)
{
	struct flow *f = arg;

	*row = f->given < ROWS ? row_at(f->c, f->rows, f->given) : NULL;
	f->given++;
	return HF_OK;
}

static hf_status take(void *row, void *arg)
{
	struct flow *f = arg;

	for (size_t i = 0; i < ROWS; i++)
		if (!t_row_differs(f->c->t, row, row_at(f->c, f->rows, i))) {
			f->taken++;
			break;
		}
	return HF_OK;
}

static void await_copy(struct suite *c, hf_future *f, const char *what)
{
	hf_error *why = NULL;

	if (hf_await(f, &why) != HF_OK)
		ck_abort_msg("%s.%s, %s: %s; seed %" PRIu64, c->t->t.schema, c->t->t.name, what,
			hf_error_message(why), c->first_seed);
}

static void copies(struct suite *c, char *rows)
{
	struct flow f = { .c = c, .rows = rows };
	hf_rows *found = NULL;

	empty_table(c);
	await_copy(c, hf_copy_structs_in_at(HF_HERE, c->pool, &c->t->t, give, &f, NULL), "COPY in");
	must_be(c, hf_select_at(HF_HERE, c->s, &c->t->t, &found, HF__CLAUSES(HF_ALL)), HF_OK,
		"select");
	are_all(c, rows, found, "copied in");
	await_copy(
		c, hf_copy_structs_out_at(HF_HERE, c->pool, &c->t->t, take, &f, NULL), "COPY out");
	if (f.taken != ROWS)
		ck_abort_msg("%s.%s: %zu of %d rows came out as they were; seed %" PRIu64,
			c->t->t.schema, c->t->t.name, f.taken, ROWS, c->first_seed);
}

void other_verbs_without_key(struct suite *c, char *rows)
{
	if (all_is_ours(c->t))
		futures(c, rows);
	copies(c, rows);
}

void other_verbs(struct suite *c, char *rows)
{
	reads(c, rows);
	changes(c, rows);
	saves(c, rows);
	by_condition(c, rows);
	if (all_is_ours(c->t)) {
		upserts(c, rows);
		get_or_create(c, rows);
	}
	other_verbs_without_key(c, rows);
}
