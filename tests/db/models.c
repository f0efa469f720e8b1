/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <stdlib.h>
#include <string.h>

HF_ENUM(mood, "mood", [MOOD_SAD] = "sad", [MOOD_OK] = "ok", [MOOD_HAPPY] = "happy");

static const hf_column person_columns[] = {
	HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(person, name, TEXT, NOT_NULL, HF_UNIQUE),
	HF_COLUMN(person, mood, ENUM(mood), NOT_NULL, HF_DEFAULT("'ok'")),
	HF_COLUMN(person, age, INT4, NULLABLE, HF_PLAIN),
};
HF_TABLE(person, .name = "person");

static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(task, subject, VARCHAR(250), NOT_NULL, HF_PLAIN),
	HF_COLUMN(task, done, BOOL, NOT_NULL, HF_DEFAULT("false")),
	HF_COLUMN(task, created, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
	HF_COLUMN(task, owner_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(task, note, TEXT, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key task_keys[] = {
	HF_FOREIGN_KEY(task, owner_id, person, id, .on_delete = HF_CASCADE),
};
static const hf_index task_indexes[] = { HF_INDEX_ON(HF_C(task, owner_id), HF_C(task, done)) };
HF_TABLE(task, .foreign_keys = task_keys, .n_foreign_keys = HF_COUNT(task_keys),
	.indexes = task_indexes, .n_indexes = HF_COUNT(task_indexes));

static const hf_column line_columns[] = {
	HF_COLUMN(line, order_id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(line, no, INT2, NOT_NULL, HF_PK),
	HF_COLUMN(line, price, DECIMAL(12, 2), NOT_NULL, HF_PLAIN),
};
HF_TABLE(line, .name = "line");

void t_verb_at(const char *file, int line, hf_session *s, hf_status st)
{
	const hf_error *e = hf_session_error(s);

	if (st != HF_OK)
		ck_abort_msg("%s:%d: %s: %s (%s)", file, line, hf_status_name(st),
			hf_error_message(e), hf_error_field(e, HF_ERR_QUERY));
}

struct t_store t_store_open(void)
{
	static const hf_table *const all[] = { &task_table, &line_table, &person_table, NULL };
	struct t_store st = { .pool = t_pool(NULL) };
	hf_error *why;

	st.s = hf_session_on_pool(st.pool);
	st.models = hf_models_new(NULL);
	free(t_psql("set client_min_messages to warning; drop table if exists task, line, person;"
		    "drop type if exists mood cascade"));
	if (hf_models_add(st.models, all, NULL, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	t_verb(st.s, hf_models_create(st.models, st.s, 0));
	return st;
}

void t_store_close(struct t_store *st)
{
	hf_session_unref(st->s);
	hf_models_unref(st->models);
	t_close(st->pool);
}

void t_sql_gives_at(const char *file, int line, const char *sql, const char *text)
{
	char *got = t_psql(sql);

	if (!got || strcmp(got, text) != 0)
		ck_abort_msg("%s:%d: \"%s\", not \"%s\"", file, line, got ? got : "", text);
	free(got);
}
