/* SPDX-License-Identifier: MIT */
/* floor WORKLOAD, floor-fast WORKLOAD: see floor.h. */
#include "floor.h"

#include <string.h>

#ifndef FLOOR_FAST
#define FLOOR_FAST 0
#endif

int main(int argc, char **argv)
{
	struct bench b;

	if (!bench_init(&b, FLOOR_FAST ? "floor-fast" : "floor", argc, argv))
		return BENCH_SKIP;
	b.version = "libpq";
	if (strcmp(b.workload, "point") == 0 || (!FLOOR_FAST && strcmp(b.workload, "update") == 0))
		floor_flight(&b);
	else if (!FLOOR_FAST && strcmp(b.workload, "ping") == 0)
		floor_ping(&b);
	else if (!FLOOR_FAST && strcmp(b.workload, "tx") == 0)
		floor_tx(&b);
	else
		return BENCH_SKIP;
	bench_print(&b);
	return 0;
}
