/* SPDX-License-Identifier: MIT */
/* What is checked before a row is sent, what the server refuses, and which member it is about. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct account {
	int32_t id;
	const char *name, *email, *password;
	int32_t age;
	hf_numeric balance;
	hf_timestamptz joined;
	enum mood mood;
	hf_int4_opt friend_id;
};

extern const hf_table account_table;

static int64_t joined_at = 1700000000000000;

static hf_status now(void *member, void *row)
{
	(void)row;
	((hf_timestamptz *)member)->us = joined_at;
	return HF_OK;
}

static hf_status adult(void *member, void *row)
{
	const struct account *a = row;

	ck_assert_ptr_eq(member, &a->age);
	return *(int32_t *)member >= 18 ? HF_OK : HF_E_USER;
}

static const hf_column account_columns[] = {
	HF_COLUMN(account, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(account, name, VARCHAR(5), NOT_NULL, HF_UNIQUE),
	HF_COLUMN(account, email, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(account, password, TEXT, NULLABLE, HF_HIDDEN),
	HF_COLUMN(account, age, INT4, NOT_NULL, .default_sql = "21", .check = adult),
	HF_COLUMN(account, balance, DECIMAL(5, 2), NOT_NULL, HF_DEFAULT("0")),
	HF_COLUMN(account, joined, TIMESTAMPTZ, NOT_NULL, .on_insert = now),
	HF_COLUMN(account, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(account, friend_id, INT4, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key account_keys[] = { HF_FOREIGN_KEY(
	account, friend_id, account, id, .on_delete = HF_SET_NULL) };
static const hf_index account_indexes[] = {
	HF_UNIQUE_ON(HF_C(account, email), HF_C(account, age)),
};
static const hf_constraint account_constraints[] = {
	{ .name = "account_email_has_at",
		.check = "email LIKE '%@%'",
		.column = { HF_C(account, email) } },
};
HF_TABLE(account, .foreign_keys = account_keys, .n_foreign_keys = HF_COUNT(account_keys),
	.indexes = account_indexes, .n_indexes = HF_COUNT(account_indexes),
	.constraints = account_constraints, .n_constraints = HF_COUNT(account_constraints));

static hf_session *open_accounts(hf_pool **pool)
{
	hf_session *s;

	*pool = t_pool(NULL);
	s = hf_session_on_pool(*pool);
	t_verb(s, hf_table_create(s, &account_table, HF_DROP_FIRST));
	return s;
}

static void close_accounts(hf_session *s, hf_pool *pool)
{
	t_verb(s, hf_table_drop(s, &account_table, 0));
	hf_session_unref(s);
	t_close(pool);
}

static struct account *new_account(hf_session *s, const char *name)
{
	struct account *a = hf_new(s, account);

	a->name = name;
	a->email = hf_session_text(s, "ann@example.org");
	a->age = 30;
	return a;
}

static void refused(hf_session *s, hf_status st, hf_status expected, const char *story)
{
	ck_assert_int_eq(st, expected);
	ck_assert_str_eq(hf_error_message(hf_session_error(s)), story);
}

/* --- before it is sent --- */

START_TEST(test_all_failures)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account *a = hf_new(s, account);
	hf_failure f[8];

	a->name = "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6!"; /* six characters */
	a->age = 17;
	a->balance.s = "-1234.5";
	a->mood = (enum mood)7;
	refused(s, hf_insert(s, account, a), HF_E_TYPE,
		"model account: name: the text is longer than its column (character varying(5)); "
		"email: a value is needed; age: the model's check refused it; "
		"balance: the number has more digits than its column (numeric(5,2)); "
		"mood: the number is no value of its enum");
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_COLUMN), "name");
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "");
	ck_assert_uint_eq(hf_row_failures(&account_table, a, f, T_COUNT(f)), 5);
	ck_assert_str_eq(f[1].column->member, "email");
	ck_assert_int_eq(f[1].status, HF_E_NULL);
	ck_assert_int_eq(f[2].status, HF_E_USER);
	ck_assert_uint_eq(hf_row_failures(&account_table, a, f, 1), 5); /* writes one */
	a->name = "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6";
	a->email = "\xff@";
	a->age = 18;
	a->balance.s = "-0001.25";
	a->mood = MOOD_SAD;
	refused(s, hf_insert(s, account, a), HF_E_TYPE,
		"model account: email: the text is not valid UTF-8");
	a->email = "x@y";
	t_verb(s, hf_insert(s, account, a));
	ck_assert_int_eq(t_psql_int("select count(*) from account"), 1);
	close_accounts(s, pool);
}
END_TEST

START_TEST(test_required)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account *a = hf_new(s, account), *read;

	a->name = "Ann";
	refused(s, hf_insert(s, account, a), HF_E_NULL, "model account: email: a value is needed");
	ck_assert_int_eq(a->age, 21); /* a constant: hf_new knows it */
	a->age = 7;
	refused(s, hf_insert(s, account, a), HF_E_NULL,
		"model account: email: a value is needed; "
		"age: the model's check refused it");
	a = hf_new(s, account);
	a->name = "Ann";
	a->email = "ann@example.org";
	a->age = 40;
	t_verb(s, hf_insert(s, account, a));
	ck_assert_str_eq(a->balance.s, "0.00"); /* the default, as the server has it */
	t_verb(s, hf_get(s, account, &read, HF_EQ(account, id, a->id)));
	ck_assert_int_eq(read->joined.us, joined_at); /* the callable */
	close_accounts(s, pool);
}
END_TEST

/* Among many, the row is told by its place. */
START_TEST(test_many)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account rows[3] = { *new_account(s, "Ann"), *new_account(s, "Ben"),
		*new_account(s, "Cleo") };

	for (int i = 0; i < 3; i++) {
		rows[i].balance.s = "1.50";
		rows[i].email = (const char *[]){ "a@b.org", "c@d.org", "e@f.org" }[i];
	}
	rows[1].age = 7;
	refused(s, hf_insert_many(s, account, rows, 3), HF_E_USER,
		"row 2: model account: age: the model's check refused it");
	rows[1].age = 40;
	t_verb(s, hf_insert_many(s, account, rows, 3));
	rows[2].age = 7;
	refused(s, hf_update_many(s, account, rows, 3, HF_COLUMNS(HF_C(account, age)), NULL),
		HF_E_USER, "row 3: model account: age: the model's check refused it");
	ck_assert_int_eq(hf_delete_at(HF_HERE, s, &account_table, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_save_at(HF_HERE, s, &account_table, NULL, NULL), HF_E_MISUSE);
	close_accounts(s, pool);
}
END_TEST

/* Only what is written is checked: the rest may not have been read. */
START_TEST(test_partly)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account *a = new_account(s, "Ann"), part = { 0 };

	t_verb(s, hf_insert(s, account, a));
	part.id = a->id;
	part.name = "Anna";
	t_verb(s, hf_update_only(s, account, &part, HF_C(account, name)));
	ck_assert_str_eq(part.email, "ann@example.org"); /* read back */
	part.name = "Annabel";
	ck_assert_int_eq(hf_update_only(s, account, &part, HF_C(account, name)), HF_E_TYPE);
	close_accounts(s, pool);
}
END_TEST

/* --- what the server refuses --- */

static const char *columns_of(hf_session *s, char *out, size_t size)
{
	const hf_column *c[HF_MAX_KEY];
	size_t n = hf_error_columns(hf_session_error(s), &account_table, NULL, c);

	*out = '\0';
	for (size_t i = 0; i < n; i++) {
		strncat(out, i ? " " : "", size - strlen(out) - 1);
		strncat(out, c[i]->member, size - strlen(out) - 1);
	}
	return out;
}

START_TEST(test_constraints)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account *ann = new_account(s, "Ann"), *a;
	const hf_error *e;
	char names[200];

	t_verb(s, hf_insert(s, account, ann));
	a = new_account(s, "Ann");
	a->email = "other@example.org";
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	e = hf_session_error(s);
	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "account.name: "));
	ck_assert_str_eq(hf_error_field(e, HF_ERR_CONSTRAINT), "account_name_key");
	ck_assert_str_eq(columns_of(s, names, sizeof names), "name");
	a->name = "Ann2";
	a->email = ann->email; /* with its age */
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(columns_of(s, names, sizeof names), "email age");
	a->email = "no address";
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23514");
	ck_assert_str_eq(columns_of(s, names, sizeof names), "email");
	a->email = "b@example.org";
	a->friend_id = (hf_int4_opt)HF_SOME(4711);
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23503");
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(s)), "account.friend_id: "));
	a->friend_id.has = false;
	a->id = ann->id;
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(columns_of(s, names, sizeof names), "id");
	close_accounts(s, pool);
}
END_TEST

START_TEST(test_not_null_of_the_server)
{
	hf_pool *pool;
	hf_session *s = open_accounts(&pool);
	struct account *a = new_account(s, "Ann");
	char names[200];

	free(t_psql("alter table account alter password set not null"));
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23502");
	ck_assert_str_eq(columns_of(s, names, sizeof names), "password");
	free(t_psql("alter table account alter password drop not null"));
	t_verb(s, hf_insert(s, account, a));
	ck_assert_str_eq(columns_of(s, names, sizeof names), ""); /* no error */
	close_accounts(s, pool);
}
END_TEST

START_TEST(test_names_of_a_convention)
{
	static const hf_naming naming = {
		.struct_size = sizeof naming, .unique = "uq_%t_%c", .check = "ck_%t_%n"
	};
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	hf_models *m = hf_models_new(&naming);
	const hf_column *c[HF_MAX_KEY];
	struct account *a;

	ck_assert_int_eq(
		hf_models_add(m, (const hf_table *const[]){ &account_table, NULL }, NULL, NULL),
		HF_OK);
	t_verb(s, hf_models_create(m, s, HF_DROP_FIRST));
	a = new_account(s, "Ann");
	t_verb(s, hf_insert(s, account, a));
	a->id = 0;
	a->email = "b@example.org";
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(s), &account_table, NULL, c), 0);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(s), &account_table, &naming, c), 1);
	ck_assert_str_eq(c[0]->member, "name");
	a->name = "Bob";
	a->email = "nowhere";
	ck_assert_int_eq(hf_insert(s, account, a), HF_E_SQL);
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_CONSTRAINT),
		"ck_account_account_email_has_at");
	ck_assert_uint_eq(hf_error_columns(hf_session_error(s), &account_table, NULL, c), 0);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(s), &account_table, &naming, c), 1);
	ck_assert_str_eq(c[0]->member, "email");
	t_verb(s, hf_models_drop(m, s, 0));
	hf_models_unref(m);
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

/* --- text that people type --- */

struct form {
	bool yes;
	hf_bool_opt maybe;
	int16_t small;
	int32_t number;
	hf_int8_opt large;
	double real;
	hf_numeric exact;
	const char *text;
	enum mood mood;
	hf_timestamptz at;
	hf_date day;
	hf_uuid id;
	hf_inet address;
	hf_int4_array list;
};
static const hf_column form_columns[] = {
	HF_COLUMN(form, yes, BOOL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, maybe, BOOL, NULLABLE, HF_PLAIN),
	HF_COLUMN(form, small, INT2, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, number, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, large, INT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(form, real, FLOAT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, exact, NUMERIC, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, text, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, at, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, day, DATE, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, id, UUID, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, address, INET, NOT_NULL, HF_PLAIN),
	HF_COLUMN(form, list, ARRAY(INT4), NOT_NULL, HF_PLAIN),
};
HF_TABLE(form, .name = "form");

static void no_text(hf_session *s, struct form *f, const char *member, const char *text)
{
	const hf_error *e;

	ck_assert_int_eq(hf_set_text(s, form, f, member, text), HF_E_TYPE);
	e = hf_session_error(s);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), member));
	ck_assert_str_eq(hf_error_field(e, HF_ERR_COLUMN), member);
}

/* † pulsar: test_integer ('h' is refused), test_char_field, test_datetime_field (naive is UTC). */
START_TEST(test_integer)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct form f = { 0 };
	char typed[] = "typed";

	t_verb(s, hf_set_text(s, form, &f, "number", " 1,234,567 "));
	ck_assert_int_eq(f.number, 1234567);
	t_verb(s, hf_set_text(s, form, &f, "small", "-32768"));
	ck_assert_int_eq(f.small, -32768);
	no_text(s, &f, "number", "h");
	no_text(s, &f, "number", "");
	no_text(s, &f, "number", "12 34");
	no_text(s, &f, "number", "2147483648");
	no_text(s, &f, "small", "32768");
	no_text(s, &f, "number", "1111111111111111111111111111111111111111111111111111");
	no_text(s, &f, "number", NULL);
	t_verb(s, hf_set_text(s, form, &f, "large", "9,223,372,036,854,775,807"));
	ck_assert(f.large.has && f.large.v == INT64_MAX);
	t_verb(s, hf_set_text(s, form, &f, "large", NULL));
	ck_assert(!f.large.has);
	t_verb(s, hf_set_text(s, form, &f, "text", typed));
	typed[0] = 'T';
	ck_assert_str_eq(f.text, "typed"); /* a copy of the session's */
	ck_assert_int_eq(hf_set_text(s, form, &f, "missing", "1"), HF_E_MISUSE);
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

START_TEST(test_bool)
{
	static const char *const yes[] = { "true", "True", "t", "yes", "on", "1" };
	static const char *const no[] = { "False", "0", "f", "no", "off", "N" };
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct form f = { 0 };

	for (size_t i = 0; i < T_COUNT(yes); i++) {
		f.yes = false;
		t_verb(s, hf_set_text(s, form, &f, "yes", yes[i]));
		ck_assert(f.yes);
		t_verb(s, hf_set_text(s, form, &f, "yes", no[i]));
		ck_assert(!f.yes);
	}
	no_text(s, &f, "yes", "2");
	no_text(s, &f, "yes", "");
	t_verb(s, hf_set_text(s, form, &f, "maybe", "on"));
	ck_assert(f.maybe.has && f.maybe.v);
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

START_TEST(test_other_text)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct form f = { 0 };

	t_verb(s, hf_set_text(s, form, &f, "at", "2024-05-01 12:00:00"));
	ck_assert_int_eq(f.at.us, 1714564800000000);
	t_verb(s, hf_set_text(s, form, &f, "at", "2024-05-01 14:00:00+02"));
	ck_assert_int_eq(f.at.us, 1714564800000000);
	no_text(s, &f, "at", "yesterday");
	t_verb(s, hf_set_text(s, form, &f, "day", "1970-01-03"));
	ck_assert_int_eq(f.day.days, 2);
	t_verb(s, hf_set_text(s, form, &f, "mood", "HAPPY"));
	ck_assert_int_eq(f.mood, MOOD_HAPPY);
	no_text(s, &f, "mood", "glad");
	t_verb(s, hf_set_text(s, form, &f, "exact", "12.500"));
	ck_assert_str_eq(f.exact.s, "12.500");
	t_verb(s, hf_set_text(s, form, &f, "real", "1e3"));
	ck_assert_double_eq(f.real, 1000);
	no_text(s, &f, "real", "1e3x");
	t_verb(s, hf_set_text(s, form, &f, "id", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
	ck_assert_uint_eq(f.id.b[0], 0xa0);
	no_text(s, &f, "id", "a0eebc99");
	t_verb(s, hf_set_text(s, form, &f, "address", "127.0.0.1"));
	ck_assert_uint_eq(f.address.addr[3], 1);
	t_verb(s, hf_set_text(s, form, &f, "list", "{1,NULL,3}"));
	ck_assert_uint_eq(f.list.n, 3);
	ck_assert(f.list.null[1]);
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

T_MAIN("validation", { "G25 all that is wrong is told at once", test_all_failures, 0 },
	{ "G25 what is required, defaults, and those that are called", test_required, 0 },
	{ "G25 what is not written is not checked", test_partly, 0 },
	{ "G25 H11 H15 many rows are checked as one is", test_many, 0 },
	{ "a violated constraint names its members", test_constraints, 0 },
	{ "a NULL that only the server knows of", test_not_null_of_the_server, 0 },
	{ "G14 members of constraints of a convention", test_names_of_a_convention, 0 },
	{ "G24 integers from text", test_integer, 0 }, { "G24 booleans from text", test_bool, 0 },
	{ "G23 G18 G22 other types from text", test_other_text, 0 })
