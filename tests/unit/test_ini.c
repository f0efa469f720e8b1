/* SPDX-License-Identifier: MIT */
/* Engines from an ini file. No server. */
#include "check_main.h"

#include <holdfast.h>
#include <holdfast/ini.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/hf-test-ini-XXXXXX";

/* What it answers for a file with this text; names are the engines that are there then. */
static hf_status open_text(const char *text, const char *section, hf_error **why, char **names)
{
	hf_engines *e = hf_engines_new();
	int fd = mkstemp(path);
	hf_status st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	st = hf_engines_open_ini(e, path, section, "sqlalchemy_", why);
	unlink(path);
	memset(path + strlen(path) - 6, 'X', 6);
	*names = hf_engines_names(e);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	return st;
}

static void gives(const char *text, const char *section, const char *want)
{
	hf_error *why;
	char *names;
	hf_status st = open_text(text, section, &why, &names);

	ck_assert_msg(st == HF_OK, "%s", hf_error_message(why));
	ck_assert_str_eq(names, want);
	free(names);
}

static void refused_in(const char *section, const char *text, const char *want)
{
	hf_error *why;
	char *names;
	hf_status st = open_text(text, section, &why, &names);

	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert_str_eq(names, "");
	ck_assert_msg(strstr(hf_error_message(why), want) != NULL, "\"%s\" is not in \"%s\"", want,
		hf_error_message(why));
	ck_assert_ptr_null(strstr(hf_error_message(why), "hunter2"));
	hf_error_unref(why);
	free(names);
}

static void refused(const char *text, const char *want)
{
	refused_in("app:main", text, want);
}

#define URL "postgresql://ann:hunter2;#@localhost:1/x?pool_min=0"

START_TEST(test_sections_and_prefix)
{
	static const char text[] = "sqlalchemy_top.url = " URL "\n"
				   "; a comment\n"
				   "[app:main]\n"
				   "use = egg:shop ; with a comment\n"
				   "sqlalchemy_reader.url = " URL "\n"
				   "sqlalchemy_reader.pool_size=5\n"
				   "sqlalchemy_writer.url = host=localhost port=1\n"
				   "    pool_min=0\n"
				   "    dbname=x password=hunter2\n"
				   "[other]\n"
				   "sqlalchemy_third.url = " URL "\n";

	gives(text, "app:main", "reader, writer");
	gives(text, NULL, "top");
	gives(text, "other", "third");
	refused_in("none", text, "has no settings in a section [none]");
}
END_TEST

START_TEST(test_what_is_wrong)
{
	char text[600] = "[app:main]\nsqlalchemy_reader.url = postgresql:///x?pool_min=0&user=";
	hf_error *why;

	refused("[app:main]\nsqlalchemy_reader.url = " URL "\nsqlalchemy_reader.pool_sise = 3\n",
		"\"sqlalchemy_reader.pool_sise\" is unknown: did you mean \"pool_size\"?");
	refused("[app:main]\nsqlalchemy_reader.url = " URL "\nhunter2\n",
		"line 3: a setting is wanted");
	memset(text + strlen(text), 'a', 300);
	strcat(text, "&dbname=hunter2\n");
	refused(text, "line 2 is too long");
	ck_assert_int_eq(
		hf_engines_open_ini(NULL, "/nonexistent/x.ini", NULL, "", &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "No such file"));
	hf_error_unref(why);
	ck_assert_int_eq(hf_engines_open_ini(NULL, NULL, NULL, "", NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_engines_open_ini(NULL, "/dev/null", NULL, "", NULL), HF_E_MISUSE);
}
END_TEST

/* Nothing found is not nothing to do: it is a slip of the pen. */
START_TEST(test_nothing_found)
{
	static const char text[] = "[app:main]\nother.url = " URL "\n[empty]\n";

	refused_in(NULL, text, "has no settings before its first section");
	refused_in("empty", text, "has no settings in a section [empty]");
	refused(text, "[app:main]: no setting begins with \"sqlalchemy_\"");
	refused_in(NULL, "other.url = " URL "\n", "\": no setting begins with \"sqlalchemy_\"");
}
END_TEST

/* What is wrong with a setting is told with where it stands. */
START_TEST(test_where_it_stands)
{
	refused("[app:main]\nsqlalchemy_reader.url = " URL "\nsqlalchemy_reader.pool_size = x\n",
		"\" [app:main]: setting \"sqlalchemy_reader.pool_size\" needs a whole number");
	refused("[app:main]\nsqlalchemy_reader.url = colour=red password=hunter2\n",
		"\" [app:main]: engine \"reader\": connection option \"colour\" is unknown");
}
END_TEST

#define LONG48      "a12345678901234567890123456789012345678901234567"
#define LONG_ENGINE "sqlalchemy_" LONG48

/* libinih keeps 49 bytes of a name. */
START_TEST(test_long_names)
{
	static const char text[] = "[" LONG48 "]\n" LONG_ENGINE ".url = " URL "\n"
				   "[" LONG48 "bcdefgh]\n" LONG_ENGINE "b.url = " URL "\n"
				   "[app:main]\n" LONG_ENGINE ".url = host=localhost port=1\n"
				   "	pool_min=0 dbname=x\n"
				   "	password=hunter2\n";

	gives(text, LONG48, LONG48);
	gives(text, "app:main", LONG48);
	refused_in(LONG48 "b", text, "a section of more than 48 bytes is too long");
	refused_in(LONG48 "bcdefgh", text, "a section of more than 48 bytes is too long");
}
END_TEST

T_MAIN("ini", { "F7 engines of a section, by prefix", test_sections_and_prefix, 0 },
	{ "F23 what is wrong with a file is told, with its line", test_what_is_wrong, 0 },
	{ "F23 a section or a prefix that is not there", test_nothing_found, 0 },
	{ "F23 what is wrong with a setting is told, with its file", test_where_it_stands, 0 },
	{ "F7 names longer than libinih keeps", test_long_names, 0 })
