/* SPDX-License-Identifier: MIT */
/* Sequences that stand by themselves, and columns that ask them. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

HF_SEQUENCE(invoice_no, "shop.invoice \"no\"", .start = HF_SOME(1000), .increment = 10);
HF_SEQUENCE(ticket, "ticket", .sql_type = "smallint", .max = HF_SOME(3), .cycle = true);
HF_SEQUENCE(countdown, "countdown", .start = HF_SOME(0), .increment = -1, .min = HF_SOME(-1),
	.max = HF_SOME(0));
HF_SEQUENCE(plain, "plain");

struct invoice {
	int32_t id;
	int64_t no;
	const char *text;
};
static const hf_column invoice_columns[] = {
	HF_COLUMN(invoice, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(invoice, no, INT8, NOT_NULL, HF_NEXTVAL(invoice_no)),
	HF_COLUMN(invoice, text, TEXT, NULLABLE, HF_PLAIN),
};
static const hf_sequence *const asked[] = { &ticket_sequence, &countdown_sequence,
	&plain_sequence };
HF_TABLE(invoice, .sequences = asked, .n_sequences = HF_COUNT(asked));

/* Its key is of the same one. */
struct credit {
	int32_t no;
	const char *text;
};
static const hf_column credit_columns[] = {
	HF_COLUMN(credit, no, INT4, NOT_NULL, HF_PK, HF_NEXTVAL(invoice_no)),
	HF_COLUMN(credit, text, TEXT, NULLABLE, HF_PLAIN),
};
extern const hf_table credit_table;
HF_TABLE(credit, .name = "credit");

/* Known by its text. */
struct order {
	const char *text;
	int64_t no;
	int32_t amount;
};
static const hf_column order_columns[] = {
	HF_COLUMN(order, text, TEXT, NOT_NULL, HF_PK),
	HF_COLUMN(order, no, INT8, NOT_NULL, HF_NEXTVAL(invoice_no)),
	HF_COLUMN(order, amount, INT4, NOT_NULL, HF_PLAIN),
};
extern const hf_table order_table;
HF_TABLE(order, .name = "order");

#define OURS                                                                                       \
	"select count(*) from pg_class where relkind = 'S' and relname in ('invoice \"no\"', "     \
	"'ticket', 'countdown', 'plain')"

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static struct place open_place(void)
{
	static const hf_table *const all[] = { &credit_table, &invoice_table, NULL };
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };
	hf_error *e;

	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; drop table if exists invoice, credit, "
		    "other cascade; drop schema if exists shop, elsewhere cascade;"
		    "drop sequence if exists ticket, countdown, plain"));
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

START_TEST(test_numbers)
{
	struct place p = open_place();
	struct invoice a = { .text = "a" }, b = { .no = 5 }, many[3] = { { .text = "m" } };
	struct invoice *n = hf_new(p.s, invoice);
	struct credit c = { .text = "c" };
	bool created;

	t_verb(p.s, hf_insert(p.s, invoice, &a));
	ck_assert_int_eq(a.no, 1000);
	t_verb(p.s, hf_insert(p.s, invoice, &b)); /* one that it has */
	ck_assert_int_eq(b.no, 5);
	t_verb(p.s, hf_insert(p.s, invoice, n));
	ck_assert_int_eq(n->no, 1010);
	t_verb(p.s, hf_save(p.s, credit, &c, &created));
	ck_assert(created && c.no == 1020);
	t_verb(p.s, hf_save(p.s, credit, &c, &created));
	ck_assert(!created && c.no == 1020);
	t_verb(p.s, hf_insert_many(p.s, invoice, many, 3));
	ck_assert_int_eq(t_psql_int("select sum(no) from invoice"), 1000 + 5 + 1010 + 3 * 1040);
	ck_assert_int_eq(t_psql_int("select min(no) from invoice where id > 3"), 1030);
	a.no = 7; /* its own from now on */
	t_verb(p.s, hf_update(p.s, invoice, &a));
	ck_assert_int_eq(t_psql_int("select no from invoice where text = 'a'"), 7);
	close_place(&p);
}
END_TEST

/* A row that is there keeps its number where none is given, and takes one that is. */
START_TEST(test_upsert)
{
	struct place p = open_place();
	struct order a = { .text = "a", .amount = 1 }, again = { .text = "a", .amount = 2 };
	struct order many[2] = { { .text = "a", .amount = 3 }, { .text = "b", .amount = 4 } };
	const uint32_t *by = HF_COLUMNS(HF_C(order, text));
	bool created;

	free(t_psql("set client_min_messages to warning; drop table if exists \"order\""));
	t_verb(p.s, hf_table_create(p.s, &order_table, HF_IF_MISSING));
	t_verb(p.s, hf_insert(p.s, order, &a));
	ck_assert_int_eq(a.no, 1000);
	t_verb(p.s, hf_upsert(p.s, order, &again, by, HF_REST, &created));
	ck_assert(!created && again.no == 1000 && again.amount == 2);
	t_verb(p.s, hf_upsert_many(p.s, order, many, 2, by, HF_REST, NULL));
	t_sql_gives("select no || ' ' || amount from \"order\" where text = 'a'", "1000 3");
	ck_assert_int_eq(t_psql_int("select (no > 1000)::int from \"order\" where text = 'b'"), 1);
	again.no = 5;
	t_verb(p.s, hf_upsert(p.s, order, &again, by, HF_REST, &created));
	ck_assert(!created && again.no == 5);
	t_verb(p.s, hf_table_drop(p.s, &order_table, 0));
	close_place(&p);
}
END_TEST

static hf_status give(const void **row, void *arg)
{
	static const struct invoice invoice = { .text = "copied" };
	int *n = arg;

	*row = (*n)-- > 0 ? &invoice : NULL;
	return HF_OK;
}

START_TEST(test_copy)
{
	struct place p = open_place();
	int n = 3;

	t_done(hf_copy_structs_in(p.pool, invoice, give, &n, NULL));
	t_sql_gives("select string_agg(no::text, ' ' order by no) from invoice", "1000 1010 1020");
	close_place(&p);
}
END_TEST

/* What only the program asks. */
START_TEST(test_limits)
{
	struct place p = open_place();

	t_sql_gives("select string_agg(nextval('ticket')::text, '') from generate_series(1, 5)",
		"12312");
	t_sql_gives("select nextval('countdown') || ' ' || nextval('countdown')", "0 -1");
	t_failed(hf_query(p.pool, "select nextval('countdown')"), HF_E_SQL);
	ck_assert_int_eq(t_psql_int("select nextval('plain')"), 1);
	t_sql_gives("select data_type::text || max_value from pg_sequences where sequencename = "
		    "'ticket'",
		"smallint3");
	close_place(&p);
}
END_TEST

static bool has_sequence(struct place *p, const char *schema, const char *name)
{
	bool there;

	t_verb(p->s, hf_sequence_exists(p->s, schema, name, &there));
	return there;
}

/* † pulsar-odm's README: a sequence appears and disappears with its table. */
START_TEST(test_life)
{
	struct place p = open_place();
	struct invoice a = { .text = "a" };

	ck_assert(has_sequence(&p, "shop", "invoice \"no\"") && has_sequence(&p, NULL, "ticket"));
	t_verb(p.s, hf_insert(p.s, invoice, &a));
	ck_assert_int_eq(hf_models_create(p.m, p.s, 0), HF_E_SQL);
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	a.id = 0;
	a.no = 0;
	t_verb(p.s, hf_insert(p.s, invoice, &a));
	ck_assert_int_eq(a.no, 1010); /* it goes on */
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	a.id = 0;
	a.no = 0;
	t_verb(p.s, hf_insert(p.s, invoice, &a));
	ck_assert_int_eq(a.no, 1000); /* and begins again */
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	ck_assert(!has_sequence(&p, "shop", "invoice \"no\"") && !has_sequence(&p, NULL, "ticket"));
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_IF_THERE));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	close_place(&p);
}
END_TEST

/* Theirs in another schema stays; so does ours that they ask, unless all that depends is to go. */
START_TEST(test_of_others)
{
	struct place p = open_place();

	free(t_psql("create schema elsewhere; create sequence elsewhere.ticket start 70;"
		    "create sequence public.\"invoice \"\"no\"\"\" start 80;"
		    "create table other (n int default nextval('ticket'), m int)"));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	free(t_psql("insert into other (m) values (4)"));
	t_sql_gives("select n || ' ' || m from other", "1 4");
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "2BP01");
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_DEPENDENTS));
	ck_assert_int_eq(t_psql_int("select count(*) from other where n = 1"), 1);
	ck_assert_int_eq(t_psql_int("select nextval('elsewhere.ticket')"), 70);
	ck_assert_int_eq(t_psql_int("select nextval('public.\"invoice \"\"no\"\"\"')"), 80);
	free(t_psql("drop table other; drop schema elsewhere cascade;"
		    "drop sequence public.\"invoice \"\"no\"\"\""));
	t_verb(p.s, hf_table_create(p.s, &invoice_table, 0)); /* with what it needs */
	ck_assert_int_eq(t_psql_int(OURS), 4);
	t_verb(p.s, hf_table_drop(p.s, &invoice_table, 0));
	ck_assert_int_eq(t_psql_int(OURS), 4); /* which the other one may need */
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	close_place(&p);
}
END_TEST

T_MAIN("sequences", { "G15 columns that take their values from a sequence", test_numbers, 0 },
	{ "G15 an upsert leaves a row its number", test_upsert, 0 },
	{ "G15 a sequence's values in a COPY", test_copy, 0 },
	{ "G15 start, increment, limits and cycle", test_limits, 0 },
	{ "G11 G12 G15 sequences are made and dropped with the tables", test_life, 0 },
	{ "G11 G12 G15 sequences of others", test_of_others, 0 })
