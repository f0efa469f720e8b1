/* SPDX-License-Identifier: MIT */
/* The runner of a test program: libcheck, one forked process per case, and one TAP line per case as
 * soon as it has ended:
 *
 *     ok 3 - test_pool.c:A1 A10 a function runs on a worker:test_runs: Passed
 *     not ok 4 - test_pool.c:A2 a query gives a row:test_row: Assertion 'n == 1' failed: ...
 *     ok 5 - test_pool.c:B31 a restart is survived:test_restart: Skipped # SKIP no server of its
 * own
 *
 * The name of a case begins with the ids of the rows of docs/features.md that it proves. */
#ifndef HF_TESTS_CHECK_MAIN_H
#define HF_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stddef.h>

struct t_case {
	const char *name;
	const TTest *test; /* made by START_TEST */
	int timeout_s;     /* 0: 20; times HOLDFAST_TEST_SLOW */
};

/* The exit code of main: 0, 1 when a case failed, 77 when all were skipped. With an argument only
 * the cases whose name contains it run; --list prints the names. The array cannot be static:
 * check's tests are no constant expressions. */
int t_main(const char *suite, const struct t_case *cases, size_t n, int argc, char **argv);

/* Ends the running case as skipped. */
void t_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* HOLDFAST_TEST_SLOW: by how much limits of time are to be stretched; at least 1. */
int t_slow(void);

#define T_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* T_MAIN("pool", { "A1 a function runs", test_runs, 0 }, ...): the whole of main. */
#define T_MAIN(suite, ...)                                                                         \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		const struct t_case cases[] = { __VA_ARGS__ };                                     \
                                                                                                   \
		return t_main(suite, cases, T_COUNT(cases), argc, argv);                           \
	}

#endif
