/* SPDX-License-Identifier: MIT */
/* Registries of tables that are told apart by their names alone, and the names of their enums. */
#include "check_main.h"

#include <holdfast.h>
#include <stdlib.h>
#include <string.h>

enum state { STATE_NEW, STATE_OLD };
HF_ENUM(state, "elsewhere.state", [STATE_NEW] = "new", [STATE_OLD] = "old");

struct page {
	int32_t id;
	enum state state;
};
static const hf_column page_columns[] = {
	HF_COLUMN(page, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(page, state, ENUM(state), NOT_NULL, HF_PLAIN),
};
HF_TABLE(page, .name = "page");

/* Tables that no struct is for. */
HF_SQL_TABLE(tag, .create_sql = "CREATE TABLE %s (x int)", .drop_sql = "DROP TABLE %s");
static hf_plan other_plan;
static const hf_table other_tag = { .struct_size = sizeof(hf_table),
	.column_size = sizeof(hf_column),
	.name = "tag",
	.create_sql = "CREATE TABLE %s (y int)",
	.plan = &other_plan };

static hf_models *models_of(const hf_table *t)
{
	hf_models *m = hf_models_new(NULL);

	ck_assert_int_eq(hf_models_add(m, (const hf_table *const[]){ t, NULL }, NULL, NULL), HF_OK);
	return m;
}

/* Its schema is made as well, though no table has it; dropped first, it takes nothing along. */
START_TEST(test_enum_schema)
{
	hf_models *m = models_of(&page_table);
	char *sql = hf_models_sql(m, HF_DROP_FIRST);
	const char *schema = strstr(sql, "CREATE SCHEMA IF NOT EXISTS \"elsewhere\";");

	ck_assert_ptr_nonnull(schema);
	ck_assert_ptr_nonnull(strstr(schema, "CREATE TYPE \"elsewhere\".\"state\""));
	ck_assert_ptr_nonnull(
		strstr(sql, "DROP TYPE IF EXISTS \"elsewhere\".\"state\"; EXCEPTION"));
	free(sql);
	hf_models_unref(m);
}
END_TEST

static void refuses_enum(const char *name, const char *story)
{
	static const char *const label[] = { "new" };
	hf_labels labels = { name, label, 1 };
	hf_column columns[] = { page_columns[0], page_columns[1] };
	hf_plan plan = { NULL };
	hf_table t = page_table;
	hf_error *why;

	columns[1].labels = &labels;
	t.columns = columns;
	t.plan = &plan;
	ck_assert_int_eq(hf_table_check(&t, &why), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why), story);
	hf_error_unref(why);
}

START_TEST(test_enum_name)
{
#define TEN "0123456789"
	refuses_enum(TEN TEN TEN TEN TEN TEN TEN,
		"model page: column \"state\": the name of the enum has more than 63 bytes");
	refuses_enum(TEN TEN TEN TEN TEN TEN TEN ".state",
		"model page: column \"state\": the name of the enum's schema has more than 63 "
		"bytes");
	refuses_enum("elsewhere.", "model page: column \"state\": the name of the enum is empty");
}
END_TEST

START_TEST(test_clash)
{
	hf_models *m = models_of(&tag_table);
	hf_error *why;

	ck_assert_int_eq(
		hf_models_add(m, (const hf_table *const[]){ &other_tag, NULL }, NULL, &why),
		HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why), "models tag and tag are both table \"tag\"");
	hf_error_unref(why);
	hf_models_unref(m);
}
END_TEST

START_TEST(test_bound)
{
	hf_models *m = models_of(&page_table), *there;
	hf_engines *e = hf_engines_new();
	hf_error *why = NULL;

	ck_assert_ptr_null(hf_models_bound(NULL, e, NULL, &why));
	ck_assert_int_eq(hf_error_status(why), HF_E_MISUSE);
	hf_error_unref(why);
	there = hf_models_bound(m, e, "!default", NULL);
	ck_assert_uint_eq(hf_models_count(there), 1);
	hf_models_unref(there);
	hf_engines_unref(e);
	hf_models_unref(m);
}
END_TEST

T_MAIN("model_names", { "G11 G20 an enum's schema is made", test_enum_schema, 0 },
	{ "G20 an enum's name", test_enum_name, 0 }, { "G8 two tables of one name", test_clash, 0 },
	{ "F27 what is bound to the default engine", test_bound, 0 })
