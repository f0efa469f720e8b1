# SPDX-License-Identifier: MIT
# The results as tables, after results.awk: medians of the rounds. Variable: about.
BEGIN {
	np = split("libpq-sync libpq-pipeline libpq-batch libzdb apr-dbd pgbench holdfast holdfast-fast floor floor-fast", \
		order_p, " ")
	title["ping"] = "one query at a time, 1 connection"
	title["ping-pinned"] = "the same with client and server on one CPU"
	title["point"] = "queries by key, each its own transaction, 4 connections, 256 under way"
	title["update"] = "updates by key, each its own transaction, 4 connections, 256 under way"
	title["tx"] = "BEGIN, SELECT FOR UPDATE, UPDATE, COMMIT; 4 at a time on 4 connections"
	title["load"] = "rows of four columns into structs"
	title["insert"] = "rows of four columns out of structs"
	title["orm_insert"] = "structs into a table in one transaction, their ids read back"
	title["orm_select"] = "100,000 rows of a table into structs, by id"
	title["notify"] = "notices in transactions of 100, until a listener has heard all"
}
function number(x, format) {
	return x == "-" ? "-" : sprintf(format, x)
}
function ratio(w, rate, p,    base) {
	base = quantile(w, p, 4, 0.5)
	return base == "-" ? "-" : sprintf("%.2f", rate / base)
}
END {
	print about
	for (a = 1; a <= nw; a++) {
		w = order_w[a]
		printf "\n%s: %s\n\n", w, title[w]
		printf "  %-15s %10s  %-11s %8s %8s %9s %9s %9s %7s\n", "", "per second", "low - high", \
			"/ sync", "/ pipel.", "p50 us", "p99 us", "CPU us/op", "RSS MB"
		for (b = 1; b <= np; b++) {
			p = order_p[b]
			rate = quantile(w, p, 4, 0.5)
			if (rate == "-")
				continue
			rss = quantile(w, p, 8, 0.5)
			printf "  %-15s %10.0f  %4.2f - %4.2f %8s %8s %9s %9s %9s %7s\n", p, rate, \
				quantile(w, p, 4, 0) / rate, quantile(w, p, 4, 1) / rate, \
				ratio(w, rate, "libpq-sync"), ratio(w, rate, "libpq-pipeline"), \
				number(quantile(w, p, 5, 0.5), "%.1f"), number(quantile(w, p, 6, 0.5), "%.1f"), \
				number(quantile(w, p, 7, 0.5), "%.2f"), rss == "-" ? "-" : sprintf("%.1f", rss / 1024)
		}
	}
}
