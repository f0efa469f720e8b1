# SPDX-License-Identifier: MIT
# A program's line of JSON as a line of results: workload, program, round, rate, p50_us, p99_us, µs of CPU
# per operation, max_rss_kb; "-" for what it does not tell. Variables: w, p, r.
function field(name) {
	if (!match($0, "\"" name "\":[0-9.]+"))
		return "-"
	return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
}
/"rate":/ {
	cpu = field("cpu_s")
	if (cpu != "-")
		cpu = sprintf("%.3f", cpu / field("ops") * 1e6)
	printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", w, p, r, field("rate"), field("p50_us"), \
		field("p99_us"), cpu, field("max_rss_kb")
}
