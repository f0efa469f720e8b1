/* SPDX-License-Identifier: MIT */
/* Members from text that people have typed, or that came with a form. */
#include "model/plan.h"

#include <holdfast/orm.h>

#include "engine/scope.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/type.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS 40 /* of an integer, with its commas */

/* The text, and what is wrong with it. */
static hf_error *refuse_as(const hf__plan *p, const hf_column *c, const char *text,
	const char *between, const char *why)
{
	char message[300];

	snprintf(message, sizeof message, "model %s: %s: \"%.63s\"%s%s", p->table.model, c->member,
		text ? text : "", between, why);
	return hf__error_new(&(hf__error_spec){ .status = HF_E_TYPE,
		.message = message,
		.field[HF_ERR_TABLE] = p->table.name,
		.field[HF_ERR_COLUMN] = c->name });
}

static hf_error *refuse(const hf__plan *p, const hf_column *c, const char *text, const char *why)
{
	return refuse_as(p, c, text, " is ", why);
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return false;
}

/* What PostgreSQL takes, and on and off as boxes send them. */
static const char *as_bool(const char *text)
{
	static const char *const yes[] = { "t", "true", "y", "yes", "on", "1", NULL };
	static const char *const no[] = { "f", "false", "n", "no", "off", "0", NULL };

	return is_one_of(text, yes) ? "t" : is_one_of(text, no) ? "f" : NULL;
}

/* Without the commas between its digits, and blanks around it. */
static const char *as_integer(const char *text, char room[DIGITS])
{
	size_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	for (; *text && n + 1 < DIGITS; text++)
		if (*text != ',')
			room[n++] = *text;
	while (n > 0 && isspace((unsigned char)room[n - 1]))
		n--;
	room[n] = '\0';
	return *text ? NULL : room;
}

/* "2024-05-01 12:00" has no zone: it is taken for UTC. What has one ends in it. */
static const char *as_utc(const char *text, char *room, size_t size)
{
	const char *time = strchr(text, ':');

	if (!time || strpbrk(time, "+-Zz") || strstr(time, "UTC"))
		return text;
	return (size_t)snprintf(room, size, "%s+00", text) < size ? room : text;
}

static void *of_session(void *s, size_t n)
{
	return hf_session_alloc(s, n);
}

/* "abc" is no numeric; "9999999999": value 9999999999 is out of range for int4. */
static hf_error *refuse_decoded(
	const hf__plan *p, const hf_column *c, const char *typed, const char *why)
{
	static const char malformed[] = "malformed value of type ";
	char no[64];

	if (hf__is_integer(c) && strncmp(why, malformed, strlen(malformed)) == 0)
		return refuse(p, c, typed, "no integer");
	if (strncmp(why, malformed, strlen(malformed)) != 0)
		return refuse_as(
			p, c, typed, *why ? ": " : " is ", *why ? why : "no value of its type");
	snprintf(no, sizeof no, "no %.50s", why + strlen(malformed));
	return refuse(p, c, typed, no);
}

/* As a column of the type would be read from the server; an error tells what was typed. */
static hf_error *decode(hf_session *s, const hf__plan *p, const hf_column *c, const char *text,
	const char *typed, void *member)
{
	const hf__shape *shape = hf__shape_of((int)c->type & ~HF_T_ARRAY);
	const hf__type *type = shape ? hf__type_of(shape->oid) : NULL;
	bool opt = c->nullable && shape && shape->opt && !(c->type & HF_T_ARRAY);
	hf__cell cell = { .data = text, .len = (int)strlen(text) };
	char why[200] = "";

	if (!type)
		return refuse(p, c, typed, "for a column that takes no text");
	cell.type = c->type & HF_T_ARRAY ? type->array : type->oid;
	if (hf__decode(&cell, (hf_dest){ (int)c->type | (opt ? HF_T_OPT : 0), member }, of_session,
		    s, why, sizeof why) == HF_OK)
		return NULL;
	return refuse_decoded(p, c, typed, why);
}

static hf_error *set_enum(const hf__plan *p, const hf_column *c, const char *text, void *member)
{
	for (int v = 0; v < c->labels->n; v++) {
		if (!c->labels->label[v] || strcasecmp(c->labels->label[v], text) != 0)
			continue;
		if (c->nullable)
			*(hf_enum_opt *)member = (hf_enum_opt){ true, v };
		else
			*(int *)member = v;
		return NULL;
	}
	return refuse(p, c, text, "no label of its enum");
}

static hf_error *set_null(const hf__plan *p, const hf_column *c, void *member)
{
	if (!c->nullable)
		return refuse(p, c, "NULL", "not for a column that needs a value");
	memset(member, 0, hf__member_size(c));
	return NULL;
}

static hf_error *set(
	hf_session *s, const hf__plan *p, const hf_column *c, const char *text, void *member)
{
	char room[DIGITS + 40];
	const char *taken = text;

	if (!text)
		return set_null(p, c, member);
	if (c->codec || (c->labels && (c->type & HF_T_ARRAY)))
		return refuse(p, c, text, "for a column that takes no text");
	if (c->labels)
		return set_enum(p, c, text, member);
	if (c->type == HF_T_BOOL)
		taken = as_bool(text);
	else if (hf__is_integer(c))
		taken = as_integer(text, room);
	else if (c->type == HF_T_TIMESTAMPTZ)
		taken = as_utc(text, room, sizeof room);
	else
		taken = hf_session_text(s, text); /* what it points to is the session's */
	if (!taken)
		return c->type == HF_T_BOOL ? refuse(p, c, text, "neither true nor false")
		       : hf__is_integer(c)  ? refuse(p, c, text, "no integer")
					    : hf__error_nomem();
	return decode(s, p, c, taken, text, member);
}

hf_status hf_set_text_at(
	hf_session *s, const hf_table *t, void *row, const char *member, const char *text)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);
	const hf_column *c = p ? hf_table_member(t, member) : NULL;

	if (p && !c)
		e = hf__error_fmt(HF_E_MISUSE, 0, "model %s has no member \"%.63s\"",
			p->table.model, member ? member : "");
	if (c)
		e = set(s, p, c, text, (char *)row + c->offset);
	return hf__session_told(s, e);
}

/* --- defaults --- */

/* The text in "'it''s'", and in "'ok'::mood"; NULL: it is another expression, or no memory. */
static const char *unquoted(hf_session *s, const char *sql)
{
	char *text, *to;

	if (*sql++ != '\'' || !(text = to = hf_session_alloc(s, strlen(sql) + 1)))
		return NULL;
	for (; *sql && (*sql != '\'' || sql[1] == '\''); sql++) {
		sql += *sql == '\'';
		*to++ = *sql;
	}
	*to = '\0';
	return sql[0] == '\'' && (!sql[1] || (sql[1] == ':' && sql[2] == ':')) ? text : NULL;
}

static bool is_number(const hf_column *c, const char *sql)
{
	bool fits = hf__is_integer(c) || c->type == HF_T_FLOAT4 || c->type == HF_T_FLOAT8;

	return fits && strspn(sql, "+-.0123456789eE") == strlen(sql);
}

static const char *constant(hf_session *s, const hf_column *c)
{
	const char *sql = c->default_sql;

	if (c->codec || (c->type & HF_T_ARRAY))
		return NULL;
	if (c->labels || c->type == HF_T_TEXT)
		return unquoted(s, sql);
	if (c->type == HF_T_BOOL && (strcasecmp(sql, "true") == 0 || strcasecmp(sql, "false") == 0))
		return sql;
	return is_number(c, sql) ? sql : NULL;
}

void hf__default_into(hf_session *s, const hf__plan *p, const hf_column *c, void *row)
{
	const char *text = c->default_sql ? constant(s, c) : NULL;

	if (text) /* what does not fit the server will refuse */
		hf_error_unref(set(s, p, c, text, (char *)row + c->offset));
}
