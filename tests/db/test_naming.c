/* SPDX-License-Identifier: MIT */
/* Names of constraints and indexes, and odd names of tables and columns. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct doc {
	int32_t id, number;
	const char *title, *author;
};
static const hf_column doc_columns[] = {
	HF_COLUMN(doc, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(doc, number, INT4, NOT_NULL, HF_UNIQUE),
	HF_COLUMN(doc, title, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(doc, author, TEXT, NOT_NULL, HF_PLAIN),
};
static const hf_index doc_indexes[] = {
	HF_UNIQUE_ON(HF_C(doc, title), HF_C(doc, author)),
	HF_UNIQUE_ON(HF_C(doc, title), HF_C(doc, number)),
	HF_INDEX_ON(HF_C(doc, author)),
	{ .name = "doc_lower", .sql = "lower(title)", .where = "number > 0" },
};
static const hf_constraint doc_constraints[] = { { .name = "doc_number", .check = "number > 0" } };
HF_TABLE(doc, .indexes = doc_indexes, .n_indexes = HF_COUNT(doc_indexes),
	.constraints = doc_constraints, .n_constraints = HF_COUNT(doc_constraints));

static char *sql_of(const hf_table *t, const hf_naming *names)
{
	hf_models *m = hf_models_new(names);
	hf_error *e;
	char *sql;

	if (hf_models_add(m, (const hf_table *const[]){ t, NULL }, NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
	sql = hf_models_sql(m, 0);
	hf_models_unref(m);
	ck_assert_ptr_nonnull(sql);
	return sql;
}

START_TEST(test_ddl_text)
{
	char *sql = sql_of(&doc_table, NULL);

	ck_assert_str_eq(sql,
		"CREATE TABLE \"doc\" (\"id\" serial NOT NULL, \"number\" integer NOT NULL, "
		"\"title\" text NOT NULL, \"author\" text NOT NULL, CONSTRAINT \"doc_pkey\" "
		"PRIMARY KEY (\"id\"), CONSTRAINT \"doc_number_key\" UNIQUE (\"number\"), "
		"CONSTRAINT \"doc_number\" CHECK (number > 0));\n"
		"ALTER TABLE \"doc\" ADD CONSTRAINT \"doc_title_author_key\" UNIQUE "
		"(\"title\", \"author\");\n"
		"ALTER TABLE \"doc\" ADD CONSTRAINT \"doc_title_number_key\" UNIQUE "
		"(\"title\", \"number\");\n"
		"CREATE INDEX \"doc_author_idx\" ON \"doc\" (\"author\");\n"
		"CREATE INDEX \"doc_lower\" ON \"doc\" (lower(title)) WHERE number > 0;\n");
	free(sql);
}
END_TEST

/* Those of SQLAlchemy's usual convention. */
START_TEST(test_convention)
{
	static const hf_naming names = { .struct_size = sizeof names,
		.key = "pk_%t",
		.foreign_key = "fk_%t_%c_%r",
		.unique = "uq_%t_%c",
		.index = "ix_%c" };
	char *sql = sql_of(&doc_table, &names);
	char *keys = sql_of(&task_table, &names);
	char *usual = sql_of(&doc_table, HF_NAMING_ALEMBIC);
	hf_naming older = names;
	hf_models *m;

	ck_assert_ptr_nonnull(strstr(sql, "CONSTRAINT \"pk_doc\" PRIMARY KEY"));
	ck_assert_ptr_nonnull(strstr(sql, "CONSTRAINT \"uq_doc_title_author\" UNIQUE"));
	ck_assert_ptr_nonnull(strstr(sql, "CONSTRAINT \"uq_doc_title_number\" UNIQUE"));
	ck_assert_ptr_nonnull(strstr(sql, "CREATE INDEX \"ix_author\" ON"));
	ck_assert_ptr_nonnull(strstr(keys, "CONSTRAINT \"fk_task_owner_id_person\" FOREIGN KEY"));
	ck_assert_ptr_nonnull(strstr(sql, "CONSTRAINT \"doc_number\" CHECK"));
	ck_assert_ptr_nonnull(strstr(usual, "CONSTRAINT \"ck_doc_doc_number\" CHECK"));
	ck_assert_ptr_nonnull(strstr(usual, "CREATE INDEX \"ix_doc_author\" ON"));
	free(sql);
	free(keys);
	free(usual);
	older.struct_size = offsetof(hf_naming, check); /* as a program built before has it */
	older.check = "%x";
	m = hf_models_new(&older);
	ck_assert_ptr_nonnull(m);
	hf_models_unref(m);
	older.struct_size = sizeof older;
	ck_assert_ptr_null(hf_models_new(&older));
	ck_assert_ptr_null(
		hf_models_new(&(const hf_naming){ .struct_size = sizeof names, .key = "pk_%x" }));
	ck_assert_ptr_null(hf_models_new(&(const hf_naming){ .key = "pk_%t" }));
}
END_TEST

/* What would be nothing in a name is a slip. */
START_TEST(test_letters)
{
	const hf_naming wrong[] = { { .key = "%t_%n" }, { .key = "%t_%r" }, { .unique = "%t_%n" },
		{ .unique = "%t_%r" }, { .index = "%t_%n" }, { .index = "%t_%r" },
		{ .foreign_key = "%t_%n" }, { .check = "%t_%r" }, { .check = "%t_%c" },
		{ .check = "%" } };

	for (size_t i = 0; i < T_COUNT(wrong); i++) {
		hf_naming names = wrong[i];

		names.struct_size = sizeof names;
		if (hf_models_new(&names))
			ck_abort_msg("pattern %zu was taken", i);
	}
}
END_TEST

/* The server has its own rule for long names: those that we give it must not need it. */
struct wide {
	int32_t id, a, b;
};
#define LONG "a_column_whose_name_is_very_long_indeed_and_says_nothing_at_"
static const hf_column wide_columns[] = {
	HF_COLUMN(wide, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN_AS(wide, a, LONG "a", INT4, NOT_NULL, HF_UNIQUE),
	HF_COLUMN_AS(wide, b, LONG "\xc3\xa4", INT4, NOT_NULL, HF_UNIQUE),
};
HF_TABLE(wide, .name = "wide");

START_TEST(test_long_names)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	char *sql = sql_of(&wide_table, NULL), *again = sql_of(&wide_table, NULL);
	char *a, *b;

	ck_assert_str_eq(sql, again);
	free(t_psql("set client_min_messages to warning; drop table if exists wide"));
	t_verb(s, hf_table_create(s, &wide_table, 0));
	a = t_psql("select min(conname) from pg_constraint where conrelid = 'wide'::regclass and "
		   "contype = 'u'");
	b = t_psql("select max(conname) from pg_constraint where conrelid = 'wide'::regclass and "
		   "contype = 'u'");
	ck_assert_str_ne(a, b);
	ck_assert_ptr_nonnull(strstr(sql, a)); /* as we called it: not cut by the server */
	ck_assert_ptr_nonnull(strstr(sql, b));
	ck_assert_uint_le(strlen(a), 63);
	ck_assert_int_eq(strncmp(a, "wide_a_column_whose_name", 24), 0);
	t_verb(s, hf_table_drop(s, &wide_table, 0));
	free(a);
	free(b);
	free(sql);
	free(again);
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

START_TEST(test_unnamed_check)
{
	static const hf_constraint no_name[] = { { .check = "id > 0" } };
	static hf_plan plan;
	hf_table t = wide_table;
	hf_error *e = NULL;

	t.plan = &plan;
	t.constraints = no_name;
	t.n_constraints = 1;
	ck_assert_int_eq(hf_table_check(&t, &e), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(e), "model wide: a constraint has no name");
	hf_error_unref(e);
}
END_TEST

/* --- names that are not tidy --- */

struct odd {
	int32_t id;
	const char *text;
};

/* Pieces of which names are made: what would be SQL if it were not quoted. */
static const char *const pieces[] = { "\"", "'", ";", "--", "/*", "drop table odd_witness", " ",
	"select", "$1", "\\", "\xc4\xb1", "%s", "%", ".", ")", "=", "a", "B", "\n", "\t" };

static void make_name(char *out, size_t size, unsigned *seed)
{
	int n = 1 + rand_r(seed) % 5;

	*out = '\0';
	for (int i = 0; i < n; i++) {
		const char *piece = pieces[(size_t)rand_r(seed) % T_COUNT(pieces)];

		if (strlen(out) + strlen(piece) < size)
			strcat(out, piece);
	}
}

/* With a description made at run time, of the names that chance gives. */
static void use_names(hf_session *s, const char *table, const char *id, const char *text)
{
	static hf_plan plans[64];
	static size_t n;
	const hf_column columns[] = {
		HF_COLUMN_AS(odd, id, id, INT4, NOT_NULL, HF_SERIAL),
		HF_COLUMN_AS(odd, text, text, TEXT, NOT_NULL, HF_UNIQUE),
	};
	const hf_table odd_table = { .struct_size = sizeof(hf_table),
		.column_size = sizeof(hf_column),
		.name = table,
		.model = "odd",
		.row_size = sizeof(struct odd),
		.columns = columns,
		.n_columns = 2,
		.plan = &plans[n++] };
	struct odd row = { .text = "x'); drop table odd_witness; --" }, *read;
	hf_rows *rows;

	ck_assert_uint_le(n, T_COUNT(plans));
	t_verb(s, hf_table_create(s, &odd_table, HF_DROP_FIRST));
	t_verb(s, hf_insert(s, odd, &row));
	row.text = "another";
	t_verb(s, hf_update(s, odd, &row));
	t_verb(s, hf_get(s, odd, &read, HF_EQ(odd, id, row.id), HF_HAS(odd, text, "noth")));
	ck_assert_str_eq(read->text, "another");
	t_verb(s, hf_update_where(s, odd, NULL, HF_SETS(HF_SET(odd, text, "third")),
			  HF_WHERE(HF_IEQ(odd, text, "ANOTHER"))));
	t_verb(s, hf_select(s, odd, &rows, HF_ORDER(HF_IDESC(odd, text))));
	ck_assert_str_eq(HF_ROWS(odd, rows)->text, "third");
	hf_rows_unref(rows);
	t_verb(s, hf_delete(s, odd, &row));
	t_verb(s, hf_table_drop(s, &odd_table, 0));
	hf_session_clear(s);
}

START_TEST(test_fuzz_names)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	unsigned seed = 20;
	char table[60], id[60], text[60];

	free(t_psql("drop table if exists odd_witness"));
	free(t_psql("create table odd_witness as select 1"));
	for (int i = 0; i < 40; i++) {
		make_name(table, sizeof table - 1, &seed);
		make_name(id, sizeof id - 1, &seed);
		make_name(text, sizeof text - 1, &seed);
		if (strcmp(id, text) == 0)
			strcat(text, "2");
		use_names(s, table, id, text);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from odd_witness"), 1);
	free(t_psql("drop table odd_witness"));
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

/* What comes from outside is compared with the descriptions' names, and never pasted. */
START_TEST(test_fuzz_order)
{
	unsigned seed = 21;
	int taken = 0;

	for (int i = 0; i < 1000; i++) {
		hf_find *f = hf_find_new(&doc_table);
		char text[200];
		hf_status st;

		make_name(text, sizeof text - 1, &seed);
		st = hf_find_order_by(f, text, false, NULL);
		ck_assert_int_eq(st, HF_E_MISUSE);
		taken += hf_find_order_by(f, i % 2 ? "title desc, id" : "author", true, NULL) ==
			 HF_OK;
		hf_find_unref(f);
	}
	ck_assert_int_eq(taken, 1000);
}
END_TEST

T_MAIN("naming", { "G14 the text of the DDL, and two uniques that start alike", test_ddl_text, 0 },
	{ "G14 a convention of the program's own", test_convention, 0 },
	{ "G14 each pattern has its own letters", test_letters, 0 },
	{ "G14 long names are cut to 63 bytes, and differ", test_long_names, 0 },
	{ "G14 a check without a name", test_unnamed_check, 0 },
	{ "H40 names are quoted, whatever they are", test_fuzz_names, 60 },
	{ "H40 nothing but names gets into an order", test_fuzz_order, 0 })
