/* SPDX-License-Identifier: MIT */
/* The runner of a test program. */
#include "check_main.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TIMEOUT_S 20

enum { PASSED, FAILED, SKIPPED, KINDS };

/* Shared with the forked process of the case: why it skipped, "" when it did not. */
static char *why;
#define WHY_SIZE 256

int t_slow(void)
{
	const char *s = getenv("HOLDFAST_TEST_SLOW");
	int n = s ? atoi(s) : 1;

	return n > 1 ? n : 1;
}

void t_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, WHY_SIZE, fmt, ap);
	va_end(ap);
	if (!why[0])
		snprintf(why, WHY_SIZE, "no reason given");
	ck_abort_msg("skipped");
	abort();
}

/* One line: TAP ends a test at the newline. */
static void put_line(const char *s)
{
	for (; *s; s++)
		putchar(*s == '\n' || *s == '\r' ? ' ' : *s);
}

static int run_case(const char *suite, const struct t_case *c, size_t number)
{
	Suite *s = suite_create(suite);
	TCase *tc = tcase_create(c->name);
	SRunner *runner = srunner_create(s);
	const char *file = strrchr(c->test->file, '/');
	int kind = FAILED;
	TestResult **results;

	tcase_set_timeout(tc, (double)(c->timeout_s > 0 ? c->timeout_s : TIMEOUT_S) * t_slow());
	tcase_add_test(tc, c->test);
	suite_add_tcase(s, tc);
	why[0] = '\0';
	fflush(NULL);
	srunner_run_all(runner, CK_SILENT);
	results = srunner_results(runner);
	if (why[0])
		kind = SKIPPED;
	else if (srunner_ntests_failed(runner) == 0)
		kind = PASSED;
	printf("%s %zu - %s:%s:%s: ", kind == FAILED ? "not ok" : "ok", number,
		file ? file + 1 : c->test->file, c->name, c->test->name);
	if (kind == SKIPPED)
		printf("Skipped # SKIP ");
	put_line(kind == SKIPPED ? why : kind == PASSED ? "Passed" : tr_msg(results[0]));
	if (kind == FAILED)
		printf(" (%s:%d)", tr_lfile(results[0]), tr_lno(results[0]));
	putchar('\n');
	fflush(stdout);
	free(results);
	srunner_free(runner);
	return kind;
}

int t_main(const char *suite, const struct t_case *cases, size_t n, int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "";
	bool list = strcmp(part, "--list") == 0;
	size_t run = 0, ended[KINDS] = { 0 };

	why = mmap(NULL, WHY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (why == MAP_FAILED) {
		perror("mmap");
		return 99;
	}
	for (size_t i = 0; i < n; i++) {
		if (list) {
			printf("%s\n", cases[i].name);
			continue;
		}
		if (strstr(cases[i].name, part))
			ended[run_case(suite, &cases[i], ++run)]++;
	}
	munmap(why, WHY_SIZE);
	if (list)
		return 0;
	printf("1..%zu\n", run);
	if (run == 0) {
		fprintf(stderr, "no case of %s contains \"%s\"\n", suite, part);
		return 1;
	}
	if (ended[FAILED] > 0)
		return 1;
	return ended[PASSED] > 0 ? 0 : 77;
}
