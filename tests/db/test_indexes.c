/* SPDX-License-Identifier: MIT */
/* What a description says of indexes, collations and actions, as the server has it. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct author {
	int32_t id;
	const char *name;
};
extern const hf_table author_table;
static const hf_column author_columns[] = {
	HF_COLUMN(author, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(author, name, TEXT, NOT_NULL, .collation = "C"),
};
HF_TABLE(author, .name = "author");

struct article {
	int32_t id;
	const char *title;
	const char *slug;
	hf_text_array tags;
	hf_json info;
	bool draft;
	int32_t author_id;
	hf_int4_opt editor_id, checker_id, printer_id;
};
static const hf_column article_columns[] = {
	HF_COLUMN(article, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(article, title, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(article, slug, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(article, tags, ARRAY(TEXT), NULLABLE, HF_PLAIN),
	HF_COLUMN(article, info, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(article, draft, BOOL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(article, author_id, INT4, NOT_NULL, HF_DEFAULT("1")),
	HF_COLUMN(article, editor_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(article, checker_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(article, printer_id, INT4, NULLABLE, HF_PLAIN),
};
static const hf_index article_indexes[] = {
	HF_INDEX_ON(HF_C(article, title)),
	{ .column = { HF_C(article, tags) }, .method = "gin" },
	{ .column = { HF_C(article, id) }, .method = "brin", .name = "article_brin" },
	{ .unique = true, .column = { HF_C(article, slug) }, .where = "NOT draft" },
	{ .unique = true, .name = "article_title_ci", .sql = "lower(title), (info->>'lang')" },
};
static const hf_foreign_key article_keys[] = {
	HF_FOREIGN_KEY(article, author_id, author, id, .on_delete = HF_SET_DEFAULT,
		.on_update = HF_CASCADE),
	HF_FOREIGN_KEY(
		article, editor_id, author, id, .on_delete = HF_RESTRICT, .on_update = HF_RESTRICT),
	HF_FOREIGN_KEY(
		article, checker_id, author, id, .on_delete = HF_CASCADE, .on_update = HF_SET_NULL),
	HF_FOREIGN_KEY(article, printer_id, author, id, .name = "printed_by"),
};
HF_TABLE(article, .indexes = article_indexes, .n_indexes = HF_COUNT(article_indexes),
	.foreign_keys = article_keys, .n_foreign_keys = HF_COUNT(article_keys));

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

#define INDEXES                                                                                    \
	"select string_agg(indexname, ' ' order by indexname) from pg_indexes "                    \
	"where tablename in ('article', 'author')"

static struct place open_place(void)
{
	static const hf_table *const all[] = { &article_table, &author_table, NULL };
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };
	struct author a[] = { { 1, "Ann" }, { 2, "Bob" }, { 3, "cid" }, { 4, "Dan" } };
	hf_error *why = NULL;

	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; drop table if exists article, author"));
	ck_assert_ptr_null(t_psql(INDEXES));
	if (hf_models_add(p.m, all, NULL, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	t_verb(p.s, hf_insert_many(p.s, author, a, 4));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_models_drop(p->m, p->s, 0));
	ck_assert_ptr_null(t_psql(INDEXES));
	hf_models_unref(p->m);
	hf_session_unref(p->s);
	t_close(p->pool);
}

static void has_index(const char *name, const char *definition)
{
	char sql[200], *is;

	snprintf(sql, sizeof sql, "select indexdef from pg_indexes where indexname = '%s'", name);
	is = t_psql(sql);
	if (!is || !strstr(is, definition))
		ck_abort_msg("\"%s\" does not say \"%s\"", is ? is : "nothing", definition);
	free(is);
}

static void clashes(hf_session *s, struct article *a, const char *constraint)
{
	a->id = 0;
	ck_assert_int_eq(hf_insert(s, article, a), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23505");
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_CONSTRAINT), constraint);
}

/* † peewee-async: test_aio_create_table: the index "somemodel_text" is there, and goes with the
 * table. */
START_TEST(test_aio_create_table)
{
	struct place p = open_place();

	t_sql_gives(INDEXES, "article_brin article_pkey article_slug_key article_tags_idx "
			     "article_title_ci article_title_idx author_pkey");
	has_index("article_title_idx", "USING btree (title)");
	has_index("article_tags_idx", "USING gin (tags)");
	has_index("article_brin", "USING brin (id)");
	has_index("article_slug_key", "CREATE UNIQUE INDEX");
	has_index("article_slug_key", "USING btree (slug) WHERE (NOT draft)");
	has_index("article_title_ci", "(lower(title), ((info ->> 'lang'::text)))");
	/* once more, where they are */
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	ck_assert_int_eq(
		t_psql_int("select count(*) from pg_indexes where tablename = 'article'"), 6);
	close_place(&p);
}
END_TEST

/* They do what they say: of drafts there may be several, of a title in one language only one. */
START_TEST(test_partial)
{
	struct place p = open_place();
	struct article a = {
		.title = "One", .slug = "one", .author_id = 1, .info = { "{\"lang\": 1}" }
	};
	const hf_column *c[HF_MAX_KEY];

	t_verb(p.s, hf_insert(p.s, article, &a));
	a.title = "Two";
	clashes(p.s, &a, "article_slug_key");
	ck_assert_uint_eq(hf_error_columns(hf_session_error(p.s), &article_table, NULL, c), 1);
	ck_assert_str_eq(c[0]->member, "slug");
	a.draft = true;
	t_verb(p.s, hf_insert(p.s, article, &a));
	a.title = "ONE";
	clashes(p.s, &a, "article_title_ci");
	ck_assert_uint_eq(hf_error_columns(hf_session_error(p.s), &article_table, NULL, c), 0);
	a.info.s = "{\"lang\": 2}";
	t_verb(p.s, hf_insert(p.s, article, &a));
	close_place(&p);
}
END_TEST

START_TEST(test_collation)
{
	struct place p = open_place();
	hf_rows *rows;

	t_sql_gives(
		"select collname from pg_attribute a join pg_collation c on c.oid = attcollation "
		"where attrelid = 'author'::regclass and attname = 'name'",
		"C");
	t_verb(p.s, hf_select(p.s, author, &rows, HF_ORDER(HF_DESC(author, name)), HF_LIMIT(1)));
	ck_assert_str_eq(HF_ROWS(author, rows)->name, "cid"); /* behind all capitals */
	hf_rows_unref(rows);
	close_place(&p);
}
END_TEST

static struct article by(int32_t author, hf_int4_opt editor, hf_int4_opt checker)
{
	return (struct article){ .title = "One",
		.slug = "one",
		.author_id = author,
		.editor_id = editor,
		.checker_id = checker };
}

static hf_status delete_author(struct place *p, int32_t id)
{
	struct author a = { id, "" };

	return hf_delete(p->s, author, &a);
}

static hf_status renumber(struct place *p, int32_t from, int32_t to)
{
	return hf_update_where(p->s, author, NULL, HF_SETS(HF_SET(author, id, to)),
		HF_WHERE(HF_EQ(author, id, from)));
}

/* ON DELETE and ON UPDATE, each of the five once. */
START_TEST(test_actions)
{
	struct place p = open_place();
	hf_int4_opt nobody = { .has = false }, three = HF_SOME(3), four = HF_SOME(4);
	struct article a = by(2, three, four);

	t_sql_gives(
		"select string_agg(conname || ':' || confdeltype::text || confupdtype::text, ' ' "
		"order by conname) from pg_constraint where contype = 'f' and conrelid = "
		"'article'::regclass",
		"article_author_id_fkey:dc article_checker_id_fkey:cn article_editor_id_fkey:rr "
		"printed_by:aa");
	t_verb(p.s, hf_insert(p.s, article, &a));
	t_verb(p.s, renumber(&p, 2, 22)); /* CASCADE */
	ck_assert_int_eq(t_psql_int("select author_id from article"), 22);
	t_verb(p.s, delete_author(&p, 22)); /* SET DEFAULT */
	ck_assert_int_eq(t_psql_int("select author_id from article"), 1);
	ck_assert_int_eq(delete_author(&p, 3), HF_E_SQL); /* RESTRICT */
	ck_assert(hf_error_is(hf_session_error(p.s), HF_INTEGRITY));
	ck_assert_int_eq(renumber(&p, 3, 33), HF_E_SQL);
	ck_assert(hf_error_is(hf_session_error(p.s), HF_INTEGRITY));
	t_verb(p.s, renumber(&p, 4, 44)); /* SET NULL */
	ck_assert_int_eq(t_psql_int("select count(*) from article where checker_id is null"), 1);
	a = by(1, nobody, (hf_int4_opt)HF_SOME(44));
	a.title = "Two";
	a.slug = "two";
	t_verb(p.s, hf_insert(p.s, article, &a));
	t_verb(p.s, delete_author(&p, 44)); /* CASCADE */
	t_sql_gives("select string_agg(slug, ' ') from article", "one");
	ck_assert_int_eq(delete_author(&p, 1), HF_E_SQL); /* the default itself is referred to */
	close_place(&p);
}
END_TEST

T_MAIN("indexes", { "G15 G11 indexes of every kind appear and go", test_aio_create_table, 0 },
	{ "G15 partial ones and those of expressions", test_partial, 0 },
	{ "G15 a column in a collation of its own", test_collation, 0 },
	{ "G28 what becomes of rows whose foreign key goes or changes", test_actions, 0 })
