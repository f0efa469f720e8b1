/* SPDX-License-Identifier: MIT */
/* Engines from an ini file, by libinih. It knows holdfast by its public headers only, as it is a
 * library of its own.
 *
 * libinih is built with a fixed size of line, and takes the rest of a longer one for the next: it
 * is given its lines by a reader that notices. It also hands out the second line of a value as if
 * it were a setting of the same name; the reader knows which lines are indented. */
#include <holdfast/ini.h>

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reading {
	FILE *file;
	const char *section; /* wanted */
	hf_setting *settings;
	size_t n;
	int line, too_long; /* from 1; 0: none */
	bool indented, no_memory;
} reading;

/* As fgets. */
static char *next_line(char *line, int size, void *stream)
{
	reading *r = stream;
	size_t n;

	if (!fgets(line, size, r->file))
		return NULL;
	r->line++;
	r->indented = isspace((unsigned char)line[0]);
	n = strlen(line);
	if (n + 1 < (size_t)size || line[n - 1] == '\n' || feof(r->file))
		return line;
	r->too_long = r->line;
	return NULL;
}

static char *joined(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	char *both = malloc(n + m + 2);

	if (both) {
		memcpy(both, a, n);
		both[n] = ' ';
		memcpy(both + n + 1, b, m + 1);
	}
	return both;
}

static void wipe_free(const char *text)
{
	char *mine = (char *)(uintptr_t)text;

	if (mine)
		explicit_bzero(mine, strlen(mine));
	free(mine);
}

static int go_on(hf_setting *s, const char *value)
{
	char *both = joined(s->value, value);

	if (!both)
		return 0;
	wipe_free(s->value);
	s->value = both;
	return 1;
}

static int add(reading *r, const char *key, const char *value)
{
	hf_setting *all = realloc(r->settings, (r->n + 1) * sizeof *all), *s;

	if (!all)
		return 0;
	r->settings = all;
	s = &all[r->n];
	*s = (hf_setting){ strdup(key), strdup(value) };
	r->n++;
	return s->key && s->value;
}

/* libinih's handler: 0 is an error. */
static int take(void *user, const char *section, const char *key, const char *value)
{
	reading *r = user;
	int ok;

	if (strcmp(section, r->section) != 0)
		return 1;
	if (r->indented && r->n > 0 && strcmp(r->settings[r->n - 1].key, key) == 0)
		ok = go_on(&r->settings[r->n - 1], value);
	else
		ok = add(r, key, value);
	r->no_memory |= !ok;
	return ok;
}

/* NULL, or what is wrong with the file. */
static hf_error *read_file(reading *r, const char *path)
{
	int bad;

	r->file = fopen(path, "re");
	if (!r->file)
		return hf_error_make(HF_E_MISUSE, "\"%s\": %s", path, strerror(errno));
	bad = ini_parse_stream(next_line, r, take, r);
	if (!bad && ferror(r->file))
		bad = r->line + 1;
	fclose(r->file);
	if (r->no_memory || bad == -2)
		return hf_error_make(HF_E_NOMEM, "out of memory");
	if (r->too_long)
		return hf_error_make(HF_E_MISUSE,
			"\"%s\", line %d is too long for libinih: go on in an indented line", path,
			r->too_long);
	if (bad)
		return hf_error_make(HF_E_MISUSE,
			"\"%s\", line %d: a setting is wanted, key = value", path, bad);
	return NULL;
}

static void finish(reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		wipe_free(r->settings[i].key);
		wipe_free(r->settings[i].value);
	}
	free(r->settings);
}

hf_status hf_engines_open_ini(hf_engines *e, const char *path, const char *section,
	const char *prefix, hf_error **out_error)
{
	reading r = { .section = section ? section : "" };
	hf_error *why = path ? read_file(&r, path)
			     : hf_error_make(HF_E_MISUSE, "the path of an ini file is NULL");
	hf_status st = hf_error_status(why);

	if (!why)
		st = hf_engines_configure(e, prefix, r.settings, r.n, &why);
	finish(&r);
	if (out_error)
		*out_error = why;
	else
		hf_error_unref(why);
	return st;
}
