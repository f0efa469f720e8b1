/* SPDX-License-Identifier: MIT */
/* Engines from an ini file, by libinih. It knows holdfast by its public headers only, as it is a
 * library of its own.
 *
 * libinih is built with a fixed size of line, and takes the rest of a longer one for the next: it
 * is given its lines by a reader that notices. It also hands out the second line of a value as if
 * it were a setting of the same name; the reader knows which lines are indented. Of a section's
 * name it keeps the first bytes, and so of a setting's where a second line of its value is handed
 * out. */
#include <holdfast/ini.h>

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many bytes. */
#define KEPT 49

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
	if (r->indented && r->n > 0 && strncmp(r->settings[r->n - 1].key, key, KEPT) == 0)
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

/* NULL, or why there is nothing to open. */
static hf_error *find_none(const reading *r, const char *path, const char *prefix)
{
	if (r->n == 0)
		return hf_error_make(HF_E_MISUSE, "\"%s\" has no settings %s%s%s", path,
			*r->section ? "in a section [" : "before its first section", r->section,
			*r->section ? "]" : "");
	for (size_t i = 0; i < r->n; i++)
		if (strncmp(r->settings[i].key, prefix, strlen(prefix)) == 0)
			return NULL;
	return hf_error_make(HF_E_MISUSE, "\"%s\"%s%s%s: no setting begins with \"%s\"", path,
		*r->section ? " [" : "", r->section, *r->section ? "]" : "", prefix);
}

static hf_error *read_section(reading *r, const char *path, const char *prefix)
{
	hf_error *why;

	if (!path || !prefix)
		return hf_error_make(HF_E_MISUSE, "the %s of an ini file is NULL",
			path ? "prefix of the settings" : "path");
	/* A longer one in the file is cut to KEPT, and so is never taken for this one. */
	if (strlen(r->section) >= KEPT)
		return hf_error_make(HF_E_MISUSE,
			"\"%s\": a section of more than %d bytes is too long for libinih: [%s]",
			path, KEPT - 1, r->section);
	why = read_file(r, path);
	return why ? why : find_none(r, path, prefix);
}

/* What is wrong with the settings, and where they stand. */
static hf_error *name_file(const reading *r, const char *path, hf_error *why)
{
	hf_error *fuller;

	if (hf_error_status(why) != HF_E_MISUSE)
		return why;
	fuller = hf_error_make(HF_E_MISUSE, "\"%s\"%s%s%s: %s", path, *r->section ? " [" : "",
		r->section, *r->section ? "]" : "", hf_error_message(why));
	hf_error_unref(why);
	return fuller;
}

hf_status hf_engines_open_ini(hf_engines *e, const char *path, const char *section,
	const char *prefix, hf_error **out_error)
{
	reading r = { .section = section ? section : "" };
	hf_error *why = read_section(&r, path, prefix);
	hf_status st = hf_error_status(why);

	if (!why) {
		st = hf_engines_configure(e, prefix, r.settings, r.n, &why);
		why = name_file(&r, path, why);
	}
	finish(&r);
	if (out_error)
		*out_error = why;
	else
		hf_error_unref(why);
	return st;
}
