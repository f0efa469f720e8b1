/* SPDX-License-Identifier: MIT */
/* The models of the tests: those of pulsar-odm's README. */
#ifndef HF_TESTS_MODELS_H
#define HF_TESTS_MODELS_H

#include "fixture.h"

#include <holdfast/schema.h>

enum mood { MOOD_SAD, MOOD_OK, MOOD_HAPPY };

struct person {
	int32_t id;
	const char *name;
	enum mood mood;
	hf_int4_opt age;
};

struct task {
	int32_t id;
	const char *subject;
	bool done;
	hf_timestamptz created;
	hf_int4_opt owner_id;
	const char *note;
};

/* A key of two columns, an exact number. */
struct line {
	int32_t order_id;
	int16_t no;
	hf_numeric price;
};

extern const hf_labels mood_labels;
extern const hf_table person_table, task_table, line_table;

/* Fails the running case, and says why, when a verb does not answer HF_OK. */
#define t_verb(s, call) t_verb_at(__FILE__, __LINE__, (s), (call))
void t_verb_at(const char *file, int line, hf_session *s, hf_status st);

/* Fails unless what psql prints for `sql` is this. */
#define t_sql_gives(sql, text) t_sql_gives_at(__FILE__, __LINE__, (sql), (text))
void t_sql_gives_at(const char *file, int line, const char *sql, const char *text);

/* A pool, a session on it, and the tables, empty. */
struct t_store {
	hf_pool *pool;
	hf_session *s;
	hf_models *models;
};
struct t_store t_store_open(void);
void t_store_close(struct t_store *st);

#endif
