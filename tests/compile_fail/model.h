/* SPDX-License-Identifier: MIT */
/* The models that the mistakes with verbs and conditions are made with. */
#include <holdfast.h>

struct person {
	int32_t id;
	const char *name;
};

struct task {
	int32_t id;
	const char *subject;
	bool done;
	hf_timestamptz created;
	hf_int4_opt owner_id;
	hf_text_array labels;
};

extern const hf_table person_table, task_table;
