/* SPDX-License-Identifier: MIT */
/* A table as a struct: made, filled, looked through, changed. Blocking calls, and no SQL.
 *
 *     cc tasks.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///test"
 *
 * The table "task" there is dropped and made anew. */
#include <holdfast.h>

#include <stdio.h>

/* In a program of several files the struct and the two externs stand in a header. */
enum kind { KIND_WORK, KIND_PERSONAL };

struct task {
	int32_t id;
	const char *subject;
	enum kind kind;
	bool done;
	hf_timestamptz created;
	const char *note; /* NULL: none */
};
extern const hf_labels kind_labels;
extern const hf_table task_table;

HF_ENUM(kind, "task_kind", [KIND_WORK] = "work", [KIND_PERSONAL] = "personal");

static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(task, subject, VARCHAR(250), NOT_NULL, HF_PLAIN),
	HF_COLUMN(task, kind, ENUM(kind), NOT_NULL, HF_DEFAULT("'work'")),
	HF_COLUMN(task, done, BOOL, NOT_NULL, HF_DEFAULT("false")),
	HF_COLUMN(task, created, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
	HF_COLUMN(task, note, TEXT, NULLABLE, HF_PLAIN),
};
HF_TABLE(task, .name = "task");

static void show(const char *what, const struct task *t)
{
	printf("%s %d: %s (%s), %s%s%s\n", what, (int)t->id, t->subject, kind_labels.label[t->kind],
		t->done ? "done" : "open", t->note ? ": " : "", t->note ? t->note : "");
}

/* What is not set here the server fills in; insert reads it back into the row. */
static hf_status add(hf_session *s, const char *subject, enum kind kind, struct task *kept)
{
	struct task *t = hf_new(s, task);
	hf_status st;

	if (!t)
		return HF_E_NOMEM;
	t->subject = subject;
	t->kind = kind;
	st = hf_insert(s, task, t);
	*kept = *t; /* a struct like any other */
	return st;
}

static hf_status finish(hf_session *s, int32_t id)
{
	struct task *t;
	hf_status st = hf_get(s, task, &t, HF_EQ(task, id, id));

	if (st != HF_OK)
		return st;
	t->done = true;
	t->note = "all of it";
	return hf_update(s, task, t);
}

static hf_status show_open(hf_session *s)
{
	hf_rows *rows;
	struct task *tasks;
	hf_status st = hf_select(s, task, &rows, HF_WHERE(HF_EQ(task, done, false)),
		HF_ORDER(HF_ASC(task, subject)));

	if (st != HF_OK)
		return st;
	tasks = HF_ROWS(task, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		show("to do", &tasks[i]);
	hf_rows_unref(rows);
	return HF_OK;
}

static hf_status work(hf_session *s, struct task *first)
{
	struct task *t;
	struct task other;
	int64_t n;
	hf_status st = add(s, "fix the roof", KIND_PERSONAL, first);

	if (st == HF_OK)
		st = add(s, "write the report", KIND_WORK, &other);
	if (st == HF_OK)
		st = add(s, "answer 50% of the letters", KIND_WORK, &other);
	if (st == HF_OK)
		st = finish(s, first->id);
	if (st == HF_OK)
		st = show_open(s);
	if (st == HF_OK) /* % means itself */
		st = hf_one(s, task, &t, HF_HAS(task, subject, "50% of"));
	if (st == HF_OK)
		show("found", t);
	if (st == HF_OK)
		st = hf_update_where(s, task, &n, HF_SETS(HF_SET(task, done, true)),
			HF_WHERE(HF_EQ(task, kind, KIND_WORK)));
	if (st == HF_OK)
		printf("%d more are done\n", (int)n);
	return st;
}

/* The table, and then work(), in one transaction. */
static hf_status run(hf_engines *e, hf_models *m, struct task *first, hf_error **why)
{
	static const hf_table *const tables[] = { &task_table, NULL };
	hf_scope *scope = hf_scope_new(e, HF_SCOPE_OPTS(.label = "tasks"));
	hf_session *s = hf_writer(scope);
	hf_status st = hf_models_add(m, tables, NULL, why);

	if (st == HF_OK) {
		st = hf_models_create(m, s, HF_DROP_FIRST);
		if (st == HF_OK)
			st = work(s, first);
		if (st == HF_OK)
			st = hf_scope_commit(scope, why);
		else
			*why = hf_error_ref(hf_session_error(s));
	}
	hf_scope_unref(scope);
	return st;
}

int main(int argc, char **argv)
{
	hf_engines *e = hf_engines_new();
	hf_models *m = hf_models_new(NULL);
	struct task first;
	hf_error *why = NULL;
	hf_status st = hf_engines_open(e, "writer", argc > 1 ? argv[1] : "", NULL, &why);

	if (st == HF_OK)
		st = run(e, m, &first, &why);
	if (st == HF_OK) /* behind the scope: rows are nobody's but the program's */
		show("kept", &first);
	else
		fprintf(stderr, "%s: %s\n", hf_status_name(st), hf_error_message(why));
	hf_error_unref(why);
	hf_models_unref(m);
	if (hf_engines_close(e, 0) != HF_OK)
		st = HF_E_CLOSED;
	hf_engines_unref(e);
	return st == HF_OK ? 0 : 1;
}
