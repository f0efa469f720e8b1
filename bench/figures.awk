# SPDX-License-Identifier: MIT
# The figures of docs/performance.md that come from a run, after results.awk: each between the two lines by
# which bench/compare finds its place. Variables: about, command.
function thousands(x,    s, out) {
	s = sprintf("%.0f", x >= 1000000 ? int(x / 10000 + 0.5) * 10000 : int(x / 100 + 0.5) * 100)
	for (; length(s) > 3; s = substr(s, 1, length(s) - 3))
		out = "," substr(s, length(s) - 2) out
	return s out
}
function ratio(w, p,    rate, base) {
	rate = quantile(w, p, 4, 0.5)
	base = quantile(w, "libpq-sync", 4, 0.5)
	return rate == "-" || base == "-" ? "" : sprintf("%.2f", rate / base)
}
function rates(w, what, fast,    x) {
	if (quantile(w, "libpq-sync", 4, 0.5) == "-")
		return
	x = ratio(w, "holdfast-fast")
	printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", what, \
		thousands(quantile(w, "libpq-sync", 4, 0.5)), ratio(w, "holdfast"), \
		x == "" ? "" : x " (" fast ")", ratio(w, "libpq-pipeline"), ratio(w, "libpq-batch"), ratio(w, "libzdb"), \
		ratio(w, "apr-dbd"), ratio(w, "pgbench"), ratio(w, "floor"), ratio(w, "floor-fast")
}
function cpu(w, p) {
	return quantile(w, p, 7, 0.5)
}
# libpq, what the floor has on top of it, what holdfast has on top of the floor, all.
function micro(what, w, libpq, floor, holdfast,    a, b, c) {
	a = cpu(w, libpq)
	b = cpu(w, floor)
	c = cpu(w, holdfast)
	if (a == "-" || b == "-" || c == "-")
		return
	printf "| %s | %.1f | %s | %.1f | %.1f |\n", what, a, \
		libpq == floor ? "0" : sprintf("%.1f", b - a), c - b, c
}
END {
	print "<!-- figures: rates, from `" command "` -->"
	print "Operations per second, as times `libpq-sync` (a thread per connection, blocking calls), medians of the rounds."
	print "`libpq-pipeline` and `libpq-batch` are pipelining by hand, with a Sync each and with one for 32; in orm_insert the former sends"
	print "an INSERT each, the latter arrays."
	print "(" about ".)"
	print ""
	print "| | `libpq-sync`, per second | `holdfast` | `holdfast-fast` | `libpq-pipeline` | `libpq-batch` | libzdb | apr_dbd | pgbench | floor | floor, one Sync |"
	print "|---|---|---|---|---|---|---|---|---|---|---|"
	rates("ping", "ping: one lookup at a time", "`hf_fetch`")
	rates("ping-pinned", "ping-pinned: one lookup at a time, client and server on one CPU", "`hf_fetch`")
	rates("point", "point: lookups, 256 under way", "fast lane")
	rates("update", "update: by key, 256 under way", "")
	rates("tx", "tx: two statements, 4 at a time", "")
	rates("load", "load: rows into structs", "COPY")
	rates("insert", "insert: rows out of structs, by COPY where the program can", "")
	rates("orm_insert", "orm_insert: structs into a table, ids read back", "")
	rates("orm_select", "orm_select: a table into structs", "")
	rates("notify", "notify: 100 to a transaction, until heard", "one statement for 100")
	print "<!-- end of figures: rates -->"
	print ""
	print "<!-- figures: microseconds, from the column \"CPU us/op\" of the same run -->"
	print "Where the client's microseconds go, CPU per operation. The first column is libpq and its calls of the system; the second is what"
	print "the floor needs on top of it, which is the hand-overs between threads; the third is what holdfast needs on top of the floor:"
	print "jobs, limits, statement cache, counting, results, futures. Below zero where it needs less than the floor, which lets no answers"
	print "gather and wakes a thread for each command of a transaction."
	print ""
	print "| | libpq | hand-overs | holdfast | all |"
	print "|---|---|---|---|---|"
	micro("one lookup, submit and get", "ping-pinned", "libpq-sync", "floor", "holdfast")
	micro("one lookup, `hf_fetch`", "ping-pinned", "libpq-sync", "libpq-sync", "holdfast-fast")
	micro("a lookup of 256 under way", "point", "libpq-pipeline", "floor", "holdfast")
	if (cpu("point", "floor-fast") != "-" && cpu("point", "holdfast-fast") != "-")
		printf "| the same in the fast lane | %.1f with its hand-overs | | %.1f | %.1f |\n", \
			cpu("point", "floor-fast"), cpu("point", "holdfast-fast") - cpu("point", "floor-fast"), \
			cpu("point", "holdfast-fast")
	micro("an update of 256 under way", "update", "libpq-pipeline", "floor", "holdfast")
	micro("a transaction of two statements", "tx", "libpq-pipeline", "floor", "holdfast")
	print "<!-- end of figures: microseconds -->"
}
