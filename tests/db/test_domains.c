/* SPDX-License-Identifier: MIT */
/* Domains: made and dropped with the tables, and their values, which travel as those of the type
 * below. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

HF_DOMAIN(email, "shop.email", VARCHAR(20), .check = "VALUE LIKE '%@%'", .check_name = "has_at",
	.not_null = true);
HF_DOMAIN(percent, "percent", INT4, .check = "VALUE BETWEEN 0 AND 100", .default_sql = "7");
HF_DOMAIN(price, "shop.price", DECIMAL(8, 2), .check = "VALUE >= 0");
HF_DOMAIN(feeling, "feeling", ENUM(mood), .check = "VALUE <> 'sad'");
HF_DOMAIN(notes, "notes", JSONB, .check = "jsonb_typeof(VALUE) = 'object'");
HF_DOMAIN(tags, "tags", ARRAY(TEXT), .check = "cardinality(VALUE) < 4");
HF_DOMAIN(span, "span", RAW("int4range"), .check = "not isempty(VALUE)");
HF_DOMAIN(moment, "moment", TIMESTAMPTZ, .check = "VALUE > '2000-01-01'");

struct account {
	int32_t id;
	const char *email;
	int32_t percent;
	hf_int4_opt bonus;
	hf_numeric price;
	enum mood feeling;
	hf_json notes;
	hf_text_array tags;
	const char *span;
	hf_timestamptz_opt at;
};
static const hf_column account_columns[] = {
	HF_COLUMN(account, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(account, email, VARCHAR(20), NOT_NULL, HF_OF_DOMAIN(email), HF_UNIQUE),
	HF_COLUMN(account, percent, INT4, NOT_NULL, HF_OF_DOMAIN(percent)),
	HF_COLUMN(account, bonus, INT4, NULLABLE, HF_OF_DOMAIN(percent), HF_DEFAULT("9")),
	HF_COLUMN(account, price, DECIMAL(8, 2), NULLABLE, HF_OF_DOMAIN(price)),
	HF_COLUMN(account, feeling, ENUM(mood), NOT_NULL, HF_OF_DOMAIN(feeling)),
	HF_COLUMN(account, notes, JSONB, NULLABLE, HF_OF_DOMAIN(notes)),
	HF_COLUMN(account, tags, ARRAY(TEXT), NULLABLE, HF_OF_DOMAIN(tags)),
	HF_COLUMN(account, span, RAW("int4range"), NULLABLE, HF_OF_DOMAIN(span)),
	HF_COLUMN(account, at, TIMESTAMPTZ, NULLABLE, HF_OF_DOMAIN(moment)),
};
extern const hf_table account_table;
HF_TABLE(account, .name = "account");

#define OURS                                                                                       \
	"select count(*) from pg_type where typtype in ('d', 'e') and typname in ('email', "       \
	"'percent', 'price', 'feeling', 'notes', 'tags', 'span', 'moment', 'mood')"

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static struct place open_place(void)
{
	static const hf_table *const all[] = { &account_table, NULL };
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };
	hf_error *e;

	p.s = hf_session_on_pool(p.pool);
	free(t_psql(
		"set client_min_messages to warning; drop table if exists account, person, task, "
		"other cascade; drop schema if exists shop, elsewhere cascade;"
		"drop domain if exists percent, feeling, notes, tags, span, moment, email cascade;"
		"drop type if exists mood cascade"));
	if (hf_models_add(p.m, all, NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_models_drop(p->m, p->s, 0));
	ck_assert_int_eq(t_psql_int(OURS), 0);
	hf_models_unref(p->m);
	hf_session_unref(p->s);
	t_close(p->pool);
}

static struct account some_account(const char *email)
{
	static const char *const tags[] = { "a", "b,c" };

	return (struct account){ .email = email,
		.percent = 50,
		.bonus = HF_SOME(100),
		.price = { "12.50" },
		.feeling = MOOD_HAPPY,
		.notes = { "{\"a\": 1}" },
		.tags = HF_ARRAY(text, tags, 2),
		.span = "[1,5)",
		.at = HF_SOME(((hf_timestamptz){ 1700000000123456 })) };
}

static void same(const struct account *a, const struct account *b)
{
	ck_assert_str_eq(a->email, b->email);
	ck_assert_int_eq(a->percent, b->percent);
	ck_assert(a->bonus.has == b->bonus.has && a->bonus.v == b->bonus.v);
	ck_assert_str_eq(a->price.s, b->price.s);
	ck_assert_int_eq(a->feeling, b->feeling);
	ck_assert_str_eq(a->notes.s, b->notes.s);
	ck_assert_uint_eq(a->tags.n, b->tags.n);
	for (size_t i = 0; i < a->tags.n; i++)
		ck_assert_str_eq(a->tags.v[i], b->tags.v[i]);
	ck_assert_str_eq(a->span, b->span);
	ck_assert(a->at.has == b->at.has && a->at.v.us == b->at.v.us);
}

static struct account *read_back(struct place *p, int32_t id)
{
	struct account *a;

	t_verb(p->s, hf_get(p->s, account, &a, HF_EQ(account, id, id)));
	return a;
}

START_TEST(test_round_trip)
{
	struct place p = open_place();
	struct account a = some_account("ann@x"), many[2], *read;
	const char *both[] = { "cid@x", "nobody" };
	hf_text_array emails = HF_ARRAY(text, both, 2);
	bool created;
	int64_t n;

	ck_assert_int_eq(t_psql_int("select count(*) from pg_attribute a join pg_type t on "
				    "t.oid = a.atttypid where attrelid = 'account'::regclass and "
				    "typtype = 'd'"),
		9);
	t_verb(p.s, hf_insert(p.s, account, &a));
	same(read_back(&p, a.id), &a);
	read = read_back(&p, a.id);
	read->percent = 100;
	read->email = "bob@x";
	read->bonus.has = read->at.has = false;
	read->feeling = MOOD_OK;
	t_verb(p.s, hf_update(p.s, account, read));
	read->bonus.v = 0;
	read->at.v.us = 0;
	same(read_back(&p, a.id), read);
	t_verb(p.s,
		hf_upsert(p.s, account, read, HF_COLUMNS(HF_C(account, email)), HF_REST, &created));
	ck_assert(!created);
	many[0] = some_account("cid@x");
	many[1] = some_account("dan@x");
	t_verb(p.s, hf_insert_many(p.s, account, many, 2));
	same(read_back(&p, many[1].id), &many[1]);
	many[1].price = (hf_numeric){ "0.01" };
	t_verb(p.s, hf_update_many(p.s, account, many, 2,
			    HF_COLUMNS(HF_C(account, price), HF_C(account, span)), NULL));
	same(read_back(&p, many[1].id), &many[1]);
	t_verb(p.s, hf_count(p.s, account, &n,
			    HF_WHERE(HF_EQ(account, percent, 50), HF_LIKE(account, email, "%@x"),
				    HF_EQ(account, feeling, MOOD_HAPPY),
				    HF_ANY(account, email, &emails))));
	ck_assert_int_eq(n, 1);
	close_place(&p);
}
END_TEST

/* The server has no operators for a domain over an enum, wherever it stands. */
START_TEST(test_compared)
{
	struct place p = open_place();
	struct account a = some_account("a@x"), *found;
	struct person ann = { .name = "Ann", .mood = MOOD_HAPPY };
	enum mood mood = MOOD_HAPPY;
	bool created;
	int64_t n;

	t_verb(p.s, hf_table_create(p.s, &person_table, HF_IF_MISSING));
	t_verb(p.s, hf_insert(p.s, account, &a));
	t_verb(p.s, hf_insert(p.s, person, &ann));
	t_verb(p.s, hf_count(p.s, account, &n,
			    HF_WHERE(HF_THAT(HF_COL(account, feeling), HF_OP_EQ, mood),
				    HF_IN_SELECT(account, feeling, person, mood,
					    HF_EQ(person, name, "Ann")))));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_count(p.s, person, &n,
			    HF_WHERE(HF_IN_SELECT(
				    person, mood, account, feeling, HF_EQ(account, percent, 50)))));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_count(p.s, account, &n, HF_JOIN(account, feeling, person, mood),
			    HF_WHERE(HF_EQ(person, name, "Ann"),
				    HF_THAT(HF_COL(account, feeling), HF_OP_NE, MOOD_OK))));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_get_or_create(p.s, account, &found, &created, &a,
			    HF_EQ(account, feeling, MOOD_HAPPY)));
	ck_assert(!created && found->id == a.id);
	t_verb(p.s, hf_table_drop(p.s, &person_table, 0));
	close_place(&p);
}
END_TEST

/* As the values of what they are over, in binary. */
START_TEST(test_wire)
{
	struct place p = open_place();
	struct account a = some_account("ann@x");
	hf_future *f;
	const hf_result *res;

	t_verb(p.s, hf_insert(p.s, account, &a));
	f = hf_query(p.pool, "select percent, email, at from account");
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_column_type(res, 0), 23);
	ck_assert_uint_eq(hf_result_column_type(res, 1), 1043);
	ck_assert_uint_eq(hf_result_column_type(res, 2), 1184);
	hf_future_unref(f);
	close_place(&p);
}
END_TEST

struct flow {
	struct account row;
	int n, taken;
};

static hf_status give(const void **row, void *arg)
{
	struct flow *f = arg;

	f->row = some_account(f->n == 0 ? "a@x" : f->n == 1 ? "b@x" : "c@x");
	*row = f->n++ < 3 ? &f->row : NULL;
	return HF_OK;
}

static hf_status take(void *row, void *arg)
{
	struct flow *f = arg;

	same(row, &f->row);
	f->taken++;
	return HF_E_CANCELED;
}

START_TEST(test_copy)
{
	struct place p = open_place();
	struct flow f = { .n = 0 };

	t_done(hf_copy_structs_in(p.pool, account, give, &f, NULL));
	ck_assert_int_eq(t_psql_int("select count(*) from account where email like '%@x'"), 3);
	f.row = some_account("a@x");
	t_failed(hf_copy_structs_out(p.pool, account, take, &f, NULL), HF_E_CANCELED);
	ck_assert_int_eq(f.taken, 1);
	close_place(&p);
}
END_TEST

static void refused(struct place *p, const struct account *a, const char *member)
{
	struct account copy = *a;
	const hf_column *c[HF_MAX_KEY];
	size_t n;

	copy.id = 0;
	ck_assert_int_eq(hf_insert(p->s, account, &copy), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p->s)), "23514");
	n = hf_error_columns(hf_session_error(p->s), &account_table, NULL, c);
	ck_assert_uint_eq(n, member != NULL);
	if (member)
		ck_assert_str_eq(c[0]->member, member);
}

START_TEST(test_violated)
{
	struct place p = open_place();
	struct account a = some_account("nowhere");
	struct account many[2] = { some_account("m@x"), some_account("n@x") };
	const hf_column *c[HF_MAX_KEY];

	refused(&p, &a, "email");
	ck_assert_str_eq(hf_error_field(hf_session_error(p.s), HF_ERR_CONSTRAINT), "has_at");
	ck_assert_int_eq(
		strncmp(hf_error_message(hf_session_error(p.s)), "account.email: ", 15), 0);
	a = some_account("a@x");
	a.price.s = "-0.01";
	refused(&p, &a, "price");
	a = some_account("a@x");
	a.percent = 101;
	refused(&p, &a, NULL); /* two columns are of it */
	a = some_account("a@x");
	a.feeling = MOOD_SAD;
	refused(&p, &a, "feeling");
	many[1].email = "nowhere";
	ck_assert_int_eq(hf_insert_many(p.s, account, many, 2), HF_E_SQL);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(p.s), &account_table, NULL, c), 1);
	ck_assert_str_eq(c[0]->member, "email");
	free(t_psql("create function f() returns trigger as $$ begin "
		    "new.notes := '\"no object\"'; return new; end $$ language plpgsql;"
		    "create trigger t before insert on account for each row execute function f()"));
	refused(&p, &many[0], NULL); /* which is not the caller's doing */
	free(t_psql("drop function f cascade"));
	a = some_account("a@xxxxxxxxxxxxxxxxxxx"); /* 21 characters: not sent */
	ck_assert_int_eq(hf_insert(p.s, account, &a), HF_E_TYPE);
	close_place(&p);
}
END_TEST

/* A domain's default is filled in as a column's is; and it is the domain's to change. */
START_TEST(test_default)
{
	struct place p = open_place();
	struct account *a = hf_new(p.s, account);

	ck_assert_int_eq(a->percent, 7);
	ck_assert(a->bonus.has && a->bonus.v == 9);
	a->email = "a@x";
	a->feeling = MOOD_OK;
	free(t_psql("alter domain percent set default 8"));
	t_verb(p.s, hf_insert(p.s, account, a));
	ck_assert_int_eq(a->percent, 8);
	ck_assert_int_eq(a->bonus.v, 9);
	close_place(&p);
}
END_TEST

/* Created, created again, missing, dropped, dropped first. */
START_TEST(test_life)
{
	struct place p = open_place();
	struct account a = some_account("a@x");

	t_verb(p.s, hf_insert(p.s, account, &a));
	ck_assert_int_eq(hf_models_create(p.m, p.s, 0), HF_E_SQL);
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	ck_assert_int_eq(t_psql_int("select count(*) from account"), 1);
	ck_assert_int_eq(t_psql_int(OURS), 9);
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	ck_assert_int_eq(t_psql_int(OURS), 0);
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_IF_THERE));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	free(t_psql("alter domain percent drop constraint percent_check"));
	t_verb(p.s, hf_insert(p.s, account, &a));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	ck_assert_int_eq(t_psql_int("select count(*) from account"), 0);
	a.id = 0;
	a.percent = 101;
	ck_assert_int_eq(hf_insert(p.s, account, &a), HF_E_SQL); /* it is a new one */
	close_place(&p);
}
END_TEST

/* One of that name in another schema is another's. */
START_TEST(test_of_others)
{
	struct place p = open_place();

	free(t_psql("create schema elsewhere; create domain elsewhere.email as text;"
		    "create domain public.email as text check (value <> '');"
		    "create table elsewhere.letter (mail elsewhere.email, copy public.email);"
		    "insert into elsewhere.letter values ('x', 'y')"));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_DEPENDENTS));
	t_sql_gives("select mail || copy from elsewhere.letter", "xy");
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname = 'email'"), 2);
	free(t_psql("drop table elsewhere.letter; drop domain public.email, elsewhere.email"));
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	close_place(&p);
}
END_TEST

/* Who has columns of ours keeps them, unless all that depends is to go. */
START_TEST(test_columns_of_others)
{
	struct place p = open_place();

	free(t_psql("create table other (mail shop.email, n int); insert into other values ('a@b', "
		    "1)"));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	t_sql_gives("select mail || n from other", "a@b1");
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "2BP01");
	ck_assert_int_eq(t_psql_int(OURS), 9); /* nothing is half dropped */
	t_verb(p.s, hf_table_drop(p.s, &account_table, 0));
	ck_assert_int_eq(t_psql_int(OURS), 9);
	free(t_psql("drop domain percent"));
	t_verb(p.s, hf_table_create(p.s, &account_table, 0));
	ck_assert_int_eq(t_psql_int(OURS), 9);
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_DEPENDENTS));
	ck_assert_int_eq(t_psql_int(OURS), 0);
	t_sql_gives("select n from other", "1");
	free(t_psql("drop table other"));
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	close_place(&p);
}
END_TEST

T_MAIN("domains", { "G11 orm-R7 columns of domains, one and many", test_round_trip, 0 },
	{ "orm-R7 a domain's values travel as those below", test_wire, 0 },
	{ "G11 G25 domains over enums are compared", test_compared, 0 },
	{ "orm-R7 columns of domains by COPY", test_copy, 0 },
	{ "G25 a domain that is violated names its column", test_violated, 0 },
	{ "G25 a domain's default", test_default, 0 },
	{ "G11 G12 domains are made and dropped with the tables", test_life, 0 },
	{ "G11 G12 domains of others with the same name", test_of_others, 0 },
	{ "G11 G12 columns of others", test_columns_of_others, 0 })
