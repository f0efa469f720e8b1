/* SPDX-License-Identifier: MIT */
/* Enums: as the server's own types, as numbers, and in arrays. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* Numbers from 1, as pulsar-odm's TaskType has them. */
enum task_type { TYPE_WORK = 1, TYPE_PERSONAL = 2 };
HF_ENUM(task_type, "task_type", [TYPE_WORK] = "work", [TYPE_PERSONAL] = "personal");

enum gender { GENDER_FEMALE, GENDER_MALE, GENDER_ODD };
HF_ENUM(gender, "odd.the \"gender\"", [GENDER_FEMALE] = "female", [GENDER_MALE] = "male",
	[GENDER_ODD] = "od,d\"");

struct member {
	int32_t id;
	enum gender gender;
	hf_enum_opt other;
	enum task_type type;
	hf_enum_opt last_type;
	hf_int4_array moods;
	hf_int4_array genders;
};
static const hf_column member_columns[] = {
	HF_COLUMN(member, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(member, gender, ENUM(gender), NOT_NULL, HF_DEFAULT("'female'")),
	HF_COLUMN(member, other, ENUM(gender), NULLABLE, HF_PLAIN),
	HF_COLUMN(member, type, ENUM_INT4(task_type), NOT_NULL, HF_PLAIN),
	HF_COLUMN(member, last_type, ENUM_INT4(task_type), NULLABLE, HF_PLAIN),
	HF_COLUMN(member, moods, ENUM_ARRAY(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(member, genders, ENUM_ARRAY(gender), NULLABLE, HF_PLAIN),
};
extern const hf_table member_table;
HF_TABLE(member, .schema = "odd");

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static struct place open_place(void)
{
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };

	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; drop type if exists mood cascade"));
	ck_assert_int_eq(
		hf_models_add(p.m, (const hf_table *const[]){ &member_table, NULL }, NULL, NULL),
		HF_OK);
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_models_drop(p->m, p->s, 0));
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname in ('mood', "
				    "'the \"gender\"')"),
		0);
	hf_models_unref(p->m);
	hf_session_unref(p->s);
	t_close(p->pool);
}

static struct member some_member(void)
{
	static const int32_t moods[] = { MOOD_HAPPY, MOOD_SAD };
	struct member m = {
		.gender = GENDER_MALE, .type = TYPE_PERSONAL, .moods = HF_ARRAY(int4, moods, 2)
	};

	return m;
}

static struct member *read_back(hf_session *s, int32_t id)
{
	struct member *m;

	t_verb(s, hf_get(s, member, &m, HF_EQ(member, id, id)));
	return m;
}

/* † pulsar-odm: test_create_task (TaskType.personal is kept as 2), test_task_employee (a choice is
 * equal to its code); legacy test_ChoiceField, test_ChoiceFieldOptions, test_options,
 * test_choice_field: a list of codes, 'male' among them. */
START_TEST(test_create_task)
{
	struct place p = open_place();
	struct member m = some_member(), *read;
	char *text;
	int64_t n;

	m.last_type = (hf_enum_opt)HF_SOME(TYPE_WORK);
	t_verb(p.s, hf_insert(p.s, member, &m));
	ck_assert_int_eq(t_psql_int("select type from odd.member"), 2);
	text = t_psql("select gender from odd.member");
	ck_assert_str_eq(text, "male");
	free(text);
	read = read_back(p.s, m.id);
	ck_assert_int_eq(read->type, TYPE_PERSONAL);
	ck_assert_int_eq(read->gender, GENDER_MALE);
	ck_assert(!read->other.has && read->last_type.has && read->last_type.v == TYPE_WORK);
	t_verb(p.s,
		hf_count(p.s, member, &n,
			HF_WHERE(HF_EQ(member, gender, GENDER_MALE),
				HF_EQ(member, type, TYPE_PERSONAL), HF_IS_NULL(member, other))));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_count(p.s, member, &n,
			    HF_WHERE(HF_THAT(HF_COL(member, gender), HF_OP_EQ, m.gender),
				    HF_THAT(HF_COL(member, type), HF_OP_EQ, m.type))));
	ck_assert_int_eq(n, 1);
	read->gender = GENDER_FEMALE;
	read->other = (hf_enum_opt)HF_SOME(GENDER_MALE);
	t_verb(p.s, hf_update(p.s, member, read));
	read = read_back(p.s, m.id);
	ck_assert(read->gender == GENDER_FEMALE && read->other.has && read->other.v == GENDER_MALE);
	close_place(&p);
}
END_TEST

START_TEST(test_arrays)
{
	static const int32_t genders[] = { GENDER_ODD, 0, GENDER_FEMALE, GENDER_MALE };
	static const bool null[] = { false, true, false, false };
	struct place p = open_place();
	struct member m = some_member(), *read;
	char *text;

	m.genders = (hf_int4_array){ .has = true,
		.ndim = 2,
		.dim = { 2, 2 },
		.lower = { 1, 0 },
		.n = 4,
		.v = genders,
		.null = null };
	t_verb(p.s, hf_insert(p.s, member, &m));
	text = t_psql("select moods from odd.member");
	ck_assert_str_eq(text, "{happy,sad}");
	free(text);
	read = read_back(p.s, m.id);
	ck_assert_uint_eq(read->moods.n, 2);
	ck_assert_int_eq(read->moods.v[0], MOOD_HAPPY);
	ck_assert_int_eq(read->moods.v[1], MOOD_SAD);
	ck_assert_int_eq(read->genders.ndim, 2);
	ck_assert_int_eq(read->genders.lower[1], 0);
	ck_assert(read->genders.null[1] && !read->genders.null[2]);
	ck_assert_int_eq(read->genders.v[0], GENDER_ODD);
	ck_assert_int_eq(read->genders.v[3], GENDER_MALE);
	read->moods = HF_ARRAY(int4, (const int32_t *)NULL, 0);
	read->genders.has = false;
	t_verb(p.s, hf_update(p.s, member, read));
	read = read_back(p.s, m.id);
	ck_assert(read->moods.has && read->moods.n == 0 && !read->genders.has);
	close_place(&p);
}
END_TEST

/* Labels in conditions, of one and of many. */
START_TEST(test_conditions)
{
	static const int32_t both[] = { GENDER_MALE, GENDER_FEMALE }, one[] = { GENDER_FEMALE };
	struct place p = open_place();
	struct member m = some_member();
	int64_t n;

	t_verb(p.s, hf_insert(p.s, member, &m));
	t_verb(p.s, hf_count(p.s, member, &n,
			    HF_WHERE(HF_ANY(member, gender, &HF_ARRAY(int4, both, 2)))));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_count(p.s, member, &n,
			    HF_WHERE(HF_ANY(member, gender, &HF_ARRAY(int4, one, 1)))));
	ck_assert_int_eq(n, 0);
	close_place(&p);
}
END_TEST

/* † pulsar-odm binds NULL for a name that it does not know; here it is an error, both ways. */
START_TEST(test_unknown)
{
	static const int32_t wrong[] = { MOOD_SAD, 9 };
	struct place p = open_place();
	struct member m = some_member(), *read = NULL;
	int64_t n;

	m.gender = (enum gender)3;
	ck_assert_int_eq(hf_insert(p.s, member, &m), HF_E_TYPE);
	m = some_member();
	m.type = (enum task_type)0; /* a hole in its labels */
	ck_assert_int_eq(hf_insert(p.s, member, &m), HF_E_TYPE);
	m = some_member();
	m.moods = HF_ARRAY(int4, wrong, 2);
	ck_assert_int_eq(hf_insert(p.s, member, &m), HF_E_TYPE);
	ck_assert_int_eq(hf_count(p.s, member, &n, HF_WHERE(HF_EQ(member, gender, 5))), HF_E_TYPE);
	ck_assert_int_eq(t_psql_int("select count(*) from odd.member"), 0);

	m = some_member();
	t_verb(p.s, hf_insert(p.s, member, &m));
	free(t_psql("alter type odd.\"the \"\"gender\"\"\" add value 'neither'"));
	free(t_psql("update odd.member set gender = 'neither'"));
	ck_assert_int_eq(hf_get(p.s, member, &read, HF_EQ(member, id, m.id)), HF_E_TYPE);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"table \"odd\".\"member\", row 1, column \"gender\": enum odd.the \"gender\" has a "
		"label here that the program does not know: \"neither\"");
	free(t_psql("update odd.member set gender = 'female', type = 7"));
	ck_assert_int_eq(hf_get(p.s, member, &read, HF_EQ(member, id, m.id)), HF_E_TYPE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(p.s)),
		"column \"type\": enum task_type has a number here"));
	ck_assert_ptr_null(read);
	close_place(&p);
}
END_TEST

/* In one statement with many rows, too. */
START_TEST(test_many)
{
	struct place p = open_place();
	struct member m[3] = { some_member(), some_member(), some_member() };
	hf_rows *rows;

	m[1].gender = GENDER_FEMALE;
	m[2].type = TYPE_WORK;
	t_verb(p.s, hf_insert_many(p.s, member, m, 3));
	t_verb(p.s, hf_select(p.s, member, &rows, HF_ORDER(HF_ASC(member, id))));
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	ck_assert_int_eq(HF_ROWS(member, rows)[1].gender, GENDER_FEMALE);
	ck_assert_int_eq(HF_ROWS(member, rows)[2].type, TYPE_WORK);
	hf_rows_unref(rows);
	close_place(&p);
}
END_TEST

START_TEST(test_labels_shown)
{
	struct member m = some_member();
	char *text;

	m.gender = GENDER_ODD;
	text = hf_row_json(&member_table, &m, false);
	ck_assert_str_eq(text, "{\"id\":0,\"gender\":\"od,d\\\"\",\"other\":null,"
			       "\"type\":\"personal\",\"last_type\":null,"
			       "\"moods\":[\"happy\",\"sad\"],\"genders\":null}");
	free(text);
	m.gender = (enum gender)99;
	text = hf_row_dump(&member_table, &m, false);
	ck_assert_ptr_nonnull(strstr(text, "gender=?, other=NULL, type='personal'"));
	free(text);
}
END_TEST

T_MAIN("enums", { "G20 G21 an enum as a type and as a number", test_create_task, 0 },
	{ "G21 arrays of enums", test_arrays, 0 },
	{ "G21 enums in conditions", test_conditions, 0 },
	{ "G20 G21 what is unknown is an error, both ways", test_unknown, 0 },
	{ "G21 many rows with enums", test_many, 0 },
	{ "G30 enums are shown by their labels", test_labels_shown, 0 })
