/* SPDX-License-Identifier: MIT */
/* Domains, sequences and exclusions in descriptions: what is refused, and the text that makes them.
 */
#include "check_main.h"

#include <holdfast.h>
#include <stdlib.h>
#include <string.h>

enum state { STATE_NEW, STATE_OLD };
HF_ENUM(state, "state", [STATE_NEW] = "new", [STATE_OLD] = "old");
HF_DOMAIN(email, "elsewhere.email", VARCHAR(80), .check = "VALUE LIKE '%@%'",
	.check_name = "has_at", .default_sql = "'a@b'", .collation = "C", .not_null = true);
HF_DOMAIN(life, "life", ENUM(state), .check = "VALUE <> 'old'");
HF_SEQUENCE(page_no, "elsewhere.page_no", .sql_type = "integer", .start = HF_SOME(0),
	.min = HF_SOME(-5), .max = HF_SOME(9), .increment = -2, .cycle = true);
HF_SEQUENCE(plain, "plain");

struct page {
	int32_t id, no;
	const char *mail;
	enum state state;
};
static const hf_column page_columns[] = {
	HF_COLUMN(page, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(page, no, INT4, NOT_NULL, HF_NEXTVAL(page_no)),
	HF_COLUMN(page, mail, VARCHAR(80), NOT_NULL, HF_OF_DOMAIN(email)),
	HF_COLUMN(page, state, ENUM(state), NOT_NULL, HF_OF_DOMAIN(life)),
};
static const hf_sequence *const page_sequences[] = { &plain_sequence, &page_no_sequence };
HF_TABLE(page, .sequences = page_sequences, .n_sequences = HF_COUNT(page_sequences));

/* In the order of need, each once; what asks comes down first. */
START_TEST(test_text)
{
	hf_models *m = hf_models_new(NULL);
	char *sql, *again;

	ck_assert_int_eq(
		hf_models_add(m, (const hf_table *const[]){ &page_table, NULL }, NULL, NULL),
		HF_OK);
	sql = hf_models_sql(m, 0);
	ck_assert_str_eq(sql,
		"CREATE SCHEMA IF NOT EXISTS \"elsewhere\";\n"
		"CREATE SCHEMA IF NOT EXISTS \"elsewhere\";\n"
		"CREATE TYPE \"state\" AS ENUM ('new', 'old');\n"
		"CREATE SEQUENCE \"elsewhere\".\"page_no\" AS integer INCREMENT BY -2 MINVALUE -5 "
		"MAXVALUE 9 START WITH 0 CYCLE;\n"
		"CREATE SEQUENCE \"plain\";\n"
		"CREATE DOMAIN \"elsewhere\".\"email\" AS character varying(80) COLLATE \"C\" "
		"DEFAULT 'a@b' NOT NULL CONSTRAINT \"has_at\" CHECK (VALUE LIKE '%@%');\n"
		"CREATE DOMAIN \"life\" AS \"state\" CHECK (VALUE <> 'old');\n"
		"CREATE TABLE \"page\" (\"id\" serial NOT NULL, \"no\" integer NOT NULL DEFAULT "
		"nextval('\"elsewhere\".\"page_no\"'), \"mail\" \"elsewhere\".\"email\" NOT NULL, "
		"\"state\" \"life\" NOT NULL, CONSTRAINT \"page_pkey\" PRIMARY KEY (\"id\"));\n");
	again = hf_models_sql(m, HF_DROP_FIRST);
	ck_assert_ptr_nonnull(strstr(again,
		"DO 'BEGIN DROP DOMAIN IF EXISTS \"elsewhere\".\"email\"; EXCEPTION WHEN "
		"dependent_objects_still_exist THEN NULL; END';\n"
		"DO 'BEGIN DROP SEQUENCE IF EXISTS \"plain\"; EXCEPTION WHEN"));
	ck_assert(strstr(again, "DROP DOMAIN IF EXISTS \"life\"") <
		  strstr(again, "DROP DOMAIN IF EXISTS \"elsewhere\""));
	ck_assert_ptr_nonnull(strstr(again, "DO 'BEGIN CREATE DOMAIN \"life\""));
	free(sql);
	free(again);
	hf_models_unref(m);
}
END_TEST

/* --- what is refused --- */

/* With this column instead of that. */
static void refuses_at(size_t at, hf_column c, const hf_table *like, const char *story)
{
	hf_column columns[] = { page_columns[0], page_columns[1], page_columns[2],
		page_columns[3] };
	hf_plan plan = { NULL };
	hf_table t = *like;
	hf_error *why = NULL;

	columns[at] = c;
	t.columns = columns;
	t.plan = &plan;
	ck_assert_int_eq(hf_table_check(&t, &why), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why), story);
	hf_error_unref(why);
}

static void refuses_as(hf_column third, const hf_table *like, const char *story)
{
	refuses_at(2, third, like, story);
}

static void refuses_domain(hf_domain d, const char *story)
{
	hf_column c = page_columns[2];

	c.domain = &d;
	refuses_as(c, &page_table, story);
}

#define TEN     "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

START_TEST(test_domains)
{
	hf_domain d = email_domain;
	hf_column c = page_columns[2];

	d.name = "";
	refuses_domain(d, "model page: column \"mail\": the name of the domain is empty");
	d.name = NULL;
	refuses_domain(d, "model page: column \"mail\": the name of the domain is empty");
	d.name = SEVENTY;
	refuses_domain(
		d, "model page: column \"mail\": the name of the domain has more than 63 bytes");
	d.name = SEVENTY ".email";
	refuses_domain(d, "model page: column \"mail\": the name of the domain's schema has more "
			  "than 63 bytes");
	d = email_domain;
	d.check_name = SEVENTY;
	refuses_domain(
		d, "model page: check \"" SEVENTY "\" has 70 bytes, and PostgreSQL keeps 63");
	d.check_name = "x";
	d.check = NULL;
	refuses_domain(
		d, "model page: domain elsewhere.email has a name for its check, and no check");
	d = email_domain;
	d.struct_size = 0;
	refuses_domain(d, "model page: the domain of column \"mail\" was not made by HF_DOMAIN");
	d = email_domain;
	d.sql_type = NULL;
	refuses_domain(d, "model page: domain elsewhere.email is over no type");
	d = email_domain;
	d.collation = "";
	refuses_domain(d, "model page: a collation has no name");
	d.collation = SEVENTY;
	refuses_domain(
		d, "model page: collation \"" SEVENTY "\" has 70 bytes, and PostgreSQL keeps 63");
	c.collation = "";
	refuses_as(c, &page_table, "model page: a collation has no name");
	refuses_domain(life_domain, "model page: column \"mail\" is character varying(80), and its "
				    "domain life is over state");
	c = page_columns[3];
	c.key = true;
	refuses_at(3, c, &page_table,
		"model page: column \"state\" is of the key and of a domain over an enum, which "
		"PostgreSQL cannot compare");
	c = page_columns[2];
	c.nullable = true;
	refuses_as(c, &page_table,
		"model page: column \"mail\" may be NULL, and its domain elsewhere.email may not");
}
END_TEST

START_TEST(test_counting_domain)
{
	hf_domain number = { sizeof number, .name = "number", .sql_type = "integer",
		.type = HF_T_INT4 };
	hf_column columns[] = { page_columns[0], page_columns[1], page_columns[2],
		page_columns[3] };
	static hf_plan plans[2];
	hf_table t = page_table;
	hf_error *why = NULL;

	t.columns = columns;
	t.plan = &plans[0];
	columns[1].domain = &number; /* with a sequence that is nobody's own it may be */
	ck_assert_int_eq(hf_table_check(&t, NULL), HF_OK);
	t.plan = &plans[1];
	columns[0].domain = &number;
	ck_assert_int_eq(hf_table_check(&t, &why), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why),
		"model page: column \"id\" counts up by itself, and cannot be of a domain");
	hf_error_unref(why);
}
END_TEST

/* The same text as the domain's, and yet the column's own. */
START_TEST(test_own_default)
{
	hf_column columns[] = { page_columns[0], page_columns[1], page_columns[2],
		page_columns[3] };
	static hf_plan plan;
	hf_models *m = hf_models_new(NULL);
	hf_table t = page_table;
	char *sql;

	columns[2].default_sql = email_domain.default_sql;
	t.columns = columns;
	t.plan = &plan;
	ck_assert_int_eq(
		hf_models_add(m, (const hf_table *const[]){ &t, NULL }, NULL, NULL), HF_OK);
	sql = hf_models_sql(m, 0);
	ck_assert_ptr_nonnull(strstr(sql, "\"email\" NOT NULL DEFAULT 'a@b', \"state\""));
	free(sql);
	hf_models_unref(m);
}
END_TEST

static void refuses_sequence(hf_sequence q, const char *story)
{
	const hf_sequence *const list[] = { &q };
	hf_plan plan = { NULL };
	hf_table t = page_table;
	hf_error *why = NULL;

	t.sequences = list;
	t.n_sequences = 1;
	t.plan = &plan;
	ck_assert_int_eq(hf_table_check(&t, &why), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why), story);
	hf_error_unref(why);
}

START_TEST(test_sequences)
{
	hf_column c = page_columns[2];
	hf_sequence q = plain_sequence;
	hf_plan plan = { NULL };
	hf_table t = page_table;

	q.name = "";
	refuses_sequence(q, "model page: the name of the sequence is empty");
	q.name = SEVENTY;
	refuses_sequence(q, "model page: the name of the sequence has more than 63 bytes");
	q.name = "elsewhere.";
	refuses_sequence(q, "model page: the name of the sequence is empty");
	q = plain_sequence;
	q.struct_size = 0;
	refuses_sequence(q, "model page: a sequence was not made by HF_SEQUENCE");
	t.sequences = NULL;
	t.plan = &plan;
	ck_assert_int_eq(hf_table_check(&t, NULL), HF_E_MISUSE);
	q = page_no_sequence;
	q.max.v = -5;
	refuses_sequence(q, "model page: sequence elsewhere.page_no: .min is not less than .max");
	q = page_no_sequence;
	q.start.v = 10;
	refuses_sequence(
		q, "model page: sequence elsewhere.page_no: .start is not between .min and .max");
	c.domain = NULL;
	c.sequence = &plain_sequence;
	refuses_as(c, &page_table,
		"model page: column \"mail\" counts up, and is no INT2, INT4 or INT8");
	c = page_columns[1];
	c.name = "other";
	c.member = "mail";
	c.offset = page_columns[2].offset;
	c.default_sql = "7";
	refuses_as(c, &page_table,
		"model page: column \"other\" gets its value from more than one of a default, a "
		"sequence, an identity and a generated expression");
}
END_TEST

static void refuses_index(hf_index x, const char *story)
{
	hf_table t = page_table;

	t.indexes = &x;
	t.n_indexes = 1;
	refuses_as(page_columns[2], &t, story);
}

START_TEST(test_exclusions)
{
	const char *count = "model page: an exclusion has 1 columns and 0 operators: one for each "
			    "column, none with .sql";

	refuses_index((hf_index){ .exclude = true, .column = { HF_C(page, no) } }, count);
	refuses_index(
		(hf_index){ .exclude = true, .column = { HF_C(page, no) }, .with = { "" } }, count);
	refuses_index((hf_index){ .exclude = true, .name = "x", .sql = "no", .with = { "=" } },
		"model page: an exclusion has 0 columns and 1 operators: one for each column, none "
		"with .sql");
	refuses_index((hf_index){ .column = { HF_C(page, no) }, .with = { "=" } },
		"model page: an index is .with operators, and not .exclude");
	refuses_index((hf_index){ .exclude = true,
			      .unique = true,
			      .column = { HF_C(page, no) },
			      .with = { "=" } },
		"model page: an index is .exclude and .unique");
	refuses_index((hf_index){ .exclude = true,
			      .method = SEVENTY,
			      .column = { HF_C(page, no) },
			      .with = { "=" } },
		"model page: method \"" SEVENTY "\" has 70 bytes, and PostgreSQL keeps 63");
	refuses_index((hf_index){ .exclude = true, .sql = "no WITH =" },
		"model page: an index has columns, or an expression in .sql and a name, and not "
		"both");
	refuses_index((hf_index){ .exclude = true,
			      .name = SEVENTY,
			      .column = { HF_C(page, no) },
			      .with = { "=" } },
		"model page: index \"" SEVENTY "\" has 70 bytes, and PostgreSQL keeps 63");
}
END_TEST

/* --- in a registry --- */

static void clashes(hf_table other, const char *story)
{
	static hf_plan plans[8]; /* what is made is never freed */
	static size_t n;
	hf_models *m = hf_models_new(NULL);
	hf_error *why = NULL;

	ck_assert_uint_lt(n, T_COUNT(plans));
	other.plan = &plans[n++];
	ck_assert_int_eq(hf_models_add(m, (const hf_table *const[]){ &page_table, &other, NULL },
				 NULL, &why),
		HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why), story);
	ck_assert_uint_eq(hf_models_count(m), 0);
	hf_error_unref(why);
	hf_models_unref(m);
}

START_TEST(test_twice)
{
	const hf_sequence second = { sizeof second, .name = "plain" };
	const hf_sequence as_type = { sizeof as_type, .name = "elsewhere.email" };
	const hf_sequence as_table = { sizeof as_table, .name = "page" };
	const hf_sequence *const twice[] = { &second }, *const type[] = { &as_type },
				 *const table[] = { &as_table };
	const hf_sequence *const same[] = { &plain_sequence };
	hf_table other = page_table;
	hf_models *m = hf_models_new(NULL);
	static hf_plan plan;

	other.name = "life";
	clashes(other, "model page: its domain \"life\" is called as table page is");
	other.name = "other";
	other.columns = page_columns;
	other.sequences = twice;
	other.n_sequences = 1;
	clashes(other, "models page and page: the sequence and the sequence are two, and both "
		       "called \"plain\"");
	other.sequences = type;
	clashes(other, "models page and page: the sequence and the domain are two, and both "
		       "called \"elsewhere\".\"email\"");
	other.sequences = table;
	clashes(other, "model page: its sequence \"page\" is called as table page is");
	other.sequences = same; /* the same one is none but itself */
	other.plan = &plan;
	ck_assert_int_eq(hf_models_add(m, (const hf_table *const[]){ &page_table, &other, NULL },
				 NULL, NULL),
		HF_OK);
	hf_models_unref(m);
}
END_TEST

T_MAIN("model_objects", { "G11 G15 the text of domains and sequences", test_text, 0 },
	{ "G26 domains that are refused", test_domains, 0 },
	{ "G26 what counts up by itself is of no domain", test_counting_domain, 0 },
	{ "G25 a default that is the column's and the domain's", test_own_default, 0 },
	{ "G26 sequences that are refused", test_sequences, 0 },
	{ "G26 exclusions that are refused", test_exclusions, 0 },
	{ "G8 G26 two of one name", test_twice, 0 })
